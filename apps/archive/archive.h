/* Archives, unpacked into a folder of bounded size. */
#ifndef ARCHIVE_H
#define ARCHIVE_H

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

#endif
