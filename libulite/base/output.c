#include "libulite/base/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static ul_status cannot_write(const char *path, const char *reason, ul_error *error) {
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, reason);
}

#define PREFIX ".ulite-"

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The folder that path lies in, the caller's; NULL where memory ran out. */
static char *folder_of(const char *path) {
    size_t length = (size_t)(name_of(path) - path);
    return length ? strndup(path, length) : strdup(".");
}

/* PROCESS-ATTEMPT.NAME, the numbers as they are printed below. */
static bool is_numbered(const char *name) {
    size_t process = strspn(name, "0123456789abcdef");
    const char *attempt = name + process + 1;
    size_t digits = process > 0 && name[process] == '-' ? strspn(attempt, "0123456789") : 0;
    return *name != '0' && digits > 0 && digits < 4 && (*attempt != '0' || digits == 1) &&
           attempt[digits] == '.' && attempt[digits + 1];
}

bool ul_output_is_temporary(const char *path) {
    const char *name = name_of(path);
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
        return is_numbered(name + strlen(PREFIX));
    return *name == '.' && is_numbered(name + 1); /* of earlier versions */
}

void ul_output_clear(const char *path) {
    /* A name without the prefix may be somebody else's after all. */
    if (!ul_output_is_temporary(path) || strncmp(name_of(path), PREFIX, strlen(PREFIX)) != 0)
        return;
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return;
    struct stat opened, named;
    if (fstat(file, &opened) == 0 && S_ISREG(opened.st_mode) &&
        flock(file, LOCK_EX | LOCK_NB) == 0 && lstat(path, &named) == 0 &&
        named.st_ino == opened.st_ino && named.st_dev == opened.st_dev)
        unlink(path);
    close(file);
}

/* Deletes what runs that are gone have left in the folder of path. */
static void clear_folder(const char *path) {
    char *folder = folder_of(path);
    DIR *directory = folder ? opendir(folder) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!ul_output_is_temporary(entry->d_name))
            continue;
        size_t room = strlen(folder) + strlen(entry->d_name) + 2;
        char *stale = malloc(room);
        if (stale) {
            snprintf(stale, room, "%s/%s", folder, entry->d_name);
            ul_output_clear(stale);
        }
        free(stale);
    }
    if (directory)
        closedir(directory);
    free(folder);
}

/* Locks the new file, unless somebody took it for a stale one before. Where the file system has no
 * locks, nobody can do that. */
static bool lock(int file) {
    struct stat info;
    if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return false;
    return fstat(file, &info) != 0 || info.st_nlink > 0;
}

enum { ATTEMPTS = 1000, TEMPORARY_ROOM = 32 /* bytes more than the path's */ };

/* A temporary name beside path. The process number makes a clash unlikely. */
static void name_temporary(
    const char *path, const char *prefix, unsigned attempt, char *temporary, size_t room) {
    enum { LONGEST = 128 }; /* of name: its end, and the whole is no longer than names may be */
    const char *name = name_of(path);
    size_t length = strlen(name);
    snprintf(temporary, room, "%.*s%s%lx-%u.%s", (int)(name - path), path, prefix,
        (unsigned long)getpid(), attempt, length > LONGEST ? name + length - LONGEST : name);
}

/* Creates a locked temporary file; -1 and errno. O_EXCL makes a clash harmless. The mode is left to
 * the umask, as for any new file. */
static int create(const char *path, char *temporary, size_t room) {
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        name_temporary(path, PREFIX, attempt, temporary, room);
        int file = open(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
        if (file >= 0 && lock(file))
            return file;
        if (file >= 0)
            close(file);
        else if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* Keeps a descriptor from being 0, which says that there is none. */
static int not_zero(int file) {
    if (file != 0)
        return file;
    int other = fcntl(file, F_DUPFD_CLOEXEC, 1); /* the lock is shared */
    close(file);
    return other;
}

ul_status ul_output_begin(const char *path, ul_output *output, ul_error *error) {
    memset(output, 0, sizeof *output);
    struct stat info;
    bool there = stat(path, &info) == 0;
    if (there && !S_ISREG(info.st_mode))
        return cannot_write(path,
            S_ISDIR(info.st_mode) ? "it is a folder"
                                  : "it is a device or a pipe, which no file can replace",
            error);
    if (*name_of(path) == '\0')
        return cannot_write(path, "the name is empty", error);
    size_t room = strlen(path) + TEMPORARY_ROOM;
    output->within = there && ul_output_is_temporary(path);
    output->path = strdup(path);
    output->temporary = output->within ? strdup(path) : malloc(room);
    if (!output->path || !output->temporary) {
        free(output->temporary);
        output->temporary = NULL; /* there is no such file */
        ul_output_abandon(output);
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    if (output->within)
        return UL_OK;
    clear_folder(path);
    int file = not_zero(create(path, output->temporary, room));
    if (file < 0) {
        ul_status status = cannot_write(path, strerror(errno), error);
        free(output->temporary);
        output->temporary = NULL; /* not ours to delete */
        ul_output_abandon(output);
        return status;
    }
    output->lock = file;
    return UL_OK;
}

/* Whether the bytes of an open file or folder are on the disk, or cannot be sent there at all: some
 * file systems have no such call. */
static bool sync_descriptor(int descriptor) {
    return fsync(descriptor) == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP ||
           errno == EROFS;
}

bool ul_output_sync_folder(const char *folder) {
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = descriptor >= 0 && sync_descriptor(descriptor);
    if (descriptor >= 0)
        close(descriptor);
    return synced;
}

/* Makes a rename last. What cannot be opened or synced is no error: the file is in place. */
static void sync_folder(const char *path) {
    char *folder = folder_of(path);
    if (folder)
        ul_output_sync_folder(folder);
    free(folder);
}

ul_status ul_output_commit(ul_output *output, ul_error *error) {
    ul_status status = UL_OK;
    if (!output->within) {
        if (sync_descriptor(output->lock) && rename(output->temporary, output->path) == 0) {
            free(output->temporary);
            output->temporary = NULL;
            sync_folder(output->path);
        } else {
            status = cannot_write(output->path, strerror(errno), error);
        }
    }
    ul_output_abandon(output);
    return status;
}

void ul_output_abandon(ul_output *output) {
    if (output->temporary && !output->within)
        unlink(output->temporary);
    if (output->lock > 0)
        close(output->lock);
    free(output->path);
    free(output->temporary);
    memset(output, 0, sizeof *output);
}

/* Whether the file has the second name now; errno says why not, EEXIST where the name is taken. */
static bool set_aside(const char *path, const char *aside) {
    struct stat info;
    if (link(path, aside) == 0)
        return true;
    if (errno == EEXIST)
        return false;
    if (lstat(aside, &info) == 0) { /* a rename would replace it */
        errno = EEXIST;
        return false;
    }
    return rename(path, aside) == 0;
}

ul_status ul_output_set_aside(const char *path, char **aside, ul_error *error) {
    struct stat info;
    *aside = NULL;
    if (lstat(path, &info) != 0)
        return UL_OK;
    size_t room = strlen(path) + TEMPORARY_ROOM;
    char *name = malloc(room);
    if (!name)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    bool done = false;
    for (unsigned attempt = 0; !done && attempt < ATTEMPTS; attempt++) {
        name_temporary(path, ".", attempt, name, room); /* without PREFIX: it is all there is */
        done = set_aside(path, name);
        if (!done && errno != EEXIST)
            break;
    }
    if (done) {
        *aside = name;
        return UL_OK;
    }
    free(name);
    return ul_error_set(
        error, UL_ERROR_OUTPUT, "%s: the older file cannot be kept: %s", path, strerror(errno));
}

ul_status ul_output_check(const char *path, ul_error *error) {
    ul_output output;
    ul_status status = ul_output_begin(path, &output, error);
    ul_output_abandon(&output);
    return status;
}

static bool stat_folder(const char *path, struct stat *info) {
    char *folder = folder_of(path);
    bool there = folder && stat(folder, info) == 0;
    free(folder);
    return there;
}

bool ul_same_file(const char *left, const char *right) {
    struct stat a, b;
    bool left_there = stat(left, &a) == 0, right_there = stat(right, &b) == 0;
    if (!left_there && !right_there) {
        if (strcmp(name_of(left), name_of(right)) != 0 || !stat_folder(left, &a) ||
            !stat_folder(right, &b))
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
