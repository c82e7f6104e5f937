/* The files below some paths. */
#ifndef FILE_LIST_H
#define FILE_LIST_H

#include "ulite/status.h"

typedef struct file_entry {
    char *path;
    char *shown; /* the path as messages name it */
} file_entry;

typedef struct file_list {
    file_entry *entries; /* sorted by path, without doubles, owned */
    size_t count;
} file_list;

/* Lists files as they are given and those in folders, recursively. Messages name a file that was
 * found in a folder below the given one as "given/.../name", since folders are often named after
 * patients, unless whole_paths. Errors: UL_ERROR_INPUT names the path that cannot be read;
 * UL_ERROR_LIMIT. Free the list in any case. */
ul_status file_list_fill(const char *const *paths, size_t path_count, bool whole_paths,
    file_list *list, ul_error *error);
void file_list_free(file_list *list);

#endif
