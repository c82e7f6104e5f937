#include "jobs/evaluate/extend_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SLICES = 100000 };

static double dot(const double a[3], const double b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* The position of voxel (i, j, k). */
static void place(const ul_grid *grid, double i, double j, size_t k, double lps[3]) {
    for (int c = 0; c < 3; c++)
        lps[c] = grid->origin_mm[k][c] + i * grid->spacing_mm[0] * grid->axis_i[c] +
                 j * grid->spacing_mm[1] * grid->axis_j[c];
}

/* From one slice to the next; a single slice has the step of the other grid along its normal. */
static void find_step(const ul_grid *grid, const ul_grid *other, double step[3]) {
    double normal[3], best = 0.0;
    ul_grid_normal(grid, normal);
    size_t last = grid->size[2] - 1, other_last = other->size[2] - 1;
    for (int c = 0; c < 3 && last > 0; c++)
        step[c] = (grid->origin_mm[last][c] - grid->origin_mm[0][c]) / (double)last;
    if (last > 0)
        return;
    double along[3] = {dot(other->axis_i, normal) * other->spacing_mm[0],
        dot(other->axis_j, normal) * other->spacing_mm[1], 0.0};
    for (int c = 0; c < 3 && other_last > 0; c++)
        along[2] += normal[c] * (other->origin_mm[other_last][c] - other->origin_mm[0][c]) /
                    (double)other_last;
    for (int a = 0; a < 3; a++)
        best = fmax(best, fabs(along[a]));
    for (int c = 0; c < 3; c++)
        step[c] = best * normal[c];
}

/* How many slices to add before the first and behind the last; false where they are too many. */
static bool count_missing(
    const ul_grid *grid, const ul_grid *other, const double step[3], size_t missing[2]) {
    double normal[3], low = 0.0, high = (double)(grid->size[2] - 1);
    ul_grid_normal(grid, normal);
    for (int corner = 0; corner < 8; corner++) {
        double lps[3];
        place(other, corner & 1 ? (double)(other->size[0] - 1) : 0.0,
            corner & 2 ? (double)(other->size[1] - 1) : 0.0, corner & 4 ? other->size[2] - 1 : 0,
            lps);
        for (int c = 0; c < 3; c++)
            lps[c] -= grid->origin_mm[0][c];
        double k = dot(lps, normal) / dot(step, normal);
        low = fmin(low, k);
        high = fmax(high, k);
    }
    double before = round(-low), behind = round(high) - (double)(grid->size[2] - 1);
    if (!(before + behind <= MAX_SLICES)) /* as they are, they may fit no whole number */
        return false;
    missing[0] = (size_t)before;
    missing[1] = (size_t)behind;
    return true;
}

/* The same labels on a grid with more slices at both ends. */
static ul_status add_slices(
    ul_labels *labels, const double step[3], const size_t missing[2], ul_error *error) {
    const size_t *size = labels->grid.size, pixels = size[0] * size[1];
    size_t count = size[2] + missing[0] + missing[1];
    double(*origin)[3] = calloc(count, sizeof *origin);
    ul_labels covering;
    ul_grid grid = labels->grid;
    if (!origin)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    for (size_t k = 0; k < count; k++)
        for (int c = 0; c < 3; c++)
            origin[k][c] =
                labels->grid.origin_mm[0][c] + ((double)k - (double)missing[0]) * step[c];
    grid.size[2] = count;
    grid.origin_mm = origin;
    ul_grid_classify(&grid);
    ul_status status = ul_labels_create(&grid, &labels->segments, false, &covering, error);
    free(origin);
    if (status != UL_OK)
        return status;
    memcpy(covering.map + missing[0] * pixels, labels->map, size[2] * pixels * sizeof *labels->map);
    ul_labels_free(labels);
    *labels = covering;
    return UL_OK;
}

static bool has_places(const ul_grid *grid) {
    return grid->origin_mm && grid->spacing_mm[0] > 0.0 && grid->spacing_mm[1] > 0.0;
}

ul_status cover_grid(ul_labels *labels, const ul_grid *grid, ul_error *error) {
    double step[3], normal[3];
    size_t missing[2];
    if (!has_places(&labels->grid) || !has_places(grid) || labels->grid.stack == UL_STACK_UNEVEN)
        return UL_OK;
    find_step(&labels->grid, grid, step);
    ul_grid_normal(&labels->grid, normal);
    if (fabs(dot(step, normal)) < 1e-6)
        return UL_OK;
    if (!count_missing(&labels->grid, grid, step, missing))
        return UL_OK; /* far apart: comparing them will say so */
    return missing[0] + missing[1] > 0 ? add_slices(labels, step, missing, error) : UL_OK;
}
