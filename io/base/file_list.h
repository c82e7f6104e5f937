/* The files below some paths. */
#pragma once

#include "ulite/error.h"

#include <sys/stat.h>

UL_BEGIN_C

/* What a file is, under whatever name. */
typedef struct file_id {
    dev_t device;
    ino_t inode;
} file_id;

typedef struct file_entry {
    char *path;
    char *shown;  /* the path as messages name it */
    char *reason; /* of what is closed, why; else NULL */
    file_id id;   /* of a file */
} file_entry;

typedef struct file_entries {
    file_entry *items; /* sorted by path, owned */
    size_t count, room;
} file_entries;

typedef struct file_list {
    file_entries files;  /* each once, though several names or links lead to it */
    file_entries closed; /* what in a given folder cannot be looked into: folders, and files in
                            folders that may be listed only */
} file_list;

/* Lists files as they are given and those in folders, recursively; links are followed, into each
 * folder once. Messages name a file that was found in a folder below the given one as
 * "given/.../name", since folders are often named after patients, unless whole_paths. Errors:
 * UL_ERROR_INPUT names a given path that cannot be read, or a folder that lies too deep;
 * UL_ERROR_INTERRUPTED; UL_ERROR_LIMIT. Free the list in any case. */
ul_status file_list_fill(const char *const *paths, size_t path_count, bool whole_paths,
    const ul_progress *progress, file_list *list, ul_error *error);
void file_list_free(file_list *list);

/* Which of the files is the one at path, under whatever name; files.count: none. */
size_t file_list_find(const file_list *list, const char *path);

/* What a file is by its content, whatever its name. */

typedef enum ul_file_kind {
    UL_FILE_UNKNOWN, /* and what cannot be opened */
    UL_FILE_NIFTI,   /* one file, .nii, also gzipped */
    UL_FILE_PNG,
    UL_FILE_GZIPPED, /* anything else within gzip */
    UL_FILE_BZIP2,
    UL_FILE_XZ,
    UL_FILE_ZSTANDARD,
    UL_FILE_ZIP,
    UL_FILE_TAR,
    UL_FILE_7Z,
    UL_FILE_RAR,
    UL_FILE_POINTER, /* of Git LFS or git-annex, which stands for a file elsewhere */
    UL_FILE_JPEG,
    UL_FILE_PDF,
    UL_FILE_NRRD,
    UL_FILE_HDF5, /* MINC 2, MATLAB 7.3 */
    UL_FILE_KINDS
} ul_file_kind;

/* Looks at the first bytes of a file. */
ul_file_kind ul_file_kind_of(const char *path);

/* What it is and what to do about it, for messages: "a zip archive: unpack it first"; NULL of
 * UL_FILE_UNKNOWN. */
const char *ul_file_kind_text(ul_file_kind kind);

UL_END_C
