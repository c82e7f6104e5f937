#include "ulite/segment.h"
#include "jobs/segment/logit_sum.h"

#include "jobs/segment/predict.h"
#include "jobs/segment/quality.h"
#include "jobs/segment/sides.h"
#include "libulite/base/resources.h"
#include "ulite/resources.h"
#include "ulite/volume.h"
#include "volume/components.h"

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
    float weights[MAX_PLANES];       /* [planes] of their logits in the sum; 1 in the mean */
    float weight;                    /* of the plane that runs */
    slab slab;
    size_t slab_depth; /* of all slabs but the last */
    logit_sum sum;     /* over the planes, where several are */
    const ul_progress *progress;
    size_t run, to_run; /* slices, in all planes and slabs */
    ul_labels *labels;
    quality_meter *meter; /* NULL: quality is not measured */
} job;

enum { BLOCK = 64 };

/* The classes of so many pixels by their logits, `stride` apart: of equal ones the first. */
static void choose(
    const job *j, const float *logits, size_t stride, size_t pixels, uint16_t *best) {
    float highest[BLOCK];
    memset(best, 0, BLOCK * sizeof *best);
    if (j->classes == 1)
        for (size_t i = 0; i < pixels; i++)
            best[i] = logits[i] > 0.0f;
    memcpy(highest, logits, pixels * sizeof *highest);
    for (size_t c = 1; c < j->classes; c++) {
        const float *row = logits + c * stride;
        for (size_t i = 0; i < pixels; i++) {
            bool higher = row[i] > highest[i];
            highest[i] = higher ? row[i] : highest[i];
            best[i] = higher ? (uint16_t)c : best[i];
        }
    }
    for (size_t i = 0; i < pixels; i++)
        best[i] = j->named[best[i]] ? best[i] : 0;
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

/* The pixel in front of those that are labelled. */
typedef struct front_pixel {
    int label;    /* -1: there is none */
    bool metered; /* as one at a surface */
} front_pixel;

/* Meters the surfaces in so many pixels of a row, and that to the pixel in front of them. */
static void meter_surfaces(const job *j, const uint16_t *best, const float *logits, size_t stride,
    size_t pixels, front_pixel *front) {
    for (size_t i = 0; i < pixels; i++) {
        bool surface = front->label >= 0 && front->label != best[i];
        const unsigned labels[2] = {(unsigned)front->label, best[i]};
        if (surface)
            quality_add_surface(
                j->meter, labels, front->metered, logits + i - 1, stride, j->classes, j->planes);
        *front = (front_pixel){best[i], surface};
    }
}

/* Labels, and fractions where they are wanted, of pixels that lie `step` voxels apart. */
static void label_row(
    const job *j, size_t voxel, ptrdiff_t step, const float *logits, size_t stride, size_t pixels) {
    uint16_t best[BLOCK];
    front_pixel front = {.label = -1};
    for (size_t first = 0; first < pixels; first += BLOCK) {
        size_t count = pixels - first < BLOCK ? pixels - first : BLOCK;
        choose(j, logits + first, stride, count, best);
        if (j->meter)
            meter_surfaces(j, best, logits + first, stride, count, &front);
        for (size_t i = 0; i < count; i++, voxel += (size_t)step) {
            j->labels->map[voxel] = best[i];
            if (j->labels->fractions)
                store_fractions(j, voxel, logits + first + i, stride);
        }
    }
}

static void label_plane(const job *j, const ul_voxel_plane *plane, const float *logits) {
    const ul_grid *grid = &j->labels->grid;
    size_t start = ul_voxel_plane_index(plane, grid, 0, 0);
    ptrdiff_t step = (ptrdiff_t)(ul_voxel_plane_index(plane, grid, 1, 0) - start);
    for (size_t y = 0; y < plane->height; y++)
        label_row(j, ul_voxel_plane_index(plane, grid, 0, y), step, logits + y * plane->width,
            plane->width * plane->height, plane->width);
}

/* Takes the logits of a slice: the labels follow where the card has one plane. */
static void take_slice(void *context, const ul_voxel_plane *plane, const float *logits) {
    const job *j = context;
    if (j->sum.values)
        logit_sum_add(&j->sum, plane, logits, j->weight);
    else
        label_plane(j, plane, logits);
}

/* Slices of a stack that the slab needs: those in it, or all where they cross it. */
static slab slices_to_run(const job *j, const slice_stack *stack) {
    if (stack->o.axis[2] != 2)
        return (slab){0, stack->depth};
    if (j->planes == 1)
        return j->slab;
    size_t range[2];
    logit_sum_range(&j->sum, j->slab.first, j->slab.depth, range);
    return (slab){stack->o.reversed[2] ? stack->depth - range[1] : range[0], range[1] - range[0]};
}

/* One stack's progress told as that of the whole job. */
static bool report_stack(void *context, const char *stage, size_t done, size_t total) {
    (void)total;
    const job *j = context;
    return ul_progress_report(j->progress, stage, j->run + done, j->to_run);
}

typedef struct label_work {
    const job *j;
    float *scratch; /* [threads][room] */
    size_t room, spare;
} label_work;

static void label_item(void *context, size_t n, int thread) {
    const label_work *work = context;
    const job *j = work->j;
    const size_t *size = j->labels->grid.size, k = j->slab.first + n;
    float *own = work->scratch + (size_t)thread * work->room, *row = own + work->spare;
    for (size_t y = 0; y < size[1]; y++) {
        logit_sum_row(&j->sum, k, y, own, row);
        label_row(j, (k * size[1] + y) * size[0], 1, row, size[0], size[0]);
    }
}

/* The labels of the slab by the sums of its logits. */
static ul_status label_slab(const ul_segment_options *options, const job *j, ul_error *error) {
    ul_team *team = ul_team_create_for(j->slab.depth, options->threads);
    label_work work = {.j = j, .spare = logit_sum_scratch(&j->sum)};
    work.room = work.spare + j->classes * j->labels->grid.size[0];
    work.scratch = malloc((size_t)ul_team_threads(team) * work.room * sizeof *work.scratch);
    ul_status status = UL_OK;
    if (work.scratch)
        ul_team_for(team, j->slab.depth, label_item, &work);
    else
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for rows of logits");
    ul_team_close(team);
    free(work.scratch);
    return status;
}

/* Makes the sum hold what the slab needs. */
static void hold_slab(job *j) {
    logit_sum *sum = &j->sum;
    size_t range[2];
    logit_sum_range(sum, j->slab.first, j->slab.depth, range);
    sum->first = range[0];
    sum->depth = range[1] - range[0];
    memset(sum->values, 0,
        sum->classes * sum->depth * sum->axis[0].size * sum->axis[1].size * sizeof *sum->values);
}

static ul_status run_slab(
    const ul_model *model, const ul_segment_options *options, job *j, ul_error *error) {
    const ul_progress progress = {report_stack, j};
    ul_status status = UL_OK;
    if (j->sum.values)
        hold_slab(j);
    for (size_t plane = 0; status == UL_OK && plane < j->planes; plane++) {
        slab part = slices_to_run(j, &j->stacks[plane]);
        j->weight = j->weights[plane];
        status = predict_stack(model, j->card, &j->stacks[plane], part.first, part.depth, options,
            &progress, take_slice, j, error);
        j->run += part.depth;
    }
    return status == UL_OK && j->sum.values ? label_slab(options, j, error) : status;
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

/* The rules of each label; sizes in mm3 count only where voxels have one. */
static size_t find_rules(const ul_card *card, bool sized, ul_label_rules each[UL_CARD_CLASSES]) {
    memset(each, 0, UL_CARD_CLASSES * sizeof *each);
    for (size_t n = 0; n < card->classes.count; n++) {
        const ul_postprocess *own = card->class_rules ? &card->class_rules[n] : &card->postprocess;
        unsigned number = card->classes.items[n].number;
        if (number < UL_CARD_CLASSES)
            each[number] = (ul_label_rules){
                own->largest_component, own->fill_holes, sized ? own->minimum_mm3 : 0.0};
    }
    return UL_CARD_CLASSES;
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
    bool sized = known && grid->stack != UL_STACK_UNPLACED;
    ul_label_rules each[UL_CARD_CLASSES];
    const ul_component_rules rules = {.voxel_sizes = sized ? voxel_mm3 : NULL,
        .each = each,
        .each_count = find_rules(card, sized, each)};
    ul_status status = UL_OK;
    if (grid->stack == UL_STACK_UNPLACED) {
        const size_t one[3] = {grid->size[0], grid->size[1], 1};
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
    size_t changed;
    ul_status status = j->card->settle_sides ? sides_settle(j->labels, &changed, error) : UL_OK;
    if (status == UL_OK && j->meter)
        status = quality_measure_pieces(j->meter, j->labels, error);
    if (status != UL_OK)
        return status;
    if (!j->card->class_rules && !rules->largest_component && !rules->fill_holes &&
        rules->minimum_mm3 == 0.0)
        return UL_OK;
    if (!j->labels->fractions)
        return apply_rules(j->card, j->labels, error);
    uint16_t *before = malloc(j->voxels * sizeof *before);
    if (!before)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the fractions");
    memcpy(before, j->labels->map, j->voxels * sizeof *before);
    status = apply_rules(j->card, j->labels, error);
    if (status == UL_OK)
        follow_rules(before, j->voxels, j->labels);
    free(before);
    return status;
}

/* Most slices of a slab for which the sum keeps to the limit, one at least. */
static size_t deepest_slab(const job *j, size_t most) {
    size_t range[2], depth = 1, slices = j->labels->grid.size[2];
    for (bool fits = true; fits && depth < slices;) {
        for (size_t first = 0; fits && first + depth + 1 <= slices; first++) {
            logit_sum_range(&j->sum, first, depth + 1, range);
            fits = range[1] - range[0] <= most;
        }
        depth += fits;
    }
    return depth;
}

/* Memory for the planes' sum: slabs of about equal depth that keep to the limit. */
static ul_status allocate_sum(const ul_segment_options *options, job *j, ul_error *error) {
    logit_sum *sum = &j->sum;
    const size_t slices = j->labels->grid.size[2];
    ul_status status = logit_sum_open(j->card, j->stacks, j->classes, sum, error);
    if (status != UL_OK)
        return status;
    size_t limit = options->logit_bytes ? options->logit_bytes : DEFAULT_LOGIT_BYTES;
    size_t slice = j->classes * sum->axis[0].size * sum->axis[1].size, range[2], deepest = 1;
    size_t most = deepest_slab(j, limit / (slice * sizeof *sum->values));
    size_t slabs = (slices + most - 1) / most;
    j->slab_depth = (slices + slabs - 1) / slabs;
    for (size_t first = 0; first < slices; first += j->slab_depth) {
        size_t left = slices - first;
        logit_sum_range(sum, first, left < j->slab_depth ? left : j->slab_depth, range);
        deepest = range[1] - range[0] > deepest ? range[1] - range[0] : deepest;
    }
    size_t bytes = deepest * slice * sizeof *sum->values;
    sum->values = ul_huge_alloc(&bytes);
    if (sum->values)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu logits", deepest * slice);
}

/* Planes that the source resolves less well than the network's pixels, those across thick slices,
 * count less: by the square root of the pixels' size over the voxels', along the axis where that is
 * less. */
static void weigh_planes(job *j) {
    double weights[MAX_PLANES], total = 0.0;
    for (size_t plane = 0; plane < j->planes; plane++) {
        const double *ratio = j->stacks[plane].ratio;
        weights[plane] = sqrt(fmin(fmin(ratio[0], ratio[1]), 1.0));
        total += weights[plane];
    }
    for (size_t plane = 0; plane < j->planes; plane++)
        j->weights[plane] = (float)((double)j->planes * weights[plane] / total);
}

/* Opens what runs; job_close whatever the outcome. */
static ul_status job_open(const ul_model *model, const ul_volume *volume,
    const ul_segment_options *options, job *j, ul_error *error) {
    j->classes = ul_model_get_shape(model)->classes;
    j->voxels = volume->grid.size[0] * volume->grid.size[1] * volume->grid.size[2];
    j->slab_depth = volume->grid.size[2];
    if (j->classes > PREDICT_MAX_CLASSES)
        return ul_error_set(error, UL_ERROR_LIMIT,
            "the model has %zu outputs, at most %d are allowed", j->classes, PREDICT_MAX_CLASSES);
    for (size_t c = 0; c < PREDICT_MAX_CLASSES; c++)
        j->named[c] = ul_segments_find(&j->labels->segments, (unsigned)c) != NULL;
    size_t planes = j->card->plane_count ? j->card->plane_count : 1;
    ul_status status = UL_OK;
    for (; status == UL_OK && j->planes < planes; j->planes += status == UL_OK)
        status =
            slices_open(volume, j->card, j->planes, options->threads, &j->stacks[j->planes], error);
    if (status == UL_OK)
        weigh_planes(j);
    return status == UL_OK && planes > 1 ? allocate_sum(options, j, error) : status;
}

static void job_close(job *j) {
    for (size_t plane = 0; plane < j->planes; plane++)
        slices_close(&j->stacks[plane]);
    logit_sum_free(&j->sum);
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

static void name_model(const ul_model *model, const ul_card *card, ul_provenance *provenance) {
    ul_model_hash(model, provenance->model_hash);
    snprintf(provenance->note, sizeof provenance->note, "%s",
        card->trained ? "" : "Untrained model, for tests only. ");
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
    const ul_segment_options *options, ul_labels *labels, ul_error *error) {
    static const ul_segment_options defaults = {0};
    options = options ? options : &defaults;
    *labels = (ul_labels){0};
    if (options->quality && options->quality_count != card->classes.count)
        return ul_error_set(error, UL_ERROR_USAGE,
            "room for the quality of %zu classes, there are %zu", options->quality_count,
            card->classes.count);
    ul_status status =
        ul_labels_create(&volume->grid, &card->classes, options->fractions, labels, error);
    if (status != UL_OK)
        return status;
    name_algorithm(card->name, &labels->segments);
    name_model(model, card, &labels->provenance);
    job j = {.card = card, .labels = labels, .progress = options->progress};
    if (options->quality && !(j.meter = quality_meter_create()))
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    if (status == UL_OK)
        status = job_open(model, volume, options, &j, error);
    if (status == UL_OK)
        status = run_slabs(model, options, &j, error);
    job_close(&j);
    if (status == UL_OK)
        status = postprocess(&j, error);
    if (status == UL_OK && options->slices)
        clear_gaps(options->slices, labels);
    if (status == UL_OK && options->quality)
        quality_judge(j.meter, card, volume, labels, options->quality);
    free(j.meter);
    if (status != UL_OK)
        ul_labels_free(labels);
    return status;
}
