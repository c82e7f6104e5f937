/* A box of voxels cut out of a volume, and labels of it put back. */
#ifndef ULITE_REGION_H
#define ULITE_REGION_H

#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ul_region {
    size_t first[3], size[3]; /* columns, rows, slices as they are stored */
} ul_region;

/* "x0:x1,y0:y1,z0:z1": voxels from x0 up to, but without, x1, counted from 0 as they are stored; or
 * with "mm" at the end LPS millimetres: the smallest box of voxels that holds every centre there.
 * Errors: UL_ERROR_USAGE for another form, what lies off the volume and a box without voxels;
 * UL_ERROR_GEOMETRY for millimetres where there are no positions. */
UL_API ul_status ul_region_parse(
    const char *text, const ul_grid *grid, ul_region *region, ul_error *error);

/* A copy of the box, in its place. Errors: UL_ERROR_LIMIT. *crop: ul_volume_free. */
UL_API ul_status ul_volume_crop(
    const ul_volume *volume, const ul_region *region, ul_volume *crop, ul_error *error);

/* Puts labels of the box onto the grid that it was cut from, background around it. Errors:
 * UL_ERROR_LIMIT; labels are then as they were. */
UL_API ul_status ul_labels_uncrop(
    const ul_region *region, const ul_grid *grid, ul_labels *labels, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
