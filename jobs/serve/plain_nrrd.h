/* NRRD as viewers in a browser read it: bare samples behind the header, of a type that they name.
 */
#pragma once

#include "ulite/volume.h"

/* Writes labels without compression, `bits` (8 or 16) a voxel, columns first, then rows, then
 * slices. Errors: UL_ERROR_LIMIT (a label beyond 255 in 8 bits), UL_ERROR_GEOMETRY (uneven),
 * UL_ERROR_OUTPUT. */
ul_status plain_nrrd_write(
    const char *path, const ul_labels *labels, unsigned bits, ul_error *error);

/* Writes {"label": [number, i, j, k], ...}: the mean place of each segment that has voxels, as
 * JSON. Errors: UL_ERROR_LIMIT, UL_ERROR_OUTPUT. */
ul_status plain_nrrd_write_centroids(const char *path, const ul_labels *labels, ul_error *error);
