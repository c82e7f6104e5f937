/* Values of the planes of a volume, for who goes through it plane by plane. */
#pragma once

#include "ulite/volume.h"

UL_BEGIN_C

/* A plane of voxels in any direction through a volume: its pixel (x, y) is voxel start + x * step_x
 * + y * step_y (i, j, k). */
typedef struct ul_voxel_plane {
    size_t width, height;
    ptrdiff_t start[3], step_x[3], step_y[3];
} ul_voxel_plane;

ul_voxel_plane ul_voxel_plane_slice(const ul_grid *grid, size_t k); /* slice k as it is */

/* Index of the plane's pixel (x, y) in a [k][j][i] array. */
size_t ul_voxel_plane_index(const ul_voxel_plane *plane, const ul_grid *grid, size_t x, size_t y);

/* Real-world values of a plane: values [height][width][channels]. Samples that are not finite come
 * as 0 (and count as padding). */
void ul_volume_plane(const ul_volume *volume, const ul_voxel_plane *plane, float *values);
void ul_volume_slice(const ul_volume *volume, size_t k, float *values);

/* mask [height][width]: 1 where the sample (every channel of it) is padding or not finite, else 0.
 * Returns how many are. */
size_t ul_volume_plane_padding(const ul_volume *volume, const ul_voxel_plane *plane, uint8_t *mask);
size_t ul_volume_padding(const ul_volume *volume, size_t k, uint8_t *mask);

UL_END_C
