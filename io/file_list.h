/* The files below some paths. */
#ifndef FILE_LIST_H
#define FILE_LIST_H

#include "ulite/status.h"

typedef struct file_list {
    char **paths; /* sorted, without doubles, owned */
    size_t count;
} file_list;

/* Lists files as they are given and those in folders, recursively. Errors: UL_ERROR_INPUT names the
 * path that cannot be read; UL_ERROR_LIMIT. Free the list in any case. */
ul_status file_list_fill(
    const char *const *paths, size_t path_count, file_list *list, ul_error *error);
void file_list_free(file_list *list);

#endif
