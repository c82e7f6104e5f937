#include "jobs/train/samples.h"

#include "jobs/segment/slices.h"

#include <stdlib.h>
#include <string.h>

/* Sagittal slices cannot tell left from right: one class of a mirror pair stands for both. */
static void fold_sides(const ul_segments *classes, size_t pixels, uint8_t *labels) {
    uint8_t folded[256];
    for (unsigned number = 0; number < 256; number++)
        folded[number] = (uint8_t)ul_segments_fold(classes, number);
    for (size_t i = 0; i < pixels; i++)
        labels[i] = folded[labels[i]];
}

/* Keeps a slice in half the memory; the error is a 130,000th of its range. */
static void keep_slice(const float *values, size_t count, sample_stack *out, size_t z) {
    float low = values[0], high = values[0];
    for (size_t i = 1; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    float step = (high - low) / (float)UINT16_MAX, factor = step > 0.0f ? 1.0f / step : 0.0f;
    out->low[z] = low;
    out->step[z] = step;
    for (size_t i = 0; i < count; i++) {
        float level = (values[i] - low) * factor + 0.5f;
        out->pixels[z * count + i] =
            level < (float)UINT16_MAX ? (uint16_t)level : (uint16_t)UINT16_MAX;
    }
}

static ul_status fill_stack(slice_stack *cut, const ul_labels *labels, const ul_segments *classes,
    size_t class_count, sample_stack *out, ul_error *error) {
    size_t area = cut->width * cut->height;
    *out = (sample_stack){.width = cut->width,
        .height = cut->height,
        .depth = cut->depth,
        .channels = cut->channels,
        .pixels = malloc(area * cut->depth * cut->channels * sizeof(uint16_t)),
        .low = malloc((cut->depth + 1) * sizeof(float)),
        .step = malloc((cut->depth + 1) * sizeof(float)),
        .labels = malloc(area * cut->depth),
        .voxels = calloc(cut->depth * (class_count + 1), sizeof(size_t)),
        .apart = cut->apart,
        .position_mm = cut->position_mm};
    cut->apart = NULL;
    cut->position_mm = NULL;
    float *scratch = malloc(slices_scratch(cut) * sizeof *scratch);
    float *values = malloc(area * cut->channels * sizeof *values);
    if (!out->pixels || !out->low || !out->step || !out->labels || !out->voxels || !scratch ||
        !values) {
        free(scratch);
        free(values);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the training cases");
    }
    for (size_t z = 0; z < cut->depth; z++) {
        slices_cut(cut, z, scratch, values);
        keep_slice(values, area * cut->channels, out, z);
    }
    free(scratch);
    free(values);
    slices_labels(cut, labels, out->labels);
    if (cut->sagittal)
        fold_sides(classes, area * cut->depth, out->labels);
    for (size_t i = 0; i < area * cut->depth; i++)
        if (out->labels[i] <= class_count)
            out->voxels[i / area * (class_count + 1) + out->labels[i]]++;
    return UL_OK;
}

static ul_status build_stack(const ul_volume *image, const ul_labels *labels, const ul_plan *plan,
    size_t plane, int threads, size_t class_count, sample_stack *out, ul_error *error) {
    slice_stack cut;
    ul_status status = slices_open(image, &plan->card, plane, threads, &cut, error);
    if (status != UL_OK)
        return status;
    status = fill_stack(&cut, labels, &plan->card.classes, class_count, out, error);
    out->sagittal = cut.sagittal;
    slices_close(&cut);
    return status;
}

ul_status samples_load(const ul_dataset *dataset, ul_split split, const ul_plan *plan, int threads,
    const ul_progress *progress, sample_set *set, ul_error *error) {
    size_t planes = plan->card.plane_count ? plan->card.plane_count : 1;
    *set = (sample_set){.class_count = plan->classes > 1 ? plan->classes - 1 : 1};
    set->stacks = calloc(dataset->in_split[split] * planes + 1, sizeof *set->stacks);
    ul_status status = UL_OK;
    if (!set->stacks)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the training cases");
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++) {
        if (dataset->cases[i].split != split || !dataset->cases[i].image)
            continue;
        ul_volume image;
        ul_labels labels;
        status = ul_dataset_read_as(dataset, i, plan->card.channels, &image, &labels, error);
        if (status != UL_OK)
            break;
        volume_range_add_labels(&set->volumes, &labels);
        for (size_t p = 0; status == UL_OK && p < planes; p++) {
            status = build_stack(&image, &labels, plan, p, threads, set->class_count,
                &set->stacks[set->count], error);
            set->count++;
        }
        if (status != UL_OK)
            ul_error_prefix(error, "case %s", dataset->cases[i].name);
        ul_volume_free(&image);
        ul_labels_free(&labels);
        if (status == UL_OK && !ul_progress_report(progress, "reading", i + 1, dataset->count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status != UL_OK)
        samples_free(set);
    return status;
}

void samples_free(sample_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        free(set->stacks[i].pixels);
        free(set->stacks[i].low);
        free(set->stacks[i].step);
        free(set->stacks[i].labels);
        free(set->stacks[i].voxels);
        free(set->stacks[i].apart);
        free(set->stacks[i].position_mm);
    }
    free(set->stacks);
    memset(set, 0, sizeof *set);
}

/* Draws a slice that shows the class, by how often slices do; false where the stack has none. */
static bool draw_slice_of(const sample_stack *stack, size_t class_count, size_t label,
    random_stream *stream, size_t *slice) {
    size_t shown = 0;
    for (size_t k = 0; k < stack->depth; k++)
        shown += stack->voxels[k * (class_count + 1) + label] > 0;
    if (shown == 0)
        return false;
    size_t pick = random_below(stream, shown);
    for (size_t k = 0; k < stack->depth; k++)
        if (stack->voxels[k * (class_count + 1) + label] > 0 && pick-- == 0)
            *slice = k;
    return true;
}

/* The pick-th pixel of a label in a slice. */
static size_t find_pixel(const uint8_t *labels, size_t area, size_t label, size_t pick) {
    for (size_t i = 0; i < area; i++)
        if (labels[i] == label && pick-- == 0)
            return i;
    return area / 2;
}

/* A centre so that the patch lies on the slice, or in the middle where it is the larger one; whole
 * pixels, so that an unchanged patch is not interpolated. */
static double settle(double centre, size_t patch, size_t size) {
    double half = 0.5 * (double)(patch - 1);
    double first = floor(centre - half + 0.5), last = (double)size - (double)patch;
    if (last <= 0.0)
        return -floor(0.5 * ((double)patch - (double)size)) + half;
    return fmin(fmax(first, 0.0), last) + half;
}

sample_place samples_draw(
    const sample_set *set, const ul_training *training, random_stream *stream) {
    const sample_stack *stack = &set->stacks[random_below(stream, set->count)];
    size_t area = stack->width * stack->height;
    sample_place place = {.stack = stack, .slice = random_below(stream, stack->depth)};
    double centre[2] = {
        random_unit(stream) * (double)stack->width, random_unit(stream) * (double)stack->height};
    if (random_happens(stream, training->foreground)) {
        size_t label = 1 + random_below(stream, set->class_count);
        if (draw_slice_of(stack, set->class_count, label, stream, &place.slice)) {
            size_t shown = stack->voxels[place.slice * (set->class_count + 1) + label];
            size_t pixel = find_pixel(
                stack->labels + place.slice * area, area, label, random_below(stream, shown));
            centre[0] = (double)(pixel % stack->width);
            centre[1] = (double)(pixel / stack->width);
        }
    }
    place.centre[0] = settle(centre[0], training->patch[0], stack->width);
    place.centre[1] = settle(centre[1], training->patch[1], stack->height);
    return place;
}
