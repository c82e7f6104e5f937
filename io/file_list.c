#include "file_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 64 /* of folders: links may form a circle */

/* What lies below one given path. */
typedef struct search {
    file_list *list;
    const char *given;
    bool whole_paths;
} search;

/* "folder/between/name", between may be NULL. malloc'd; NULL: out of memory. */
static char *join(const char *folder, const char *between, const char *name) {
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        length--;
    char *path = malloc(length + (between ? strlen(between) + 1 : 0) + strlen(name) + 2);
    if (path) {
        memcpy(path, folder, length);
        strcpy(path + length, "/");
        if (between)
            strcat(strcat(path, between), "/");
        strcat(path, name);
    }
    return path;
}

/* The path as messages name it; depth: folders below the given path, the file itself counted. */
static char *shown_as(const search *s, const char *path, int depth) {
    if (depth <= 1 || s->whole_paths)
        return strdup(path);
    return join(s->given, "...", strrchr(path, '/') + 1);
}

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for file names");
}

/* Takes path over. */
static ul_status append(const search *s, char *path, int depth, ul_error *error) {
    file_list *list = s->list;
    file_entry entry = {path, shown_as(s, path, depth)};
    bool failed = !entry.shown;
    /* The capacity is the next power of two. */
    if (!failed && (list->count & (list->count - 1)) == 0) {
        size_t capacity = list->count ? 2 * list->count : 1;
        file_entry *grown = realloc(list->entries, capacity * sizeof *grown);
        if (grown)
            list->entries = grown;
        failed = !grown;
    }
    if (failed) {
        free(entry.path);
        free(entry.shown);
        return no_memory(error);
    }
    list->entries[list->count++] = entry;
    return UL_OK;
}

static ul_status add_path(const search *s, char *path, int depth, ul_error *error);

static ul_status cannot_open(
    const search *s, const char *path, int depth, int number, ul_error *error) {
    char *shown = shown_as(s, path, depth);
    ul_status status = ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be opened (%s)",
        shown ? shown : s->given, strerror(number));
    free(shown);
    return status;
}

static ul_status add_folder(const search *s, const char *folder, int depth, ul_error *error) {
    if (depth > MAX_DEPTH)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: folders nest deeper than %d (a circle of links?)", s->given, MAX_DEPTH);
    DIR *directory = opendir(folder);
    if (!directory)
        return cannot_open(s, folder, depth, errno, error);
    ul_status status = UL_OK;
    for (struct dirent *entry; status == UL_OK && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = join(folder, NULL, entry->d_name);
        status = path ? add_path(s, path, depth + 1, error) : no_memory(error);
    }
    closedir(directory);
    return status;
}

/* Adds a file, or what is in a folder; takes path over. */
static ul_status add_path(const search *s, char *path, int depth, ul_error *error) {
    struct stat info;
    ul_status status = UL_OK;
    if (stat(path, &info) != 0) {
        /* A dangling link inside a folder is no file. */
        if (depth == 0)
            status = cannot_open(s, path, depth, errno, error);
    } else if (S_ISDIR(info.st_mode)) {
        status = add_folder(s, path, depth, error);
    } else if (S_ISREG(info.st_mode)) {
        return append(s, path, depth, error);
    } else if (depth == 0) {
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: neither a file nor a folder", path);
    }
    free(path);
    return status;
}

static int by_path(const void *left, const void *right) {
    return strcmp(((const file_entry *)left)->path, ((const file_entry *)right)->path);
}

static void entry_free(file_entry *entry) {
    free(entry->path);
    free(entry->shown);
}

ul_status file_list_fill(const char *const *paths, size_t path_count, bool whole_paths,
    file_list *list, ul_error *error) {
    memset(list, 0, sizeof *list);
    for (size_t i = 0; i < path_count; i++) {
        const search s = {list, paths[i], whole_paths};
        char *path = strdup(paths[i]);
        ul_status status = path ? add_path(&s, path, 0, error) : no_memory(error);
        if (status != UL_OK)
            return status;
    }
    if (list->count)
        qsort(list->entries, list->count, sizeof *list->entries, by_path);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && strcmp(list->entries[kept - 1].path, list->entries[i].path) == 0)
            entry_free(&list->entries[i]);
        else
            list->entries[kept++] = list->entries[i];
    }
    list->count = kept;
    return UL_OK;
}

void file_list_free(file_list *list) {
    for (size_t i = 0; i < list->count; i++)
        entry_free(&list->entries[i]);
    free(list->entries);
    memset(list, 0, sizeof *list);
}
