/* From a volume to what the network sees: slices along a plane of the card, turned upright, at the
 * network's spacing, normalised. Training and inference share this file. */
#ifndef SLICES_H
#define SLICES_H

#include "ulite/card.h"
#include "ulite/volume.h"

/* Slices along one plane, not yet padded. Pixel (x, y) of slice z lies at source voxel
 * ((x + 0.5) * ratio[0] - 0.5, (y + 0.5) * ratio[1] - 0.5, z), counted along source axes axis[0],
 * axis[1], axis[2], backwards where reversed. */
typedef struct slice_stack {
    size_t width, height, depth;
    size_t channels;  /* 1, or 3 for RGB */
    float *pixels;    /* [depth][channels][height][width], owned */
    int axis[3];      /* source axes (0 columns, 1 rows, 2 slices) along x, y, z */
    bool reversed[3]; /* x, y, z run against them */
    size_t source[3]; /* the source's size along x, y, z */
    double ratio[2];  /* source voxels per pixel */
} slice_stack;

/* Cuts, turns, resamples and normalises. plane is an index into card->planes (0 where there are
 * none: slices as they are stored). Patient-upright: axial x to the left, y to the back; coronal x
 * to the left, y to the feet; sagittal x to the back, y to the feet. Errors: UL_ERROR_GEOMETRY (a
 * plane that this stack of slices cannot be cut along), UL_ERROR_MODEL (RGB for a grey model or the
 * other way), UL_ERROR_LIMIT. */
ul_status slices_prepare(const ul_volume *volume, const ul_card *card, size_t plane,
    slice_stack *stack, ul_error *error);
void slices_free(slice_stack *stack);

/* Labels on the pixels of the stack (the nearest voxel's), [depth][height][width]; numbers above
 * 255 become 255. labels lie on the grid of the volume. */
void slices_labels(const slice_stack *stack, const ul_labels *labels, uint8_t *pixels);

/* The network's input for slice k: [input_channels][height][width], the slice at (left, top), 0
 * around it; neighbours beyond the first and last slice repeat these. */
void slices_input(const slice_stack *stack, const ul_card *card, size_t input_channels, size_t k,
    size_t width, size_t height, float *input);

/* Where the slice lies in a padded input: (padded - size) / 2. Multiples of 32. */
size_t slices_padded(size_t size);

/* The index in the source volume of stack pixel column x (as a source voxel along axis[0]), row y,
 * slice z given in source steps along the stack's axes. */
size_t slices_source_index(const slice_stack *stack, size_t x, size_t y, size_t z);

#endif
