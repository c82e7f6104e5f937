/* From a volume to what the network sees: slices along a plane of the card, turned upright, at the
 * network's spacing, normalised. Training and inference share this file. */
#pragma once

#include "jobs/segment/intensity.h"
#include "volume/resample.h"

/* Slices of a volume along one plane, cut when they are asked for, not yet padded. Pixel (x, y) of
 * slice z lies at ((x + 0.5) * ratio[0] - 0.5, (y + 0.5) * ratio[1] - 0.5, z) of the orientation.
 */
typedef struct slice_stack {
    const ul_volume *volume; /* the caller's, who keeps it until slices_close */
    orientation o;
    size_t width, height, depth;
    double through, first; /* source slices per slice, and the place of slice 0 among them */
    orientation out;       /* of the grid that logits go back to: the source's unless thinned */
    bool same[2];          /* along x and y its points are the pixels */
    size_t channels;       /* 1, or 3 for RGB */
    double ratio[2];       /* source voxels per pixel */
    bool sagittal;         /* left and right lie in the order of the slices */
    bool resampled;        /* false: pixels are voxels */
    resampler along[2];    /* from voxels to pixels, where resampled */
    bool *apart;           /* [depth] whether z + 1 is missing or no neighbour of z, owned */
    double *position_mm;   /* [depth] of the slices along the stack, ascending, owned */
    bool scaled_alone;     /* a scale for each slice, else one for all */
    value_scale *scales;   /* owned */
} slice_stack;

/* Prepares to cut slices; measures what the normalisation needs. plane is an index into
 * card->planes (0 where there are none: slices as they are stored); threads, 0 for all, measure.
 * Errors: UL_ERROR_GEOMETRY (a plane that this stack of slices cannot be cut along, less than one
 * pixel at the card's spacing), UL_ERROR_MODEL (RGB for a grey model or the other way),
 * UL_ERROR_LIMIT (also for sides over UL_SLICE_MAX). */
ul_status slices_open(const ul_volume *volume, const ul_card *card, size_t plane, int threads,
    slice_stack *stack, ul_error *error);
void slices_close(slice_stack *stack);

/* Of an evenly spaced stack of a card with a distance of neighbours: cuts `count` slices, `through`
 * source slices apart and counted from the last one where from_end, in place of the source's own,
 * between which they are interpolated. Logits go back to pixels, or to voxels where these are
 * coarser. Only slices_input and slices_padded know of it. */
void slices_thin(slice_stack *stack, size_t count, double through, bool from_end);

/* Slice z: pixels [channels][height][width]. Any number of threads may cut at once, each with
 * scratch of its own, slices_scratch floats. */
void slices_cut(const slice_stack *stack, size_t z, float *scratch, float *pixels);
size_t slices_scratch(const slice_stack *stack);

/* A point between two slices: weight is that of the second; 0: the first alone. */
typedef struct slice_blend {
    size_t slice[2];
    float weight;
} slice_blend;

/* What an input channel of a network shows that sees neighbours: slices_at_distance where the card
 * names a distance, else slices_neighbour. */
slice_blend slices_channel(const ul_card *card, const bool *apart, const double *position_mm,
    size_t depth, size_t z, size_t channel, size_t channels);

/* The network's input size: the stack's padded to card->size, where that does not scale it, and to
 * multiples of 32; at most UL_SLICE_MAX, as both are. */
void slices_padded(const slice_stack *stack, const ul_card *card, size_t padded[2]);

/* The network's input for slice z: [channels][padded[1]][padded[0]], the slice in the middle (a
 * pixel to the left or up where it cannot be), 0 around it. scratch: slices_scratch floats. */
void slices_input(const slice_stack *stack, const ul_card *card, size_t channels, size_t z,
    const size_t padded[2], float *scratch, float *input);

/* Labels on the pixels of the stack (the nearest voxel's), [depth][height][width]; numbers above
 * 255 become 255. labels lie on the grid of the volume. */
void slices_labels(const slice_stack *stack, const ul_labels *labels, uint8_t *pixels);
