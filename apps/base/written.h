/* The files that one run puts in place: all of them, or none. */
#pragma once

#include "libulite/base/output.h"

/* What a run writes. Zero-initialise; written_end. */
typedef struct written_files {
    size_t count;
    struct written_file {
        ul_output fresh; /* complete under its temporary name until the run ends */
        char *path;      /* owned */
        char *older;     /* where the file that stood there is now, owned; NULL: none is kept */
        bool placed;     /* fresh is at path */
    } * files;           /* owned */
} written_files;

/* Begins the file at path. *temporary, of the same ending and valid until written_end, is the name
 * by which it is to be written. Errors: UL_ERROR_OUTPUT; UL_ERROR_LIMIT. */
ul_status written_next(
    written_files *written, const char *path, const char **temporary, ul_error *error);

/* Ends the run: where its status is UL_OK all files get their names, or none does and the older
 * ones stay; else all are deleted, and an error's text names them by their paths. Each file put in
 * place is given to placed (may be NULL). Returns the status, or UL_ERROR_OUTPUT. */
ul_status written_end(
    written_files *written, ul_status status, void (*placed)(const char *path), ul_error *error);
