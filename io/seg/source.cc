/* The attributes of a SEG that come from its source: patient, study, de-identification, dates. */
#include "io/base/notes.h"
#include "io/dicom/object.h"
#include "io/dicom/shim.h"
#include "io/dicom/value.h"
#include "io/seg/build.h"
#include "io/seg/layout.h"
#include "io/series/series.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

enum Need {
    OPTIONAL, /* type 3: copied where it is there */
    PRESENT   /* type 2: empty where the source has nothing valid */
};

struct Copied {
    DcmTagKey tag;
    Need need;
};

static const Copied copied[] = {
    {DCM_TimezoneOffsetFromUTC, OPTIONAL},
    {DCM_PatientName, PRESENT},
    {DCM_PatientID, PRESENT},
    {DCM_IssuerOfPatientID, OPTIONAL},
    {DCM_PatientBirthDate, PRESENT},
    {DCM_PatientSex, PRESENT},
    {DCM_PatientAge, OPTIONAL},
    {DCM_PatientSize, OPTIONAL},
    {DCM_PatientWeight, OPTIONAL},
    {DCM_PatientIdentityRemoved, OPTIONAL},
    {DCM_LongitudinalTemporalInformationModified, OPTIONAL},
    {DCM_StudyDate, PRESENT},
    {DCM_StudyTime, PRESENT},
    {DCM_ReferringPhysicianName, PRESENT},
    {DCM_StudyID, PRESENT},
    {DCM_AccessionNumber, PRESENT},
    {DCM_StudyDescription, OPTIONAL},
    {DCM_BodyPartExamined, OPTIONAL},
};

/* Values that a CS attribute may have where the standard lists them. */
struct Enumerated {
    DcmTagKey tag;
    const char *values; /* between spaces */
};

static const Enumerated enumerated[] = {
    {DCM_PatientSex, " M F O "},
    {DCM_PatientIdentityRemoved, " YES NO "},
    {DCM_LongitudinalTemporalInformationModified, " UNMODIFIED MODIFIED REMOVED "},
};

/* The source's header, its texts as UTF-8. */
class Source {
  public:
    Source(const ul_series *series, char **note_lines) : file(open(series)), notes(note_lines) {
    }

    DcmItem &data() {
        return file->data();
    }

    /* All values of an attribute as UTF-8 (or what the file has, where it cannot be converted),
     * between backslashes. */
    std::string raw(DcmItem &item, const DcmTagKey &tag) {
        bool converted;
        std::string text = dicom_utf8(item, tag, &converted);
        if (!converted)
            notes_add(notes, "%s: not in the character set that the source states",
                DcmTag(tag).getTagName());
        return text;
    }

    /* The first value, valid for its representation; empty where there is none. */
    std::string clean(DcmItem &item, const DcmTagKey &tag) {
        std::string text = raw(item, tag), first = dicom_first_value(text);
        DcmTag known(tag);
        char valid[DICOM_VALUE_BYTES];
        dicom_value_state state =
            dicom_value_clean(DcmVR(known.getEVR()).getVRName(), first.c_str(), valid);
        for (const Enumerated &list : enumerated)
            if (list.tag == tag && valid[0] &&
                !std::strstr(list.values, (std::string(" ") + valid + " ").c_str())) {
                state = DICOM_VALUE_INVALID;
                valid[0] = '\0';
            }
        if (state == DICOM_VALUE_INVALID)
            notes_add(notes, "%s: an invalid value was left out", known.getTagName());
        else if (state == DICOM_VALUE_REPAIRED || first.size() < text.size())
            notes_add(notes, "%s: an invalid value was repaired", known.getTagName());
        return valid;
    }

    void note(const char *text) {
        notes_add(notes, "%s", text);
    }

  private:
    /* Opens the first image, which is still the one that was scanned. */
    static std::unique_ptr<DicomObject> open(const ul_series *series) {
        const char *path = ul_series_instance(series, 0)->path;
        try {
            auto object = std::make_unique<DicomObject>(path);
            ul_error error = {};
            if (series_check_unchanged(series, 0, &error) != UL_OK)
                throw Failure(error.status, "%s", error.text);
            return object;
        } catch (const Failure &failure) {
            OFString name; /* folders may be named after a patient */
            OFStandard::getFilenameFromPath(name, path);
            throw Failure(failure.status, "the source image %s cannot be read: %.200s",
                name.c_str(), failure.text);
        }
    }

    std::unique_ptr<DicomObject> file;
    char **notes;
};

static bool target_removes_identity(DcmItem &target) {
    OFString removed;
    return target.findAndGetOFString(DCM_PatientIdentityRemoved, removed).good() &&
           removed == "YES";
}

/* DeidentificationMethod (LO, any number) and its codes: one of the two where identity was removed.
 */
static void put_deidentification(DcmItem &target, Source &source) {
    std::string methods = source.raw(source.data(), DCM_DeidentificationMethod), valid;
    for (size_t at = 0; !methods.empty() && at != std::string::npos;) {
        size_t end = methods.find('\\', at);
        char method[DICOM_VALUE_BYTES];
        dicom_value_clean("LO", methods.substr(at, end - at).c_str(), method);
        if (method[0])
            valid += (valid.empty() ? "" : "\\") + std::string(method);
        at = end == std::string::npos ? end : end + 1;
    }
    bool coded = false;
    DcmItem *code = nullptr;
    for (long i = 0; source.data()
                         .findAndGetSequenceItem(DCM_DeidentificationMethodCodeSequence, code, i)
                         .good();
         i++) {
        std::string value = source.clean(*code, DCM_CodeValue),
                    scheme = source.clean(*code, DCM_CodingSchemeDesignator),
                    meaning = source.clean(*code, DCM_CodeMeaning);
        if (value.empty() || scheme.empty() || meaning.empty())
            continue;
        DcmItem &item = seg_new_item(target, DCM_DeidentificationMethodCodeSequence);
        seg_put(item, DCM_CodeValue, value);
        seg_put(item, DCM_CodingSchemeDesignator, scheme);
        seg_put(item, DCM_CodeMeaning, meaning);
        coded = true;
    }
    if (valid.empty() && !coded && target_removes_identity(target)) {
        valid = "not stated by the source";
        source.note("DeidentificationMethod: the source does not state how identity was removed");
    }
    if (!valid.empty())
        seg_put(target, DCM_DeidentificationMethod, valid);
}

/* The clinical trial's attributes make sense, and are valid, only together. */
static void put_clinical_trial(DcmItem &target, Source &source) {
    static const DcmTagKey always[] = {
        DCM_ClinicalTrialProtocolName, DCM_ClinicalTrialSiteID, DCM_ClinicalTrialSiteName};
    std::string sponsor = source.clean(source.data(), DCM_ClinicalTrialSponsorName),
                protocol = source.clean(source.data(), DCM_ClinicalTrialProtocolID),
                subject = source.clean(source.data(), DCM_ClinicalTrialSubjectID);
    if (sponsor.empty() || protocol.empty() || subject.empty())
        return;
    seg_put(target, DCM_ClinicalTrialSponsorName, sponsor);
    seg_put(target, DCM_ClinicalTrialProtocolID, protocol);
    seg_put(target, DCM_ClinicalTrialSubjectID, subject);
    for (const DcmTagKey &tag : always)
        seg_put(target, tag, source.clean(source.data(), tag));
}

/* ContentDate and ContentTime: SOURCE_DATE_EPOCH where it is set, else when the source was made, so
 * that the same run gives the same bytes. */
static void put_dates(DcmItem &target, Source &source, char **notes) {
    static const DcmTagKey pairs[][2] = {
        {DCM_ContentDate, DCM_ContentTime},
        {DCM_AcquisitionDate, DCM_AcquisitionTime},
        {DCM_SeriesDate, DCM_SeriesTime},
        {DCM_StudyDate, DCM_StudyTime},
    };
    std::string date, time;
    const char *epoch = std::getenv("SOURCE_DATE_EPOCH");
    char *end = nullptr;
    auto seconds = time_t(epoch && *epoch ? std::strtoll(epoch, &end, 10) : -1);
    struct tm utc;
    if (end && *end == '\0' && seconds >= 0 && gmtime_r(&seconds, &utc)) {
        char text[32];
        std::strftime(text, sizeof text, "%Y%m%d", &utc);
        date = text;
        std::strftime(text, sizeof text, "%H%M%S", &utc);
        time = text;
    }
    for (size_t i = 0; date.empty() && i < sizeof pairs / sizeof pairs[0]; i++) {
        date = source.clean(source.data(), pairs[i][0]);
        time = date.empty() ? "" : source.clean(source.data(), pairs[i][1]);
    }
    if (date.empty()) {
        notes_add(notes, "the source has no date: ContentDate is 1970-01-01 (SOURCE_DATE_EPOCH "
                         "sets another)");
        date = "19700101";
    }
    if (time.empty())
        time = "000000";
    seg_put(target, DCM_ContentDate, date);
    seg_put(target, DCM_ContentTime, time);
    seg_put(target, DCM_SeriesDate, date);
    seg_put(target, DCM_SeriesTime, time);
}

/* What a lossy transfer syntax says of itself: the name of its method. */
static const char *lossy_method(const std::string &transfer_syntax) {
    static const char *const methods[][2] = {
        {UID_JPEGProcess1TransferSyntax, "ISO_10918_1"},
        {UID_JPEGProcess2_4TransferSyntax, "ISO_10918_1"},
        {UID_JPEGLSLossyTransferSyntax, "ISO_14495_1"},
        {UID_JPEG2000TransferSyntax, "ISO_15444_1"},
    };
    for (auto &method : methods)
        if (transfer_syntax == method[0])
            return method[1];
    return "";
}

/* Bytes of the plain image by bytes of the file: the compression ratio where nobody noted it. */
static double size_ratio(DcmItem &data, const char *path) {
    Uint16 rows = 0, columns = 0, bits = 0, samples = 1;
    Sint32 frames = 1;
    data.findAndGetUint16(DCM_Rows, rows);
    data.findAndGetUint16(DCM_Columns, columns);
    data.findAndGetUint16(DCM_BitsAllocated, bits);
    data.findAndGetUint16(DCM_SamplesPerPixel, samples);
    data.findAndGetSint32(DCM_NumberOfFrames, frames);
    size_t file_bytes = OFStandard::getFileSize(path);
    double plain = double(rows) * columns * bits / 8 * samples * frames;
    return file_bytes > 0 ? std::max(1.0, std::round(100 * plain / double(file_bytes)) / 100) : 1;
}

/* LossyImageCompression; where it is 01, its ratio and method are required. */
static void put_lossy(DcmItem &target, Source &source, const SegPlan &plan) {
    std::string declared = source.raw(source.data(), DCM_LossyImageCompression);
    bool lossy = plan.info->lossy || declared.compare(0, 2, "01") == 0;
    seg_put(target, DCM_LossyImageCompression, lossy ? "01" : "00");
    if (!lossy)
        return;
    std::string ratio = source.clean(source.data(), DCM_LossyImageCompressionRatio),
                method = source.clean(source.data(), DCM_LossyImageCompressionMethod);
    if (ratio.empty()) {
        char text[17];
        dicom_value_decimal(
            size_ratio(source.data(), ul_series_instance(plan.source, 0)->path), text);
        ratio = text;
    }
    if (method.empty())
        method = lossy_method(plan.info->transfer_syntax_uid);
    seg_put(target, DCM_LossyImageCompressionRatio, ratio);
    if (!method.empty())
        seg_put(target, DCM_LossyImageCompressionMethod, method);
}

void seg_put_source(DcmItem &target, const SegPlan &plan, char **notes) {
    Source source(plan.source, notes);
    seg_put(target, DCM_SpecificCharacterSet, "ISO_IR 192");
    for (const Copied &attribute : copied) {
        std::string value = source.clean(source.data(), attribute.tag);
        if (!value.empty() || attribute.need == PRESENT)
            seg_put(target, attribute.tag, value);
    }
    seg_put(target, DCM_StudyInstanceUID,
        seg_usable_uid(plan, plan.info->study_uid, "StudyInstanceUID", notes));
    put_deidentification(target, source);
    put_clinical_trial(target, source);
    put_dates(target, source, notes);
    put_lossy(target, source, plan);
}

/* Which volume of the source a SEG was made from. */

/* Whether the frames lie on the slices of the volume, as far as frames of reference tell. */
static bool lies_on(const SegObject &object, const ul_series *series) {
    std::string reference = ul_series_get_info(series)->frame_of_reference_uid;
    if (!reference.empty() && !object.frame_of_reference_uid.empty() &&
        reference != object.frame_of_reference_uid)
        return false;
    try {
        SegLayout layout;
        seg_layout_source(object, series, layout, nullptr);
        return true;
    } catch (const Failure &) {
        return false;
    }
}

const ul_series *seg_choose_volume(
    const SegObject &object, const std::vector<const ul_series *> &volumes) {
    size_t most = 0;
    std::vector<const ul_series *> named;
    for (const ul_series *series : volumes) {
        size_t count = seg_count_named(object, series);
        if (count > most)
            named.clear();
        most = std::max(most, count);
        if (count == most)
            named.push_back(series);
    }
    if (most > 0 && named.size() == 1)
        return named[0];
    std::vector<const ul_series *> lying;
    for (const ul_series *series : named)
        if (lies_on(object, series))
            lying.push_back(series);
    if (most > 0) /* of volumes at one place either will do */
        return lying.empty() ? named[0] : lying[0];
    return lying.size() == 1 ? lying[0] : nullptr;
}

ul_status ul_seg_find_source(
    const char *path, const ul_catalog *catalog, const ul_series **series, ul_error *error) {
    *series = nullptr;
    return shim_guard(path, error, [&] {
        SegObject object = seg_object_open(path, false);
        std::vector<const ul_series *> all;
        for (size_t i = 0; i < ul_catalog_size(catalog); i++)
            all.push_back(ul_catalog_at(catalog, i));
        *series = all.size() == 1 ? all[0] : seg_choose_volume(object, all);
        if (!*series)
            throw Failure(UL_ERROR_CHOICE,
                "its frames name no image of the %zu volumes of the source, and their places do "
                "not tell which is meant; choose one with --series",
                all.size());
        return UL_OK;
    });
}
