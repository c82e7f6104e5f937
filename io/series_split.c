#include "series_split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images nearer than this along the normal lie at one place. */
#define PLACE_TOLERANCE_MM 0.005

typedef struct series_splitter {
    series_compare compare;
    void *context;
    split_part **parts;
    size_t *part_count;
    ul_error *error;
} series_splitter;

static int by_offset(const void *left, const void *right) {
    const placed_image *a = left, *b = right;
    if (a->offset_mm != b->offset_mm)
        return a->offset_mm < b->offset_mm ? -1 : 1;
    /* qsort is not stable: ties go by the images' order in memory, i.e. by path and frame. */
    if (a->image->file != b->image->file)
        return strcmp(a->image->file->path, b->image->file->path);
    return a->image < b->image ? -1 : a->image > b->image;
}

static bool same_value(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* One past the last image at the place of images[start]. */
static size_t place_end(const placed_image *images, size_t count, size_t start) {
    size_t end = start + 1;
    while (end < count && images[end].offset_mm - images[end - 1].offset_mm <= PLACE_TOLERANCE_MM)
        end++;
    return end;
}

static size_t most_at_one_place(const placed_image *images, size_t count) {
    size_t most = 0;
    for (size_t start = 0; start < count;) {
        size_t end = place_end(images, count, start);
        if (end - start > most)
            most = end - start;
        start = end;
    }
    return most;
}

static bool same_keys(const dicom_image *a, const dicom_image *b) {
    for (int key = 0; key < DICOM_KEYS; key++)
        if (!same_value(a->key[key], b->key[key]))
            return false;
    return true;
}

/* Drops images that equal an earlier one at their place in every attribute and pixel. Returns how
 * many are left. */
static size_t drop_duplicates(series_splitter *splitter, placed_image *images, size_t count) {
    size_t kept = 0;
    for (size_t start = 0; start < count;) {
        size_t end = place_end(images, count, start), first_kept = kept;
        for (size_t i = start; i < end; i++) {
            bool duplicate = false;
            for (size_t k = first_kept; k < kept && !duplicate; k++)
                duplicate = same_keys(images[k].image, images[i].image) &&
                            splitter->compare(splitter->context, images[k].image, images[i].image);
            if (!duplicate)
                images[kept++] = images[i];
        }
        start = end;
    }
    return kept;
}

/* The values that a key has over the images, ascending, NaN last. *values is malloc'ed. */
static size_t distinct_values(
    const placed_image *images, size_t count, dicom_key key, double **values) {
    *values = malloc(count * sizeof **values);
    if (!*values)
        return 0;
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        double value = images[i].image->key[key];
        size_t at = 0;
        while (at < distinct && (isnan(value) ? !isnan((*values)[at]) : (*values)[at] < value))
            at++;
        if (at < distinct && same_value((*values)[at], value))
            continue;
        memmove(*values + at + 1, *values + at, (distinct - at) * sizeof **values);
        (*values)[at] = value;
        distinct++;
    }
    return distinct;
}

/* Copies the images with a value of a key to selected. Returns how many. */
static size_t select_value(
    const placed_image *images, size_t count, dicom_key key, double value, placed_image *selected) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (same_value(images[i].image->key[key], value))
            selected[found++] = images[i];
    return found;
}

/* The most images at one place that splitting by the key leaves. */
static size_t most_after(const placed_image *images, size_t count, dicom_key key,
    const double *values, size_t distinct, placed_image *scratch) {
    size_t most = 0;
    for (size_t v = 0; v < distinct; v++) {
        size_t found = select_value(images, count, key, values[v], scratch);
        size_t here = most_at_one_place(scratch, found);
        if (here > most)
            most = here;
    }
    return most;
}

/* How well a key explains the images at one place; the least number is best. */
enum { EXPLAINS_ALL, EXPLAINS_PART, EXPLAINS_UNEVENLY, EXPLAINS_NOTHING };

static int judge_key(
    const placed_image *images, size_t count, dicom_key key, placed_image *scratch) {
    double *values;
    size_t most = most_at_one_place(images, count);
    size_t distinct = distinct_values(images, count, key, &values);
    int judgement = EXPLAINS_NOTHING;
    /* More values than this cannot be volumes: most of them would be single slices. */
    if (distinct >= 2 && (distinct <= most || 2 * distinct <= count)) {
        size_t after = most_after(images, count, key, values, distinct, scratch);
        if (after == 1)
            judgement = distinct == most ? EXPLAINS_ALL : EXPLAINS_UNEVENLY;
        else if (after < most && distinct <= most)
            judgement = EXPLAINS_PART;
    }
    free(values);
    return judgement;
}

/* Whether at every place there are the same number of images, with different values of the key:
 * then the n-th ones of all places belong together. */
static bool ranks(const placed_image *images, size_t count, dicom_key key) {
    size_t most = most_at_one_place(images, count);
    for (size_t start = 0; start < count; start += most) {
        if (place_end(images, count, start) - start != most)
            return false;
        for (size_t i = start; i < start + most; i++) {
            if (isnan(images[i].image->key[key]))
                return false;
            for (size_t k = start; k < i; k++)
                if (images[k].image->key[key] == images[i].image->key[key])
                    return false;
        }
    }
    return true;
}

static void describe(dicom_key key, double value, size_t number, char *label, size_t label_bytes) {
    size_t used = strlen(label);
    label += used;
    label_bytes -= used;
    const char *comma = used ? ", " : "";
    if (isnan(value)) {
        snprintf(label, label_bytes, "%spart %zu", comma, number);
        return;
    }
    switch (key) {
    case DICOM_KEY_ACQUISITION:
        snprintf(label, label_bytes, "%sacquisition %g", comma, value);
        break;
    case DICOM_KEY_ECHO:
        snprintf(label, label_bytes, "%secho %g", comma, value);
        break;
    case DICOM_KEY_ECHO_TIME:
        snprintf(label, label_bytes, "%secho time %g ms", comma, value);
        break;
    case DICOM_KEY_TIME_POINT:
        snprintf(label, label_bytes, "%stime point %g", comma, value);
        break;
    case DICOM_KEY_B_VALUE:
        snprintf(label, label_bytes, "%sb-value %g", comma, value);
        break;
    case DICOM_KEY_GRADIENT:
        snprintf(label, label_bytes, "%sgradient direction %zu", comma, number);
        break;
    case DICOM_KEY_ASL:
        snprintf(label, label_bytes, "%s%s", comma,
            value == 1   ? "control"
            : value == 2 ? "label"
                         : "M0");
        break;
    case DICOM_KEY_INVERSION_TIME:
        snprintf(label, label_bytes, "%sinversion time %g ms", comma, value);
        break;
    case DICOM_KEY_FLIP_ANGLE:
        snprintf(label, label_bytes, "%sflip angle %g", comma, value);
        break;
    case DICOM_KEY_TRIGGER_TIME:
        snprintf(label, label_bytes, "%strigger time %g ms", comma, value);
        break;
    case DICOM_KEY_FRAME_TIME:
        snprintf(label, label_bytes, "%sframe time %g ms", comma, value);
        break;
    case DICOM_KEY_DIMENSION:
    case DICOM_KEY_OBJECT:
    case DICOM_KEYS:
        snprintf(label, label_bytes, "%spart %zu", comma, number);
        break;
    case DICOM_KEY_ACQUISITION_TIME:
    case DICOM_KEY_CONTENT_TIME:
        snprintf(label, label_bytes, "%stime point %zu", comma, number);
        break;
    }
}

static ul_status split_further(series_splitter *splitter, placed_image *images, size_t count,
    size_t dropped, const char *label);

static ul_status split_by_key(series_splitter *splitter, const placed_image *images, size_t count,
    size_t dropped, const char *label, dicom_key key) {
    double *values;
    size_t distinct = distinct_values(images, count, key, &values);
    placed_image *selected = malloc(count * sizeof *selected);
    ul_status status = UL_OK;
    if (!values || !selected)
        status = ul_error_set(splitter->error, UL_ERROR_LIMIT, "out of memory");
    for (size_t v = 0; v < distinct && status == UL_OK; v++) {
        size_t found = select_value(images, count, key, values[v], selected);
        char part[160];
        snprintf(part, sizeof part, "%s", label);
        describe(key, values[v], v + 1, part, sizeof part);
        status = split_further(splitter, selected, found, v == 0 ? dropped : 0, part);
    }
    free(values);
    free(selected);
    return status;
}

/* Insertion sort: few images lie at one place. */
static void sort_by_key(placed_image *images, size_t count, dicom_key key) {
    for (size_t i = 1; i < count; i++) {
        placed_image moved = images[i];
        size_t at = i;
        for (; at > 0 && images[at - 1].image->key[key] > moved.image->key[key]; at--)
            images[at] = images[at - 1];
        images[at] = moved;
    }
}

static ul_status split_by_rank(series_splitter *splitter, placed_image *images, size_t count,
    size_t dropped, const char *label, dicom_key key) {
    size_t most = most_at_one_place(images, count);
    placed_image *selected = malloc(count / most * sizeof *selected);
    if (!selected)
        return ul_error_set(splitter->error, UL_ERROR_LIMIT, "out of memory");
    for (size_t start = 0; start < count; start += most)
        sort_by_key(images + start, most, key);
    ul_status status = UL_OK;
    for (size_t rank = 0; rank < most && status == UL_OK; rank++) {
        for (size_t place = 0; place < count / most; place++)
            selected[place] = images[place * most + rank];
        char part[160];
        snprintf(part, sizeof part, "%s%stime point %zu", label, label[0] ? ", " : "", rank + 1);
        status = split_further(splitter, selected, count / most, rank == 0 ? dropped : 0, part);
    }
    free(selected);
    return status;
}

static ul_status emit(series_splitter *splitter, const placed_image *images, size_t count,
    size_t dropped, const char *label) {
    split_part *grown =
        realloc(*splitter->parts, (*splitter->part_count + 1) * sizeof **splitter->parts);
    placed_image *copy = malloc(count * sizeof *copy);
    if (grown)
        *splitter->parts = grown;
    if (!grown || !copy) {
        free(copy);
        return ul_error_set(splitter->error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    }
    memcpy(copy, images, count * sizeof *copy);
    split_part *part = &grown[(*splitter->part_count)++];
    memset(part, 0, sizeof *part);
    part->images = copy;
    part->count = count;
    part->dropped = dropped;
    snprintf(part->label, sizeof part->label, "%s", label);
    for (size_t start = 0; start < count && !part->conflict[0];) {
        size_t end = place_end(images, count, start);
        if (end - start > 1) {
            part->conflict[0] = images[start].image;
            part->conflict[1] = images[start + 1].image;
        }
        start = end;
    }
    return UL_OK;
}

/* The key by which images that share no place are of different volumes all the same: an echo, a
 * time point or a b-value of which a part was lost, or that moved on with the patient.
 * DICOM_KEYS where there is none. */
static dicom_key key_of_volumes(const placed_image *images, size_t count) {
    static const dicom_key keys[] = {
        DICOM_KEY_ECHO, DICOM_KEY_ECHO_TIME, DICOM_KEY_TIME_POINT, DICOM_KEY_B_VALUE};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        double *values;
        size_t distinct = distinct_values(images, count, keys[i], &values);
        bool known = distinct > 0 && !isnan(values[distinct - 1]); /* NaN is last */
        free(values);
        /* More values than this count slices. */
        if (known && distinct >= 2 && 2 * distinct <= count)
            return keys[i];
    }
    return DICOM_KEYS;
}

static ul_status split_further(series_splitter *splitter, placed_image *images, size_t count,
    size_t dropped, const char *label) {
    qsort(images, count, sizeof *images, by_offset);
    if (most_at_one_place(images, count) > 1) {
        size_t kept = drop_duplicates(splitter, images, count);
        dropped += count - kept;
        count = kept;
    }
    if (most_at_one_place(images, count) == 1) {
        dicom_key key = key_of_volumes(images, count);
        return key == DICOM_KEYS ? emit(splitter, images, count, dropped, label)
                                 : split_by_key(splitter, images, count, dropped, label, key);
    }
    placed_image *scratch = malloc(count * sizeof *scratch);
    if (!scratch)
        return ul_error_set(splitter->error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    int best = EXPLAINS_NOTHING;
    dicom_key best_key = DICOM_KEYS;
    for (int key = 0; key < DICOM_KEYS; key++) {
        int judgement = judge_key(images, count, (dicom_key)key, scratch);
        if (judgement < best) {
            best = judgement;
            best_key = (dicom_key)key;
        }
    }
    free(scratch);
    if (best != EXPLAINS_NOTHING)
        return split_by_key(splitter, images, count, dropped, label, best_key);
    static const dicom_key times[] = {DICOM_KEY_TIME_POINT, DICOM_KEY_TRIGGER_TIME,
        DICOM_KEY_ACQUISITION, DICOM_KEY_ACQUISITION_TIME, DICOM_KEY_CONTENT_TIME};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (ranks(images, count, times[i]))
            return split_by_rank(splitter, images, count, dropped, label, times[i]);
    return emit(splitter, images, count, dropped, label);
}

ul_status series_split(placed_image *images, size_t count, series_compare compare, void *context,
    split_part **parts, size_t *part_count, ul_error *error) {
    series_splitter splitter = {compare, context, parts, part_count, error};
    return split_further(&splitter, images, count, 0, "");
}

void split_parts_free(split_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(parts[i].images);
    free(parts);
}
