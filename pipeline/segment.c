#include "ulite/segment.h"

#include "predict.h"
#include "ulite/process.h"
#include "ulite/regular.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PLANES = 3 }; /* as many as a card can name */

/* Most bytes of logits that are held at a time where planes are averaged. */
static const size_t DEFAULT_LOGIT_BYTES = (size_t)1 << 30;

/* Slices of the volume as they are stored, whose labels are made together. */
typedef struct slab {
    size_t first, depth;
} slab;

/* One volume being segmented. */
typedef struct job {
    const ul_card *card;
    size_t planes, classes, voxels;
    bool named[PREDICT_MAX_CLASSES]; /* outputs that the card names; others are background */
    slice_stack stacks[MAX_PLANES];  /* [planes] */
    slab slab;
    size_t slab_depth; /* of all slabs but the last */
    float *sum; /* [classes][voxels of a slab] logits added over the planes, where several are */
    const ul_progress *progress;
    size_t run, to_run; /* slices, in all planes and slabs */
    ul_labels *labels;
} job;

/* Steps from pixel to pixel of a plane in an array of voxels. */
typedef struct steps {
    size_t start;
    ptrdiff_t x, y;
} steps;

static steps steps_of(const ul_voxel_plane *plane, const ul_grid *grid) {
    size_t start = ul_voxel_plane_index(plane, grid, 0, 0);
    return (steps){start, (ptrdiff_t)(ul_voxel_plane_index(plane, grid, 1, 0) - start),
        (ptrdiff_t)(ul_voxel_plane_index(plane, grid, 0, 1) - start)};
}

static size_t step_to(const steps *s, size_t x, size_t y) {
    return s->start + (size_t)((ptrdiff_t)x * s->x + (ptrdiff_t)y * s->y);
}

/* The class of a pixel by its logits, `stride` apart. */
static uint16_t choose(const job *j, const float *logits, size_t stride) {
    size_t best = 0;
    if (j->classes == 1)
        best = logits[0] > 0.0f;
    for (size_t c = 1; c < j->classes; c++)
        if (logits[c * stride] > logits[best * stride])
            best = c;
    return j->named[best] ? (uint16_t)best : 0;
}

/* The softmax (one class: the sigmoid) of a pixel's logits, added over the planes and `stride`
 * apart. */
static void probabilities_of(const job *j, const float *logits, size_t stride, float *probability) {
    float planes = (float)j->planes, highest = logits[0], total = 0.0f;
    if (j->classes == 1) {
        probability[0] = 1.0f / (1.0f + expf(-logits[0] / planes));
        return;
    }
    for (size_t c = 1; c < j->classes; c++)
        highest = fmaxf(highest, logits[c * stride]);
    for (size_t c = 0; c < j->classes; c++) {
        probability[c] = expf((logits[c * stride] - highest) / planes);
        total += probability[c];
    }
    for (size_t c = 0; c < j->classes; c++)
        probability[c] /= total;
}

static void store_fractions(const job *j, size_t voxel, const float *logits, size_t stride) {
    const ul_labels *labels = j->labels;
    float probability[PREDICT_MAX_CLASSES];
    probabilities_of(j, logits, stride, probability);
    for (size_t n = 0; n < labels->segments.count; n++) {
        size_t c = j->classes == 1 ? 0 : labels->segments.items[n].number;
        labels->fractions[n * j->voxels + voxel] = (uint8_t)lrintf(255.0f * probability[c]);
    }
}

/* Labels, and fractions where they are wanted, of a plane of voxels. */
static void label_plane(
    const job *j, const ul_voxel_plane *plane, const float *logits, size_t stride) {
    ul_labels *labels = j->labels;
    steps s = steps_of(plane, &labels->grid);
    for (size_t y = 0; y < plane->height; y++)
        for (size_t x = 0; x < plane->width; x++, logits++) {
            size_t voxel = step_to(&s, x, y);
            labels->map[voxel] = choose(j, logits, stride);
            if (labels->fractions)
                store_fractions(j, voxel, logits, stride);
        }
}

/* The pixels along one axis of a plane that lie in the slab: from range[0] up to range[1] - 1.
 * start and step: the stored slice of the first pixel, and how it changes from pixel to pixel. */
static void pixels_in_slab(
    const slab *within, ptrdiff_t start, ptrdiff_t step, size_t length, size_t range[2]) {
    size_t last = within->first + within->depth - 1;
    range[0] = step > 0 ? within->first : step < 0 ? (size_t)start - last : 0;
    range[1] = step == 0 ? length : range[0] + within->depth;
}

/* Adds the logits of a slice to the sum, as far as it lies in the slab. */
static void add_slice(const job *j, const ul_voxel_plane *plane, const float *logits) {
    const size_t *size = j->labels->grid.size;
    size_t area = size[0] * size[1], x_range[2], y_range[2];
    pixels_in_slab(&j->slab, plane->start[2], plane->step_x[2], plane->width, x_range);
    pixels_in_slab(&j->slab, plane->start[2], plane->step_y[2], plane->height, y_range);
    steps s = steps_of(plane, &j->labels->grid);
    for (size_t c = 0; c < j->classes; c++, logits += plane->width * plane->height) {
        float *sum = j->sum + c * j->slab.depth * area;
        for (size_t y = y_range[0]; y < y_range[1]; y++)
            for (size_t x = x_range[0]; x < x_range[1]; x++)
                sum[step_to(&s, x, y) - j->slab.first * area] += logits[y * plane->width + x];
    }
}

/* Takes the logits of a slice: the labels follow where the card has one plane. */
static void take_slice(void *context, const ul_voxel_plane *plane, const float *logits) {
    const job *j = context;
    if (j->sum)
        add_slice(j, plane, logits);
    else
        label_plane(j, plane, logits, plane->width * plane->height);
}

/* Slices of a stack that the slab needs: those in it, or all where they cross it. */
static slab slices_to_run(const job *j, const slice_stack *stack) {
    if (stack->o.axis[2] != 2)
        return (slab){0, stack->depth};
    size_t behind = stack->depth - j->slab.first - j->slab.depth;
    return (slab){stack->o.reversed[2] ? behind : j->slab.first, j->slab.depth};
}

/* One stack's progress told as that of the whole job. */
static bool report_stack(void *context, const char *stage, size_t done, size_t total) {
    (void)total;
    const job *j = context;
    return ul_progress_report(j->progress, stage, j->run + done, j->to_run);
}

static ul_status run_slab(
    const ul_model *model, const ul_segment_options *options, job *j, ul_error *error) {
    const ul_progress progress = {report_stack, j};
    const size_t *size = j->labels->grid.size;
    ul_status status = UL_OK;
    if (j->sum)
        memset(j->sum, 0, j->classes * j->slab.depth * size[0] * size[1] * sizeof *j->sum);
    for (size_t plane = 0; status == UL_OK && plane < j->planes; plane++) {
        slab run = slices_to_run(j, &j->stacks[plane]);
        status = predict_stack(model, j->card, &j->stacks[plane], run.first, run.depth, options,
            &progress, take_slice, j, error);
        j->run += run.depth;
    }
    for (size_t k = 0; status == UL_OK && j->sum && k < j->slab.depth; k++) {
        ul_voxel_plane plane = ul_voxel_plane_slice(&j->labels->grid, j->slab.first + k);
        label_plane(j, &plane, j->sum + k * size[0] * size[1], j->slab.depth * size[0] * size[1]);
    }
    return status;
}

/* Makes j->slab the one that begins at slice `first`; false where none does. */
static bool next_slab(job *j, size_t first) {
    size_t left = j->labels->grid.size[2] - first;
    j->slab = (slab){first, left < j->slab_depth ? left : j->slab_depth};
    return left > 0;
}

static ul_status run_slabs(
    const ul_model *model, const ul_segment_options *options, job *j, ul_error *error) {
    for (size_t first = 0; next_slab(j, first); first += j->slab.depth)
        for (size_t plane = 0; plane < j->planes; plane++)
            j->to_run += slices_to_run(j, &j->stacks[plane]).depth;
    ul_status status = UL_OK;
    for (size_t first = 0; status == UL_OK && next_slab(j, first); first += j->slab.depth)
        status = run_slab(model, options, j, error);
    return status;
}

/* Applies rules to the volume, or to each of independent images alone. */
static ul_status apply_rules(const ul_card *card, ul_labels *labels, ul_error *error) {
    const ul_grid *grid = &labels->grid;
    size_t slices = grid->size[2], pixels = grid->size[0] * grid->size[1];
    double *voxel_mm3 = malloc((slices + 1) * sizeof *voxel_mm3);
    if (!voxel_mm3)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    bool known = true;
    for (size_t k = 0; k < slices; k++) {
        voxel_mm3[k] = grid->spacing_mm[0] * grid->spacing_mm[1] * ul_grid_depth_mm(grid, k);
        known = known && voxel_mm3[k] > 0.0;
    }
    ul_component_rules rules = {.largest = card->postprocess.largest_component,
        .minimum = known ? card->postprocess.minimum_mm3 : 0.0,
        .voxel_sizes = known ? voxel_mm3 : NULL,
        .fill_holes = card->postprocess.fill_holes};
    ul_status status = UL_OK;
    if (grid->stack == UL_STACK_UNPLACED) {
        const size_t one[3] = {grid->size[0], grid->size[1], 1};
        rules.voxel_sizes = NULL;
        rules.minimum = 0.0;
        for (size_t k = 0; status == UL_OK && k < slices; k++)
            status = ul_components_apply(labels->map + k * pixels, one, &rules, error);
    } else {
        status = ul_components_apply(labels->map, grid->size, &rules, error);
    }
    free(voxel_mm3);
    return status;
}

/* Fractions follow the rules: 0 where they took a voxel away, 1 where they filled it. */
static void follow_rules(const uint16_t *before, size_t voxels, ul_labels *labels) {
    for (size_t n = 0; n < labels->segments.count; n++) {
        unsigned number = labels->segments.items[n].number;
        uint8_t *fraction = labels->fractions + n * voxels;
        for (size_t i = 0; i < voxels; i++)
            if ((before[i] == number) != (labels->map[i] == number))
                fraction[i] = labels->map[i] == number ? 255 : 0;
    }
}

static ul_status postprocess(const job *j, ul_error *error) {
    const ul_postprocess *rules = &j->card->postprocess;
    if (!rules->largest_component && !rules->fill_holes && rules->minimum_mm3 == 0.0)
        return UL_OK;
    if (!j->labels->fractions)
        return apply_rules(j->card, j->labels, error);
    uint16_t *before = malloc(j->voxels * sizeof *before);
    if (!before)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the fractions");
    memcpy(before, j->labels->map, j->voxels * sizeof *before);
    ul_status status = apply_rules(j->card, j->labels, error);
    if (status == UL_OK)
        follow_rules(before, j->voxels, j->labels);
    free(before);
    return status;
}

/* Memory for the planes' sum: slabs of about equal depth that keep to the limit. */
static ul_status allocate_sum(const ul_segment_options *options, job *j, ul_error *error) {
    const size_t *size = j->labels->grid.size;
    size_t limit = options->logit_bytes ? options->logit_bytes : DEFAULT_LOGIT_BYTES;
    size_t slice = j->classes * size[0] * size[1], most = limit / (slice * sizeof *j->sum);
    size_t slabs = most ? (size[2] + most - 1) / most : size[2];
    j->slab_depth = (size[2] + slabs - 1) / slabs;
    j->sum = malloc(j->slab_depth * slice * sizeof *j->sum);
    if (j->sum)
        return UL_OK;
    return ul_error_set(
        error, UL_ERROR_LIMIT, "out of memory for %zu logits", j->slab_depth * slice);
}

/* Opens what runs; job_close whatever the outcome. */
static ul_status job_open(const ul_model *model, const ul_volume *volume,
    const ul_segment_options *options, job *j, ul_error *error) {
    j->classes = ul_model_get_shape(model)->classes;
    j->voxels = volume->grid.size[0] * volume->grid.size[1] * volume->grid.size[2];
    j->slab_depth = volume->grid.size[2];
    if (j->classes > PREDICT_MAX_CLASSES)
        return ul_error_set(error, UL_ERROR_LIMIT, "the model has %zu outputs, at most %d go",
            j->classes, PREDICT_MAX_CLASSES);
    for (size_t c = 0; c < PREDICT_MAX_CLASSES; c++)
        j->named[c] = ul_segments_find(&j->labels->segments, (unsigned)c) != NULL;
    size_t planes = j->card->plane_count ? j->card->plane_count : 1;
    ul_status status = UL_OK;
    for (; status == UL_OK && j->planes < planes; j->planes += status == UL_OK)
        status =
            slices_open(volume, j->card, j->planes, options->threads, &j->stacks[j->planes], error);
    return status == UL_OK && planes > 1 ? allocate_sum(options, j, error) : status;
}

static void job_close(job *j) {
    for (size_t plane = 0; plane < j->planes; plane++)
        slices_close(&j->stacks[plane]);
    free(j->sum);
}

/* Segments that do not say what made them were made by this model. */
static void name_algorithm(const char *model, ul_segments *segments) {
    const char *prefix = strlen(model) <= 57 ? "U-Lite " : ""; /* DICOM takes 64 characters */
    for (size_t i = 0; *model && i < segments->count; i++) {
        ul_segment *segment = &segments->items[i];
        if (strcmp(segment->algorithm_name, "unspecified") == 0)
            snprintf(
                segment->algorithm_name, sizeof segment->algorithm_name, "%s%s", prefix, model);
    }
}

/* Takes away what was labelled where the slices of the source are missing. The network and the
 * rules see those slices, so that a structure goes on behind a gap. */
static void clear_gaps(const ul_grid *slices, ul_labels *labels) {
    const size_t *size = labels->grid.size, area = size[0] * size[1];
    for (size_t k = 0; k < size[2]; k++) {
        if (!ul_grid_in_gap(slices, &labels->grid, k))
            continue;
        memset(labels->map + k * area, 0, area * sizeof *labels->map);
        for (size_t s = 0; labels->fractions && s < labels->segments.count; s++)
            memset(labels->fractions + (s * size[2] + k) * area, 0, area);
    }
}

ul_status ul_segment_volume(const ul_model *model, const ul_card *card, const ul_volume *volume,
    const ul_segment_options *options, const ul_progress *progress, ul_labels *labels,
    ul_error *error) {
    ul_status status =
        ul_labels_create(&volume->grid, &card->classes, options->fractions, labels, error);
    if (status != UL_OK)
        return status;
    name_algorithm(card->name, &labels->segments);
    job j = {.card = card, .labels = labels, .progress = progress};
    status = job_open(model, volume, options, &j, error);
    if (status == UL_OK)
        status = run_slabs(model, options, &j, error);
    job_close(&j);
    if (status == UL_OK)
        status = postprocess(&j, error);
    if (status == UL_OK && options->slices)
        clear_gaps(options->slices, labels);
    if (status != UL_OK)
        ul_labels_free(labels);
    return status;
}
