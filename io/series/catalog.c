#include "ulite/dicom.h"

#include "io/base/file_list.h"
#include "io/base/parallel.h"
#include "io/dicom/file.h"
#include "io/dicom/header.h"
#include "io/pixels/codec.h"
#include "io/series/read.h"
#include "io/series/series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ul_catalog {
    file_list list;
    dicom_file *files; /* [list.files.count] */
    dicom_kind *kinds; /* [list.files.count] */
    ul_series **series;
    size_t series_count;
    ul_catalog_fault *faults;
    struct fault_place {
        const char *file; /* borrowed */
        bool in_series;
    } * places; /* of the faults */
    size_t fault_count;
    ul_catalog_counts counts;
};

void ul_catalog_close(ul_catalog *catalog) {
    if (!catalog)
        return;
    for (size_t i = 0; i < catalog->series_count; i++)
        series_free(catalog->series[i]);
    free(catalog->series);
    for (size_t i = 0; catalog->files && i < catalog->list.files.count; i++)
        dicom_file_free(&catalog->files[i]);
    free(catalog->files);
    free(catalog->kinds);
    free(catalog->faults);
    free(catalog->places);
    file_list_free(&catalog->list);
    free(catalog);
}

static ul_status scan_file(void *context, size_t i, ul_error *error) {
    ul_catalog *catalog = context;
    dicom_file *file = &catalog->files[i];
    file->path = catalog->list.files.items[i].path;
    file->shown = catalog->list.files.items[i].shown;
    ul_status status = dicom_scan(file, &catalog->kinds[i], error);
    ul_error_prefix(error, "%s", file->shown);
    return status;
}

static ul_status scan_files(
    ul_catalog *catalog, int threads, const ul_progress *progress, ul_error *error) {
    size_t count = catalog->list.files.count;
    catalog->files = calloc(count ? count : 1, sizeof *catalog->files);
    catalog->kinds = calloc(count ? count : 1, sizeof *catalog->kinds);
    if (!catalog->files || !catalog->kinds)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu files", count);
    /* Here, since nothing can be thrown in a thread that there is no memory for. */
    ul_status status = dcmtk_prepare_all(error);
    if (status != UL_OK)
        return status;
    return parallel_each(count, threads, "scanning", progress, scan_file, catalog, error);
}

static void count_kinds(ul_catalog *catalog) {
    ul_catalog_counts *counts = &catalog->counts;
    counts->files = catalog->list.files.count;
    counts->unreadable = catalog->list.closed.count;
    for (size_t i = 0; i < catalog->list.files.count; i++) {
        switch (catalog->kinds[i]) {
        case DICOM_KIND_OTHER:
        case DICOM_KIND_EMPTY:
            counts->other_files++;
            break;
        case DICOM_KIND_DIRECTORY:
            counts->directories++;
            break;
        case DICOM_KIND_NO_PIXELS:
            counts->without_pixels++;
            break;
        case DICOM_KIND_SEGMENTATION:
            counts->segmentations++;
            break;
        case DICOM_KIND_IMAGE:
            counts->images++;
            break;
        case DICOM_KIND_BROKEN:
            counts->unreadable++;
            break;
        }
    }
}

/* A given file that is none, named for what it is. */
static ul_status fail_not_dicom(const char *path, ul_error *error) {
    const char *text = ul_file_kind_text(ul_file_kind_of(path));
    return text ? ul_error_set(error, UL_ERROR_INPUT, "%s: not a DICOM file but %s", path, text)
                : ul_error_set(error, UL_ERROR_INPUT, "%s: not a DICOM file", path);
}

/* A file that the caller named itself must be one to be read. */
static ul_status check_named(const ul_catalog *catalog, const char *path, ul_error *error) {
    size_t i = file_list_find(&catalog->list, path);
    if (i == catalog->list.files.count)
        return UL_OK; /* a folder */
    switch (catalog->kinds[i]) {
    case DICOM_KIND_EMPTY:
        return ul_error_set(error, UL_ERROR_INPUT, "%s: the file is empty", path);
    case DICOM_KIND_OTHER:
        return fail_not_dicom(path, error);
    case DICOM_KIND_BROKEN:
        return ul_error_set(
            error, catalog->files[i].status, "%s: %s", path, catalog->files[i].problem);
    case DICOM_KIND_NO_PIXELS:
        return ul_error_set(error, UL_ERROR_INPUT, "%s: a DICOM file without an image", path);
    case DICOM_KIND_DIRECTORY:
    case DICOM_KIND_SEGMENTATION:
    case DICOM_KIND_IMAGE:
        break;
    }
    return UL_OK;
}

static int by_number(const void *left, const void *right) {
    const ul_series *a = *(ul_series *const *)left, *b = *(ul_series *const *)right;
    int order = strcmp(a->info.study_uid, b->info.study_uid);
    if (order == 0)
        order = (a->info.series_number > b->info.series_number) -
                (a->info.series_number < b->info.series_number);
    if (order == 0)
        order = strcmp(a->info.series_uid, b->info.series_uid);
    return order;
}

static ul_status group_images(ul_catalog *catalog, ul_error *error) {
    size_t count = 0;
    for (size_t i = 0; i < catalog->list.files.count; i++)
        if (catalog->kinds[i] == DICOM_KIND_IMAGE)
            count += catalog->files[i].image_count;
    if (count == 0)
        return UL_OK;
    const dicom_image **images = malloc(count * sizeof *images);
    if (!images)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu images", count);
    size_t at = 0;
    for (size_t i = 0; i < catalog->list.files.count; i++)
        for (size_t k = 0;
             catalog->kinds[i] == DICOM_KIND_IMAGE && k < catalog->files[i].image_count; k++)
            images[at++] = &catalog->files[i].images[k];
    ul_status status = series_group(
        images, count, dicom_same_pixels, NULL, &catalog->series, &catalog->series_count, error);
    free(images);
    return status;
}

/* Puts the series in order of their numbers; parts of one series keep theirs. */
static void order_series(ul_catalog *catalog) {
    /* Insertion sort, because it is stable. */
    for (size_t i = 1; i < catalog->series_count; i++) {
        ul_series *moved = catalog->series[i];
        size_t at = i;
        for (; at > 0 && by_number(&catalog->series[at - 1], &moved) > 0; at--)
            catalog->series[at] = catalog->series[at - 1];
        catalog->series[at] = moved;
    }
}

static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

static const char *extension_of(const char *path) {
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name ? name : path, '.');
    return dot ? dot : "";
}

/* Whether a file that does not tell its series may be a part of it: it lies beside files of the
 * series and is named like them. */
static bool may_be_member(const char *path, const ul_series *series) {
    size_t length = folder_length(path);
    for (size_t k = 0; k < series->grid.size[2]; k++) {
        const char *member = series->images[k]->file->path;
        if (folder_length(member) == length && strncmp(member, path, length) == 0 &&
            strcmp(extension_of(member), extension_of(path)) == 0)
            return true;
    }
    return false;
}

/* The series that a broken file belongs to: its own word, or, where it does not tell, the only
 * series that it lies beside. NULL where that leaves several or none. */
static const char *series_of_broken(const ul_catalog *catalog, const dicom_file *file) {
    if (file->series_uid[0])
        return file->series_uid;
    const char *uid = NULL;
    for (size_t s = 0; s < catalog->series_count; s++) {
        const ul_series *series = catalog->series[s];
        if (!may_be_member(file->path, series) ||
            (uid && strcmp(uid, series->info.series_uid) == 0))
            continue;
        if (uid)
            return NULL;
        uid = series->info.series_uid;
    }
    return uid;
}

static ul_status note_once(ul_series *series, const char *text, ul_error *error) {
    for (size_t n = 0; n < series->info.note_count; n++)
        if (strcmp(series->info.notes[n], text) == 0)
            return UL_OK;
    return series_note(series, error, "%s", text);
}

/* Marks the series that a broken file belongs to, or warns on those that it may belong to. Returns
 * in *member whether there are any. */
static ul_status mark_series(
    ul_catalog *catalog, const dicom_file *file, const char *text, bool *member, ul_error *error) {
    const char *uid = series_of_broken(catalog, file);
    ul_status status = UL_OK;
    *member = false;
    for (size_t s = 0; s < catalog->series_count && status == UL_OK; s++) {
        ul_series *series = catalog->series[s];
        if (uid && strcmp(series->info.series_uid, uid) == 0) {
            *member = true;
            series_fail(series, file->status ? file->status : UL_ERROR_INPUT,
                "%s: %s (of the series or beside it: repair or remove it)", file->shown, text);
            status = note_once(series, "a file of it is unreadable", error);
        } else if (!uid && may_be_member(file->path, series)) {
            *member = true;
            status =
                note_once(series, "unreadable files lie beside it: slices may be missing", error);
        }
    }
    return status;
}

static void add_fault(
    ul_catalog *catalog, const char *shown, const char *text, const char *file, bool in_series) {
    catalog->faults[catalog->fault_count] = (ul_catalog_fault){shown, text};
    catalog->places[catalog->fault_count++] = (struct fault_place){file, in_series};
}

/* Lists what cannot be opened and broken files, and marks the series that these belong to. */
static ul_status take_faults(ul_catalog *catalog, ul_error *error) {
    size_t count = catalog->list.files.count;
    const file_entries *closed = &catalog->list.closed;
    catalog->faults = calloc(count + closed->count + 1, sizeof *catalog->faults);
    catalog->places = calloc(count + closed->count + 1, sizeof *catalog->places);
    if (!catalog->faults || !catalog->places)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    for (size_t i = 0; i < closed->count; i++)
        add_fault(
            catalog, closed->items[i].shown, closed->items[i].reason, closed->items[i].path, false);
    for (size_t i = 0; i < count; i++) {
        bool empty = catalog->kinds[i] == DICOM_KIND_EMPTY;
        if (!empty && catalog->kinds[i] != DICOM_KIND_BROKEN)
            continue;
        const dicom_file *file = &catalog->files[i];
        const char *text = empty ? "the file is empty" : file->problem;
        bool member;
        ul_status status = mark_series(catalog, file, text, &member, error);
        if (status != UL_OK)
            return status;
        if (!empty || member)
            add_fault(catalog, file->shown, text, file->path, member);
    }
    return UL_OK;
}

/* Series in a transfer syntax without a decoder are listed, and refused when they are used. */
static void refuse_syntaxes(ul_catalog *catalog) {
    for (size_t s = 0; s < catalog->series_count; s++) {
        ul_series *series = catalog->series[s];
        for (size_t k = 0; k < series->grid.size[2] && series->status == UL_OK; k++) {
            const dicom_file *file = series->images[k]->file;
            if (codec_is_native(file->transfer_syntax) || codec_find(file->transfer_syntax))
                continue;
            series_fail(series, UL_ERROR_UNSUPPORTED, "%s: transfer syntax %s is not supported",
                file->shown, codec_syntax_name(file->transfer_syntax));
        }
    }
}

/* What the files of a folder without an image are: "; 6 are gzipped: to be unpacked first". */
static void describe_others(const ul_catalog *catalog, char *text, size_t bytes) {
    size_t found[UL_FILE_KINDS] = {0}, used = 0;
    for (size_t i = 0; i < catalog->list.files.count; i++)
        if (catalog->kinds[i] == DICOM_KIND_OTHER)
            found[ul_file_kind_of(catalog->files[i].path)]++;
    size_t without = catalog->counts.without_pixels;
    if (without)
        used = (size_t)snprintf(text, bytes, "; %zu %s without an image", without,
            without == 1 ? "is a DICOM object" : "are DICOM objects");
    for (ul_file_kind kind = UL_FILE_UNKNOWN + 1; kind < UL_FILE_KINDS && used < bytes; kind++)
        if (found[kind])
            used += (size_t)snprintf(text + used, bytes - used, "; %zu %s %s", found[kind],
                found[kind] == 1 ? "is" : "are", ul_file_kind_text(kind));
}

/* Why there is no series: the first broken file, what cannot be opened, or that there are no
 * images. */
static ul_status fail_empty(const ul_catalog *catalog, const char *path, ul_error *error) {
    const ul_catalog_counts *counts = &catalog->counts;
    for (size_t i = 0; i < catalog->list.files.count; i++)
        if (catalog->kinds[i] == DICOM_KIND_BROKEN)
            return ul_error_set(error, catalog->files[i].status, "%s: %s", catalog->files[i].shown,
                catalog->files[i].problem);
    if (catalog->fault_count)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: %s", catalog->faults[0].path, catalog->faults[0].text);
    if (counts->segmentations)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: no DICOM image, only %zu segmentation%s (name the file to read one)", path,
            counts->segmentations, counts->segmentations == 1 ? "" : "s");
    if (counts->directories && counts->directories == counts->files)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: a DICOMDIR, which only lists images: give the folder that it lies in", path);
    char others[256] = "";
    describe_others(catalog, others, sizeof others);
    return ul_error_set(error, UL_ERROR_INPUT, "%s: no DICOM image among %zu file%s%s", path,
        counts->files, counts->files == 1 ? "" : "s", others);
}

static ul_status fill_catalog(ul_catalog *catalog, const char *const *paths, size_t path_count,
    const ul_catalog_options *options, ul_error *error) {
    ul_status status = file_list_fill(
        paths, path_count, options->whole_paths, options->progress, &catalog->list, error);
    if (status == UL_OK)
        status = scan_files(catalog, options->threads, options->progress, error);
    if (status == UL_OK)
        count_kinds(catalog);
    for (size_t i = 0; i < path_count && status == UL_OK; i++)
        status = check_named(catalog, paths[i], error);
    if (status == UL_OK)
        status = group_images(catalog, error);
    if (status == UL_ERROR_LIMIT && path_count > 0) /* what ran out of memory knows no names */
        ul_error_prefix(error, "%s", paths[0]);
    if (status == UL_OK) {
        order_series(catalog);
        status = take_faults(catalog, error);
    }
    if (status == UL_OK)
        refuse_syntaxes(catalog);
    if (status == UL_OK && catalog->series_count == 0)
        status = fail_empty(catalog, path_count ? paths[0] : "", error);
    return status;
}

ul_status ul_catalog_open(
    const char *path, const ul_catalog_options *options, ul_catalog **catalog, ul_error *error) {
    return ul_catalog_open_all(&path, 1, options, catalog, error);
}

ul_status ul_catalog_open_all(const char *const *paths, size_t path_count,
    const ul_catalog_options *options, ul_catalog **catalog, ul_error *error) {
    static const ul_catalog_options defaults = {0};
    *catalog = NULL;
    ul_catalog *opened = calloc(1, sizeof *opened);
    if (!opened)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    ul_status status =
        fill_catalog(opened, paths, path_count, options ? options : &defaults, error);
    if (status == UL_OK)
        *catalog = opened;
    else
        ul_catalog_close(opened);
    return status;
}

const ul_catalog_counts *ul_catalog_get_counts(const ul_catalog *catalog) {
    return &catalog->counts;
}

size_t ul_catalog_size(const ul_catalog *catalog) {
    return catalog->series_count;
}

const ul_series *ul_catalog_at(const ul_catalog *catalog, size_t index) {
    return index < catalog->series_count ? catalog->series[index] : NULL;
}

const ul_catalog_fault *ul_catalog_fault_at(const ul_catalog *catalog, size_t index) {
    return index < catalog->fault_count ? &catalog->faults[index] : NULL;
}

const char *ul_catalog_fault_file(const ul_catalog *catalog, size_t index, bool *in_series) {
    if (index >= catalog->fault_count)
        return NULL;
    *in_series = catalog->places[index].in_series;
    return catalog->places[index].file;
}

bool ul_catalog_holds(const ul_catalog *catalog, const char *path) {
    size_t i = file_list_find(&catalog->list, path);
    if (i == catalog->list.files.count)
        return false;
    dicom_kind kind = catalog->kinds[i];
    return kind != DICOM_KIND_OTHER && kind != DICOM_KIND_EMPTY && kind != DICOM_KIND_SEGMENTATION;
}

const ul_series_info *ul_series_get_info(const ul_series *series) {
    return &series->info;
}

const ul_grid *ul_series_grid(const ul_series *series) {
    return &series->grid;
}

size_t ul_series_channels(const ul_series *series) {
    return series->channels;
}

const ul_instance *ul_series_instance(const ul_series *series, size_t k) {
    return k < series->grid.size[2] ? &series->instances[k] : NULL;
}

/* The volume's place among those of its series, from 1, and how many there are. */
static size_t part_of(const ul_catalog *catalog, size_t index, size_t *parts) {
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    size_t part = 0;
    *parts = 0;
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        const ul_series_info *other = ul_series_get_info(ul_catalog_at(catalog, i));
        if (strcmp(other->series_uid, info->series_uid) == 0 &&
            other->series_number == info->series_number) {
            ++*parts;
            if (i == index)
                part = *parts;
        }
    }
    return part;
}

bool ul_catalog_matches(const ul_catalog *catalog, size_t index, const char *name) {
    if (!name)
        return true;
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    size_t whole = strlen(info->series_uid);
    char *end;
    if (whole == 0 || strncmp(name, info->series_uid, whole) != 0) {
        if (strtol(name, &end, 10) != info->series_number || end == name)
            return false;
        whole = (size_t)(end - name);
    }
    const char *rest = name + whole;
    if (*rest == '\0')
        return true;
    size_t parts, part = part_of(catalog, index, &parts);
    return *rest == '.' && strtoul(rest + 1, &end, 10) == part && *end == '\0';
}

static void name_part(
    const ul_catalog *catalog, size_t index, const char *whole, char name[UL_SERIES_NAME_BYTES]) {
    size_t parts, part = part_of(catalog, index, &parts);
    if (parts > 1)
        snprintf(name, UL_SERIES_NAME_BYTES, "%s.%zu", whole, part);
    else
        snprintf(name, UL_SERIES_NAME_BYTES, "%s", whole);
}

void ul_catalog_number(const ul_catalog *catalog, size_t index, char name[UL_SERIES_NAME_BYTES]) {
    char number[16];
    snprintf(number, sizeof number, "%d",
        ul_series_get_info(ul_catalog_at(catalog, index))->series_number);
    name_part(catalog, index, number, name);
}

void ul_catalog_name(const ul_catalog *catalog, size_t index, char name[UL_SERIES_NAME_BYTES]) {
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        const ul_series_info *other = ul_series_get_info(ul_catalog_at(catalog, i));
        if (info->series_uid[0] && other->series_number == info->series_number &&
            strcmp(other->series_uid, info->series_uid) != 0) {
            name_part(catalog, index, info->series_uid, name);
            return;
        }
    }
    ul_catalog_number(catalog, index, name);
}

ul_status ul_catalog_find(
    const ul_catalog *catalog, const char *name, const ul_series **series, ul_error *error) {
    size_t count = 0, volumes = ul_catalog_size(catalog);
    *series = NULL;
    for (size_t i = 0; i < volumes; i++)
        if (ul_catalog_matches(catalog, i, name) && count++ == 0)
            *series = ul_catalog_at(catalog, i);
    if (count == 1)
        return UL_OK;
    *series = NULL;
    if (count == 0)
        return ul_error_set(
            error, UL_ERROR_CHOICE, "none of the %zu volumes is \"%s\"", volumes, name ? name : "");
    return ul_error_set(error, UL_ERROR_CHOICE, "%zu volumes fit and nothing was chosen", count);
}
