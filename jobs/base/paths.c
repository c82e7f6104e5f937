#include "jobs/base/paths.h"

#include "io/base/text_file.h"
#include "libulite/base/resources.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(name_list *list, size_t *room, const char *name) {
    char **names = ul_grow(list->names, list->count, room, sizeof *names);
    if (!names)
        return false;
    list->names = names;
    list->names[list->count] = strdup(name);
    return list->names[list->count] && ++list->count;
}

ul_status files_list(const char *folder, name_list *list, ul_error *error) {
    *list = (name_list){0};
    DIR *directory = opendir(folder);
    if (!directory)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: cannot be listed: %s", folder, strerror(errno));
    bool enough = true;
    size_t room = 0;
    for (struct dirent *entry; enough && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            enough = add_name(list, &room, entry->d_name);
    closedir(directory);
    if (!enough) {
        files_free(list);
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory for its names", folder);
    }
    if (list->count > 0)
        qsort(list->names, list->count, sizeof *list->names, compare_names);
    return UL_OK;
}

void files_free(name_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (name_list){0};
}

bool files_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool files_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

char *files_append(const char *name, const char *suffix) {
    size_t length = strlen(name), more = strlen(suffix) + 1;
    char *text = malloc(length + more);
    if (text) {
        memcpy(text, name, length);
        memcpy(text + length, suffix, more);
    }
    return text;
}

char *files_join(const char *folder, const char *name) {
    size_t length = strlen(folder), more = strlen(name) + 1;
    bool slash = length > 0 && folder[length - 1] != '/';
    char *path = malloc(length + slash + more);
    if (!path)
        return NULL;
    memcpy(path, folder, length);
    if (slash)
        path[length] = '/';
    memcpy(path + length + slash, name, more);
    return path;
}

bool files_ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcasecmp(text + length - tail, ending) == 0;
}

bool files_is_header(const char *name) {
    return files_ends_with(name, ".hdr") || files_ends_with(name, ".hdr.gz");
}

bool files_is_pixels(const char *name) {
    return files_ends_with(name, ".img") || files_ends_with(name, ".img.gz");
}

bool files_is_nifti(const char *name) {
    return files_ends_with(name, ".nii") || files_ends_with(name, ".nii.gz") ||
           files_is_header(name) || files_is_pixels(name);
}

bool files_is_nrrd(const char *name) {
    return files_ends_with(name, ".nrrd");
}

/* Bytes of name before the first of the endings that it has; 0: none. */
static size_t stem_before(const char *name, const char *const *endings) {
    size_t length = strlen(name);
    for (; *endings; endings++)
        if (length > strlen(*endings) && files_ends_with(name, *endings))
            return length - strlen(*endings);
    return 0;
}

size_t files_stem(const char *name) {
    static const char *const endings[] = {".seg.dcm", ".dcm", ".seg.nrrd", ".nrrd", ".png", NULL};
    if (!files_is_nifti(name))
        return stem_before(name, endings);
    return strlen(name) - (files_ends_with(name, ".gz") ? strlen(".nii.gz") : strlen(".nii"));
}

bool files_program_folder(char folder[FILES_PATH_BYTES]) {
    ssize_t length = readlink("/proc/self/exe", folder, FILES_PATH_BYTES - 1);
    if (length <= 0)
        return false;
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

const char *files_below(const char *folder, const char *path) {
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0)
        return path;
    return path + length + strspn(path + length, "/");
}

size_t files_archive_stem(const char *name) {
    static const char *const endings[] = {
        ".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.zst", NULL};
    return stem_before(name, endings);
}

ul_status files_read_line(const char *path, size_t least, char **line, ul_error *error) {
    ul_status status = ul_text_read(path, TEXT_MOST_MIB, line, error);
    if (status != UL_OK)
        return status;
    (*line)[strcspn(*line, "\r\n")] = '\0';
    if (strlen(*line) >= least)
        return UL_OK;
    free(*line);
    *line = NULL;
    return ul_error_set(
        error, UL_ERROR_INPUT, "%s: its first line has fewer than %zu characters", path, least);
}
