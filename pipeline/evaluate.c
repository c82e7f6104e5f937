#include "ulite/evaluate.h"

#include "files.h"
#include "labels_file.h"
#include "ulite/align.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 65536 };

typedef struct scores_so_far {
    ul_score *items;
    size_t count, room;
    bool *seen; /* [MAX_NUMBER] */
} scores_so_far;

static ul_score *add_score(scores_so_far *scores) {
    if (scores->count == scores->room) {
        size_t room = scores->room ? 2 * scores->room : 64;
        ul_score *items = realloc(scores->items, room * sizeof *items);
        if (!items)
            return NULL;
        scores->items = items;
        scores->room = room;
    }
    ul_score *score = &scores->items[scores->count++];
    memset(score, 0, sizeof *score);
    return score;
}

static ul_status read_aligned(
    const char *path, const ul_grid *grid, ul_labels *labels, ul_error *error) {
    ul_labels raw;
    ul_status status = labels_read_file(path, NULL, &raw, error);
    if (status != UL_OK)
        return status;
    status = ul_labels_align(&raw, grid, labels, error);
    ul_labels_free(&raw);
    return status;
}

static void name_class(const ul_labels *truth, const ul_labels *predicted, ul_score *score) {
    const ul_segment *s = ul_segments_find(&truth->segments, score->metrics.number);
    if (!s || !*s->label)
        s = ul_segments_find(&predicted->segments, score->metrics.number);
    if (s && *s->label)
        snprintf(score->class_name, sizeof score->class_name, "%s", s->label);
    else
        snprintf(score->class_name, sizeof score->class_name, "class %u", score->metrics.number);
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
        status = ul_metrics_compute(predicted, truth, number, &score->metrics, error);
        snprintf(score->name, sizeof score->name, "%s", name);
        name_class(truth, predicted, score);
    }
    free(here);
    return status;
}

static ul_status compare_files(const char *name, const char *predicted_path, const char *truth_path,
    scores_so_far *scores, ul_error *error) {
    ul_labels truth, predicted;
    ul_status status = labels_read_file(truth_path, NULL, &truth, error);
    if (status == UL_OK) {
        status = read_aligned(predicted_path, &truth.grid, &predicted, error);
        if (status == UL_OK) {
            status = compare_labels(name, &predicted, &truth, scores, error);
            ul_labels_free(&predicted);
        }
        ul_labels_free(&truth);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "case %s", name);
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
    scores_so_far *scores, const char (*names)[256], size_t names_count, ul_error *error) {
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
            char class_name[65];
            snprintf(class_name, sizeof class_name, "%s", label);
            ul_score *score = add_score(scores);
            if (!score)
                return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the scores");
            score->metrics = (ul_class_metrics){
                .number = number, .dice = 1.0, .iou = 1.0, .precision = 1.0, .recall = 1.0};
            snprintf(score->name, sizeof score->name, "%s", names[n]);
            snprintf(score->class_name, sizeof score->class_name, "%s", class_name);
        }
    return UL_OK;
}

static char *find_partner(const char *folder, const name_list *list, const char *stem) {
    size_t length = strlen(stem);
    for (size_t i = 0; i < list->count; i++)
        if (files_stem(list->names[i]) == length && strncmp(list->names[i], stem, length) == 0)
            return files_join(folder, list->names[i]);
    return NULL;
}

static ul_status compare_folders(const char *predicted, const char *truth,
    const ul_progress *progress, scores_so_far *scores, size_t *failed, ul_error *error) {
    name_list predictions = {0}, truths = {0};
    ul_status status = files_list(predicted, &predictions, error);
    if (status == UL_OK)
        status = files_list(truth, &truths, error);
    char(*names)[256] = calloc(truths.count + 1, sizeof *names);
    if (status == UL_OK && !names)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the cases");
    size_t done = 0;
    for (size_t i = 0; status == UL_OK && i < truths.count; i++) {
        size_t stem = files_stem(truths.names[i]);
        if (stem == 0 || stem > 255)
            continue;
        char name[256], *truth_path = files_join(truth, truths.names[i]);
        snprintf(name, sizeof name, "%.*s", (int)stem, truths.names[i]);
        char *path = find_partner(predicted, &predictions, name);
        ul_status outcome = UL_ERROR_INPUT;
        if (!path)
            ul_error_set(error, UL_ERROR_INPUT, "case %s: %s holds no prediction of that name",
                name, predicted);
        else if (truth_path)
            outcome = compare_files(name, path, truth_path, scores, error);
        if (outcome == UL_OK)
            snprintf(names[done++], sizeof *names, "%s", name);
        else
            ++*failed;
        free(path);
        free(truth_path);
        if (!ul_progress_report(progress, "comparing", i + 1, truths.count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status == UL_OK && done + *failed == 0)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: holds no label file", truth);
    if (status == UL_OK)
        status = add_absent(scores, (const char(*)[256])names, done, error);
    free(names);
    files_free(&predictions);
    files_free(&truths);
    return status;
}

ul_status ul_evaluate(const char *predicted, const char *truth, const ul_progress *progress,
    ul_score **scores, size_t *count, size_t *failed, ul_error *error) {
    scores_so_far so_far = {.seen = calloc(MAX_NUMBER, sizeof(bool))};
    ul_status status = UL_OK;
    *scores = NULL;
    *count = *failed = 0;
    bool folders = files_is_folder(truth) && files_is_folder(predicted);
    const char *slash = strrchr(truth, '/');
    if (!so_far.seen)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the scores");
    else if (folders)
        status = compare_folders(predicted, truth, progress, &so_far, failed, error);
    else
        status = compare_files(slash ? slash + 1 : truth, predicted, truth, &so_far, error);
    free(so_far.seen);
    if (status != UL_OK) {
        free(so_far.items);
        return status;
    }
    if (so_far.count > 0)
        qsort(so_far.items, so_far.count, sizeof *so_far.items, compare_scores);
    *scores = so_far.items;
    *count = so_far.count;
    return *failed ? UL_ERROR_PARTIAL : UL_OK;
}
