#include "ulite/volume.h"

#include "libulite/base/sort.h"
#include "volume/vec3.h"

#include <stdlib.h>
#include <string.h>

/* Origins may leave the even line through the first and the last one by this much: positions are
 * often rounded to 0.1 mm, which moves both ends and the slice itself by up to 0.05 mm. A tenth of
 * the step bounds it for thin slices. */
#define LINE_TOLERANCE_MM 0.1
#define LINE_TOLERANCE_STEPS 0.1

/* A stack leans (gantry tilt) from this angle on: cosines rounded to three digits turn the normal
 * by up to 0.0009 rad. */
#define TILT_TOLERANCE_RAD 0.002

#define GAP_STEPS 1.5  /* a step over this many medians means missing slices */
#define GAP_COVER 1.25 /* but not one of up to so many halves of both slices' own thickness */

#define LENGTH_TOLERANCE 0.02      /* of direction cosines */
#define RIGHT_ANGLE_TOLERANCE 0.01 /* cosine between them, and between the columns of an affine */

ul_status ul_grid_copy(const ul_grid *source, ul_grid *copy, ul_error *error) {
    size_t slices = source->size[2];
    *copy = *source;
    copy->origin_mm = source->origin_mm ? malloc(slices * sizeof *copy->origin_mm) : NULL;
    copy->slice_mm = source->slice_mm ? malloc(slices * sizeof *copy->slice_mm) : NULL;
    if (!copy->origin_mm != !source->origin_mm || !copy->slice_mm != !source->slice_mm) {
        ul_grid_free(copy);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slice positions", slices);
    }
    if (copy->origin_mm)
        memcpy(copy->origin_mm, source->origin_mm, slices * sizeof *copy->origin_mm);
    if (copy->slice_mm)
        memcpy(copy->slice_mm, source->slice_mm, slices * sizeof *copy->slice_mm);
    return UL_OK;
}

void ul_grid_free(ul_grid *grid) {
    free(grid->origin_mm);
    free(grid->slice_mm);
    memset(grid, 0, sizeof *grid);
}

bool ul_grid_set_axes(ul_grid *grid, const double cosines[6]) {
    const double *i = cosines, *j = cosines + 3;
    double length_i = vec3_length(i), length_j = vec3_length(j);
    /* Written so that NaN fails. */
    if (!(fabs(length_i - 1) <= LENGTH_TOLERANCE && fabs(length_j - 1) <= LENGTH_TOLERANCE))
        return false;
    double dot = vec3_dot(i, j) / (length_i * length_j);
    if (!(fabs(dot) <= RIGHT_ANGLE_TOLERANCE))
        return false;
    double unit_i[3], unit_j[3], turned_i[3];
    for (int c = 0; c < 3; c++) {
        unit_i[c] = i[c] / length_i;
        unit_j[c] = j[c] / length_j;
    }
    /* Half of the error goes to each axis; what second order leaves over goes to j. */
    vec3_add(unit_i, -dot / 2, unit_j, turned_i);
    double length = vec3_length(turned_i);
    for (int c = 0; c < 3; c++)
        grid->axis_i[c] = turned_i[c] / length;
    vec3_add(unit_j, -vec3_dot(unit_j, grid->axis_i), grid->axis_i, grid->axis_j);
    length = vec3_length(grid->axis_j);
    for (int c = 0; c < 3; c++)
        grid->axis_j[c] /= length;
    return true;
}

/* The mean step from slice to slice; zero for fewer than two slices. */
static void mean_step(const ul_grid *grid, double step[3]) {
    memset(step, 0, 3 * sizeof *step);
    size_t slices = grid->size[2];
    if (slices < 2 || !grid->origin_mm)
        return;
    for (int c = 0; c < 3; c++)
        step[c] = (grid->origin_mm[slices - 1][c] - grid->origin_mm[0][c]) / (double)(slices - 1);
}

static bool origins_on_even_line(const ul_grid *grid, const double step[3]) {
    double tolerance = fmin(LINE_TOLERANCE_MM, LINE_TOLERANCE_STEPS * vec3_length(step));
    for (size_t k = 1; k + 1 < grid->size[2]; k++) {
        double expected[3], miss[3];
        vec3_add(grid->origin_mm[0], (double)k, step, expected);
        vec3_add(grid->origin_mm[k], -1, expected, miss);
        if (vec3_length(miss) > tolerance)
            return false;
    }
    return true;
}

/* Distance along the normal from slice k to the next. */
static double step_after(const ul_grid *grid, size_t k) {
    return fabs(ul_grid_offset_mm(grid, k + 1) - ul_grid_offset_mm(grid, k));
}

/* The lower median of the steps, so that of one whole and one double step the whole one counts. */
static double median_step(const ul_grid *grid) {
    size_t count = grid->origin_mm && grid->size[2] > 1 ? grid->size[2] - 1 : 0;
    double *steps = malloc((count + 1) * sizeof *steps), median = 0;
    for (size_t k = 0; steps && k < count; k++)
        steps[k] = step_after(grid, k);
    if (steps && count > 0) {
        ul_sort_doubles(steps, count);
        median = steps[(count - 1) / 2];
    }
    free(steps);
    return median;
}

void ul_grid_classify(ul_grid *grid) {
    grid->median_step_mm = median_step(grid);
    if (!grid->origin_mm || grid->size[2] == 0) {
        grid->stack = UL_STACK_UNPLACED;
        return;
    }
    grid->stack = UL_STACK_REGULAR;
    if (grid->size[2] == 1)
        return;
    double step[3], normal[3], lateral[3];
    mean_step(grid, step);
    ul_grid_normal(grid, normal);
    double along = vec3_dot(step, normal);
    vec3_add(step, -along, normal, lateral);
    if (along == 0 || !origins_on_even_line(grid, step))
        grid->stack = UL_STACK_UNEVEN;
    else if (atan2(vec3_length(lateral), fabs(along)) > TILT_TOLERANCE_RAD)
        grid->stack = UL_STACK_TILTED;
}

void ul_grid_normal(const ul_grid *grid, double normal[3]) {
    vec3_cross(grid->axis_i, grid->axis_j, normal);
}

ul_plane ul_grid_plane(const ul_grid *grid) {
    double normal[3];
    ul_grid_normal(grid, normal);
    if (vec3_length(normal) == 0)
        return UL_PLANE_UNKNOWN;
    double x = fabs(normal[0]), y = fabs(normal[1]), z = fabs(normal[2]);
    if (z >= x && z >= y)
        return UL_PLANE_AXIAL;
    return y >= x ? UL_PLANE_CORONAL : UL_PLANE_SAGITTAL;
}

const char *ul_plane_name(ul_plane plane) {
    switch (plane) {
    case UL_PLANE_AXIAL:
        return "axial";
    case UL_PLANE_CORONAL:
        return "coronal";
    case UL_PLANE_SAGITTAL:
        return "sagittal";
    case UL_PLANE_UNKNOWN:
        break;
    }
    return "unknown";
}

double ul_grid_offset_mm(const ul_grid *grid, size_t k) {
    if (!grid->origin_mm)
        return 0;
    double normal[3];
    ul_grid_normal(grid, normal);
    return vec3_dot(grid->origin_mm[k], normal);
}

double ul_grid_step_mm(const ul_grid *grid) {
    if (grid->stack != UL_STACK_REGULAR && grid->stack != UL_STACK_TILTED)
        return 0;
    double step[3], normal[3];
    mean_step(grid, step);
    ul_grid_normal(grid, normal);
    return vec3_dot(step, normal);
}

bool ul_grid_gap_after(const ul_grid *grid, size_t k) {
    if (grid->stack != UL_STACK_UNEVEN || k + 1 >= grid->size[2])
        return false;
    double step = step_after(grid, k);
    bool filled =
        grid->slice_mm && step <= GAP_COVER * (grid->slice_mm[k] + grid->slice_mm[k + 1]) / 2;
    return grid->median_step_mm > 0 && step > GAP_STEPS * grid->median_step_mm && !filled;
}

size_t ul_grid_count_gaps(const ul_grid *grid) {
    size_t gaps = 0;
    for (size_t k = 0; k + 1 < grid->size[2]; k++)
        gaps += ul_grid_gap_after(grid, k);
    return gaps;
}

double ul_grid_depth_mm(const ul_grid *grid, size_t k) {
    if (grid->stack == UL_STACK_UNPLACED || grid->size[2] == 1)
        return grid->thickness_mm;
    if (grid->stack != UL_STACK_UNEVEN)
        return fabs(ul_grid_step_mm(grid));
    double half[2] = {0, 0};
    bool has[2] = {k > 0, k + 1 < grid->size[2]};
    for (int side = 0; side < 2; side++) {
        if (!has[side])
            continue;
        size_t before = side == 0 ? k - 1 : k;
        bool gap = ul_grid_gap_after(grid, before);
        half[side] = (gap ? grid->median_step_mm : step_after(grid, before)) / 2;
    }
    /* An end slice reaches as far outwards as inwards. */
    if (!has[0])
        half[0] = half[1];
    if (!has[1])
        half[1] = half[0];
    return half[0] + half[1];
}

ul_status ul_grid_affine(const ul_grid *grid, double ijk_to_lps[4][4], ul_error *error) {
    memset(ijk_to_lps, 0, 4 * sizeof *ijk_to_lps);
    if (grid->stack == UL_STACK_UNPLACED)
        return ul_error_set(
            error, UL_ERROR_GEOMETRY, "the images have no positions, so they form no volume");
    if (grid->stack == UL_STACK_UNEVEN)
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "%zu slices lie at uneven distances, which one matrix cannot describe (--grid regular "
            "resamples them)",
            grid->size[2]);
    double step[3];
    mean_step(grid, step);
    if (grid->size[2] == 1) {
        double normal[3], depth = grid->thickness_mm > 0 ? grid->thickness_mm : 1;
        ul_grid_normal(grid, normal);
        for (int c = 0; c < 3; c++)
            step[c] = depth * normal[c];
    }
    for (int c = 0; c < 3; c++) {
        ijk_to_lps[c][0] = grid->spacing_mm[0] * grid->axis_i[c];
        ijk_to_lps[c][1] = grid->spacing_mm[1] * grid->axis_j[c];
        ijk_to_lps[c][2] = step[c];
        ijk_to_lps[c][3] = grid->origin_mm[0][c];
    }
    ijk_to_lps[3][3] = 1;
    return UL_OK;
}

/* Checks the in-plane columns and the step; sets axes, spacing and thickness. */
static ul_status axes_from_affine(
    const double ijk_to_lps[4][4], ul_grid *grid, double step[3], ul_error *error) {
    double cosines[6];
    for (int axis = 0; axis < 2; axis++) {
        double column[3] = {ijk_to_lps[0][axis], ijk_to_lps[1][axis], ijk_to_lps[2][axis]};
        double spacing = vec3_length(column);
        if (!(spacing > 0) || !isfinite(spacing))
            return ul_error_set(error, UL_ERROR_GEOMETRY,
                "voxel axis %d of the matrix has length %g mm, expected over 0", axis + 1, spacing);
        grid->spacing_mm[axis] = spacing;
        for (int c = 0; c < 3; c++)
            cosines[3 * axis + c] = column[c] / spacing;
    }
    double dot = vec3_dot(cosines, cosines + 3);
    if (!ul_grid_set_axes(grid, cosines))
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "rows and columns of the matrix are not at a right angle (cosine %.4f, at most %g)",
            dot, RIGHT_ANGLE_TOLERANCE);
    double normal[3];
    ul_grid_normal(grid, normal);
    for (int c = 0; c < 3; c++)
        step[c] = ijk_to_lps[c][2];
    grid->thickness_mm = fabs(vec3_dot(step, normal));
    if (!(grid->thickness_mm > 0) || !isfinite(grid->thickness_mm))
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "the slices of the matrix are %g mm apart along their normal, expected over 0",
            grid->thickness_mm);
    return UL_OK;
}

ul_status ul_grid_from_affine(
    const size_t size[3], const double ijk_to_lps[4][4], ul_grid *grid, ul_error *error) {
    memset(grid, 0, sizeof *grid);
    double step[3];
    ul_status status = axes_from_affine(ijk_to_lps, grid, step, error);
    if (status == UL_OK) {
        grid->origin_mm = calloc(size[2], sizeof *grid->origin_mm);
        if (!grid->origin_mm)
            status = ul_error_set(
                error, UL_ERROR_LIMIT, "out of memory for %zu slice positions", size[2]);
    }
    if (status != UL_OK) {
        ul_grid_free(grid);
        return status;
    }
    memcpy(grid->size, size, sizeof grid->size);
    for (size_t k = 0; k < size[2]; k++)
        for (int c = 0; c < 3; c++)
            grid->origin_mm[k][c] = ijk_to_lps[c][3] + (double)k * step[c];
    ul_grid_classify(grid);
    return UL_OK;
}
