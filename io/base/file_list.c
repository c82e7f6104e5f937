#include "io/base/file_list.h"

#include "libulite/base/output.h"
#include "libulite/base/resources.h"

#include <dirent.h>
#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_DEPTH 64 /* of folders */

/* What lies below one given path. */
typedef struct search {
    file_list *list;
    const char *given;
    bool whole_paths;
    void **seen; /* the file_ids met so far, a tree of tsearch: links may lead to a place twice, or
                    in a circle */
    const ul_progress *progress;
} search;

static file_id file_id_of(const struct stat *info) {
    return (file_id){info->st_dev, info->st_ino};
}

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

/* The path of a file as messages name it; depth: folders below the given path, the file itself
 * counted. */
static char *shown_as(const search *s, const char *path, int depth) {
    if (depth <= 1 || s->whole_paths)
        return strdup(path);
    return join(s->given, "...", strrchr(path, '/') + 1);
}

/* The path of a folder as messages name it: only the given one by its own name. */
static char *folder_shown_as(const search *s, const char *path, int depth) {
    return depth == 0 || s->whole_paths ? strdup(path) : join(s->given, NULL, "...");
}

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for file names");
}

static int by_id(const void *left, const void *right) {
    const file_id *a = left, *b = right;
    int order = (a->device > b->device) - (a->device < b->device);
    return order ? order : (a->inode > b->inode) - (a->inode < b->inode);
}

/* Remembers a file or folder; *first tells whether it is met for the first time. */
static ul_status meet(const search *s, file_id id, bool *first, ul_error *error) {
    file_id *own = malloc(sizeof *own);
    if (own)
        *own = id;
    file_id *const *node = own ? tsearch(own, s->seen, by_id) : NULL;
    *first = node && *node == own;
    if (!*first)
        free(own);
    return node ? UL_OK : no_memory(error);
}

static void forget(void **seen) {
    while (*seen) {
        file_id *id = *(file_id **)*seen; /* a node begins with its key */
        tdelete(id, seen, by_id);
        free(id);
    }
}

static void entry_free(file_entry *entry) {
    free(entry->path);
    free(entry->shown);
    free(entry->reason);
}

/* Takes what is in the entry over. */
static ul_status append(file_entries *entries, file_entry entry, ul_error *error) {
    file_entry *items =
        entry.shown ? ul_grow(entries->items, entries->count, &entries->room, sizeof *items) : NULL;
    if (!items) {
        entry_free(&entry);
        return no_memory(error);
    }
    entries->items = items;
    entries->items[entries->count++] = entry;
    return UL_OK;
}

/* What cannot be looked into: an error where it was given or the system is short of something, else
 * listed. Takes path over. */
static ul_status cannot_open(const search *s, char *path, int depth, int number, ul_error *error) {
    enum { REASON_BYTES = 128 };
    file_entry entry = {
        .path = path, .shown = folder_shown_as(s, path, depth), .reason = malloc(REASON_BYTES)};
    bool hidden = depth > 0 && !s->whole_paths;
    if (entry.reason)
        snprintf(entry.reason, REASON_BYTES, "%scannot be opened (%s)%s",
            hidden ? "a folder in it " : "", strerror(number), hidden ? "; --debug names it" : "");
    ul_status status = UL_OK;
    if (!entry.shown || !entry.reason || number == ENOMEM)
        status = no_memory(error);
    else if (depth > 0 && number != EMFILE && number != ENFILE)
        return append(&s->list->closed, entry, error);
    else
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: %s", entry.shown, entry.reason);
    entry_free(&entry);
    return status;
}

static ul_status too_deep(const search *s, const char *path, ul_error *error) {
    return ul_error_set(error, UL_ERROR_INPUT,
        "%s: folders nest deeper than %d; give one further down", s->whole_paths ? path : s->given,
        MAX_DEPTH);
}

static ul_status add_path(const search *s, char *path, int depth, ul_error *error);

static int no_dots(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Takes path over. */
static ul_status add_folder(const search *s, char *folder, int depth, ul_error *error) {
    /* In the order of the names, so that of several links to a place always the same is taken. */
    struct dirent **entries;
    int count = -1;
    if (access(folder, R_OK | X_OK) == 0)
        count = scandir(folder, &entries, no_dots, alphasort);
    if (count < 0)
        return cannot_open(s, folder, depth, errno, error);
    ul_status status = UL_OK;
    for (int i = 0; i < count; i++) {
        if (status == UL_OK) {
            char *path = join(folder, NULL, entries[i]->d_name);
            status = path ? add_path(s, path, depth + 1, error) : no_memory(error);
        }
        free(entries[i]);
    }
    free(entries);
    free(folder);
    return status;
}

/* Adds a file, or what is in a folder; takes path over. */
static ul_status add_path(const search *s, char *path, int depth, ul_error *error) {
    struct stat info;
    bool first = false;
    ul_status status = UL_OK;
    if (stat(path, &info) != 0) {
        /* A dangling link inside a folder is no file. */
        if (depth == 0 || (errno != ENOENT && errno != ELOOP))
            return cannot_open(s, path, depth, errno, error);
    } else if (depth > 0 && S_ISREG(info.st_mode) && ul_output_is_temporary(path)) {
        ul_output_clear(path); /* no part of the series beside which it is written */
    } else if (S_ISDIR(info.st_mode) || S_ISREG(info.st_mode)) {
        status = meet(s, file_id_of(&info), &first, error);
        if (status == UL_OK && !ul_progress_report(s->progress, "listing", s->list->files.count, 0))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted while listing");
    } else if (depth == 0) {
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: neither a file nor a folder", path);
    }
    if (status == UL_OK && first && S_ISDIR(info.st_mode) && depth > MAX_DEPTH)
        status = too_deep(s, path, error);
    else if (status == UL_OK && first && S_ISDIR(info.st_mode))
        return add_folder(s, path, depth, error);
    else if (status == UL_OK && first)
        return append(&s->list->files,
            (file_entry){path, shown_as(s, path, depth), NULL, file_id_of(&info)}, error);
    free(path);
    return status;
}

static int by_path(const void *left, const void *right) {
    return strcmp(((const file_entry *)left)->path, ((const file_entry *)right)->path);
}

static void sort(file_entries *entries) {
    if (entries->count)
        qsort(entries->items, entries->count, sizeof *entries->items, by_path);
}

ul_status file_list_fill(const char *const *paths, size_t path_count, bool whole_paths,
    const ul_progress *progress, file_list *list, ul_error *error) {
    memset(list, 0, sizeof *list);
    void *seen = NULL;
    ul_status status = UL_OK;
    for (size_t i = 0; i < path_count && status == UL_OK; i++) {
        const search s = {list, paths[i], whole_paths, &seen, progress};
        char *path = strdup(paths[i]);
        status = path ? add_path(&s, path, 0, error) : no_memory(error);
    }
    forget(&seen);
    sort(&list->files);
    sort(&list->closed);
    return status;
}

size_t file_list_find(const file_list *list, const char *path) {
    struct stat info;
    if (stat(path, &info) != 0)
        return list->files.count;
    const file_id id = file_id_of(&info);
    size_t i = 0;
    while (i < list->files.count && by_id(&list->files.items[i].id, &id) != 0)
        i++;
    return i;
}

static void entries_free(file_entries *entries) {
    for (size_t i = 0; i < entries->count; i++)
        entry_free(&entries->items[i]);
    free(entries->items);
}

void file_list_free(file_list *list) {
    entries_free(&list->files);
    entries_free(&list->closed);
    memset(list, 0, sizeof *list);
}

enum { HEAD_BYTES = 544 }; /* of NIfTI-2 and its extension's first bytes */

typedef struct file_start {
    uint8_t bytes[HEAD_BYTES];
    size_t count;
} file_start;

static bool has_at(const file_start *start, size_t at, const char *text, size_t length) {
    return start->count >= at + length && memcmp(start->bytes + at, text, length) == 0;
}

static bool is_nifti(const file_start *start) {
    static const char *const sizes[] = {"\x5c\1\0\0", "\0\0\1\x5c", "\x1c\2\0\0", "\0\0\2\x1c"};
    bool one = has_at(start, 0, sizes[0], 4) || has_at(start, 0, sizes[1], 4);
    bool two = has_at(start, 0, sizes[2], 4) || has_at(start, 0, sizes[3], 4);
    return (one && has_at(start, 344, "n+1", 4)) || (two && has_at(start, 4, "n+2", 4));
}

/* The first bytes of the file, or with inflate of what is within gzip. */
static void read_start(const char *path, bool inflate, file_start *start) {
    start->count = 0;
    if (inflate) {
        gzFile file = gzopen(path, "rb");
        int got = file ? gzread(file, start->bytes, HEAD_BYTES) : 0;
        start->count = got > 0 ? (size_t)got : 0;
        gzclose(file);
        return;
    }
    FILE *file = fopen(path, "rb");
    if (file) {
        start->count = fread(start->bytes, 1, HEAD_BYTES, file);
        fclose(file);
    }
}

/* By the letters that a format begins with. */
static ul_file_kind kind_by_letters(const file_start *start) {
    static const struct {
        ul_file_kind kind;
        size_t at, length;
        const char *letters;
    } formats[] = {
        {UL_FILE_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
        {UL_FILE_GZIPPED, 0, 3, "\x1f\x8b\x08"},
        {UL_FILE_BZIP2, 0, 3, "BZh"},
        {UL_FILE_XZ, 0, 6,
            "\xfd"
            "7zXZ\0"},
        {UL_FILE_ZSTANDARD, 0, 4, "\x28\xb5\x2f\xfd"},
        {UL_FILE_ZIP, 0, 4, "PK\3\4"},
        {UL_FILE_ZIP, 0, 4, "PK\5\6"},
        {UL_FILE_TAR, 257, 5, "ustar"},
        {UL_FILE_7Z, 0, 6, "7z\xbc\xaf\x27\x1c"},
        {UL_FILE_RAR, 0, 6, "Rar!\x1a\7"},
        {UL_FILE_POINTER, 0, 23, "version https://git-lfs"},
        {UL_FILE_POINTER, 0, 15, "/annex/objects/"},
        {UL_FILE_JPEG, 0, 3, "\xff\xd8\xff"},
        {UL_FILE_PDF, 0, 5, "%PDF-"},
        {UL_FILE_NRRD, 0, 4, "NRRD"},
        {UL_FILE_HDF5, 0, 8, "\x89HDF\r\n\x1a\n"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (has_at(start, formats[i].at, formats[i].letters, formats[i].length))
            return formats[i].kind;
    return UL_FILE_UNKNOWN;
}

ul_file_kind ul_file_kind_of(const char *path) {
    struct stat info;
    file_start start;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) /* a pipe would wait */
        return UL_FILE_UNKNOWN;
    read_start(path, false, &start);
    if (is_nifti(&start))
        return UL_FILE_NIFTI;
    if (has_at(&start, 128, "DICM", 4)) /* a preamble may hold anything, a TIFF's head too */
        return UL_FILE_UNKNOWN;
    ul_file_kind kind = kind_by_letters(&start);
    if (kind == UL_FILE_GZIPPED) {
        read_start(path, true, &start);
        kind = is_nifti(&start) ? UL_FILE_NIFTI : UL_FILE_GZIPPED;
    }
    return kind;
}

const char *ul_file_kind_text(ul_file_kind kind) {
    static const char *const texts[UL_FILE_KINDS] = {
        [UL_FILE_NIFTI] = "a NIfTI file: give the file itself",
        [UL_FILE_PNG] = "a PNG picture: give the file itself",
        [UL_FILE_GZIPPED] = "gzipped: to be unpacked first",
        [UL_FILE_BZIP2] = "compressed with bzip2: to be unpacked first",
        [UL_FILE_XZ] = "compressed with xz: to be unpacked first",
        [UL_FILE_ZSTANDARD] = "compressed with zstd: to be unpacked first",
        [UL_FILE_ZIP] = "a zip archive: unpack it first",
        [UL_FILE_TAR] = "a tar archive: unpack it first",
        [UL_FILE_7Z] = "a 7z archive: unpack it first",
        [UL_FILE_RAR] = "a rar archive: unpack it first",
        [UL_FILE_POINTER] = "a pointer of Git LFS or git-annex, not the file: fetch it first",
        [UL_FILE_JPEG] = "a JPEG picture, which is not read",
        [UL_FILE_PDF] = "a PDF",
        [UL_FILE_NRRD] = "an NRRD volume: give the file itself",
        [UL_FILE_HDF5] = "an HDF5 file (MINC, MATLAB), which is not read: convert it to NIfTI",
    };
    return texts[kind];
}
