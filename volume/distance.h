/* Exact Euclidean distances to a set of voxels. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

/* squared[k][j][i] becomes the squared distance from voxel (i, j, k) to the nearest one where
 * set is not 0 (infinity where set is empty), with voxel centres at position[0][i], position[1][j],
 * position[2][k], ascending along each axis. Separable lower envelopes of parabolas (Felzenszwalb
 * and Huttenlocher 2012), linear in the number of voxels. Errors: UL_ERROR_LIMIT (memory). */
ul_status distance_squared(const uint8_t *set, const size_t size[3],
    const double *const position[3], double *squared, ul_error *error);
