#include "ulite/train.h"

#include "jobs/base/paths.h"
#include "jobs/evaluate/labels_file.h"
#include "jobs/generate/label_values.h"
#include "libulite/base/sort.h"
#include "volume/planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS = 256, IGNORED = 255 };

static double median_of(double *values, size_t count) {
    ul_sort_doubles(values, count);
    return count ? values[count / 2] : 0.0;
}

/* What is gathered of every case. */
typedef struct survey {
    double *spacing[3]; /* of each training case */
    size_t cases, planes[4];
    size_t voxels[LABELS];   /* in the training cases */
    size_t shown_by[LABELS]; /* 1 + the first case that has the label: training ones first */
    size_t channels_of;      /* the case whose channels all must have */
} survey;

static ul_status add_labels(
    const ul_dataset *dataset, size_t index, const ul_labels *labels, survey *s, ul_error *error) {
    const size_t *size = labels->grid.size;
    size_t voxels[LABELS] = {0};
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++) {
        if (labels->map[i] >= LABELS)
            return ul_error_set(error, UL_ERROR_INPUT,
                "label value %u: labels are 0 (background) to 254, 255 is ignored", labels->map[i]);
        voxels[labels->map[i]]++;
    }
    bool training = dataset->cases[index].split == UL_SPLIT_TRAIN;
    for (size_t label = 0; label < LABELS; label++) {
        if (voxels[label] == 0)
            continue;
        if (s->shown_by[label] == 0 || (training && s->voxels[label] == 0))
            s->shown_by[label] = index + 1;
        if (training)
            s->voxels[label] += voxels[label];
    }
    return UL_OK;
}

/* Whether the model's columns, which run to the patient's left (sagittal: back), are the rows of
 * the source. */
static bool is_transposed(const ul_grid *grid, ul_plane plane) {
    int along = plane == UL_PLANE_SAGITTAL ? 1 : 0;
    return grid->stack != UL_STACK_UNPLACED && plane != UL_PLANE_UNKNOWN &&
           fabs(grid->axis_i[along]) < fabs(grid->axis_j[along]);
}

static void add_extents(const ul_grid *grid, bool first, ul_fingerprint *f) {
    for (int axis = 0; axis < 2; axis++) {
        double extent = grid->spacing_mm[axis] * (double)grid->size[axis];
        bool none = first && axis == 0;
        f->extent_mm[0] = none ? extent : fmin(f->extent_mm[0], extent);
        f->extent_mm[1] = none ? extent : fmax(f->extent_mm[1], extent);
    }
}

static void add_grid(const ul_grid *grid, survey *s, ul_fingerprint *f) {
    ul_plane plane = ul_grid_plane(grid);
    const double spacing[3] = {
        grid->spacing_mm[0], grid->spacing_mm[1], fabs(ul_grid_step_mm(grid))};
    for (int axis = 0; axis < 3; axis++) {
        int source = axis < 2 && is_transposed(grid, plane) ? 1 - axis : axis;
        size_t size = grid->size[source];
        f->smallest[axis] = s->cases == 0 || size < f->smallest[axis] ? size : f->smallest[axis];
        f->largest[axis] = size > f->largest[axis] ? size : f->largest[axis];
        s->spacing[axis][s->cases] = spacing[source];
    }
    add_extents(grid, s->cases == 0, f);
    s->planes[plane]++;
    s->cases++;
    f->slices += grid->size[2];
    f->volumes = f->volumes || grid->size[2] > 1;
    f->placed = f->placed || grid->stack != UL_STACK_UNPLACED;
}

static ul_status add_values(const ul_volume *image, ul_fingerprint *f, ul_error *error) {
    size_t count = image->grid.size[0] * image->grid.size[1] * image->channels;
    float *values = malloc(count * sizeof *values);
    if (!values)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a slice");
    for (size_t k = 0; k < image->grid.size[2]; k++) {
        ul_volume_slice(image, k, values);
        for (size_t i = 0; i < count; i++) {
            f->low = fmin(f->low, (double)values[i]);
            f->high = fmax(f->high, (double)values[i]);
        }
    }
    free(values);
    return UL_OK;
}

/* Greys that are stored in colour go with grey images as well as with those in colour. */
static ul_status check_channels(const ul_dataset *dataset, size_t index, const ul_volume *image,
    survey *s, ul_fingerprint *f, ul_error *error) {
    if (image->channels == 3 && ul_volume_is_grey(image)) {
        f->grey_in_colour++;
        return UL_OK;
    }
    if (f->channels && f->channels != image->channels)
        return ul_error_set(error, UL_ERROR_INPUT,
            "the image has %zu channels, %s has %zu: grey and RGB do not mix", image->channels,
            dataset->cases[s->channels_of].name, f->channels);
    if (!f->channels)
        s->channels_of = index;
    f->channels = image->channels;
    return UL_OK;
}

/* A SEG says what its numbers mean, and so does 3D Slicer's NRRD. */
static void take_classes(const char *label_path, ul_labels *labels, ul_fingerprint *f) {
    if (f->classes.count > 0 ||
        !(labels_are_sparse(label_path) || files_ends_with(label_path, ".seg.nrrd")))
        return;
    f->classes = labels->segments;
    labels->segments = (ul_segments){0};
}

/* 3D Slicer numbers the segments of each file by itself: without classes that say which is which,
 * they must be alike. */
static ul_status check_names(const ul_dataset *dataset, size_t index, const ul_labels *labels,
    const ul_fingerprint *f, ul_error *error) {
    if (dataset->classes.count > 0 || !labels_are_numbered_alone(dataset->cases[index].label))
        return UL_OK;
    for (size_t s = 0; s < labels->segments.count; s++) {
        const ul_segment *segment = &labels->segments.items[s];
        const ul_segment *first = ul_segments_find(&f->classes, segment->number);
        if (first && strcmp(first->label, segment->label) != 0)
            return ul_error_set(error, UL_ERROR_INPUT,
                "segment %u is \"%s\" here and \"%s\" in a case before: give the data set a "
                "segments.json or dataset.json that names the classes, and they are told by name",
                segment->number, segment->label, first->label);
    }
    return UL_OK;
}

/* A case whose images are drawn: values from 0 to 1. */
static ul_status look_at_map(
    const ul_dataset *dataset, size_t index, survey *s, ul_fingerprint *f, ul_error *error) {
    ul_labels labels;
    ul_status status = ul_dataset_read_labels(dataset, index, &labels, error);
    if (status != UL_OK)
        return status;
    if (labels.grid.stack != UL_STACK_REGULAR || labels.grid.size[2] < 2)
        status = ul_error_set(error, UL_ERROR_GEOMETRY,
            "images are drawn from label maps of several, evenly spaced slices with positions");
    if (status == UL_OK)
        status = label_values_apply(dataset->values, &labels, error);
    if (status == UL_OK)
        status = add_labels(dataset, index, &labels, s, error);
    if (status == UL_OK && dataset->cases[index].split == UL_SPLIT_TRAIN) {
        add_grid(&labels.grid, s, f);
        f->channels = 1;
        f->low = fmin(f->low, 0.0);
        f->high = fmax(f->high, 1.0);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "case %s", dataset->cases[index].name);
    ul_labels_free(&labels);
    return status;
}

static ul_status look_at(
    const ul_dataset *dataset, size_t index, survey *s, ul_fingerprint *f, ul_error *error) {
    if (!dataset->cases[index].image)
        return look_at_map(dataset, index, s, f, error);
    ul_volume image;
    ul_labels labels;
    ul_status status = ul_dataset_read(dataset, index, &image, &labels, error);
    if (status != UL_OK)
        return status;
    status = check_channels(dataset, index, &image, s, f, error);
    if (status == UL_OK)
        status = check_names(dataset, index, &labels, f, error);
    if (status == UL_OK)
        status = add_labels(dataset, index, &labels, s, error);
    if (status == UL_OK && dataset->cases[index].split == UL_SPLIT_TRAIN) {
        add_grid(&image.grid, s, f);
        if (*image.modality)
            memcpy(f->modality, image.modality, sizeof f->modality);
        take_classes(dataset->cases[index].label, &labels, f);
        status = add_values(&image, f, error);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "case %s", dataset->cases[index].name);
    ul_volume_free(&image);
    ul_labels_free(&labels);
    return status;
}

/* Labels run from 1 without a gap in the training cases; 255 is left out of training. */
static ul_status count_classes(
    const ul_dataset *dataset, const survey *s, ul_fingerprint *f, ul_error *error) {
    double total = 0.0;
    size_t highest = 0;
    for (size_t label = 0; label < IGNORED; label++) {
        total += (double)s->voxels[label];
        f->class_count = label > 0 && s->voxels[label] > 0 ? label : f->class_count;
        highest = s->shown_by[label] > 0 ? label : highest;
    }
    if (f->class_count == 0)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: no label of a training case holds any foreground", dataset->folder);
    for (size_t label = 1; label <= highest; label++) {
        if (s->voxels[label] > 0)
            continue;
        const ul_dataset_case *c = &dataset->cases[s->shown_by[highest] - 1];
        return ul_error_set(error, UL_ERROR_INPUT,
            "case %s (%s): label values skip: it has %zu, but no training case has %zu; number the "
            "classes from 1 without gaps, each in some training case",
            c->name, ul_split_name(c->split), highest, label);
    }
    for (size_t label = 0; label <= f->class_count; label++)
        f->class_share[label] = (double)s->voxels[label] / total;
    return UL_OK;
}

/* What all cases together say. */
static void conclude(const ul_dataset *dataset, survey *s, ul_fingerprint *f) {
    if (!f->channels)
        f->channels = 1;
    for (int axis = 0; axis < 3; axis++)
        f->spacing_mm[axis] = median_of(s->spacing[axis], s->cases);
    if (!(f->extent_mm[0] > 0.0))
        f->extent_mm[0] = f->extent_mm[1] = 0.0;
    for (ul_plane plane = UL_PLANE_AXIAL; plane <= UL_PLANE_UNKNOWN; plane++)
        if (s->planes[plane] > s->planes[f->plane])
            f->plane = plane;
    if (!*f->modality)
        memcpy(f->modality, dataset->modality, sizeof f->modality);
}

void ul_fingerprint_free(ul_fingerprint *fingerprint) {
    ul_segments_free(&fingerprint->classes);
}

ul_status ul_fingerprint_measure(const ul_dataset *dataset, const ul_progress *progress,
    ul_fingerprint *fingerprint, ul_error *error) {
    survey s = {.cases = 0};
    *fingerprint = (ul_fingerprint){.low = INFINITY, .high = -INFINITY};
    double *spacings = malloc(3 * dataset->count * sizeof *spacings);
    if (!spacings)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", dataset->folder);
    for (size_t axis = 0; axis < 3; axis++)
        s.spacing[axis] = spacings + axis * dataset->count;
    ul_status status = UL_OK;
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++) {
        status = look_at(dataset, i, &s, fingerprint, error);
        if (status == UL_OK && !ul_progress_report(progress, "checking", i + 1, dataset->count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status == UL_OK)
        status = count_classes(dataset, &s, fingerprint, error);
    if (status == UL_OK)
        conclude(dataset, &s, fingerprint);
    free(spacings);
    if (status != UL_OK)
        ul_fingerprint_free(fingerprint);
    return status;
}
