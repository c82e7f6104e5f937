/* Labels that another program stored with turned or mirrored axes, brought onto their image's grid.
 */
#ifndef ULITE_ALIGN_H
#define ULITE_ALIGN_H

#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies labels onto grid, voxel by voxel, where both hold the same voxels in space: axes may be
 * exchanged and reversed, nothing is interpolated. Labels for unevenly spaced slices, which no
 * matrix places, may lie on an even grid that holds those slices among empty ones. A grid without
 * positions takes labels of its own size as they are. *aligned: ul_labels_free. Errors:
 * UL_ERROR_GEOMETRY says what differs. */
UL_API ul_status ul_labels_align(
    const ul_labels *labels, const ul_grid *grid, ul_labels *aligned, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
