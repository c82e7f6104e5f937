#include "apps/archive/archive.h"

#include "apps/base/console.h"
#include "io/base/file_list.h"
#include "jobs/base/folders.h"
#include "jobs/base/paths.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ENTRIES = 1000000, MAX_DEPTH = 32, MAX_NAME_BYTES = 2048 };

/* An archive being unpacked. */
typedef struct unpacking {
    const char *path, *folder;
    struct archive *archive;
    uint64_t left; /* bytes */
    size_t files;
    const ul_progress *progress;
} unpacking;

static ul_status fail_archive(const unpacking *u, ul_error *error) {
    const char *why = archive_error_string(u->archive);
    return ul_error_set(
        error, UL_ERROR_INPUT, "%s: cannot be unpacked: %s", u->path, why ? why : "damaged");
}

static ul_status fail_write(const unpacking *u, ul_error *error) {
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be unpacked into %s: %s", u->path,
        u->folder, strerror(errno));
}

/* Whether a name stays below the folder: no "..", not absolute, of bounded length and depth. */
static bool is_below(const char *name) {
    size_t depth = 0;
    if (!*name || *name == '/' || strlen(name) > MAX_NAME_BYTES)
        return false;
    for (const char *part = name; part; depth++) {
        const char *slash = strchr(part, '/');
        size_t length = slash ? (size_t)(slash - part) : strlen(part);
        if ((length == 2 && strncmp(part, "..", 2) == 0) || length > 255)
            return false;
        part = slash ? slash + 1 : NULL;
    }
    return depth <= MAX_DEPTH;
}

/* The name of an entry; an unreadable one has its number. number: room for that. */
static const char *name_of(struct archive_entry *entry, size_t index, char number[32]) {
    const char *name = archive_entry_pathname(entry);
    if (!name)
        name = archive_entry_pathname_utf8(entry);
    snprintf(number, 32, "entry-%zu", index);
    return name ? name : number;
}

/* Makes the folders of a file below u->folder. */
static void make_folders(const unpacking *u, char *path) {
    for (char *slash = strchr(path + strlen(u->folder) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700); /* that it cannot be made shows when the file is opened */
        *slash = '/';
    }
}

static ul_status copy_data(unpacking *u, int file, ul_error *error) {
    static const size_t CHUNK = 1 << 18;
    char *chunk = malloc(CHUNK);
    ul_status status =
        chunk ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", u->path);
    for (la_ssize_t got;
         status == UL_OK && (got = archive_read_data(u->archive, chunk, CHUNK)) != 0;) {
        if (got < 0)
            status = fail_archive(u, error);
        else if ((uint64_t)got > u->left)
            status = ul_error_set(error, UL_ERROR_LIMIT,
                "%s: holds more than may be unpacked: unpack it by hand", u->path);
        else if (!files_write_all(file, chunk, (size_t)got))
            status = fail_write(u, error);
        u->left -= status == UL_OK ? (uint64_t)got : 0;
        if (status == UL_OK && !ul_progress_report(u->progress, "unpacking", u->files, 0))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    free(chunk);
    return status;
}

/* Unpacks one file. Nothing in the folder is a link, so that its path stays in it. */
static ul_status take_file(unpacking *u, const char *name, char **path, ul_error *error) {
    if (!is_below(name))
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: entry %zu is refused: its name leads out of the archive, or is too long", u->path,
            u->files + 1);
    u->files++;
    *path = files_join(u->folder, name);
    if (!*path)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", u->path);
    make_folders(u, *path);
    int file = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0 && (errno == EEXIST || errno == ENOTDIR || errno == EISDIR))
        return ul_error_set(error, UL_ERROR_INPUT, "%s: entry %zu is refused: another has its name",
            u->path, u->files);
    ul_status status = file < 0 ? fail_write(u, error) : copy_data(u, file, error);
    if (file >= 0 && close(file) != 0 && status == UL_OK)
        status = fail_write(u, error);
    return status;
}

static ul_status take_entries(unpacking *u, char **only, ul_error *error) {
    struct archive_entry *entry;
    ul_status status = UL_OK;
    int got = ARCHIVE_OK;
    char number[32];
    for (size_t index = 1;
         status == UL_OK && (got = archive_read_next_header(u->archive, &entry)) != ARCHIVE_EOF;
         index++) {
        if (got < ARCHIVE_WARN)
            return fail_archive(u, error);
        if (index > MAX_ENTRIES)
            return ul_error_set(
                error, UL_ERROR_LIMIT, "%s: holds more than %d entries", u->path, MAX_ENTRIES);
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
            archive_entry_hardlink_utf8(entry))
            continue; /* folders come with their files */
        char *path = NULL;
        status = take_file(u, name_of(entry, index, number), &path, error);
        if (*only || u->files != 1) { /* not the first */
            free(*only);
            *only = NULL;
            free(path);
        } else {
            *only = path;
        }
    }
    if (status == UL_OK && u->files == 0)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: an archive without files", u->path);
    return status;
}

/* NULL where memory ran out. */
static struct archive *make_reader(void) {
    struct archive *archive = archive_read_new();
    if (!archive)
        return NULL;
    archive_read_support_format_zip(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_filter_gzip(archive); /* not xz: its memory has no bound */
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_zstd(archive);
    return archive;
}

/* Whether what is compressed holds an archive: its first entry tells. */
static bool holds_archive(const char *path) {
    struct archive *archive = make_reader();
    struct archive_entry *entry;
    bool holds = archive && archive_read_open_filename(archive, path, 1 << 16) == ARCHIVE_OK &&
                 archive_read_next_header(archive, &entry) >= ARCHIVE_WARN;
    archive_read_free(archive);
    return holds;
}

bool archive_is(const char *path) {
    switch (ul_file_kind_of(path)) {
    case UL_FILE_ZIP:
    case UL_FILE_TAR:
        return true;
    case UL_FILE_GZIPPED:
    case UL_FILE_BZIP2:
    case UL_FILE_ZSTANDARD:
        return holds_archive(path);
    default:
        return false;
    }
}

ul_status archive_unpack(const char *path, const char *folder, uint64_t bytes,
    const ul_progress *progress, char **only, ul_error *error) {
    unpacking u = {.path = path,
        .folder = folder,
        .archive = make_reader(),
        .left = bytes,
        .progress = progress};
    *only = NULL;
    if (!u.archive)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = mkdir(folder, 0700) == 0 ? UL_OK : fail_write(&u, error);
    if (status == UL_OK && archive_read_open_filename(u.archive, path, 1 << 18) != ARCHIVE_OK)
        status = fail_archive(&u, error);
    if (status == UL_OK)
        status = take_entries(&u, only, error);
    archive_read_free(u.archive);
    if (status != UL_OK) {
        free(*only);
        *only = NULL;
    }
    return status;
}

ul_status unpacked_open(unpacked_inputs *inputs, const char **input, ul_error *error) {
    const char *archive = *input;
    if (!archive_is(archive))
        return UL_OK;
    if (inputs->count == UNPACKED_MOST)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "%s: one of more than %d archives", archive, UNPACKED_MOST);
    const ul_progress *progress = console_progress(); /* from here on signals do not end us */
    struct unpacked_input *item = &inputs->items[inputs->count];
    ul_status status = folder_make_temporary("ulite", &item->folder, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", archive);
        return status;
    }
    inputs->count++;
    item->inside = files_join(item->folder, "unpacked");
    if (!item->inside)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", archive);
    console_call(item->inside, archive);
    status = archive_unpack(archive, item->inside, ARCHIVE_BYTES, progress, &item->only, error);
    *input = item->only ? item->only : item->inside;
    return status;
}

void unpacked_close(unpacked_inputs *inputs, ul_error *error) {
    char called[sizeof error->text];
    console_called(error->text, called, sizeof called);
    memcpy(error->text, called, sizeof called);
    while (inputs->count > 0) {
        struct unpacked_input *item = &inputs->items[--inputs->count];
        files_clear(item->folder);
        free(item->folder);
        free(item->inside);
        free(item->only);
    }
    console_call(NULL, NULL);
}
