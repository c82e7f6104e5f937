/* Slices of a drawn head: what its scanner would measure, and the true labels. */
#pragma once

#include "jobs/generate/head.h"

/* A lattice of voxels: (x, y, z) lies at origin + x * step[0] + y * step[1] + z * step[2] mm. */
typedef struct head_raster {
    double origin_mm[3], step_mm[3][3];
    size_t width, height;
    double extent_mm[3]; /* of what a voxel averages over, along step[0], [1], [2] */
} head_raster;

/* Room for slices of up to so many voxels a side; one per thread. */
typedef struct head_scratch {
    size_t coarse;   /* floats in each of nodes' parts */
    float *nodes[4]; /* displacement in voxels of the map, and the factor of the bias, at every
                        eighth voxel of a slice */
    float *row[4];   /* likewise of the voxels of a row: places in the map, factor */
} head_scratch;

ul_status head_scratch_create(size_t width, size_t height, head_scratch *scratch, ul_error *error);
void head_scratch_free(head_scratch *scratch);

/* Slice z of the raster as the scanner measures it: values [height][width], mostly from 0 to 1. */
void head_render(
    const head_scan *head, const head_raster *raster, long z, head_scratch *scratch, float *values);

/* The class at the middle of every voxel of slice z: labels [height][width]. */
void head_render_labels(const head_scan *head, const head_raster *raster, long z,
    head_scratch *scratch, uint8_t *labels);

/* So many values at random places of the field of view, displacement left out: what statistics of
 * the whole scan are measured on. Of the raster only the steps and extents count. */
void head_sample(const head_scan *head, const head_raster *raster, size_t count,
    random_stream *stream, float *values);
