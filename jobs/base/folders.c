#define _DEFAULT_SOURCE   /* getentropy, mkdtemp */
#define _XOPEN_SOURCE 700 /* nftw */
#include "jobs/base/folders.h"

#include "jobs/base/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ul_status folder_make_secret(
    const char *folder, char name[SECRET_BYTES], char **path, ul_error *error) {
    unsigned char random[(SECRET_BYTES - 1) / 2];
    *path = NULL;
    *name = '\0';
    if (getentropy(random, sizeof random) != 0)
        return ul_error_set(error, UL_ERROR_LIMIT, "no random numbers: %s", strerror(errno));
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(name + 2 * i, 3, "%02x", random[i]);
    char *made = files_join(folder, name);
    if (!made)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a folder");
    if (mkdir(made, 0700) != 0) {
        free(made);
        return ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: no folder can be made: %s", folder, strerror(errno));
    }
    *path = made;
    return UL_OK;
}

ul_status folder_make_temporary(const char *name, char **path, ul_error *error) {
    char pattern[64];
    const char *parent = getenv("TMPDIR");
    parent = parent && *parent ? parent : "/tmp";
    snprintf(pattern, sizeof pattern, "%s-XXXXXX", name);
    *path = files_join(parent, pattern);
    if (!*path)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a folder");
    if (mkdtemp(*path))
        return UL_OK;
    ul_error_set(error, UL_ERROR_OUTPUT,
        "%s: no folder can be made: %s; set TMPDIR to another place", parent, strerror(errno));
    free(*path);
    *path = NULL;
    return error->status;
}

bool folder_is_secret(const char *name) {
    return strlen(name) == SECRET_BYTES - 1 && strspn(name, "0123456789abcdef") == SECRET_BYTES - 1;
}

bool files_write_all(int file, const void *bytes, size_t size) {
    for (const char *at = bytes; size > 0;) {
        ssize_t written = write(file, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

ul_status folder_put(const char *folder, const char *name, const void *bytes, size_t size,
    char **path, ul_error *error) {
    *path = files_join(folder, name);
    if (!*path)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a file");
    int file = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = file >= 0 && files_write_all(file, bytes, size);
    int why = errno;
    if (file >= 0 && close(file) != 0 && good) {
        good = false;
        why = errno;
    }
    if (good)
        return UL_OK;
    free(*path);
    *path = NULL;
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", name, strerror(why));
}

#define _XOPEN_SOURCE 700 /* nftw */

static int delete_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

void files_clear(const char *folder) {
    nftw(folder, delete_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
