/* Folders with names that nobody can guess, and what is in them. */
#pragma once

#include "ulite/error.h"

enum { SECRET_BYTES = 33 };

/* Makes a folder of a random name in another. name: 32 hexadecimal digits. *path: the caller's.
 * Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status folder_make_secret(
    const char *folder, char name[SECRET_BYTES], char **path, ul_error *error);

/* Makes a folder "NAME-" and letters by chance below $TMPDIR, or /tmp, that nobody else can look
 * into. *path: the caller's. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status folder_make_temporary(const char *name, char **path, ul_error *error);

/* Whether a text is a name of folder_make_secret, and so can lead nowhere else. */
bool folder_is_secret(const char *name);

/* Writes all of the bytes to an open file; false and errno where that failed. */
bool files_write_all(int file, const void *bytes, size_t size);

/* Writes a new file into a folder; *path: the caller's. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status folder_put(const char *folder, const char *name, const void *bytes, size_t size,
    char **path, ul_error *error);
