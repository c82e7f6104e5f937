#include "file_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 64 /* of folders: links may form a circle */

/* Takes path over. */
static ul_status append(file_list *list, char *path, ul_error *error) {
    /* The capacity is the next power of two. */
    if ((list->count & (list->count - 1)) == 0) {
        size_t capacity = list->count ? 2 * list->count : 1;
        char **grown = realloc(list->paths, capacity * sizeof *grown);
        if (!grown) {
            free(path);
            return ul_error_set(
                error, UL_ERROR_LIMIT, "out of memory for %zu file names", capacity);
        }
        list->paths = grown;
    }
    list->paths[list->count++] = path;
    return UL_OK;
}

static char *join(const char *folder, const char *name) {
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    bool root = length == 1 && folder[0] == '/';
    char *path = malloc(length + strlen(name) + 2);
    if (path) {
        memcpy(path, folder, length);
        strcpy(path + length, root ? "" : "/");
        strcat(path, name);
    }
    return path;
}

static ul_status add_path(file_list *list, char *path, int depth, ul_error *error);

static ul_status add_folder(file_list *list, const char *folder, int depth, ul_error *error) {
    if (depth > MAX_DEPTH)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: folders nest deeper than %d (a circle of links?)", folder, MAX_DEPTH);
    DIR *directory = opendir(folder);
    if (!directory)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: cannot be opened (%s)", folder, strerror(errno));
    ul_status status = UL_OK;
    for (struct dirent *entry; status == UL_OK && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = join(folder, entry->d_name);
        status = path ? add_path(list, path, depth + 1, error)
                      : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a file name");
    }
    closedir(directory);
    return status;
}

/* Adds a file, or what is in a folder; takes path over. */
static ul_status add_path(file_list *list, char *path, int depth, ul_error *error) {
    struct stat info;
    ul_status status = UL_OK;
    if (stat(path, &info) != 0) {
        /* A dangling link inside a folder is no file. */
        if (depth == 0)
            status = ul_error_set(
                error, UL_ERROR_INPUT, "%s: cannot be opened (%s)", path, strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        status = add_folder(list, path, depth, error);
    } else if (S_ISREG(info.st_mode)) {
        return append(list, path, error);
    } else if (depth == 0) {
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: neither a file nor a folder", path);
    }
    free(path);
    return status;
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

ul_status file_list_fill(
    const char *const *paths, size_t path_count, file_list *list, ul_error *error) {
    memset(list, 0, sizeof *list);
    for (size_t i = 0; i < path_count; i++) {
        char *path = strdup(paths[i]);
        ul_status status = path ? add_path(list, path, 0, error)
                                : ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
        if (status != UL_OK)
            return status;
    }
    if (list->count)
        qsort(list->paths, list->count, sizeof *list->paths, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && strcmp(list->paths[kept - 1], list->paths[i]) == 0)
            free(list->paths[i]);
        else
            list->paths[kept++] = list->paths[i];
    }
    list->count = kept;
    return UL_OK;
}

void file_list_free(file_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    memset(list, 0, sizeof *list);
}
