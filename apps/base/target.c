#include "apps/base/target.h"

#include "apps/base/console.h"
#include "io/base/sha256.h"
#include "libulite/base/output.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

target_kind target_of(const char *path) {
    struct stat info;
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/')
        return TARGET_FOLDER;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return TARGET_FOLDER;
    if (ends_in(path, ".rtstruct.dcm"))
        return TARGET_RTSTRUCT;
    if (ends_in(path, ".sr.dcm"))
        return TARGET_SR;
    if (ends_in(path, ".dcm"))
        return TARGET_SEG;
    if (ends_in(path, ".nii") || ends_in(path, ".nii.gz"))
        return TARGET_NIFTI;
    if (ends_in(path, ".nrrd"))
        return TARGET_NRRD;
    return ends_in(path, ".png") ? TARGET_PNG : TARGET_UNKNOWN;
}

static const struct {
    const char *word, *ending;
    target_kind kind;
} formats[] = {{"dcm", ".seg.dcm", TARGET_SEG}, {"rtstruct", ".rtstruct.dcm", TARGET_RTSTRUCT},
    {"sr", ".sr.dcm", TARGET_SR}, {"nii.gz", ".nii.gz", TARGET_NIFTI},
    {"nii", ".nii", TARGET_NIFTI}, {"nrrd", ".seg.nrrd", TARGET_NRRD}, {"png", ".png", TARGET_PNG}};

enum { FORMATS = sizeof formats / sizeof formats[0] };

target_kind target_of_image(image_kind kind) {
    switch (kind) {
    case IMAGE_NIFTI:
        return TARGET_NIFTI;
    case IMAGE_NRRD:
        return TARGET_NRRD;
    case IMAGE_PNG:
        return TARGET_PNG;
    default:
        return TARGET_SEG;
    }
}

const char *target_ending(target_kind kind) {
    for (int f = 0; f < FORMATS; f++)
        if (formats[f].kind == kind)
            return formats[f].ending;
    return "";
}

const char *target_word_ending(const char *word) {
    for (int f = 0; f < FORMATS; f++)
        if (strcmp(formats[f].word, word) == 0)
            return formats[f].ending;
    return NULL;
}

bool target_is_dicom(target_kind kind) {
    return kind == TARGET_SEG || kind == TARGET_RTSTRUCT || kind == TARGET_SR;
}

static ul_status check_length(int length, const char *path, ul_error *error) {
    if (length >= 0 && length < TARGET_PATH_BYTES)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_OUTPUT, "%.100s...: the name is too long", path);
}

void target_identity(
    const ul_series *series, const char *labels, char identity[TARGET_PATH_BYTES]) {
    const ul_series_info *info = ul_series_get_info(series);
    const char *slash = labels ? strrchr(labels, '/') : NULL;
    snprintf(identity, TARGET_PATH_BYTES, "%s%s%s%s%s", info->series_uid, *info->split ? "\n" : "",
        info->split, labels ? "\n" : "",
        slash    ? slash + 1
        : labels ? labels
                 : "");
}

void target_hash(const char *identity, char hash[17]) {
    ul_sha256 sha;
    uint8_t digest[32];
    char hex[65];
    ul_sha256_init(&sha);
    ul_sha256_update(&sha, identity, strlen(identity));
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hex);
    snprintf(hash, 17, "%.16s", hex);
}

ul_status target_name(const char *path, const char *identity, const char *ending,
    char name[TARGET_PATH_BYTES], ul_error *error) {
    if (target_of(path) != TARGET_FOLDER)
        return check_length(snprintf(name, TARGET_PATH_BYTES, "%s", path), path, error);
    mkdir(path, 0777); /* that it cannot be made shows when the file is written */
    char hash[17];
    target_hash(identity, hash);
    const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
    return check_length(
        snprintf(name, TARGET_PATH_BYTES, "%s%s%s%s", path, slash, hash, ending), path, error);
}

ul_status target_check(const char *path, const char *const *inputs, size_t input_count,
    const ul_catalog *catalog, ul_error *error) {
    bool is_read = (catalog && ul_catalog_holds(catalog, path)) || console_calls(path);
    for (size_t i = 0; i < input_count && !is_read; i++)
        is_read = inputs[i] && ul_same_file(path, inputs[i]);
    return is_read ? ul_error_set(error, UL_ERROR_USAGE,
                         "%s: this output is a file that is read; write to another one", path)
                   : UL_OK;
}

ul_status target_part(
    const char *path, const char *part, char name[TARGET_PATH_BYTES], ul_error *error) {
    size_t at = strlen(path);
    static const char *const endings[] = {
        ".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".rtstruct.dcm", ".sr.dcm", ".dcm", ".png"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_in(path, endings[i])) {
            at = strlen(path) - strlen(endings[i]);
            break;
        }
    return check_length(
        snprintf(name, TARGET_PATH_BYTES, "%.*s-%s%s", (int)at, path, part, path + at), path,
        error);
}

const char *target_nifti_note(const ul_grid *grid) {
    return grid->stack == UL_STACK_TILTED
               ? "tilted slices make a sheared NIfTI volume, which ITK readers (3D Slicer, "
                 "SimpleITK, ITK-SNAP) refuse; --grid regular makes one that they take"
               : NULL;
}

bool ends_in(const char *path, const char *ending) {
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcasecmp(path + length - tail, ending) == 0;
}

static const char *const names[] = {[UL_SEG_AUTO] = "auto",
    [UL_SEG_BINARY] = "binary",
    [UL_SEG_FRACTIONAL] = "fractional",
    [UL_SEG_LABELMAP] = "labelmap"};

bool seg_type_parse(const char *text, ul_seg_type *type) {
    for (int t = UL_SEG_AUTO; t <= UL_SEG_LABELMAP; t++)
        if (strcmp(names[t], text) == 0) {
            *type = (ul_seg_type)t;
            return true;
        }
    return false;
}

const char *seg_type_name(ul_seg_type type) {
    return names[type];
}

bool seg_type_takes_rle(ul_seg_type type) {
    return type == UL_SEG_AUTO || type == UL_SEG_LABELMAP;
}
