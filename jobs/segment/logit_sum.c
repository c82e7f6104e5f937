#include "jobs/segment/logit_sum.h"

#include <stdlib.h>
#include <string.h>

/* Along each axis of the source as the slices that have it in their plane resolve it. */
static void find_axes(const ul_card *card, const slice_stack *stacks, logit_sum *sum) {
    bool even = card->spacing_mm[0] > 0.0 && card->spacing_mm[0] == card->spacing_mm[1];
    for (size_t p = 0; p < card->plane_count; p++)
        for (int t = 0; t < 2; t++) {
            const slice_stack *stack = &stacks[p];
            bool coarse = even && card->neighbour_mm > 0.0 && stack->ratio[t] > 1.0;
            size_t source = stack->o.size[t], pixels = t == 0 ? stack->width : stack->height;
            sum->coarse = sum->coarse || coarse;
            sum->axis[stack->o.axis[t]] = (sum_axis){.source = source,
                .size = coarse ? pixels : source,
                .ratio = coarse ? stack->ratio[t] : 1.0,
                .from_end = stack->o.reversed[t]};
        }
}

ul_status logit_sum_open(
    const ul_card *card, slice_stack *stacks, size_t classes, logit_sum *sum, ul_error *error) {
    *sum = (logit_sum){.classes = classes};
    find_axes(card, stacks, sum);
    ul_status status = UL_OK;
    for (int a = 0; status == UL_OK && sum->coarse && a < 3; a++) {
        sum_axis *axis = &sum->axis[a];
        status = resampler_create(
            axis->size, axis->source, 1.0 / axis->ratio, false, &axis->back, error);
        if (status == UL_OK && axis->from_end)
            resampler_reverse(&axis->back);
    }
    for (size_t p = 0; status == UL_OK && sum->coarse && p < card->plane_count; p++) {
        const sum_axis *along = &sum->axis[stacks[p].o.axis[2]];
        slices_thin(
            &stacks[p], along->size, along->ratio, along->from_end != stacks[p].o.reversed[2]);
    }
    return status;
}

void logit_sum_free(logit_sum *sum) {
    for (int a = 0; a < 3; a++)
        resampler_free(&sum->axis[a].back);
    free(sum->values);
    memset(sum, 0, sizeof *sum);
}

void logit_sum_range(const logit_sum *sum, size_t first, size_t depth, size_t range[2]) {
    const resampler *back = &sum->axis[2].back;
    range[0] = first;
    range[1] = first + depth;
    if (!sum->coarse || depth == 0)
        return;
    range[0] = back->first[first];
    range[1] = back->first[first + depth - 1] + back->reach;
}

/* The pixels along one axis of a plane that are held: from range[0] up to range[1] - 1. start and
 * step: the slice of the first pixel, and how it changes from pixel to pixel. */
static void pixels_held(
    const logit_sum *sum, ptrdiff_t start, ptrdiff_t step, size_t length, size_t range[2]) {
    size_t last = sum->first + sum->depth - 1;
    range[0] = step > 0 ? sum->first : step < 0 ? (size_t)start - last : 0;
    range[1] = step == 0 ? length : range[0] + sum->depth;
}

/* Pixels and classes that are turned around together. */
enum { BLOCK = 64, GROUP = 32 };

/* Parts of so many weighted logits, rounded: added to 1.5 * 2^23 they stand in the lowest bits of a
 * float. */
static void round_parts(const float *logits, float weight, size_t count, int16_t *parts) {
    const float most = INT16_MAX, whole = 12582912.0f;
    for (size_t i = 0; i < count; i++) {
        float value = logits[i] * (weight * LOGIT_SUM_PARTS);
        value = value > -most ? value : -most;
        value = (value < most ? value : most) + whole;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        parts[i] = (int16_t)bits;
    }
}

static void add_parts(const int16_t *parts, size_t count, int16_t *sums) {
    for (size_t c = 0; c < count; c++) {
        int sum = sums[c] + parts[c];
        sum = sum > -INT16_MAX ? sum : -INT16_MAX;
        sums[c] = (int16_t)(sum < INT16_MAX ? sum : INT16_MAX);
    }
}

/* Adds a group of classes of a row of pixels, logits [classes][stride], to sums that lie `step`
 * apart from pixel to pixel: memory is walked through pixel by pixel, each with its classes side
 * by side. */
static void add_group(const float *logits, float weight, size_t stride, size_t pixels,
    size_t classes, ptrdiff_t step, int16_t *sums) {
    int16_t row[BLOCK], turned[BLOCK][GROUP];
    for (size_t i = 0; i < pixels; i++) { /* in sagittal slices each lies on a page of its own */
        __builtin_prefetch(sums + (ptrdiff_t)i * step, 1);
        __builtin_prefetch(sums + (ptrdiff_t)i * step + classes - 1, 1);
    }
    for (size_t c = 0; c < classes; c++) {
        round_parts(logits + c * stride, weight, pixels, row);
        for (size_t i = 0; i < pixels; i++)
            turned[i][c] = row[i];
    }
    for (size_t i = 0; i < pixels; i++, sums += step)
        add_parts(turned[i], classes, sums);
}

void logit_sum_add(
    const logit_sum *sum, const ul_voxel_plane *plane, const float *logits, float weight) {
    const ul_grid grid = {.size = {sum->axis[0].size, sum->axis[1].size, sum->axis[2].size}};
    const size_t classes = sum->classes, pixels = plane->width * plane->height;
    size_t x_range[2], y_range[2];
    pixels_held(sum, plane->start[2], plane->step_x[2], plane->width, x_range);
    pixels_held(sum, plane->start[2], plane->step_y[2], plane->height, y_range);
    const ptrdiff_t start = (ptrdiff_t)ul_voxel_plane_index(plane, &grid, 0, 0);
    const ptrdiff_t step = (ptrdiff_t)ul_voxel_plane_index(plane, &grid, 1, 0) - start;
    const size_t before = sum->first * grid.size[0] * grid.size[1];
    for (size_t y = y_range[0]; y < y_range[1]; y++)
        for (size_t x = x_range[0]; x < x_range[1]; x += BLOCK) {
            size_t count = x_range[1] - x < BLOCK ? x_range[1] - x : BLOCK;
            int16_t *to =
                sum->values + (ul_voxel_plane_index(plane, &grid, x, y) - before) * classes;
            const float *from = logits + y * plane->width + x;
            for (size_t c = 0; c < classes; c += GROUP)
                add_group(from + c * pixels, weight, pixels, count,
                    classes - c < GROUP ? classes - c : GROUP, (ptrdiff_t)classes * step, to + c);
        }
}

size_t logit_sum_scratch(const logit_sum *sum) {
    return sum->classes * sum->axis[0].size;
}

/* Adds weight times a row of the grid to mixed, all columns and classes. */
static void mix_row(const logit_sum *sum, size_t slice, size_t row, float weight, float *mixed) {
    const size_t length = sum->axis[0].size * sum->classes;
    const int16_t *from = sum->values + ((slice - sum->first) * sum->axis[1].size + row) * length;
    weight /= LOGIT_SUM_PARTS;
    for (size_t i = 0; i < length; i++)
        mixed[i] += weight * (float)from[i];
}

/* The row between the rows of the grid around it, in two slices. */
static void mix_rows(const logit_sum *sum, size_t k, size_t j, float *mixed) {
    const resampler *along = &sum->axis[2].back, *down = &sum->axis[1].back;
    memset(mixed, 0, logit_sum_scratch(sum) * sizeof *mixed);
    for (size_t s = 0; s < along->reach; s++)
        for (size_t t = 0; t < down->reach; t++) {
            float weight =
                along->weights[k * along->reach + s] * down->weights[j * down->reach + t];
            if (weight != 0.0f)
                mix_row(sum, along->first[k] + s, down->first[j] + t, weight, mixed);
        }
}

void logit_sum_row(const logit_sum *sum, size_t k, size_t j, float *scratch, float *row) {
    const size_t classes = sum->classes, columns = sum->axis[0].source;
    if (!sum->coarse) {
        const int16_t *from =
            sum->values + ((k - sum->first) * sum->axis[1].size + j) * columns * classes;
        for (size_t x = 0; x < columns; x++)
            for (size_t c = 0; c < classes; c++)
                row[c * columns + x] = (float)from[x * classes + c] / LOGIT_SUM_PARTS;
        return;
    }
    mix_rows(sum, k, j, scratch);
    const resampler *across = &sum->axis[0].back;
    for (size_t x = 0; x < columns; x++) {
        const float *weights = across->weights + x * across->reach;
        const float *from = scratch + across->first[x] * classes;
        for (size_t c = 0; c < classes; c++) {
            float value = 0.0f;
            for (size_t t = 0; t < across->reach; t++)
                value += weights[t] * from[t * classes + c];
            row[c * columns + x] = value;
        }
    }
}
