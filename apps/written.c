#include "written.h"

#include "console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Gives the file at path another name beside it, so that the new one does not end it: a link, or
 * where the file system has none the file itself. *older stays zeroed where there is no file. */
static ul_status keep(const char *path, ul_output *older, ul_error *error) {
    if (access(path, F_OK) != 0)
        return UL_OK;
    ul_status status = ul_output_begin(path, older, error);
    if (status != UL_OK)
        return status;
    unlink(older->temporary); /* a link needs a free name */
    if (link(path, older->temporary) == 0 || rename(path, older->temporary) == 0)
        return UL_OK;
    status = ul_error_set(error, UL_ERROR_OUTPUT,
        "%s: the older file cannot be kept until the run has ended (%s)", path, strerror(errno));
    ul_output_abandon(older);
    return status;
}

ul_status written_next(written_files *written, const char *path, ul_error *error) {
    struct written_file *longer =
        realloc(written->files, (written->count + 1) * sizeof *written->files);
    struct written_file file = {longer ? strdup(path) : NULL, {NULL, NULL}};
    if (longer)
        written->files = longer;
    if (!file.path)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = keep(path, &file.older, error);
    if (status == UL_OK)
        written->files[written->count++] = file;
    else
        free(file.path);
    return status;
}

/* Takes the new file away and gives the older one, where there was one, its name again. */
static void restore(struct written_file *file) {
    if (!file->older.temporary) {
        unlink(file->path);
    } else if (rename(file->older.temporary, file->path) != 0) {
        console_line(stderr, "%s: the older file could not be put back (%s): it is %s", file->path,
            strerror(errno), file->older.temporary);
        free(file->older.temporary); /* so that nothing removes it */
        file->older.temporary = NULL;
    }
}

void written_end(written_files *written, ul_status status) {
    for (size_t n = written->count; n-- > 0;) {
        struct written_file *file = &written->files[n];
        if (status != UL_OK)
            restore(file);
        ul_output_abandon(&file->older);
        free(file->path);
    }
    free(written->files);
    *written = (written_files){0, NULL};
}
