#include "ulite/volume.h"
#include "libulite/base/resources.h"
#include "volume/planes.h"
#include "volume/sample_types.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t ul_sample_bytes(ul_sample sample) {
    switch (sample) {
    case UL_SAMPLE_U8:
    case UL_SAMPLE_I8:
        return 1;
    case UL_SAMPLE_U16:
    case UL_SAMPLE_I16:
        return 2;
    case UL_SAMPLE_I32:
    case UL_SAMPLE_U32:
    case UL_SAMPLE_F32:
        return 4;
    case UL_SAMPLE_F64:
        return 8;
    }
    return 0;
}

/* columns * rows * slices * factor; false where it does not fit. */
static bool count_voxels(const ul_grid *grid, size_t factor, size_t *count) {
    *count = factor;
    for (int axis = 0; axis < 3; axis++)
        if (__builtin_mul_overflow(*count, grid->size[axis], count))
            return false;
    return true;
}

static ul_status too_large(const ul_grid *grid, ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a volume of %zu x %zu x %zu",
        grid->size[0], grid->size[1], grid->size[2]);
}

static ul_status ask_for(const ul_grid *grid, size_t bytes, ul_error *error) {
    return ul_memory_ask(
        bytes, error, "a volume of %zu x %zu x %zu", grid->size[0], grid->size[1], grid->size[2]);
}

ul_status ul_volume_create(
    const ul_grid *grid, size_t channels, ul_sample sample, ul_volume *volume, ul_error *error) {
    memset(volume, 0, sizeof *volume);
    size_t bytes, slices = grid->size[2];
    if (!count_voxels(grid, channels * ul_sample_bytes(sample), &bytes))
        return too_large(grid, error);
    ul_status status = ask_for(grid, bytes, error);
    if (status == UL_OK)
        status = ul_grid_copy(grid, &volume->grid, error);
    if (status != UL_OK)
        return status;
    volume->channels = channels;
    volume->sample = sample;
    volume->samples = calloc(bytes ? bytes : 1, 1);
    volume->slope = malloc((slices + 1) * sizeof *volume->slope);
    volume->intercept = calloc(slices + 1, sizeof *volume->intercept);
    if (!volume->samples || !volume->slope || !volume->intercept) {
        ul_volume_free(volume);
        return too_large(grid, error);
    }
    for (size_t k = 0; k < slices; k++)
        volume->slope[k] = 1.0;
    return UL_OK;
}

void ul_volume_free(ul_volume *volume) {
    ul_grid_free(&volume->grid);
    free(volume->samples);
    free(volume->slope);
    free(volume->intercept);
    memset(volume, 0, sizeof *volume);
}

ul_voxel_plane ul_voxel_plane_slice(const ul_grid *grid, size_t k) {
    return (ul_voxel_plane){.width = grid->size[0],
        .height = grid->size[1],
        .start = {0, 0, (ptrdiff_t)k},
        .step_x = {1, 0, 0},
        .step_y = {0, 1, 0}};
}

/* A step in voxels as a step in a [k][j][i] array. */
static ptrdiff_t array_step(const ul_grid *grid, const ptrdiff_t step[3]) {
    ptrdiff_t columns = (ptrdiff_t)grid->size[0], rows = (ptrdiff_t)grid->size[1];
    return (step[2] * rows + step[1]) * columns + step[0];
}

size_t ul_voxel_plane_index(const ul_voxel_plane *plane, const ul_grid *grid, size_t x, size_t y) {
    return (size_t)(array_step(grid, plane->start) +
                    (ptrdiff_t)x * array_step(grid, plane->step_x) +
                    (ptrdiff_t)y * array_step(grid, plane->step_y));
}

/* Within the range of floats; 0 where it is not finite. Comparisons, since this runs for every
 * voxel and calls of fmin and fmax took a third of its time. */
static inline float to_float(double value) {
    if (value >= -(double)FLT_MAX && value <= (double)FLT_MAX)
        return (float)value;
    if (!isfinite(value))
        return 0.0f;
    return value < 0.0 ? -FLT_MAX : FLT_MAX;
}

/* Runs body for each pixel of the plane with p at its first sample, k at its slice and n at its
 * place in the plane. */
#define EACH_PIXEL(type, body)                                                                     \
    do {                                                                                           \
        const type *first = (const type *)volume->samples + offset;                                \
        size_t n = 0;                                                                              \
        for (size_t y = 0; y < plane->height; y++) {                                               \
            const type *p = first + (ptrdiff_t)y * step_y;                                         \
            ptrdiff_t k = plane->start[2] + (ptrdiff_t)y * plane->step_y[2];                       \
            for (size_t x = 0; x < plane->width; x++, n++, p += step_x, k += plane->step_x[2])     \
                body                                                                               \
        }                                                                                          \
    } while (0)

void ul_volume_plane(const ul_volume *volume, const ul_voxel_plane *plane, float *values) {
    const ptrdiff_t channels = (ptrdiff_t)volume->channels;
    const ptrdiff_t offset = array_step(&volume->grid, plane->start) * channels;
    const ptrdiff_t step_x = array_step(&volume->grid, plane->step_x) * channels;
    const ptrdiff_t step_y = array_step(&volume->grid, plane->step_y) * channels;
    SAMPLE_DISPATCH(volume->sample, EACH_PIXEL, {
        for (ptrdiff_t c = 0; c < channels; c++) {
            double value = (double)p[c] * volume->slope[k] + volume->intercept[k];
            values[(ptrdiff_t)n * channels + c] = to_float(value);
        }
    })
}

void ul_volume_slice(const ul_volume *volume, size_t k, float *values) {
    ul_voxel_plane plane = ul_voxel_plane_slice(&volume->grid, k);
    ul_volume_plane(volume, &plane, values);
}

size_t ul_volume_plane_padding(
    const ul_volume *volume, const ul_voxel_plane *plane, uint8_t *mask) {
    bool may_be_infinite = volume->sample == UL_SAMPLE_F32 || volume->sample == UL_SAMPLE_F64;
    if (!volume->has_padding && !may_be_infinite) {
        memset(mask, 0, plane->width * plane->height);
        return 0;
    }
    const ptrdiff_t channels = (ptrdiff_t)volume->channels;
    const ptrdiff_t offset = array_step(&volume->grid, plane->start) * channels;
    const ptrdiff_t step_x = array_step(&volume->grid, plane->step_x) * channels;
    const ptrdiff_t step_y = array_step(&volume->grid, plane->step_y) * channels;
    size_t count = 0;
    SAMPLE_DISPATCH(volume->sample, EACH_PIXEL, {
        bool padding = true;
        for (ptrdiff_t c = 0; c < channels; c++) {
            double stored = (double)p[c];
            bool pads = volume->has_padding && stored >= volume->padding_low &&
                        stored <= volume->padding_high;
            padding = padding && (pads || !isfinite(stored));
        }
        mask[n] = padding;
        count += padding;
        (void)k;
    })
    return count;
}

size_t ul_volume_padding(const ul_volume *volume, size_t k, uint8_t *mask) {
    ul_voxel_plane plane = ul_voxel_plane_slice(&volume->grid, k);
    return ul_volume_plane_padding(volume, &plane, mask);
}

ul_status ul_labels_create(const ul_grid *grid, const ul_segments *segments, bool with_fractions,
    ul_labels *labels, ul_error *error) {
    memset(labels, 0, sizeof *labels);
    size_t voxels, fraction_bytes;
    if (!count_voxels(grid, sizeof *labels->map, &voxels) ||
        !count_voxels(grid, segments->count, &fraction_bytes))
        return too_large(grid, error);
    ul_status status = ask_for(grid, voxels + (with_fractions ? fraction_bytes : 0), error);
    voxels /= sizeof *labels->map;
    if (status == UL_OK)
        status = ul_grid_copy(grid, &labels->grid, error);
    if (status == UL_OK)
        status = ul_segments_copy(segments, &labels->segments, error);
    if (status == UL_OK) {
        labels->map = calloc(voxels ? voxels : 1, sizeof *labels->map);
        if (with_fractions)
            labels->fractions = calloc(fraction_bytes ? fraction_bytes : 1, 1);
        if (!labels->map || (with_fractions && !labels->fractions))
            status = too_large(grid, error);
    }
    if (status != UL_OK)
        ul_labels_free(labels);
    return status;
}

void ul_labels_free(ul_labels *labels) {
    ul_grid_free(&labels->grid);
    ul_segments_free(&labels->segments);
    free(labels->map);
    free(labels->fractions);
    memset(labels, 0, sizeof *labels);
}
