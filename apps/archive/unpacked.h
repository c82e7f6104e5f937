/* Inputs that are archives, unpacked into a private folder for as long as a command runs. */
#ifndef UNPACKED_H
#define UNPACKED_H

#include "ulite/error.h"

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

#endif
