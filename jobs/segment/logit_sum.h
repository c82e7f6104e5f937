/* Logits of several planes, added up on one grid: the source's voxels, or, where the card takes
 * neighbours at a distance and slices need not be the source's own, the network's spacing along
 * every axis that the source resolves finer. The sums of a head of 1 mm voxels and 31 classes would
 * be 880 MB as floats: they are whole numbers of 16 bits. */
#pragma once

#include "jobs/segment/slices.h"
#include "volume/planes.h"
#include "volume/resample.h"

/* A sum is held in parts of 1/128 from -256 to 256, where it saturates. */
#define LOGIT_SUM_PARTS 128

typedef struct sum_axis {
    size_t source, size; /* voxels and grid points */
    double ratio;        /* source voxels per grid point, at least 1 */
    bool from_end;       /* the points are counted from the last voxel, as the slices' pixels are */
    resampler back;      /* from points to voxels, where any axis is coarse */
} sum_axis;

typedef struct logit_sum {
    size_t classes;
    sum_axis axis[3]; /* of the source: columns, rows, slices */
    bool coarse;
    size_t first, depth; /* slices of the grid that are held */
    int16_t *values;     /* [depth][axis 1][axis 0][classes], owned */
} logit_sum;

/* Lays the grid out, for one stack of slices a plane of the card; where it is coarse the stacks are
 * cut at its points from now on. Nothing is held yet. Errors: UL_ERROR_LIMIT. logit_sum_free. */
ul_status logit_sum_open(
    const ul_card *card, slice_stack *stacks, size_t classes, logit_sum *sum, ul_error *error);
void logit_sum_free(logit_sum *sum);

/* Slices of the grid that source slices first to first + depth - 1 need. */
void logit_sum_range(const logit_sum *sum, size_t first, size_t depth, size_t range[2]);

/* Adds weight times the logits of a slice, whose plane is one of the grid, as far as it is held.
 * Threads may add slices of one stack side by side. */
void logit_sum_add(
    const logit_sum *sum, const ul_voxel_plane *plane, const float *logits, float weight);

/* The sums on row j of source slice k: row [classes][columns]. scratch: logit_sum_scratch floats.
 */
void logit_sum_row(const logit_sum *sum, size_t k, size_t j, float *scratch, float *row);
size_t logit_sum_scratch(const logit_sum *sum);
