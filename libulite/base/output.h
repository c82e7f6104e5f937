/* Files that appear under their name only when they are complete. UL_API: for ulite-imaging, too.
 */
#pragma once

#include "ulite/error.h"

UL_BEGIN_C

/* A file being written: to a temporary name in the same folder, with the same ending, until it is
 * committed. Zero-initialise; commit and abandon leave it zeroed. */
typedef struct ul_output {
    char *path, *temporary; /* owned */
    int lock;               /* a descriptor that locks the temporary file; 0: none is held */
    bool within; /* another output's temporary file: that one puts it in place, or deletes it */
} ul_output;

/* Creates the temporary file, empty; the caller writes to output->temporary by that name, without
 * replacing the file. It is locked until it is committed: what a killed run left in the folder is
 * not, and is deleted here. Where path is the temporary name of another output, it is that file
 * which is written: so an output can be handed to what writes a file by its name.
 *
 * Errors: UL_ERROR_OUTPUT where the folder is missing or not writable, or path is a folder, a
 * device or a pipe; UL_ERROR_LIMIT (memory). On failure *output is zeroed. */
UL_API ul_status ul_output_begin(const char *path, ul_output *output, ul_error *error);

/* Sends the temporary file to the disk and renames it to path, which it replaces: after a power cut
 * path is the older file or the whole new one. Errors: UL_ERROR_OUTPUT; the temporary file is gone
 * then. */
UL_API ul_status ul_output_commit(ul_output *output, ul_error *error);

/* Deletes the temporary file and frees *output; nothing where there is none, so that it may follow
 * a commit. */
UL_API void ul_output_abandon(ul_output *output);

/* Whether a name (its folders are passed over) is one of the temporary ones, of this version or of
 * one before: nothing to read, whoever writes it. */
UL_API bool ul_output_is_temporary(const char *path);

/* Deletes the file at path where it is temporary and whoever wrote it is gone. */
UL_API void ul_output_clear(const char *path);

/* Gives the file at path a second name beside it, that the next rename does not end it: a link, or
 * where the file system has none the file is renamed. *aside: the name, a temporary one that is
 * never cleared, the caller's; NULL where there is no file. Errors: UL_ERROR_OUTPUT,
 * UL_ERROR_LIMIT. */
ul_status ul_output_set_aside(const char *path, char **aside, ul_error *error);

/* Whether path can be written: called before long work. Errors as of ul_output_begin. */
UL_API ul_status ul_output_check(const char *path, ul_error *error);

/* Sends the names in a folder to the disk: a rename or link into it then lasts. False where that
 * failed. */
UL_API bool ul_output_sync_folder(const char *folder);

/* Whether two paths lead to one file, by whatever name or link; where there is no file yet, whether
 * they are one name in one folder. */
bool ul_same_file(const char *left, const char *right);

/* A whole small file at once. Errors as of begin and commit; an older file at path is kept then. */
UL_API ul_status ul_output_write(
    const char *path, const void *bytes, size_t size_bytes, ul_error *error);

UL_END_C
