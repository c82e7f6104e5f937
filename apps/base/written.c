#include "apps/base/written.h"

#include "apps/base/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ul_status written_next(
    written_files *written, const char *path, const char **temporary, ul_error *error) {
    struct written_file *longer =
        realloc(written->files, (written->count + 1) * sizeof *written->files);
    struct written_file file = {.path = longer ? strdup(path) : NULL};
    if (longer)
        written->files = longer;
    if (!file.path)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = ul_output_begin(path, &file.fresh, error);
    *temporary = file.fresh.temporary;
    if (status == UL_OK)
        written->files[written->count++] = file;
    else
        free(file.path);
    return status;
}

/* Gives one file its name. Where more follow, the older one is kept: they may fail. */
static ul_status put(struct written_file *file, bool last, ul_error *error) {
    ul_status status = last ? UL_OK : ul_output_set_aside(file->path, &file->older, error);
    if (status == UL_OK)
        status = ul_output_commit(&file->fresh, error);
    file->placed = status == UL_OK;
    return status;
}

/* Takes the new file away and gives the older one, where there was one, its name again. */
static void restore(struct written_file *file) {
    if (file->older && rename(file->older, file->path) != 0)
        console_line(stderr, "%s: the older file could not be put back (%s): it is %s", file->path,
            strerror(errno), file->older);
    else if (file->older && access(file->older, F_OK) == 0)
        unlink(file->older); /* two names of one file: a rename leaves both */
    else if (!file->older && file->placed)
        unlink(file->path);
}

/* Has the text name the file by its path, not by the name that it was written under. */
static void name_by_path(const struct written_file *file, ul_error *error) {
    const char *temporary = file->fresh.temporary;
    char *at = temporary ? strstr(error->text, temporary) : NULL;
    if (!at)
        return;
    char rest[UL_ERROR_TEXT_BYTES];
    snprintf(rest, sizeof rest, "%s", at + strlen(temporary));
    snprintf(at, sizeof error->text - (size_t)(at - error->text), "%s%s", file->path, rest);
}

ul_status written_end(
    written_files *written, ul_status status, void (*placed)(const char *path), ul_error *error) {
    for (size_t n = 0; status != UL_OK && n < written->count; n++)
        name_by_path(&written->files[n], error);
    for (size_t n = 0; status == UL_OK && n < written->count; n++)
        status = put(&written->files[n], n + 1 == written->count, error);
    for (size_t n = written->count; n-- > 0;) {
        struct written_file *file = &written->files[n];
        if (status != UL_OK)
            restore(file);
        else if (file->older)
            unlink(file->older);
        ul_output_abandon(&file->fresh);
    }
    for (size_t n = 0; n < written->count; n++) {
        if (status == UL_OK && placed)
            placed(written->files[n].path);
        free(written->files[n].path);
        free(written->files[n].older);
    }
    free(written->files);
    *written = (written_files){0, NULL};
    return status;
}
