#include "ulite/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    return count ? values[count / 2] : 0.0;
}

/* What is gathered of every case. */
typedef struct survey {
    double *measure[6]; /* columns, rows, slices and the three spacings of each training case */
    size_t cases, planes[4], label_voxels[256];
} survey;

static ul_status add_labels(const ul_labels *labels, survey *s, ul_error *error) {
    const size_t *size = labels->grid.size;
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++) {
        if (labels->map[i] > 255)
            return ul_error_set(error, UL_ERROR_INPUT,
                "label value %u: labels are 0 (background) to 254, 255 is ignored", labels->map[i]);
        s->label_voxels[labels->map[i]]++;
    }
    return UL_OK;
}

static void add_image(const ul_volume *image, survey *s, ul_fingerprint *f) {
    const ul_grid *grid = &image->grid;
    for (int axis = 0; axis < 3; axis++) {
        size_t size = grid->size[axis];
        s->measure[axis][s->cases] = (double)size;
        f->smallest[axis] = s->cases == 0 || size < f->smallest[axis] ? size : f->smallest[axis];
        f->largest[axis] = size > f->largest[axis] ? size : f->largest[axis];
    }
    s->measure[3][s->cases] = grid->spacing_mm[0];
    s->measure[4][s->cases] = grid->spacing_mm[1];
    s->measure[5][s->cases] = fabs(ul_grid_step_mm(grid));
    s->planes[ul_grid_plane(grid)]++;
    s->cases++;
    f->slices += grid->size[2];
    f->volumes = f->volumes || grid->size[2] > 1;
    f->placed = f->placed || grid->stack != UL_STACK_UNPLACED;
    if (*image->modality)
        memcpy(f->modality, image->modality, sizeof f->modality);
}

static void add_values(const ul_volume *image, ul_fingerprint *f, float *values) {
    size_t count = image->grid.size[0] * image->grid.size[1] * image->channels;
    for (size_t k = 0; k < image->grid.size[2]; k++) {
        ul_volume_slice(image, k, values);
        for (size_t i = 0; i < count; i++) {
            f->low = fmin(f->low, (double)values[i]);
            f->high = fmax(f->high, (double)values[i]);
        }
    }
}

static ul_status look_at(
    const ul_dataset *dataset, size_t index, survey *s, ul_fingerprint *f, ul_error *error) {
    ul_volume image;
    ul_labels labels;
    ul_status status = ul_dataset_read(dataset, index, &image, &labels, error);
    if (status != UL_OK)
        return status;
    size_t pixels = image.grid.size[0] * image.grid.size[1] * image.channels;
    float *values = malloc(pixels * sizeof *values);
    if (!values)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a slice");
    if (status == UL_OK && f->channels && f->channels != image.channels)
        status = ul_error_set(error, UL_ERROR_INPUT,
            "the image has %zu channels, those before it %zu: grey and RGB do not mix",
            image.channels, f->channels);
    f->channels = image.channels;
    if (status == UL_OK)
        status = add_labels(&labels, s, error);
    if (status == UL_OK && dataset->cases[index].split == UL_SPLIT_TRAIN) {
        add_image(&image, s, f);
        add_values(&image, f, values);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "case %s", dataset->cases[index].name);
    free(values);
    ul_volume_free(&image);
    ul_labels_free(&labels);
    return status;
}

/* Labels run from 1 without a gap; 255 is left out of training. */
static ul_status count_classes(
    const ul_dataset *dataset, const survey *s, ul_fingerprint *f, ul_error *error) {
    double total = 0.0;
    for (size_t label = 0; label < 255; label++) {
        total += (double)s->label_voxels[label];
        if (label > 0 && s->label_voxels[label] > 0)
            f->class_count = label;
    }
    if (f->class_count == 0)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: no label holds any foreground", dataset->folder);
    for (size_t label = 1; label <= f->class_count; label++)
        if (s->label_voxels[label] == 0)
            return ul_error_set(error, UL_ERROR_INPUT,
                "%s: label values skip: %zu occurs but %zu does not; number the classes from 1 "
                "without gaps",
                dataset->folder, f->class_count, label);
    for (size_t label = 0; label <= f->class_count; label++)
        f->class_share[label] = (double)s->label_voxels[label] / total;
    return UL_OK;
}

ul_status ul_fingerprint_measure(const ul_dataset *dataset, const ul_progress *progress,
    ul_fingerprint *fingerprint, ul_error *error) {
    survey s = {.cases = 0};
    *fingerprint = (ul_fingerprint){.low = INFINITY, .high = -INFINITY};
    double *measures = malloc(6 * dataset->count * sizeof *measures);
    if (!measures)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", dataset->folder);
    for (size_t m = 0; m < 6; m++)
        s.measure[m] = measures + m * dataset->count;
    ul_status status = UL_OK;
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++) {
        status = look_at(dataset, i, &s, fingerprint, error);
        if (status == UL_OK && !ul_progress_report(progress, "checking", i + 1, dataset->count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status == UL_OK)
        status = count_classes(dataset, &s, fingerprint, error);
    if (status == UL_OK) {
        fingerprint->cases = s.cases;
        for (size_t m = 0; m < 3; m++) {
            fingerprint->median[m] = (size_t)median_of(s.measure[m], s.cases);
            fingerprint->spacing_mm[m] = median_of(s.measure[3 + m], s.cases);
        }
        for (ul_plane plane = UL_PLANE_AXIAL; plane <= UL_PLANE_UNKNOWN; plane++)
            if (s.planes[plane] > s.planes[fingerprint->plane])
                fingerprint->plane = plane;
        if (!*fingerprint->modality)
            memcpy(fingerprint->modality, dataset->modality, sizeof fingerprint->modality);
    }
    free(measures);
    return status;
}
