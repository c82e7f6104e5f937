#include "ulite/evaluate.h"

#include "jobs/base/paths.h"
#include "jobs/evaluate/extend_labels.h"
#include "jobs/evaluate/labels_file.h"
#include "libulite/base/resources.h"
#include "ulite/dicom.h"
#include "ulite/volume.h"
#include "volume/extend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 65536 };

typedef struct scores_so_far {
    ul_score *items;
    size_t count, room;
    bool *seen; /* [MAX_NUMBER] */
    const ul_evaluate_options *options;
} scores_so_far;

static ul_score *add_score(scores_so_far *scores) {
    ul_score *items = ul_grow(scores->items, scores->count, &scores->room, sizeof *items);
    if (!items)
        return NULL;
    scores->items = items;
    ul_score *score = &scores->items[scores->count++];
    memset(score, 0, sizeof *score);
    return score;
}

/* A class is called as the first of these calls it that does; number where none does. */
static void name_class(const ul_segments *const naming[3], ul_score *score) {
    unsigned number = score->metrics.number;
    snprintf(score->class_name, sizeof score->class_name, "class %u", number);
    for (int n = 0; n < 3; n++) {
        const ul_segment *s = naming[n] ? ul_segments_find(naming[n], number) : NULL;
        if (s && *s->label) {
            snprintf(score->class_name, sizeof score->class_name, "%s", s->label);
            return;
        }
    }
}

static ul_status compare_labels(const char *name, const ul_labels *predicted,
    const ul_labels *truth, scores_so_far *scores, ul_error *error) {
    bool *here = calloc(MAX_NUMBER, sizeof *here);
    if (!here)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    const size_t *size = truth->grid.size;
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++)
        here[predicted->map[i]] = here[truth->map[i]] = true;
    ul_status status = UL_OK;
    for (unsigned number = 1; status == UL_OK && number < MAX_NUMBER; number++) {
        if (!here[number])
            continue;
        ul_score *score = add_score(scores);
        if (!score) {
            status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the scores");
            break;
        }
        scores->seen[number] = true;
        double tolerance = scores->options->tolerance > 0.0 ? scores->options->tolerance : 1.0;
        status = ul_metrics_compute(predicted, truth, number, tolerance, &score->metrics, error);
        snprintf(score->name, sizeof score->name, "%s", name);
        name_class((const ul_segments *const[3]){scores->options->names, &truth->segments,
                       &predicted->segments},
            score);
    }
    free(here);
    return status;
}

/* Whether unevenly spaced slices, which no matrix places, are the same ones. */
static bool same_uneven_slices(const ul_grid *a, const ul_grid *b) {
    if (a->stack != UL_STACK_UNEVEN || b->stack != UL_STACK_UNEVEN ||
        memcmp(a->size, b->size, sizeof a->size) != 0)
        return false;
    double tolerance_mm = 0.1 * fmin(b->spacing_mm[0], b->spacing_mm[1]);
    for (int c = 0; c < 3; c++)
        if (fabs(a->axis_i[c] - b->axis_i[c]) > 1e-3 || fabs(a->axis_j[c] - b->axis_j[c]) > 1e-3)
            return false;
    for (size_t k = 0; k < a->size[2]; k++)
        for (int c = 0; c < 3; c++)
            if (fabs(a->origin_mm[k][c] - b->origin_mm[k][c]) > tolerance_mm)
                return false;
    return fabs(a->spacing_mm[0] - b->spacing_mm[0]) * (double)a->size[0] <= tolerance_mm &&
           fabs(a->spacing_mm[1] - b->spacing_mm[1]) * (double)a->size[1] <= tolerance_mm;
}

/* Brings the prediction onto the grid of the truth, after both reach over all slices of each other
 * where files leave out empty ones. */
static ul_status unite(const char *predicted_path, ul_labels *predicted, const char *truth_path,
    ul_labels *truth, ul_error *error) {
    ul_labels aligned;
    ul_status status = UL_OK;
    if (same_uneven_slices(&predicted->grid, &truth->grid))
        return UL_OK;
    if (labels_are_sparse(truth_path))
        status = cover_grid(truth, &predicted->grid, error);
    if (status == UL_OK && labels_are_cropped(truth_path))
        status = labels_extend(truth, &predicted->grid, error);
    if (status == UL_OK && labels_are_sparse(predicted_path))
        status = cover_grid(predicted, &truth->grid, error);
    if (status == UL_OK && labels_are_cropped(predicted_path))
        status = labels_extend(predicted, &truth->grid, error);
    if (status == UL_OK)
        status = ul_labels_align(predicted, &truth->grid, &aligned, error);
    if (status != UL_OK)
        return status;
    ul_labels_free(predicted);
    *predicted = aligned;
    return UL_OK;
}

/* Makes one segment of all. */
static void merge_segments(ul_labels *labels) {
    const size_t *size = labels->grid.size;
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++)
        labels->map[i] = labels->map[i] > 0;
    ul_segments_free(&labels->segments);
}

/* The spacing of a picture that states none. */
static void set_pixel_size(const double pixel_mm[2], ul_labels *labels) {
    ul_grid *grid = &labels->grid;
    bool known = grid->spacing_mm[0] > 0.0 && grid->spacing_mm[1] > 0.0;
    if (!known && pixel_mm[0] > 0.0 && pixel_mm[1] > 0.0)
        memcpy(grid->spacing_mm, pixel_mm, 2 * sizeof *pixel_mm);
}

static ul_status compare_files(const char *name, const char *predicted_path, const char *truth_path,
    const ul_series *source, scores_so_far *scores, ul_error *error) {
    ul_labels truth = {0}, predicted = {0};
    size_t before = scores->count;
    ul_status status = labels_read_file(truth_path, source, &truth, error);
    if (status == UL_OK)
        status = labels_read_file(predicted_path, source, &predicted, error);
    if (status == UL_OK)
        status = unite(predicted_path, &predicted, truth_path, &truth, error);
    set_pixel_size(scores->options->pixel_mm, &predicted);
    set_pixel_size(scores->options->pixel_mm, &truth);
    if (status == UL_OK && scores->options->merge) {
        merge_segments(&predicted);
        merge_segments(&truth);
    }
    if (status == UL_OK)
        status = compare_labels(name, &predicted, &truth, scores, error);
    ul_labels_free(&predicted);
    ul_labels_free(&truth);
    if (status != UL_OK) {
        scores->count = before;
        ul_error_prefix(error, "case %s", name);
    }
    return status;
}

static int compare_scores(const void *a, const void *b) {
    const ul_score *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order
               ? order
               : (x->metrics.number > y->metrics.number) - (x->metrics.number < y->metrics.number);
}

/* A class that other cases show is empty on both sides in this one. */
static ul_status add_absent(
    scores_so_far *scores, const char *const *names, size_t names_count, ul_error *error) {
    size_t measured = scores->count;
    for (size_t n = 0; n < names_count; n++)
        for (unsigned number = 1; number < MAX_NUMBER; number++) {
            if (!scores->seen[number])
                continue;
            bool there = false;
            const char *label = "";
            for (size_t i = 0; i < measured; i++)
                if (scores->items[i].metrics.number == number) {
                    label = scores->items[i].class_name;
                    there = there || strcmp(scores->items[i].name, names[n]) == 0;
                }
            if (there)
                continue;
            char class_name[UL_TEXT_BYTES];
            snprintf(class_name, sizeof class_name, "%s", label);
            ul_score *score = add_score(scores);
            if (!score)
                return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the scores");
            score->metrics = (ul_class_metrics){.number = number,
                .dice = 1.0,
                .iou = 1.0,
                .precision = 1.0,
                .recall = 1.0,
                .nsd = 1.0};
            snprintf(score->name, sizeof score->name, "%s", names[n]);
            snprintf(score->class_name, sizeof score->class_name, "%s", class_name);
        }
    return UL_OK;
}

/* A label file, or a folder with a SEG, and the name of its case. */
typedef struct case_file {
    char *name, *path;
} case_file;

typedef struct case_list {
    size_t count;
    case_file *items; /* sorted by name */
} case_list;

static void free_cases(case_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].path);
    }
    free(list->items);
}

static int compare_case_names(const void *a, const void *b) {
    return strcmp(((const case_file *)a)->name, ((const case_file *)b)->name);
}

static ul_status add_case(case_list *list, const char *folder, const char *entry, ul_error *error) {
    char *path = files_join(folder, entry);
    size_t length = files_stem(entry);
    if (path && length == 0 && files_is_folder(path))
        length = strlen(entry);
    if (path && (length == 0 || (files_is_pixels(entry) && !files_is_folder(path)))) {
        /* a text file, the .img of a .hdr, ... */
        free(path);
        return UL_OK;
    }
    case_file *c = &list->items[list->count++];
    *c = (case_file){path ? strndup(entry, length) : NULL, path};
    return c->name ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", folder);
}

/* *list: free_cases, also after an error. */
static ul_status list_cases(const char *folder, case_list *list, ul_error *error) {
    name_list names;
    ul_status status = files_list(folder, &names, error);
    if (status != UL_OK)
        return status;
    list->items = calloc(names.count + 1, sizeof *list->items);
    if (!list->items)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", folder);
    for (size_t i = 0; status == UL_OK && i < names.count; i++)
        status = add_case(list, folder, names.names[i], error);
    files_free(&names);
    if (status != UL_OK)
        return status;
    qsort(list->items, list->count, sizeof *list->items, compare_case_names);
    for (size_t i = 1; i < list->count; i++) /* which of the two counts would be chance */
        if (compare_case_names(&list->items[i - 1], &list->items[i]) == 0)
            return ul_error_set(error, UL_ERROR_INPUT,
                "%s and %s: two files of one name: leave one", list->items[i - 1].path,
                list->items[i].path);
    return UL_OK;
}

/* NULL where the case is not in the list. */
static const case_file *find_case(const case_list *list, const case_file *wanted) {
    return bsearch(wanted, list->items, list->count, sizeof *list->items, compare_case_names);
}

/* Two folders under comparison. */
typedef struct folder_pair {
    const char *predicted, *truth;
    case_list predictions, truths;
    const char **names; /* of the cases that were compared */
    FILE *notes;
} folder_pair;

static ul_status compare_case(folder_pair *pair, const case_file *truth, scores_so_far *scores,
    ul_evaluation *evaluation, ul_error *error) {
    const case_file *predicted = find_case(&pair->predictions, truth);
    ul_error own = {0};
    ul_status status;
    if (predicted)
        status = compare_files(truth->name, predicted->path, truth->path, NULL, scores, &own);
    else
        status = ul_error_set(&own, UL_ERROR_INPUT, "case %s: no prediction of that name in %s",
            truth->name, pair->predicted);
    if (status == UL_OK) {
        pair->names[evaluation->cases++] = truth->name;
        return UL_OK;
    }
    evaluation->failed++;
    fprintf(pair->notes, "%s\n", own.text);
    return status == UL_ERROR_LIMIT ? ul_error_set(error, status, "%s", own.text) : UL_OK;
}

static void note_predictions_without_truth(const folder_pair *pair) {
    for (size_t i = 0; i < pair->predictions.count; i++)
        if (!find_case(&pair->truths, &pair->predictions.items[i]))
            fprintf(pair->notes, "%s: left out, no truth of that name in %s\n",
                pair->predictions.items[i].path, pair->truth);
}

static ul_status compare_cases(folder_pair *pair, const ul_progress *progress,
    scores_so_far *scores, ul_evaluation *evaluation, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t i = 0; status == UL_OK && i < pair->truths.count; i++) {
        status = compare_case(pair, &pair->truths.items[i], scores, evaluation, error);
        if (status == UL_OK &&
            !ul_progress_report(progress, "comparing", i + 1, pair->truths.count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status == UL_OK && pair->truths.count == 0)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: holds no label file", pair->truth);
    if (status == UL_OK)
        note_predictions_without_truth(pair);
    if (status == UL_OK)
        status = add_absent(scores, pair->names, evaluation->cases, error);
    return status;
}

static ul_status compare_folders(const char *predicted, const char *truth,
    const ul_progress *progress, scores_so_far *scores, ul_evaluation *evaluation,
    ul_error *error) {
    folder_pair pair = {.predicted = predicted, .truth = truth};
    size_t size;
    ul_status status = list_cases(predicted, &pair.predictions, error);
    if (status == UL_OK)
        status = list_cases(truth, &pair.truths, error);
    pair.names = calloc(pair.truths.count + 1, sizeof *pair.names);
    pair.notes = open_memstream(&evaluation->notes, &size);
    if (status == UL_OK && !(pair.names && pair.notes))
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the cases");
    if (status == UL_OK)
        status = compare_cases(&pair, progress, scores, evaluation, error);
    if (pair.notes && fclose(pair.notes) != 0 && status == UL_OK)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for what is to be said");
    free(pair.names);
    free_cases(&pair.predictions);
    free_cases(&pair.truths);
    return status;
}

static ul_status compare_two(const char *predicted, const char *truth,
    const ul_evaluate_options *options, scores_so_far *scores, ul_evaluation *evaluation,
    ul_error *error) {
    const char *slash = strrchr(truth, '/'), *file = slash && slash[1] ? slash + 1 : truth;
    char name[256];
    size_t stem = files_stem(file);
    ul_catalog *catalog = NULL;
    snprintf(name, sizeof name, "%.*s", (int)(stem ? stem : strlen(file)), file);
    ul_status status = UL_OK;
    if (options->source)
        status = ul_catalog_open(options->source,
            &(ul_catalog_options){.whole_paths = options->whole_paths}, &catalog, error);
    if (status == UL_OK && catalog && ul_catalog_size(catalog) != 1)
        status = ul_error_set(error, UL_ERROR_CHOICE, "%s: holds %zu volumes: leave one",
            options->source, ul_catalog_size(catalog));
    if (status == UL_OK)
        status = compare_files(
            name, predicted, truth, catalog ? ul_catalog_at(catalog, 0) : NULL, scores, error);
    if (catalog)
        ul_catalog_close(catalog);
    evaluation->cases = 1;
    return status;
}

void ul_evaluation_free(ul_evaluation *evaluation) {
    free(evaluation->scores);
    free(evaluation->notes);
    *evaluation = (ul_evaluation){0};
}

ul_status ul_evaluate(const char *predicted, const char *truth, const ul_evaluate_options *options,
    const ul_progress *progress, ul_evaluation *evaluation, ul_error *error) {
    static const ul_evaluate_options defaults = {0};
    options = options ? options : &defaults;
    bool folders = files_is_folder(truth) && files_is_folder(predicted);
    scores_so_far so_far = {.seen = calloc(MAX_NUMBER, sizeof(bool)), .options = options};
    ul_status status;
    *evaluation = (ul_evaluation){0};
    if (!so_far.seen)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the scores");
    else if (folders && options->source)
        status =
            ul_error_set(error, UL_ERROR_USAGE, "a source goes with two files, not with folders");
    else if (folders)
        status = compare_folders(predicted, truth, progress, &so_far, evaluation, error);
    else
        status = compare_two(predicted, truth, options, &so_far, evaluation, error);
    free(so_far.seen);
    if (so_far.count > 0)
        qsort(so_far.items, so_far.count, sizeof *so_far.items, compare_scores);
    evaluation->scores = so_far.items;
    evaluation->count = so_far.count;
    if (status != UL_OK)
        ul_evaluation_free(evaluation);
    else if (evaluation->failed)
        status = ul_error_set(error, UL_ERROR_PARTIAL, "%zu of %zu cases could not be compared",
            evaluation->failed, evaluation->failed + evaluation->cases);
    return status;
}
