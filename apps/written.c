#include "written.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Gives the file at path another name beside it, so that the new one does not end it: a link, or
 * where the file system has none the file itself; n makes the name new. *older stays NULL where
 * there is no file. */
static ul_status keep(const char *path, size_t n, char **older, ul_error *error) {
    if (access(path, F_OK) != 0)
        return UL_OK;
    size_t room = strlen(path) + 48;
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash + 1 - path) : 0;
    char *name = malloc(room);
    if (!name)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    snprintf(
        name, room, "%.*s.%lx-%zu.%s", folder, path, (unsigned long)getpid(), n, path + folder);
    if (link(path, name) == 0 || (errno != EEXIST && rename(path, name) == 0)) {
        *older = name;
        return UL_OK;
    }
    ul_status status = ul_error_set(error, UL_ERROR_OUTPUT,
        "%s: the older file cannot be kept until the run has ended (%s)", path, strerror(errno));
    free(name);
    return status;
}

ul_status written_next(written_files *written, const char *path, ul_error *error) {
    struct written_file *longer =
        realloc(written->files, (written->count + 1) * sizeof *written->files);
    struct written_file file = {longer ? strdup(path) : NULL, NULL};
    if (longer)
        written->files = longer;
    if (!file.path)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = keep(path, written->count, &file.older, error);
    if (status == UL_OK)
        written->files[written->count++] = file;
    else
        free(file.path);
    return status;
}

void written_end(written_files *written, ul_status status) {
    for (size_t n = written->count; n-- > 0;) { /* the last first: an output may be named twice */
        struct written_file *file = &written->files[n];
        if (status != UL_OK && file->older)
            rename(file->older, file->path);
        else if (status != UL_OK)
            unlink(file->path);
        if (file->older)
            unlink(
                file->older); /* the name may still be there: rename ignores two names of a file */
        free(file->path);
        free(file->older);
    }
    free(written->files);
    *written = (written_files){0, NULL};
}
