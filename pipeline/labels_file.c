#include "labels_file.h"

#include "files.h"
#include "ulite/nifti.h"
#include "ulite/png_io.h"
#include "ulite/seg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A mask saved as black and white: 255 stands for 1. */
static void unify_black_and_white(ul_labels *labels) {
    size_t pixels = labels->grid.size[0] * labels->grid.size[1];
    for (size_t i = 0; i < pixels; i++)
        if (labels->map[i] != 0 && labels->map[i] != 255)
            return;
    for (size_t i = 0; i < pixels; i++)
        labels->map[i] = labels->map[i] != 0;
    for (size_t s = 0; s < labels->segments.count; s++)
        if (labels->segments.items[s].number == 255)
            labels->segments.items[s].number = 1;
}

static ul_status read_folder(
    const char *path, const ul_series *source, ul_labels *labels, ul_error *error) {
    name_list list;
    ul_status status = files_list(path, &list, error);
    char *seg = NULL;
    for (size_t i = 0; status == UL_OK && i < list.count; i++) {
        char *file = files_join(path, list.names[i]);
        if (!file) {
            status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
        } else if (!files_is_folder(file) && ul_seg_probe(file)) {
            if (seg)
                status = ul_error_set(
                    error, UL_ERROR_CHOICE, "%s: holds several SEG files; leave one", path);
            else
                seg = file;
        }
        if (file != seg)
            free(file);
    }
    files_free(&list);
    if (status == UL_OK && !seg)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: holds no DICOM SEG file", path);
    if (status == UL_OK)
        status = ul_seg_read(seg, source, labels, NULL, error);
    free(seg);
    return status;
}

static bool ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcasecmp(text + length - tail, ending) == 0;
}

ul_status labels_read_file(
    const char *path, const ul_series *source, ul_labels *labels, ul_error *error) {
    *labels = (ul_labels){0};
    if (files_is_folder(path))
        return read_folder(path, source, labels, error);
    if (ends_with(path, ".png")) {
        ul_status status = ul_png_read_labels(path, labels, error);
        if (status == UL_OK)
            unify_black_and_white(labels);
        return status;
    }
    if (ends_with(path, ".nii") || ends_with(path, ".nii.gz") || ends_with(path, ".hdr"))
        return ul_nifti_read_labels(path, labels, NULL, error);
    return ul_seg_read(path, source, labels, NULL, error);
}

/* The inverse of a 4x4 affine matrix; false where it is singular. */
static bool invert_affine(const double m[4][4], double inverse[4][4]) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            inverse[i][j] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    double det = m[0][0] * inverse[0][0] + m[0][1] * inverse[1][0] + m[0][2] * inverse[2][0];
    if (fabs(det) < 1e-12)
        return false;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++)
            inverse[i][j] /= det;
        inverse[i][3] = 0.0;
        for (int j = 0; j < 3; j++)
            inverse[i][3] -= inverse[i][j] * m[j][3];
    }
    memset(inverse[3], 0, sizeof inverse[3]);
    inverse[3][3] = 1.0;
    return true;
}

/* For each axis of the target: which axis of the source runs along it, which way, from where. */
typedef struct axis_map {
    int axis[3], sign[3];
    long offset[3]; /* of source axis axis[t] at target index 0 */
} axis_map;

/* Voxel (target) -> voxel (source) as a signed permutation; false where it is none to 0.1 voxel
 * over the whole target. */
static bool find_axis_map(const double from_target[4][4], const size_t size[3], axis_map *map) {
    bool used[3] = {false, false, false};
    for (int t = 0; t < 3; t++) {
        int best = 0;
        for (int s = 1; s < 3; s++)
            if (fabs(from_target[s][t]) > fabs(from_target[best][t]))
                best = s;
        if (used[best])
            return false;
        used[best] = true;
        map->axis[t] = best;
        map->sign[t] = from_target[best][t] < 0.0 ? -1 : 1;
        map->offset[t] = lround(from_target[best][3]);
    }
    for (int corner = 0; corner < 8; corner++) {
        double at[3], exact[3];
        for (int t = 0; t < 3; t++)
            at[t] = corner >> t & 1 ? (double)size[t] - 1.0 : 0.0;
        for (int s = 0; s < 3; s++)
            exact[s] = from_target[s][0] * at[0] + from_target[s][1] * at[1] +
                       from_target[s][2] * at[2] + from_target[s][3];
        for (int t = 0; t < 3; t++)
            if (fabs(exact[map->axis[t]] - (map->sign[t] * at[t] + (double)map->offset[t])) > 0.1)
                return false;
    }
    return true;
}

static bool same_grid(const ul_grid *a, const ul_grid *b) {
    if (memcmp(a->size, b->size, sizeof a->size) != 0)
        return false;
    for (int axis = 0; axis < 3; axis++)
        if (fabs(a->axis_i[axis] - b->axis_i[axis]) > 1e-3 ||
            fabs(a->axis_j[axis] - b->axis_j[axis]) > 1e-3)
            return false;
    double tolerance = 0.1 * fmin(b->spacing_mm[0], b->spacing_mm[1]);
    for (int axis = 0; axis < 2; axis++)
        if (fabs(a->spacing_mm[axis] - b->spacing_mm[axis]) * (double)b->size[axis] > tolerance)
            return false;
    for (size_t k = 0; k < a->size[2]; k++)
        for (int axis = 0; axis < 3; axis++)
            if (fabs(a->origin_mm[k][axis] - b->origin_mm[k][axis]) > tolerance)
                return false;
    return true;
}

static ul_status copy_along(
    ul_labels *labels, const ul_grid *grid, const axis_map *map, ul_error *error) {
    ul_labels aligned;
    ul_status status = ul_labels_create(grid, &labels->segments, false, &aligned, error);
    if (status != UL_OK)
        return status;
    const size_t *size = labels->grid.size;
    size_t out = 0, at[3];
    for (at[2] = 0; at[2] < grid->size[2]; at[2]++)
        for (at[1] = 0; at[1] < grid->size[1]; at[1]++)
            for (at[0] = 0; at[0] < grid->size[0]; at[0]++, out++) {
                long in[3];
                bool inside = true;
                for (int t = 0; t < 3; t++) {
                    int s = map->axis[t];
                    in[s] = map->sign[t] * (long)at[t] + map->offset[t];
                    inside = inside && in[s] >= 0 && in[s] < (long)size[s];
                }
                if (inside)
                    aligned.map[out] =
                        labels->map[((size_t)in[2] * size[1] + (size_t)in[1]) * size[0] +
                                    (size_t)in[0]];
            }
    ul_labels_free(labels);
    *labels = aligned;
    return UL_OK;
}

static ul_status sizes_differ(const ul_labels *labels, const ul_grid *grid, ul_error *error) {
    return ul_error_set(error, UL_ERROR_GEOMETRY,
        "the labels are %zux%zux%zu voxels, the image %zux%zux%zu: they must lie on one grid",
        labels->grid.size[0], labels->grid.size[1], labels->grid.size[2], grid->size[0],
        grid->size[1], grid->size[2]);
}

ul_status labels_align(ul_labels *labels, const ul_grid *grid, ul_error *error) {
    bool same_size = memcmp(labels->grid.size, grid->size, sizeof grid->size) == 0;
    if (labels->grid.stack == UL_STACK_UNPLACED || grid->stack == UL_STACK_UNPLACED)
        return same_size ? UL_OK : sizes_differ(labels, grid, error);
    if (same_grid(&labels->grid, grid))
        return UL_OK;
    double to_lps[4][4], labels_to_lps[4][4], from_lps[4][4], from_target[4][4] = {{0}};
    axis_map map;
    if (labels->grid.stack == UL_STACK_UNEVEN || grid->stack == UL_STACK_UNEVEN)
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "the labels and the image lie on different grids, and one of them is unevenly spaced");
    ul_status status = ul_grid_affine(grid, to_lps, error);
    if (status == UL_OK)
        status = ul_grid_affine(&labels->grid, labels_to_lps, error);
    if (status != UL_OK)
        return status;
    bool fits = invert_affine(labels_to_lps, from_lps);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++)
                from_target[i][j] += from_lps[i][k] * to_lps[k][j];
    if (fits && find_axis_map(from_target, grid->size, &map))
        return copy_along(labels, grid, &map, error);
    if (!same_size)
        return sizes_differ(labels, grid, error);
    return ul_error_set(error, UL_ERROR_GEOMETRY,
        "the labels lie elsewhere than the image (orientation, spacing or position differ): "
        "resample them onto its grid");
}
