/* Tilted and unevenly spaced slices on an even grid, for readers that need one. */
#ifndef ULITE_REGULAR_H
#define ULITE_REGULAR_H

#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The smallest regular grid over the slices of a tilted or uneven one: the same axes and pixel
 * spacing, steps along the normal that are as near as possible to the median one and end on the
 * last slice. A regular grid is copied. Errors: UL_ERROR_GEOMETRY (unplaced), UL_ERROR_LIMIT.
 * *regular: ul_grid_free. */
UL_API ul_status ul_grid_regular(const ul_grid *grid, ul_grid *regular, ul_error *error);

/* What lies beyond the slices, or next to padding, where nothing can be interpolated. */
typedef enum ul_outside {
    UL_OUTSIDE_PADDING, /* not a number, which counts as padding */
    UL_OUTSIDE_SMALLEST /* the smallest value of the volume */
} ul_outside;

/* Real-world values on that grid as UL_SAMPLE_F32, interpolated linearly in the slices and along
 * the normal, over missing slices too. Errors: as above, UL_ERROR_UNSUPPORTED (RGB). *regular:
 * ul_volume_free. */
UL_API ul_status ul_volume_regular(
    const ul_volume *volume, ul_outside outside, ul_volume *regular, ul_error *error);

/* Labels, and fractions, of the nearest voxel; none where slices are missing. *regular:
 * ul_labels_free. */
UL_API ul_status ul_labels_regular(const ul_labels *labels, ul_labels *regular, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
