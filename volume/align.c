#include "ulite/volume.h"

#include "volume/vec3.h"

#include <stddef.h>
#include <string.h>

/* A voxel may be off its place by this part of a voxel: NIfTI forms are stored in single precision,
 * and direction cosines that scanners rounded move the far corner. */
#define TOLERANCE_VOXELS 0.25

/* lps_to_ijk of a regular or tilted grid: rows of the inverse of its 3x3 part, and its origin. */
typedef struct inverse_form {
    double row[3][3];
    double origin[3];
} inverse_form;

static ul_status invert(const ul_grid *grid, inverse_form *inverse, ul_error *error) {
    double form[4][4];
    ul_status status = ul_grid_affine(grid, form, error);
    if (status != UL_OK)
        return status;
    double column[3][3];
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 3; c++)
            column[a][c] = form[c][a];
    for (int a = 0; a < 3; a++)
        vec3_cross(column[(a + 1) % 3], column[(a + 2) % 3], inverse->row[a]);
    double volume = vec3_dot(column[0], inverse->row[0]);
    if (!(fabs(volume) > 0))
        return ul_error_set(
            error, UL_ERROR_GEOMETRY, "the labels' orientation matrix cannot be inverted");
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 3; c++)
            inverse->row[a][c] /= volume;
    for (int c = 0; c < 3; c++)
        inverse->origin[c] = form[c][3];
    return UL_OK;
}

static void to_voxel(const inverse_form *inverse, const double lps[3], double voxel[3]) {
    double from_origin[3];
    vec3_add(lps, -1, inverse->origin, from_origin);
    for (int a = 0; a < 3; a++)
        voxel[a] = vec3_dot(inverse->row[a], from_origin);
}

static void place(const ul_grid *grid, double i, double j, size_t k, double lps[3]) {
    vec3_add(grid->origin_mm[k], i * grid->spacing_mm[0], grid->axis_i, lps);
    vec3_add(lps, j * grid->spacing_mm[1], grid->axis_j, lps);
}

/* How the voxels of a target slice lie in the label volume: (0, 0) at start, one column and one row
 * further by whole steps. */
typedef struct slice_steps {
    ptrdiff_t start, step_i, step_j; /* in voxels of the label map */
} slice_steps;

/* The whole numbers nearest to voxel; false where they are further off than the tolerance, or
 * outside of size. */
static bool whole_voxel(const double voxel[3], const size_t size[3], ptrdiff_t whole[3]) {
    for (int a = 0; a < 3; a++) {
        double nearest = round(voxel[a]);
        if (!(fabs(voxel[a] - nearest) <= TOLERANCE_VOXELS) || nearest < 0 ||
            nearest > (double)(size[a] - 1))
            return false;
        whole[a] = (ptrdiff_t)nearest;
    }
    return true;
}

static ptrdiff_t map_index(const size_t size[3], const ptrdiff_t voxel[3]) {
    return voxel[0] + (ptrdiff_t)size[0] * (voxel[1] + (ptrdiff_t)size[1] * voxel[2]);
}

/* The corners of target slice k must be voxels of the labels; then all between them are. */
static bool find_slice(const ul_labels *labels, const inverse_form *inverse, const ul_grid *grid,
    size_t k, slice_steps *steps, double worst[3]) {
    const size_t *size = labels->grid.size;
    double last_i = (double)(grid->size[0] - 1), last_j = (double)(grid->size[1] - 1);
    ptrdiff_t corner[4][3];
    for (int n = 0; n < 4; n++) {
        double lps[3];
        place(grid, n & 1 ? last_i : 0, n & 2 ? last_j : 0, k, lps);
        to_voxel(inverse, lps, worst);
        if (!whole_voxel(worst, size, corner[n]))
            return false;
    }
    ptrdiff_t start = map_index(size, corner[0]);
    ptrdiff_t across = map_index(size, corner[1]) - start;
    ptrdiff_t down = map_index(size, corner[2]) - start;
    ptrdiff_t columns = (ptrdiff_t)grid->size[0] - 1, rows = (ptrdiff_t)grid->size[1] - 1;
    steps->start = start;
    steps->step_i = columns > 0 ? across / columns : 0;
    steps->step_j = rows > 0 ? down / rows : 0;
    return steps->step_i * columns == across && steps->step_j * rows == down;
}

static void copy_slice(
    const ul_labels *labels, const slice_steps *steps, size_t k, ul_labels *aligned) {
    const size_t *size = aligned->grid.size;
    size_t pixels = size[0] * size[1];
    for (size_t j = 0; j < size[1]; j++) {
        const uint16_t *from = labels->map + steps->start + (ptrdiff_t)j * steps->step_j;
        uint16_t *to = aligned->map + k * pixels + j * size[0];
        for (size_t i = 0; i < size[0]; i++)
            to[i] = from[(ptrdiff_t)i * steps->step_i];
    }
    size_t voxels = pixels * size[2];
    size_t from_voxels = labels->grid.size[0] * labels->grid.size[1] * labels->grid.size[2];
    for (size_t s = 0; labels->fractions && s < labels->segments.count; s++)
        for (size_t j = 0; j < size[1]; j++) {
            const uint8_t *from =
                labels->fractions + s * from_voxels + steps->start + (ptrdiff_t)j * steps->step_j;
            uint8_t *to = aligned->fractions + s * voxels + k * pixels + j * size[0];
            for (size_t i = 0; i < size[0]; i++)
                to[i] = from[(ptrdiff_t)i * steps->step_i];
        }
}

static ul_status differ_in_size(const ul_grid *a, const ul_grid *b, ul_error *error) {
    return ul_error_set(error, UL_ERROR_GEOMETRY,
        "the labels have %zux%zux%zu voxels, the source %zux%zux%zu", a->size[0], a->size[1],
        a->size[2], b->size[0], b->size[1], b->size[2]);
}

/* Sizes that no exchange of axes makes equal. */
static bool sizes_differ(const ul_grid *a, const ul_grid *b) {
    static const int orders[6][3] = {
        {0, 1, 2}, {1, 0, 2}, {0, 2, 1}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};
    for (int n = 0; n < 6; n++)
        if (a->size[orders[n][0]] == b->size[0] && a->size[orders[n][1]] == b->size[1] &&
            a->size[orders[n][2]] == b->size[2])
            return false;
    return true;
}

static ul_status copy_in_order(const ul_labels *labels, ul_labels *aligned, ul_error *error) {
    if (memcmp(labels->grid.size, aligned->grid.size, sizeof labels->grid.size) != 0)
        return differ_in_size(&labels->grid, &aligned->grid, error);
    ptrdiff_t pixels = (ptrdiff_t)(labels->grid.size[0] * labels->grid.size[1]);
    for (size_t k = 0; k < labels->grid.size[2]; k++) {
        slice_steps steps = {(ptrdiff_t)k * pixels, 1, (ptrdiff_t)labels->grid.size[0]};
        copy_slice(labels, &steps, k, aligned);
    }
    return UL_OK;
}

static size_t count_labelled(const ul_labels *labels) {
    const size_t *size = labels->grid.size;
    size_t count = 0;
    for (size_t n = 0; n < size[0] * size[1] * size[2]; n++)
        count += labels->map[n] != 0;
    return count;
}

/* Labels for unevenly spaced slices come on an even grid that holds those slices among others. */
static ul_status check_between(const ul_labels *labels, const ul_labels *aligned, ul_error *error) {
    size_t given = count_labelled(labels), placed = count_labelled(aligned);
    if (placed < given)
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "%zu labelled voxels lie where the source, whose slices are unevenly spaced, has none",
            given - placed);
    return UL_OK;
}

static ul_status copy_by_place(const ul_labels *labels, ul_labels *aligned, ul_error *error) {
    const ul_grid *grid = &aligned->grid;
    if (grid->stack != UL_STACK_UNEVEN && sizes_differ(&labels->grid, grid))
        return differ_in_size(&labels->grid, grid, error);
    inverse_form inverse;
    ul_status status = invert(&labels->grid, &inverse, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "the labels");
        return status;
    }
    for (size_t k = 0; k < grid->size[2]; k++) {
        slice_steps steps;
        double voxel[3];
        if (!find_slice(labels, &inverse, grid, k, &steps, voxel))
            return ul_error_set(error, UL_ERROR_GEOMETRY,
                "the labels lie elsewhere: a corner of slice %zu of the source is at voxel (%.2f, "
                "%.2f, %.2f) of the labels, which are %zux%zux%zu",
                k + 1, voxel[0], voxel[1], voxel[2], labels->grid.size[0], labels->grid.size[1],
                labels->grid.size[2]);
        copy_slice(labels, &steps, k, aligned);
    }
    return check_between(labels, aligned, error);
}

ul_status ul_labels_align(
    const ul_labels *labels, const ul_grid *grid, ul_labels *aligned, ul_error *error) {
    ul_status status =
        ul_labels_create(grid, &labels->segments, labels->fractions != NULL, aligned, error);
    if (status != UL_OK)
        return status;
    aligned->provenance = labels->provenance;
    if (!grid->origin_mm)
        status = copy_in_order(labels, aligned, error);
    else if (!labels->grid.origin_mm)
        status = ul_error_set(error, UL_ERROR_GEOMETRY,
            "the labels have no position in space, the source has: nothing tells which way they "
            "lie");
    else
        status = copy_by_place(labels, aligned, error);
    if (status != UL_OK)
        ul_labels_free(aligned);
    return status;
}
