#include "volume/extend.h"

#include "volume/vec3.h"

#include <string.h>

enum { MAX_ADDED = 100000 }; /* voxels along one axis */

/* The 3x3 inverse of a regular or tilted grid's matrix applied to a place; false where there is
 * none. */
static bool to_voxel(const double form[4][4], const double lps[3], double voxel[3]) {
    double column[3][3], from[3];
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 3; c++)
            column[a][c] = form[c][a];
    for (int c = 0; c < 3; c++)
        from[c] = lps[c] - form[c][3];
    for (int a = 0; a < 3; a++) {
        double row[3];
        vec3_cross(column[(a + 1) % 3], column[(a + 2) % 3], row);
        double volume = vec3_dot(column[a], row);
        if (!(fabs(volume) > 0.0))
            return false;
        voxel[a] = vec3_dot(row, from) / volume;
    }
    return true;
}

/* How many voxels to add before the first and behind the last of each axis; false where they are
 * too many. */
static bool count_missing(const ul_labels *labels, const double own[4][4], const double other[4][4],
    const size_t size[3], size_t before[3], size_t behind[3]) {
    double low[3] = {0.0}, high[3];
    for (int a = 0; a < 3; a++)
        high[a] = (double)(labels->grid.size[a] - 1);
    for (int corner = 0; corner < 8; corner++) {
        double lps[3], voxel[3];
        for (int c = 0; c < 3; c++) {
            lps[c] = other[c][3];
            for (int a = 0; a < 3; a++)
                lps[c] += corner >> a & 1 ? other[c][a] * (double)(size[a] - 1) : 0.0;
        }
        if (!to_voxel(own, lps, voxel))
            return false;
        for (int a = 0; a < 3; a++) {
            low[a] = fmin(low[a], round(voxel[a]));
            high[a] = fmax(high[a], round(voxel[a]));
        }
    }
    for (int a = 0; a < 3; a++) {
        double added = high[a] - (double)(labels->grid.size[a] - 1) - low[a];
        if (!(added <= MAX_ADDED))
            return false;
        before[a] = (size_t)-low[a];
        behind[a] = (size_t)added - before[a];
    }
    return true;
}

/* Copies one array of voxels into the middle of a larger one. */
static void copy_box(const void *from, const size_t size[3], void *to, const size_t larger[3],
    const size_t before[3], size_t bytes) {
    for (size_t k = 0; k < size[2]; k++)
        for (size_t j = 0; j < size[1]; j++)
            memcpy(
                (char *)to +
                    (((k + before[2]) * larger[1] + j + before[1]) * larger[0] + before[0]) * bytes,
                (const char *)from + (k * size[1] + j) * size[0] * bytes, size[0] * bytes);
}

static ul_status add_voxels(ul_labels *labels, const double own[4][4], const size_t before[3],
    const size_t behind[3], ul_error *error) {
    const size_t *size = labels->grid.size;
    size_t larger[3], voxels = size[0] * size[1] * size[2];
    double form[4][4];
    ul_grid grid;
    ul_labels extended;
    memcpy(form, own, sizeof form);
    for (int a = 0; a < 3; a++) {
        larger[a] = before[a] + size[a] + behind[a];
        for (int c = 0; c < 3; c++)
            form[c][3] -= own[c][a] * (double)before[a];
    }
    ul_status status = ul_grid_from_affine(larger, (const double(*)[4])form, &grid, error);
    if (status != UL_OK)
        return status;
    status =
        ul_labels_create(&grid, &labels->segments, labels->fractions != NULL, &extended, error);
    ul_grid_free(&grid);
    if (status != UL_OK)
        return status;
    extended.provenance = labels->provenance;
    copy_box(labels->map, size, extended.map, larger, before, sizeof *labels->map);
    for (size_t s = 0; labels->fractions && s < labels->segments.count; s++)
        copy_box(labels->fractions + s * voxels, size,
            extended.fractions + s * larger[0] * larger[1] * larger[2], larger, before, 1);
    ul_labels_free(labels);
    *labels = extended;
    return UL_OK;
}

static bool is_even(const ul_grid *grid) {
    return grid->stack == UL_STACK_REGULAR || grid->stack == UL_STACK_TILTED;
}

ul_status labels_extend(ul_labels *labels, const ul_grid *grid, ul_error *error) {
    double own[4][4], other[4][4];
    size_t before[3], behind[3], added = 0;
    if (!is_even(&labels->grid) || !is_even(grid) ||
        ul_grid_affine(&labels->grid, own, NULL) != UL_OK ||
        ul_grid_affine(grid, other, NULL) != UL_OK ||
        !count_missing(
            labels, (const double(*)[4])own, (const double(*)[4])other, grid->size, before, behind))
        return UL_OK;
    for (int a = 0; a < 3; a++)
        added += before[a] + behind[a];
    return added > 0 ? add_voxels(labels, (const double(*)[4])own, before, behind, error) : UL_OK;
}
