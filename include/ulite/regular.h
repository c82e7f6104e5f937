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

/* Whether slice k of the regular grid of grid's slices lies where slices are missing: between the
 * ends of a gap, over half a step from either. */
UL_API bool ul_grid_in_gap(const ul_grid *grid, const ul_grid *regular, size_t k);

/* How many slices of the regular grid do. */
UL_API size_t ul_grid_slices_in_gaps(const ul_grid *grid, const ul_grid *regular);

/* What stands where there is nothing to interpolate: beyond the slices and next to padding. */
typedef enum ul_outside {
    UL_OUTSIDE_PADDING, /* for a network: not a number, which counts as padding. Gaps are
                           interpolated over, or their ends would be edges to it */
    UL_OUTSIDE_SMALLEST /* for a file: the smallest value of the volume, in gaps too */
} ul_outside;

/* Real-world values on that grid as UL_SAMPLE_F32, interpolated linearly in the slices and along
 * the normal. Errors: as above, UL_ERROR_UNSUPPORTED (RGB). *regular:
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
