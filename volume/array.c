#include "volume/planes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The grid of images without positions, or of slices that follow each other along the normal. */
static ul_status place(
    const size_t size[3], const ul_placing *placing, ul_grid *grid, ul_error *error) {
    *grid = (ul_grid){.stack = UL_STACK_UNPLACED};
    memcpy(grid->size, size, sizeof grid->size);
    if (!placing)
        return UL_OK;
    for (int axis = 0; axis < 3; axis++)
        if (!(placing->spacing_mm[axis] > 0.0) || !isfinite(placing->spacing_mm[axis]) ||
            !isfinite(placing->origin_mm[axis]))
            return ul_error_set(error, UL_ERROR_GEOMETRY,
                "spacing %g mm and origin %g mm of axis %d, expected a spacing over 0",
                placing->spacing_mm[axis], placing->origin_mm[axis], axis);
    ul_grid exact = {0};
    if (!ul_grid_set_axes(&exact, placing->orientation))
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "the direction cosines are no two unit vectors at a right angle");
    double normal[3], ijk_to_lps[4][4] = {{0}};
    ul_grid_normal(&exact, normal);
    for (int c = 0; c < 3; c++) {
        ijk_to_lps[c][0] = exact.axis_i[c] * placing->spacing_mm[0];
        ijk_to_lps[c][1] = exact.axis_j[c] * placing->spacing_mm[1];
        ijk_to_lps[c][2] = normal[c] * placing->spacing_mm[2];
        ijk_to_lps[c][3] = placing->origin_mm[c];
    }
    ijk_to_lps[3][3] = 1.0;
    return ul_grid_from_affine(size, (const double(*)[4])ijk_to_lps, grid, error);
}

ul_status ul_volume_from_array(const void *samples, size_t bytes, ul_sample sample, size_t channels,
    const size_t size[3], const ul_placing *placing, const char *modality, ul_volume *volume,
    ul_error *error) {
    memset(volume, 0, sizeof *volume);
    if (channels != 1 && channels != 3)
        return ul_error_set(
            error, UL_ERROR_USAGE, "%zu channels, expected 1 (grey) or 3 (RGB)", channels);
    size_t expected = channels * ul_sample_bytes(sample);
    for (int axis = 0; axis < 3; axis++)
        if (size[axis] == 0 || __builtin_mul_overflow(expected, size[axis], &expected))
            return ul_error_set(
                error, UL_ERROR_USAGE, "no volume is %zu x %zu x %zu", size[0], size[1], size[2]);
    if (bytes != expected)
        return ul_error_set(error, UL_ERROR_USAGE,
            "%zu bytes, %zu x %zu x %zu x %zu samples of %zu have %zu", bytes, size[0], size[1],
            size[2], channels, ul_sample_bytes(sample), expected);
    ul_grid grid;
    ul_status status = place(size, placing, &grid, error);
    if (status == UL_OK)
        status = ul_volume_create(&grid, channels, sample, volume, error);
    ul_grid_free(&grid);
    if (status != UL_OK)
        return status;
    memcpy(volume->samples, samples, bytes);
    snprintf(volume->modality, sizeof volume->modality, "%s", modality ? modality : "");
    return UL_OK;
}

static size_t voxels_of(const ul_grid *grid) {
    return grid->size[0] * grid->size[1] * grid->size[2];
}

ul_status ul_volume_to_array(
    const ul_volume *volume, float *values, size_t count, ul_error *error) {
    const ul_grid *grid = &volume->grid;
    if (count != voxels_of(grid) * volume->channels)
        return ul_error_set(error, UL_ERROR_USAGE,
            "room for %zu values, the volume has %zu x %zu x %zu x %zu", count, grid->size[0],
            grid->size[1], grid->size[2], volume->channels);
    for (size_t k = 0; k < grid->size[2]; k++)
        ul_volume_slice(volume, k, values + k * (count / grid->size[2]));
    return UL_OK;
}

ul_status ul_labels_to_array(
    const ul_labels *labels, uint16_t *numbers, size_t count, ul_error *error) {
    const ul_grid *grid = &labels->grid;
    if (count != voxels_of(grid))
        return ul_error_set(error, UL_ERROR_USAGE,
            "room for %zu numbers, the labels have %zu x %zu x %zu", count, grid->size[0],
            grid->size[1], grid->size[2]);
    memcpy(numbers, labels->map, count * sizeof *numbers);
    return UL_OK;
}
