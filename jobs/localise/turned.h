/* A box of a volume on slices of another direction, and its labels back on the voxels. */
#pragma once

#include "jobs/localise/pose.h"
#include "ulite/segment.h"

/* The smallest and the largest coordinate of the centres of a label's voxels along each axis, mm
 * from the patient's origin; false where there is no voxel. */
bool turned_bounds(
    const ul_labels *labels, unsigned number, const double axis[3][3], double bounds[3][2]);

/* Even slices of square pixels, spacing_mm apart in every direction, over these bounds. *grid:
 * ul_grid_free. Errors: UL_ERROR_LIMIT. */
ul_status turned_grid(const double axis[3][3], const double bounds[3][2], double spacing_mm,
    ul_grid *grid, ul_error *error);

/* The box of a volume's voxels, on even slices, around a turned grid; false where they do not meet.
 */
bool turned_region(const ul_grid *turned, const ul_grid *grid, ul_region *region);

/* The values of a grey volume of even slices on a turned grid, interpolated linearly; not a number
 * next to padding and beyond the volume. *turned: ul_volume_free. Errors: UL_ERROR_LIMIT. */
ul_status turned_volume(
    const ul_volume *volume, const ul_grid *grid, ul_volume *turned, ul_error *error);

/* Labels, and fractions, of a turned grid on another one: of the eight labels around a voxel the
 * one of the largest weight, and of fractions their sum. *labels: ul_labels_free. Errors:
 * UL_ERROR_LIMIT. */
ul_status turned_labels(
    const ul_labels *turned, const ul_grid *grid, ul_labels *labels, ul_error *error);
