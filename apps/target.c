#include "target.h"

#include "ulite/sha256.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool ends_in(const char *path, const char *ending) {
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcasecmp(path + length - tail, ending) == 0;
}

target_kind target_of(const char *path) {
    struct stat info;
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/')
        return TARGET_FOLDER;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return TARGET_FOLDER;
    if (ends_in(path, ".dcm"))
        return TARGET_SEG;
    if (ends_in(path, ".nii") || ends_in(path, ".nii.gz"))
        return TARGET_NIFTI;
    return ends_in(path, ".png") ? TARGET_PNG : TARGET_UNKNOWN;
}

static ul_status check_length(int length, const char *path, ul_error *error) {
    if (length >= 0 && length < TARGET_PATH_BYTES)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_OUTPUT, "%.100s...: the name is too long", path);
}

ul_status target_name(const char *path, const char *series_uid, const char *ending,
    char name[TARGET_PATH_BYTES], ul_error *error) {
    if (target_of(path) != TARGET_FOLDER)
        return check_length(snprintf(name, TARGET_PATH_BYTES, "%s", path), path, error);
    mkdir(path, 0777); /* that it cannot be made shows when the file is written */
    ul_sha256 sha;
    uint8_t digest[32];
    char hex[65];
    ul_sha256_init(&sha);
    ul_sha256_update(&sha, series_uid, strlen(series_uid));
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hex);
    const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
    return check_length(
        snprintf(name, TARGET_PATH_BYTES, "%s%s%.16s%s", path, slash, hex, ending), path, error);
}

ul_status target_part(
    const char *path, const char *part, char name[TARGET_PATH_BYTES], ul_error *error) {
    const char *slash = strrchr(path, '/');
    size_t at = strlen(path);
    static const char *const endings[] = {".nii.gz", ".nii", ".dcm", ".png"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_in(path, endings[i])) {
            at = strlen(path) - strlen(endings[i]);
            break;
        }
    if (slash && (size_t)(slash - path) > at)
        at = strlen(path);
    return check_length(
        snprintf(name, TARGET_PATH_BYTES, "%.*s-%s%s", (int)at, path, part, path + at), path,
        error);
}
