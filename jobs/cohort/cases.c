#define _XOPEN_SOURCE 700 /* realpath */

#include "io/base/file_list.h"
#include "io/base/sha256.h"
#include "io/base/text_file.h"
#include "jobs/base/paths.h"
#include "libulite/base/output.h"
#include "libulite/base/resources.h"
#include "ulite/cohort.h"
#include "ulite/dicom.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the finding of cases shares. */
typedef struct finder {
    ul_cohort *cohort;
    size_t room;
    struct stat without; /* a folder */
    bool leaves_out;     /* there is one */
    const ul_cohort_options *options;
    const ul_progress *progress;
} finder;

static ul_status fail_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the cases");
}

/* The path below its input, without the ending of an image or archive. */
static char *make_name(const char *input, const char *path) {
    size_t length = strlen(input);
    const char *below = files_below(input, path);
    if (!*below) { /* the input itself */
        while (length > 1 && input[length - 1] == '/')
            length--;
        below = input + length;
        while (below > input && below[-1] != '/')
            below--;
    }
    char *name = strdup(below);
    const char *last = strrchr(below, '/');
    size_t folder = last ? (size_t)(last + 1 - below) : 0, stem = files_stem(below + folder);
    if (stem == 0)
        stem = files_archive_stem(below + folder);
    if (name && stem > 0)
        name[folder + stem] = '\0';
    return name;
}

/* A new case, to be filled; NULL where memory ran out. */
static ul_case *add_case(finder *f, const char *input, const char *path) {
    ul_cohort *cohort = f->cohort;
    ul_case *cases = ul_grow(cohort->cases, cohort->count, &f->room, sizeof *cases);
    if (!cases)
        return NULL;
    cohort->cases = cases;
    ul_case *added = &cohort->cases[cohort->count];
    *added = (ul_case){.number = cohort->count + 1, .input = input, .path = strdup(path)};
    added->name = make_name(input, path);
    cohort->count++; /* also of one without its texts: it is closed with the others */
    return added->path && added->name ? added : NULL;
}

/* The folder of a file. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == path)
        return strdup("/");
    return slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

/* Known by its folder's real path, from wherever a run is started, and its name: files may be links
 * into one store. */
static ul_status key_of_path(const char *path, char key[UL_CASE_KEY_BYTES], ul_error *error) {
    const char *slash = strrchr(path, '/');
    char *folder = folder_of(path), *real = folder ? realpath(folder, NULL) : NULL;
    char *whole = folder ? files_join(real ? real : folder, slash ? slash + 1 : path) : NULL;
    if (whole)
        ul_sha256_name("file", whole, key);
    free(whole);
    free(real);
    free(folder);
    return whole ? UL_OK : fail_memory(error);
}

static ul_status add_file(
    finder *f, const char *input, const char *path, bool bids, ul_error *error) {
    ul_case *added = add_case(f, input, path);
    if (!added)
        return fail_memory(error);
    added->bids = bids;
    return key_of_path(path, added->key, error);
}

static ul_status add_study(finder *f, const char *input, const ul_catalog *catalog, size_t first,
    size_t count, ul_error *error) {
    const ul_series *head = ul_catalog_at(catalog, first);
    const ul_series_info *info = ul_series_get_info(head);
    char *folder = folder_of(ul_series_instance(head, 0)->path);
    ul_case *added = folder ? add_case(f, input, folder) : NULL;
    free(folder);
    if (!added)
        return fail_memory(error);
    added->series = malloc(count * sizeof *added->series);
    if (!added->series)
        return fail_memory(error);
    for (size_t i = 0; i < count; i++)
        added->series[i] = ul_catalog_at(catalog, first + i);
    added->series_count = count;
    added->catalog = catalog;
    if (*info->study_uid)
        ul_sha256_name("study", info->study_uid, added->key);
    else
        ul_sha256_name("series", info->series_uid, added->key);
    return UL_OK;
}

/* The series of a catalog come study by study. A series without a study stands for itself. */
static ul_status add_studies(
    finder *f, const char *input, const ul_catalog *catalog, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t first = 0, next; first < ul_catalog_size(catalog) && status == UL_OK;
         first = next) {
        const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, first));
        for (next = first + 1; next < ul_catalog_size(catalog); next++) {
            const ul_series_info *other = ul_series_get_info(ul_catalog_at(catalog, next));
            if (strcmp(info->study_uid, other->study_uid) != 0 ||
                (!*info->study_uid && strcmp(info->series_uid, other->series_uid) != 0))
                break;
        }
        status = add_study(f, input, catalog, first, next - first, error);
    }
    return status;
}

/* A case for the folder of a fault, unless there is one since first. */
static ul_status add_fault(finder *f, const char *input, const char *file,
    const ul_catalog_fault *fault, size_t first, ul_error *error) {
    char *folder = folder_of(file), key[UL_CASE_KEY_BYTES];
    if (!folder)
        return fail_memory(error);
    char *real = realpath(folder, NULL);
    ul_sha256_name("folder", real ? real : folder, key);
    free(real);
    bool known = false;
    for (size_t i = first; i < f->cohort->count && !known; i++)
        known = strcmp(f->cohort->cases[i].key, key) == 0;
    ul_case *added = known ? NULL : add_case(f, input, folder);
    free(folder);
    if (!added)
        return known ? UL_OK : fail_memory(error);
    memcpy(added->key, key, sizeof key);
    ul_error_set(&added->fault, UL_ERROR_INPUT, "%s: %s", fault->path, fault->text);
    return UL_OK;
}

/* What can be read of no series is a case for each of its folders, so that it is not lost. */
static ul_status add_faults(
    finder *f, const char *input, const ul_catalog *catalog, ul_error *error) {
    size_t first = f->cohort->count;
    bool in_series;
    const char *file;
    ul_status status = UL_OK;
    for (size_t i = 0; status == UL_OK && (file = ul_catalog_fault_file(catalog, i, &in_series));
         i++)
        if (!in_series)
            status = add_fault(f, input, file, ul_catalog_fault_at(catalog, i), first, error);
    return status;
}

/* The DICOM studies of an input; others: it may also have none. */
static ul_status find_studies(finder *f, const char *input, bool others, ul_error *error) {
    ul_catalog **catalogs =
        realloc(f->cohort->catalogs, (f->cohort->catalog_count + 1) * sizeof *catalogs);
    if (!catalogs)
        return fail_memory(error);
    f->cohort->catalogs = catalogs;
    ul_error why = {0};
    ul_catalog *catalog;
    const ul_catalog_options options = {.whole_paths = f->options->whole_paths,
        .threads = f->options->threads,
        .progress = f->progress};
    ul_status status = ul_catalog_open(input, &options, &catalog, &why);
    if (status == UL_ERROR_INPUT && others)
        return UL_OK;
    if (status != UL_OK)
        return ul_error_set(error, status, "%s", why.text);
    catalogs[f->cohort->catalog_count++] = catalog;
    status = add_studies(f, input, catalog, error);
    return status == UL_OK ? add_faults(f, input, catalog, error) : status;
}

/* Whether a file is a case of its own: an image, or an archive. */
static bool is_case(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (ul_output_is_temporary(path) || files_is_pixels(name) || *name == '.')
        return false;
    if (files_is_nifti(name) || files_is_nrrd(name) || files_archive_stem(name))
        return true;
    return files_ends_with(name, ".png") && ul_file_kind_of(path) == UL_FILE_PNG;
}

/* Whether a file lies in the folder that is left out, by whatever name. */
static bool is_without(const finder *f, const char *path) {
    char *folder = f->leaves_out ? strdup(path) : NULL;
    bool inside = false;
    for (char *slash; folder && !inside && (slash = strrchr(folder, '/')) && slash > folder;) {
        struct stat info;
        *slash = '\0';
        inside = stat(folder, &info) == 0 && info.st_ino == f->without.st_ino &&
                 info.st_dev == f->without.st_dev;
    }
    free(folder);
    return inside;
}

/* Whether a folder is a BIDS data set. */
static bool is_bids(const char *folder) {
    char *description = files_join(folder, "dataset_description.json");
    bool is = description && files_exists(description);
    free(description);
    return is;
}

static bool is_included(const finder *f, bool bids, const char *below) {
    const char *pattern = f->options->include;
    if (bids && (strncmp(below, "sub-", 4) != 0 || !files_is_nifti(below)))
        return false;
    return pattern ? fnmatch(pattern, below, 0) == 0 : !bids || strstr(below, "/anat/");
}

static ul_status find_below(finder *f, const char *input, ul_error *error) {
    file_list list = {0};
    size_t before = f->cohort->count, dicom = 0;
    bool bids = is_bids(input);
    ul_status status = file_list_fill(&input, 1, true, f->progress, &list, error);
    for (size_t i = 0; i < list.files.count && status == UL_OK; i++) {
        const char *path = list.files.items[i].path;
        if (is_without(f, path))
            continue;
        if (!is_case(path))
            dicom++;
        else if (is_included(f, bids, files_below(input, path)))
            status = add_file(f, input, path, bids, error);
    }
    file_list_free(&list);
    bool none = f->cohort->count == before;
    if (status == UL_OK && bids && none)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: a BIDS data set without %s", input,
            f->options->include ? "an image of this pattern" : "images in folders sub-*/.../anat");
    if (status == UL_OK && !bids && (dicom > 0 || none))
        status = find_studies(f, input, !none, error);
    return status;
}

static ul_status add_line(
    finder *f, const char *input, const char *folder, const char *line, ul_error *error) {
    char *path = *line == '/' ? strdup(line) : files_join(folder, line);
    ul_case *added = path ? add_case(f, input, path) : NULL;
    free(path);
    if (!added)
        return fail_memory(error);
    free(added->name);
    added->name = make_name(folder, added->path);
    return added->name ? key_of_path(added->path, added->key, error) : fail_memory(error);
}

/* A list: each line is one case, read when its turn comes, so that a list of any length is known at
 * once. */
static ul_status take_list(finder *f, const char *input, ul_error *error) {
    char *text = NULL, *rest, *folder = folder_of(input);
    ul_status status =
        folder ? ul_text_read(input, TEXT_MOST_MIB, &text, error) : fail_memory(error);
    size_t before = f->cohort->count;
    for (char *line = status == UL_OK ? strtok_r(text, "\r\n", &rest) : NULL;
         line && status == UL_OK; line = strtok_r(NULL, "\r\n", &rest))
        if (*line != '#' && line[strspn(line, " \t")] != '\0')
            status = add_line(f, input, folder, line, error);
    if (status == UL_OK && f->cohort->count == before)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: a list without a line", input);
    free(folder);
    free(text);
    return status;
}

static ul_status find_cases(finder *f, const char *input, ul_error *error) {
    if (files_is_folder(input))
        return find_below(f, input, error);
    if (files_ends_with(input, ".txt"))
        return take_list(f, input, error);
    if (!files_exists(input))
        return ul_error_set(error, UL_ERROR_INPUT, "%s: there is no such file or folder", input);
    return is_case(input) ? add_file(f, input, input, false, error)
                          : find_studies(f, input, false, error);
}

static int by_key(const void *left, const void *right) {
    const ul_case *a = *(const ul_case *const *)left, *b = *(const ul_case *const *)right;
    int order = strcmp(a->key, b->key);
    return order ? order : (a->number > b->number) - (a->number < b->number);
}

/* One case in two inputs would be one that is done when its turn comes again, of half of its
 * images. */
static ul_status check_once(const ul_cohort *cohort, ul_error *error) {
    const ul_case **sorted = malloc((cohort->count + 1) * sizeof *sorted);
    if (!sorted)
        return fail_memory(error);
    for (size_t i = 0; i < cohort->count; i++)
        sorted[i] = &cohort->cases[i];
    qsort(sorted, cohort->count, sizeof *sorted, by_key);
    ul_status status = UL_OK;
    for (size_t i = 1; i < cohort->count && status == UL_OK; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            status = ul_error_set(error, UL_ERROR_USAGE,
                "%s and %s hold one case (numbers %zu and %zu): give a folder that holds all of it",
                sorted[i - 1]->input, sorted[i]->input, sorted[i - 1]->number, sorted[i]->number);
    free(sorted);
    return status;
}

ul_status ul_cohort_open(const char *const *inputs, size_t input_count,
    const ul_cohort_options *options, const ul_progress *progress, ul_cohort *cohort,
    ul_error *error) {
    *cohort = (ul_cohort){0};
    finder f = {.cohort = cohort, .options = options, .progress = progress};
    f.leaves_out = options->without && stat(options->without, &f.without) == 0;
    ul_status status = UL_OK;
    for (size_t i = 0; i < input_count && status == UL_OK; i++)
        status = find_cases(&f, inputs[i], error);
    if (status == UL_OK)
        status = check_once(cohort, error);
    if (status != UL_OK)
        ul_cohort_close(cohort);
    return status;
}

/* Makes a case of what was unpacked one of the archive. */
static ul_status put_into_archive(
    const ul_case *archive, size_t index, size_t parts, ul_case *part, ul_error *error) {
    char identity[2 * UL_CASE_KEY_BYTES];
    free(part->path);
    free(part->name);
    part->path = strdup(archive->path);
    part->name = strdup(archive->name);
    part->number = archive->number;
    if (part->series_count > 0)
        snprintf(identity, sizeof identity, "%s/%s", archive->key, part->key);
    else /* the key of a folder is of the place that it was unpacked to */
        snprintf(identity, sizeof identity, "%s/%zu", archive->key, index);
    if (parts > 1) {
        ul_sha256_name("part", identity, part->key);
        memcpy(part->archive, archive->key, sizeof part->archive);
        part->part = index + 1;
        part->parts = parts;
    } else {
        memcpy(part->key, archive->key, sizeof part->key);
    }
    return part->path && part->name ? UL_OK : fail_memory(error);
}

ul_status ul_case_open_archive(
    const ul_case *archive, const ul_catalog *catalog, ul_cohort *cases, ul_error *error) {
    *cases = (ul_cohort){0};
    finder f = {.cohort = cases};
    ul_status status = add_studies(&f, archive->input, catalog, error);
    if (status == UL_OK)
        status = add_faults(&f, archive->input, catalog, error);
    for (size_t i = 0; i < cases->count && status == UL_OK; i++)
        status = put_into_archive(archive, i, cases->count, &cases->cases[i], error);
    if (status != UL_OK)
        ul_cohort_close(cases);
    return status;
}

void ul_cohort_close(ul_cohort *cohort) {
    for (size_t i = 0; i < cohort->count; i++) {
        free(cohort->cases[i].path);
        free(cohort->cases[i].name);
        free(cohort->cases[i].series);
    }
    free(cohort->cases);
    for (size_t i = 0; i < cohort->catalog_count; i++)
        ul_catalog_close(cohort->catalogs[i]);
    free(cohort->catalogs);
    *cohort = (ul_cohort){0};
}
