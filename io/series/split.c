#include "io/series/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images nearer than this along the normal lie at one place. */
#define PLACE_TOLERANCE_MM 0.005
/* The components of directions may differ by this. */
#define DIRECTION_TOLERANCE 1e-3

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

static bool same_keys(const placed_image *a, const placed_image *b) {
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
                duplicate = same_keys(&images[k], &images[i]) &&
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
        double value = images[i].key[key];
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
        if (same_value(images[i].key[key], value))
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

/* Stands for InstanceNumber where images are ranked; it is no key, since a slice that was sent
 * twice may have two. */
#define BY_INSTANCE DICOM_KEYS

static double value_of(const placed_image *image, dicom_key key) {
    if (key != BY_INSTANCE)
        return image->key[key];
    /* The frames of an object are in order too. */
    return (double)image->image->instance_number * 1e6 + image->image->frame;
}

/* Whether at every place there are the same number of images, with different values of the key:
 * then the n-th ones of all places belong together. */
static bool ranks(const placed_image *images, size_t count, dicom_key key) {
    size_t most = most_at_one_place(images, count);
    for (size_t start = 0; start < count; start += most) {
        if (place_end(images, count, start) - start != most)
            return false;
        for (size_t i = start; i < start + most; i++) {
            if (isnan(value_of(&images[i], key)))
                return false;
            for (size_t k = start; k < i; k++)
                if (value_of(&images[k], key) == value_of(&images[i], key))
                    return false;
        }
    }
    return true;
}

/* How the values of a key are written. */
static const struct key_text {
    const char *name;
    bool is_number; /* else the values are counted */
    const char *unit;
} key_texts[DICOM_KEYS] = {
    [DICOM_KEY_ECHO] = {"echo", true, ""},
    [DICOM_KEY_ECHO_TIME] = {"echo time", true, " ms"},
    [DICOM_KEY_TIME_POINT] = {"time point", true, ""},
    [DICOM_KEY_B_VALUE] = {"b-value", true, ""},
    [DICOM_KEY_GRADIENT] = {"gradient direction", false, ""},
    [DICOM_KEY_ASL] = {"spin label", false, ""},
    [DICOM_KEY_INVERSION_TIME] = {"inversion time", true, " ms"},
    [DICOM_KEY_FLIP_ANGLE] = {"flip angle", true, ""},
    [DICOM_KEY_ACQUISITION] = {"acquisition", true, ""},
    [DICOM_KEY_DIMENSION] = {"dimension index", false, ""},
    [DICOM_KEY_TRIGGER_TIME] = {"trigger time", true, " ms"},
    [DICOM_KEY_FRAME_TIME] = {"frame time", true, " ms"},
    [DICOM_KEY_OBJECT] = {"object of InstanceNumber", true, ""},
    [DICOM_KEY_ACQUISITION_TIME] = {"time point", false, ""},
    [DICOM_KEY_CONTENT_TIME] = {"time point", false, ""},
};

/* Adds what tells a part to the label: its value of the key, or the number of that value. */
static void describe(dicom_key key, double value, size_t number, char *label, size_t label_bytes) {
    static const char *const spins[] = {"control", "label", "M0"};
    const struct key_text *text = &key_texts[key];
    char word[64];
    if (isnan(value))
        snprintf(word, sizeof word, "no %s", text->name);
    else if (key == DICOM_KEY_ASL && value >= 1 && value <= 3)
        snprintf(word, sizeof word, "%s", spins[(int)value - 1]);
    else if (text->is_number)
        snprintf(word, sizeof word, "%s %g%s", text->name, value, text->unit);
    else
        snprintf(word, sizeof word, "%s %zu", text->name, number);
    size_t used = strlen(label);
    snprintf(label + used, label_bytes - used, "%s%s", used ? ", " : "", word);
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
        for (; at > 0 && value_of(&images[at - 1], key) > value_of(&moved, key); at--)
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
        snprintf(part, sizeof part, "%s%s%s %zu", label, label[0] ? ", " : "",
            key == BY_INSTANCE ? "repetition by InstanceNumber" : "time point", rank + 1);
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

/* The key that explains best why images lie at one place; DICOM_KEYS: none does. */
static ul_status best_key(
    const placed_image *images, size_t count, dicom_key *best, ul_error *error) {
    placed_image *scratch = malloc(count * sizeof *scratch);
    *best = DICOM_KEYS;
    if (!scratch)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    int least = EXPLAINS_NOTHING;
    for (int key = 0; key < DICOM_KEYS; key++) {
        int judgement = judge_key(images, count, (dicom_key)key, scratch);
        if (judgement < least) {
            least = judgement;
            *best = (dicom_key)key;
        }
    }
    free(scratch);
    return UL_OK;
}

/* Splits images of which several lie at one place, sorted, duplicates dropped. all are those with
 * the duplicates: slices of one time may equal those of another, so where nothing but
 * InstanceNumber counts the times it counts them. */
static ul_status split_places(series_splitter *splitter, placed_image *images, size_t count,
    placed_image *all, size_t all_count, size_t dropped, const char *label) {
    dicom_key best;
    ul_status status = best_key(images, count, &best, splitter->error);
    if (status != UL_OK)
        return status;
    if (best != DICOM_KEYS)
        return split_by_key(splitter, images, count, dropped, label, best);
    static const dicom_key times[] = {DICOM_KEY_TIME_POINT, DICOM_KEY_TRIGGER_TIME,
        DICOM_KEY_ACQUISITION, DICOM_KEY_ACQUISITION_TIME, DICOM_KEY_CONTENT_TIME};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (ranks(images, count, times[i]))
            return split_by_rank(splitter, images, count, dropped, label, times[i]);
    if (ranks(all, all_count, BY_INSTANCE))
        return split_by_rank(
            splitter, all, all_count, dropped - (all_count - count), label, BY_INSTANCE);
    if (ranks(images, count, BY_INSTANCE))
        return split_by_rank(splitter, images, count, dropped, label, BY_INSTANCE);
    return emit(splitter, images, count, dropped, label);
}

static ul_status split_further(series_splitter *splitter, placed_image *images, size_t count,
    size_t dropped, const char *label) {
    qsort(images, count, sizeof *images, by_offset);
    size_t all_count = count;
    placed_image *all = NULL;
    ul_status status = UL_OK;
    if (most_at_one_place(images, count) > 1) {
        all = malloc(count * sizeof *all);
        if (!all)
            return ul_error_set(
                splitter->error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
        memcpy(all, images, count * sizeof *all);
        count = drop_duplicates(splitter, images, count);
        dropped += all_count - count;
    }
    if (most_at_one_place(images, count) == 1) {
        dicom_key key = key_of_volumes(images, count);
        status = key == DICOM_KEYS ? emit(splitter, images, count, dropped, label)
                                   : split_by_key(splitter, images, count, dropped, label, key);
    } else {
        status = split_places(splitter, images, count, all, all_count, dropped, label);
    }
    free(all);
    return status;
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* How far two values of a key may lie apart, relatively, and yet be one that was rounded. */
static double tolerance_of(dicom_key key) {
    switch (key) {
    case DICOM_KEY_ECHO_TIME:
    case DICOM_KEY_INVERSION_TIME:
    case DICOM_KEY_FLIP_ANGLE:
        return 1e-3;
    case DICOM_KEY_B_VALUE:
    case DICOM_KEY_TRIGGER_TIME:
    case DICOM_KEY_FRAME_TIME:
        return 1e-6; /* times run on for minutes */
    default:
        return 0;
    }
}

/* Gives values of a key that are one but for rounding the least of them. */
static ul_status unite_rounded(placed_image *images, size_t count, dicom_key key, ul_error *error) {
    double *values = malloc(count * sizeof *values), tolerance = tolerance_of(key);
    if (!values)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(images[i].key[key]))
            values[known++] = images[i].key[key];
    qsort(values, known, sizeof *values, by_value);
    size_t kinds = 0; /* values[0..kinds-1]: the least of each */
    for (size_t i = 0; i < known; i++)
        if (kinds == 0 || values[i] - values[kinds - 1] > tolerance * fabs(values[i]))
            values[kinds++] = values[i];
    for (size_t i = 0; i < count; i++)
        for (size_t low = 0, high = kinds; !isnan(images[i].key[key]) && low < high;) {
            size_t middle = (low + high) / 2;
            if (middle + 1 < kinds && values[middle + 1] <= images[i].key[key]) {
                low = middle + 1;
            } else if (values[middle] > images[i].key[key]) {
                high = middle;
            } else {
                images[i].key[key] = values[middle];
                break;
            }
        }
    free(values);
    return UL_OK;
}

static int by_first_component(const void *left, const void *right) {
    const placed_image *a = *(placed_image *const *)left, *b = *(placed_image *const *)right;
    return by_value(&a->image->gradient[0], &b->image->gradient[0]);
}

/* Whether two directions are one but for rounding; those of a scan lie degrees apart. */
static bool same_direction(const placed_image *a, const placed_image *b) {
    for (int c = 0; c < 3; c++)
        if (!(fabs(a->image->gradient[c] - b->image->gradient[c]) <= DIRECTION_TOLERANCE))
            return false;
    return true;
}

/* One of the known images, sorted by their first component, with the direction of another behind
 * them; NULL where there is none. */
static const placed_image *find_direction(
    placed_image *const *known, size_t count, const placed_image *image) {
    for (size_t k = count; k-- > 0;) {
        if (image->image->gradient[0] - known[k]->image->gradient[0] > DIRECTION_TOLERANCE)
            return NULL;
        if (same_direction(image, known[k]))
            return known[k];
    }
    return NULL;
}

/* Gives directions that are one but for rounding the number of one of them. */
static ul_status unite_directions(placed_image *images, size_t count, ul_error *error) {
    placed_image **known = malloc(count * sizeof *known); /* [0..kinds-1]: one of each */
    if (!known)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    size_t directed = 0, kinds = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(images[i].key[DICOM_KEY_GRADIENT]))
            known[directed++] = &images[i];
    qsort(known, directed, sizeof *known, by_first_component);
    for (size_t i = 0; i < directed; i++) {
        placed_image *image = known[i];
        const placed_image *one = find_direction(known, kinds, image);
        if (one)
            image->key[DICOM_KEY_GRADIENT] = one->key[DICOM_KEY_GRADIENT];
        else
            known[kinds++] = image;
    }
    free(known);
    return UL_OK;
}

ul_status series_split(placed_image *images, size_t count, series_compare compare, void *context,
    split_part **parts, size_t *part_count, ul_error *error) {
    series_splitter splitter = {compare, context, parts, part_count, error};
    for (size_t i = 0; i < count; i++)
        memcpy(images[i].key, images[i].image->key, sizeof images[i].key);
    for (int key = 0; key < DICOM_KEYS; key++) {
        ul_status status = tolerance_of((dicom_key)key) > 0
                               ? unite_rounded(images, count, (dicom_key)key, error)
                               : UL_OK;
        if (status != UL_OK)
            return status;
    }
    ul_status status = unite_directions(images, count, error);
    return status == UL_OK ? split_further(&splitter, images, count, 0, "") : status;
}

void split_parts_free(split_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(parts[i].images);
    free(parts);
}
