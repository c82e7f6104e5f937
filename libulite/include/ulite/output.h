/* Files that appear under their name only when they are complete. */
#ifndef ULITE_OUTPUT_H
#define ULITE_OUTPUT_H

#include "ulite/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A file being written: to a temporary name in the same folder, with the same ending, until it is
 * committed. Zero-initialise; commit and abandon leave it zeroed. */
typedef struct ul_output {
    char *path, *temporary; /* owned */
} ul_output;

/* Creates the temporary file, empty; the caller writes to output->temporary by that name.
 * Errors: UL_ERROR_OUTPUT where the folder is missing or not writable, or path is a folder, a
 * device or a pipe; UL_ERROR_LIMIT (memory). On failure *output is zeroed. */
UL_API ul_status ul_output_begin(const char *path, ul_output *output, ul_error *error);

/* Renames the temporary file to path, which it replaces. Errors: UL_ERROR_OUTPUT; the temporary
 * file is gone then. */
UL_API ul_status ul_output_commit(ul_output *output, ul_error *error);

/* Deletes the temporary file and frees *output; nothing where there is none, so that it may follow
 * a commit. */
UL_API void ul_output_abandon(ul_output *output);

/* Whether path can be written: called before long work. Errors as of ul_output_begin. */
UL_API ul_status ul_output_check(const char *path, ul_error *error);

/* Whether two paths lead to one file, by whatever name or link; where there is no file yet, whether
 * they are one name in one folder. */
UL_API bool ul_same_file(const char *left, const char *right);

/* A whole small file at once. Errors as of begin and commit; an older file at path is kept then. */
UL_API ul_status ul_output_write(
    const char *path, const void *bytes, size_t size_bytes, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
