/* The files that one run puts in place: all of them, or what stood there before. */
#ifndef WRITTEN_H
#define WRITTEN_H

#include "ulite/output.h"

/* What a run writes. Zero-initialise; written_end. */
typedef struct written_files {
    size_t count;
    struct written_file {
        char *path;      /* owned */
        ul_output older; /* the file that stood there under another name; zeroed: none did */
    } * files;           /* owned */
} written_files;

/* Says that the file at path is written next. Errors: UL_ERROR_OUTPUT; UL_ERROR_LIMIT. */
ul_status written_next(written_files *written, const char *path, ul_error *error);

/* Ends the run: where it failed after all, its files go and the older ones come back. */
void written_end(written_files *written, ul_status status);

#endif
