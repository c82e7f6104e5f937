/* Archives, unpacked into a folder of bounded size. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

#define ARCHIVE_BYTES ((uint64_t)16 << 30) /* to be unpacked at most of what a user gives */

/* Whether the file at path is a zip or tar archive, compressed or not, by its content. */
bool archive_is(const char *path);

/* Unpacks the files of a zip or tar archive into a folder, which is made and must not exist. An
 * entry that would lie outside of it, or whose name another entry has, refuses the archive; links
 * and devices are left out. bytes: how much may be unpacked. *only: where the archive holds just
 * one file its path, the caller's, else NULL. Errors: UL_ERROR_INPUT (damaged, encrypted, refused,
 * empty), UL_ERROR_LIMIT (too large, too many files), UL_ERROR_OUTPUT, UL_ERROR_INTERRUPTED; what
 * was unpacked stays for files_clear. */
ul_status archive_unpack(const char *path, const char *folder, uint64_t bytes,
    const ul_progress *progress, char **only, ul_error *error);

/* Inputs that are archives, unpacked into a private folder for as long as a command runs. */

enum { UNPACKED_MOST = 64 };

/* Zero-initialise; unpacked_close. */
typedef struct unpacked_inputs {
    size_t count;
    struct unpacked_input {
        char *folder, *inside, *only; /* owned: one of our own, what lies in it, its only file */
    } items[UNPACKED_MOST];
} unpacked_inputs;

/* Where *input is a zip or tar archive it is unpacked below $TMPDIR, and *input becomes the path of
 * what was in it: the only file, or a folder; messages and JSON call that by the archive's name.
 * Else nothing is done. Errors: as of archive_unpack, UL_ERROR_LIMIT (too many). */
ul_status unpacked_open(unpacked_inputs *inputs, const char **input, ul_error *error);

/* Deletes what was unpacked, once error (of a run that failed with one) calls it as above. */
void unpacked_close(unpacked_inputs *inputs, ul_error *error);
