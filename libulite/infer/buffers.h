/* Where every intermediate tensor and row buffer of one slice lives: a region that buffers share
 * whose lifetimes do not overlap. Of a team that shares the slice, each thread has a second, small
 * one of its own for its rows. */
#pragma once

#include "libulite/infer/fold.h"

/* Steps of a slice: e1 (with conv_in) .. e5 are 0..4, b5 is 5, d5..d1 are 6..10. Arrays of buffers
 * are indexed by level. */
typedef enum ul_buffer {
    UL_BUFFER_SKIP,                                  /* e1.skip .. e5.skip */
    UL_BUFFER_ENCODED = UL_BUFFER_SKIP + UL_DEPTH,   /* e1.out .. e5.out */
    UL_BUFFER_CONCAT = UL_BUFFER_ENCODED + UL_DEPTH, /* b5's four parts */
    UL_BUFFER_BOTTLENECK,                            /* b5.out */
    UL_BUFFER_DECODED,                               /* d2.out .. d5.out; d1: rows */
    UL_BUFFER_LOW = UL_BUFFER_DECODED + UL_DEPTH,    /* rows of the half-resolution 1x1 */
    UL_BUFFER_RING = UL_BUFFER_LOW + UL_DEPTH,       /* rows of the first 1x1 */
    UL_BUFFER_CROSS = UL_BUFFER_RING + UL_DEPTH,     /* rows of the axial block */
    UL_BUFFER_INPUT = UL_BUFFER_CROSS + UL_DEPTH,    /* input rows with borders */
    UL_BUFFER_CONV_IN,                               /* rows of conv_in */
    UL_BUFFERS
} ul_buffer;

typedef struct ul_buffers_level {
    size_t height, width;
    /* Rows that an encoder, a decoder works on at a time; a decoder's ring of rows. Where the
     * threads of one slice share a decoder by channels the rows are all. */
    size_t encoder_rows, decoder_rows, ring_rows;
    bool by_channels;
} ul_buffers_level;

typedef struct ul_buffers {
    ul_buffers_level level[UL_DEPTH];
    size_t input_row;          /* floats of a bordered input row */
    size_t offset[UL_BUFFERS]; /* floats from the start of the buffer's region */
    size_t region;             /* floats; of a team, those of what its threads share */
    size_t own_region;         /* floats, of each thread of a team; 0 for one thread */
} ul_buffers;

/* Floats after every row of an image that a 7-tap cross reads or writes. Rows that lie a power of
 * two apart would share a few cache sets and push each other out. */
#define UL_ROW_PAD ((size_t)80)

/* The input ring holds the 7 rows of one conv_in row; conv_in's ring those of a block of e1. */
#define UL_INPUT_ROWS 8

/* Plans one slice of height x width (multiples of 32) shared by threads threads. */
void ul_buffers_plan(
    ul_buffers *plan, const ul_folded *folded, size_t height, size_t width, int threads);
