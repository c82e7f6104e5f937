#include "series.h"

#include <stdexcept>

/* Patient names as their countries write them. */
static const struct charset {
    const char *name, *term, *patient;
} charsets[] = {
    {"latin1", "ISO_IR 100", "J\xf6rgensen^\xc5se"},
    {"utf8", "ISO_IR 192",
        "J\xc3\xb6rgensen^\xc3\x85se=\xe5\xb1\xb1\xe7\x94\xb0^\xe5\xa4\xaa\xe9\x83\x8e"},
    {"greek", "ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2"},
    {"cyrillic", "ISO_IR 144", "\xbb\xee\xda\x63\xd5\xdc\xd1\xde\xe0\xd3"},
    {"japanese", "\\ISO 2022 IR 87",
        "Yamada^Tarou=\033$B;3ED\033(B^\033$BB@O:\033(B=\033$B$d$^$@\033(B^\033$B$?$m$&\033(B"},
    {"korean", "\\ISO 2022 IR 149", "Hong^Gildong=\033$)C\xfb\xf3^\033$)C\xd1\xce\xd4\xd7"},
    {"chinese", "GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab"},
};

static void apply_charset(DcmDataset *d, const options &o) {
    for (const charset &one : charsets)
        if (o.charset == one.name) {
            d->putAndInsertString(DCM_SpecificCharacterSet, one.term);
            d->putAndInsertString(DCM_PatientName, one.patient);
            return;
        }
    throw std::runtime_error("--charset takes latin1, utf8, greek, cyrillic, japanese, korean or "
                             "chinese, not \"" +
                             o.charset + "\"");
}

/* What de-identification tools leave: holes where type 1 and 2 attributes stood. */
static void anonymise(DcmDataset *d) {
    for (const DcmTagKey &tag : {DCM_PatientName, DCM_PatientBirthDate, DCM_PatientSex,
             DCM_AccessionNumber, DCM_ReferringPhysicianName, DCM_StudyDate, DCM_StudyTime,
             DCM_SeriesDate, DCM_SeriesTime, DCM_AcquisitionDate, DCM_ContentDate, DCM_ContentTime,
             DCM_StudyID, DCM_Manufacturer, DCM_ManufacturerModelName, DCM_DeviceSerialNumber,
             DCM_SoftwareVersions, DCM_StudyDescription})
        d->findAndDeleteElement(tag);
    d->putAndInsertString(DCM_PatientID, "anon");
    d->putAndInsertString(DCM_PatientIdentityRemoved, "YES");
    d->putAndInsertString(DCM_DeidentificationMethod, "ulite-make-series --anonymised");
}

/* Values that real files hold and the standard forbids. */
static void spoil(DcmDataset *d) {
    d->putAndInsertString(DCM_PatientBirthDate, "1961.02.03 or so");
    d->putAndInsertString(DCM_PatientSex, "female");
    d->putAndInsertString(DCM_StudyDate, "29/02/2020");
    d->putAndInsertString(DCM_StudyTime, "10:11:12 am");
    d->putAndInsertString(DCM_StudyID, "a study identifier of more than sixteen characters");
    d->putAndInsertString(DCM_AccessionNumber, "an accession number much too long");
    d->putAndInsertString(DCM_PatientAge, "59 years");
    d->putAndInsertString(DCM_PatientWeight, "seventy");
    d->putAndInsertString(DCM_SeriesNumber, "one");
    d->putAndInsertString(DCM_BodyPartExamined, "head & neck (lower case)");
    d->putAndInsertString(DCM_SoftwareVersions, std::string(80, 'v').c_str());
}

static void change(DcmDataset *d, const header_change &c) {
    DcmTag tag;
    if (DcmTag::findTagFromName(c.keyword.c_str(), tag).bad())
        throw std::runtime_error("no such attribute: " + c.keyword);
    if (c.remove) {
        d->findAndDeleteElement(tag);
        return;
    }
    OFCondition done;
    DcmElement *old = nullptr; /* US or SS as it stands */
    if (d->findAndGetElement(tag, old).good())
        tag.setVR(old->getVR());
    if (tag.getEVR() == EVR_US)
        done = d->putAndInsertUint16(tag, (Uint16)std::stoul(c.value));
    else if (tag.getEVR() == EVR_SS)
        done = d->putAndInsertSint16(tag, (Sint16)std::stol(c.value));
    else
        done = d->putAndInsertString(tag, c.value.c_str());
    if (done.bad())
        throw std::runtime_error("cannot set " + c.keyword + ": " + done.text());
}

void faults_apply(DcmDataset *d, unsigned number, const options &o) {
    if (!o.charset.empty())
        apply_charset(d, o);
    if (o.anonymised)
        anonymise(d);
    if (o.invalid_values)
        spoil(d);
    for (const header_change &c : o.changes)
        if (c.instances.empty() || c.instances.count(number))
            change(d, c);
}
