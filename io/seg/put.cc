/* Values into a data set: helpers of the modules. */
#include "io/base/notes.h"
#include "io/base/sha256.h"
#include "io/base/utf8.h"
#include "io/dicom/shim.h"
#include "io/seg/build.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

void seg_stored(const OFCondition &condition, const DcmTagKey &tag) {
    if (condition.bad())
        throw Failure(UL_ERROR_INTERNAL, "%s could not be stored: %s", DcmTag(tag).getTagName(),
            condition.text());
}

void seg_put(DcmItem &item, const DcmTagKey &tag, const std::string &value) {
    seg_stored(item.putAndInsertOFStringArray(tag, value.c_str()), tag);
}

void seg_put_us(DcmItem &item, const DcmTagKey &tag, unsigned value) {
    seg_stored(item.putAndInsertUint16(tag, Uint16(value)), tag);
}

DcmItem &seg_new_item(DcmItem &item, const DcmTagKey &sequence) {
    DcmItem *created = nullptr;
    seg_stored(item.findOrCreateSequenceItem(sequence, created, -2), sequence);
    return *created;
}

void seg_put_reference(DcmItem &item, const ul_instance &instance) {
    seg_put(item, DCM_ReferencedSOPClassUID, instance.sop_class_uid);
    seg_put(item, DCM_ReferencedSOPInstanceUID, instance.sop_instance_uid);
}

std::string seg_clipped(const std::string &text, size_t characters, size_t bytes) {
    std::string buffer(std::min(text.size() * 2, bytes) + 1, '\0');
    ul_utf8_clip(&buffer[0], buffer.size(), characters, text.c_str());
    return buffer.c_str();
}

void seg_each_instance(const SegPlan &plan, const std::function<void(const ul_instance &)> &visit) {
    std::set<std::string> visited;
    for (size_t k = 0; k < ul_series_grid(plan.source)->size[2]; k++) {
        const ul_instance *instance = ul_series_instance(plan.source, k);
        if (visited.insert(instance->sop_instance_uid).second)
            visit(*instance);
    }
}

void seg_save(DcmFileFormat &file, const char *path, E_TransferSyntax syntax) {
    errno = 0; /* DCMTK's own texts speak of its streams */
    OFCondition saved = file.saveFile(path, syntax, EET_ExplicitLength);
    if (saved.bad())
        throw Failure(
            UL_ERROR_OUTPUT, "cannot be written: %s", errno ? std::strerror(errno) : saved.text());
}

void seg_put_charset(DcmItem &item, const std::string &text) {
    for (char c : text)
        if (static_cast<signed char>(c) < 0) {
            seg_put(item, DCM_SpecificCharacterSet, "ISO_IR 192");
            return;
        }
}

void seg_put_code(DcmItem &item, const DcmTagKey &sequence, const char *value, const char *scheme,
    const char *meaning) {
    DcmItem &code = seg_new_item(item, sequence);
    seg_put_charset(code, meaning);
    seg_put(code, std::strlen(value) > 16 ? DCM_LongCodeValue : DCM_CodeValue, value);
    seg_put(code, DCM_CodingSchemeDesignator, scheme);
    seg_put(code, DCM_CodeMeaning, meaning);
}

std::string seg_usable_uid(const SegPlan &plan, const char *uid, const char *what, char **notes) {
    if (uid_usable(uid))
        return uid;
    bool by_series = uid_usable(plan.info->series_uid);
    const char *seed =
        by_series ? plan.info->series_uid : ul_series_instance(plan.source, 0)->sop_instance_uid;
    notes_add(notes, "%s: %s, one was made from the %s", what,
        *uid ? "the source's is invalid" : "the source has none",
        by_series ? "series UID" : "UID of the first image");
    ul_sha256 sha;
    ul_sha256_init(&sha);
    ul_sha256_update(&sha, what, std::strlen(what) + 1);
    ul_sha256_update(&sha, seed, std::strlen(seed));
    uint8_t digest[32];
    ul_sha256_final(&sha, digest);
    char derived[UID_BYTES];
    uid_from_digest(digest, derived);
    return derived;
}
