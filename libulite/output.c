#include "ulite/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ul_status cannot_write(const char *path, const char *reason, ul_error *error) {
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, reason);
}

ul_status ul_output_begin(const char *path, ul_output *output, ul_error *error) {
    memset(output, 0, sizeof *output);
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return cannot_write(path,
            S_ISDIR(info.st_mode) ? "it is a folder"
                                  : "it is a device or a pipe, which no file can replace",
            error);
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (*name == '\0')
        return cannot_write(path, "the name is empty", error);
    size_t room = strlen(path) + 32;
    output->path = strdup(path);
    output->temporary = malloc(room);
    if (!output->path || !output->temporary) {
        ul_output_abandon(output);
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    /* The process number makes a clash unlikely and O_EXCL makes it harmless. The mode is left to
     * the umask, as for any new file. */
    int file = -1;
    for (unsigned attempt = 0; file < 0 && attempt < 1000; attempt++) {
        snprintf(output->temporary, room, "%.*s.%lx-%u.%s", (int)(name - path), path,
            (unsigned long)getpid(), attempt, name);
        file = open(output->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            break;
    }
    if (file < 0) {
        ul_status status = cannot_write(path, strerror(errno), error);
        free(output->temporary);
        output->temporary = NULL; /* not ours to delete */
        ul_output_abandon(output);
        return status;
    }
    close(file);
    return UL_OK;
}

ul_status ul_output_commit(ul_output *output, ul_error *error) {
    ul_status status = UL_OK;
    if (rename(output->temporary, output->path) == 0) {
        free(output->temporary);
        output->temporary = NULL;
    } else {
        status = cannot_write(output->path, strerror(errno), error);
    }
    ul_output_abandon(output);
    return status;
}

void ul_output_abandon(ul_output *output) {
    if (output->temporary)
        unlink(output->temporary);
    free(output->path);
    free(output->temporary);
    memset(output, 0, sizeof *output);
}

ul_status ul_output_check(const char *path, ul_error *error) {
    ul_output output;
    ul_status status = ul_output_begin(path, &output, error);
    ul_output_abandon(&output);
    return status;
}

/* The folder that path lies in: its name ends where the file's begins. */
static bool stat_folder(const char *path, size_t length, struct stat *info) {
    char *folder = length ? strndup(path, length) : strdup(".");
    bool there = folder && stat(folder, info) == 0;
    free(folder);
    return there;
}

bool ul_same_file(const char *left, const char *right) {
    struct stat a, b;
    bool left_there = stat(left, &a) == 0, right_there = stat(right, &b) == 0;
    if (!left_there && !right_there) {
        const char *left_slash = strrchr(left, '/'), *right_slash = strrchr(right, '/');
        size_t left_length = left_slash ? (size_t)(left_slash + 1 - left) : 0;
        size_t right_length = right_slash ? (size_t)(right_slash + 1 - right) : 0;
        if (strcmp(left + left_length, right + right_length) != 0 ||
            !stat_folder(left, left_length, &a) || !stat_folder(right, right_length, &b))
            return false;
    } else if (!left_there || !right_there) {
        return false;
    }
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

ul_status ul_output_write(const char *path, const void *bytes, size_t size_bytes, ul_error *error) {
    ul_output output;
    ul_status status = ul_output_begin(path, &output, error);
    if (status != UL_OK)
        return status;
    FILE *file = fopen(output.temporary, "wb");
    bool written = file && fwrite(bytes, 1, size_bytes, file) == size_bytes;
    if (file && fclose(file) != 0)
        written = false;
    if (written)
        return ul_output_commit(&output, error);
    status = cannot_write(path, strerror(errno), error);
    ul_output_abandon(&output);
    return status;
}
