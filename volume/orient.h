/* How the axes of a volume run through the patient, and slices cut along any of them. */
#pragma once

#include "ulite/volume.h"
#include "volume/planes.h"

/* Slices of a volume whose x, y, z run along its axes, some of them backwards. */
typedef struct orientation {
    int axis[3];      /* source axes (0 columns, 1 rows, 2 slices) along x, y, z */
    bool reversed[3]; /* x, y, z run against them */
    size_t size[3];   /* the source's size along x, y, z */
} orientation;

/* As they are stored. */
orientation orientation_stored(const ul_grid *grid);

/* Upright along a plane, by the axes nearest to the patient's: axial x to the left, y to the back,
 * z to the head; coronal x to the left, y to the feet, z to the back; sagittal x to the back, y to
 * the feet, z to the left. That is how radiologists look at them. The grid has positions. */
orientation orientation_upright(const ul_grid *grid, ul_plane plane);

/* The patient axes (0 left, 1 back, 2 head) along x, y and z of upright slices, and whether they
 * run along (1) or against (-1) them. */
void orientation_axes(ul_plane plane, int axis[3], int sign[3]);

/* The stored slices turned upright: z runs along the source's slices. */
orientation orientation_acquired(const ul_grid *grid);

/* Slice z. */
ul_voxel_plane orientation_slice(const orientation *o, size_t z);
