/* The forward kernels: a table of functions that the scalar reference fills first and each
 * instruction-set level then overwrites.
 *
 * Activations are NHWC float32, channels padded with zeros to a multiple of UL_LANES. Strides count
 * floats. What a kernel computes for a pixel never depends on which call or tile the pixel falls
 * into, so any split of the work over threads gives the same bits. Kernels know no models. */
#pragma once

#include "ulite/session.h"

#define UL_LANES 16 /* channels are padded to a multiple of this */

static inline size_t ul_pad_channels(size_t channels) {
    return (channels + UL_LANES - 1) / UL_LANES * UL_LANES;
}

/* 1x1 convolution over rows x width pixels: out = init + in * weights, then GELU where asked.
 * pointwise_pool takes the maximum over 2x2 input pixels before init and GELU: rows and width are
 * those of the output, in has 2 * rows and 2 * width. out must not overlap in. */
typedef struct ul_pointwise {
    size_t rows, width; /* output pixels */
    size_t cin, cout;   /* cin any; cout a multiple of UL_LANES */
    const float *in;
    size_t in_stride, in_row; /* floats from pixel to pixel and from row to row */
    float *out;
    size_t out_stride, out_row;
    /* Pixel (y, x) starts from init + (y >> shift) * init_row + (x >> shift) * init_stride: a bias
     * with both strides 0, or with shift 1 a tensor of half the resolution. pool: shift 0. */
    const float *init;
    size_t init_stride, init_row;
    unsigned init_shift;
    const float *weights; /* [cout / 16][cin][16], ul_pack_pointwise */
    bool gelu;
} ul_pointwise;

/* Rows of an axial block: each channel's cross of taps x 1 and 1 x taps, which share their centre.
 * Pixels left and right of the rows count as zero; rows above and below the image are the caller's
 * zeros. out must not overlap the rows. */
typedef struct ul_cross {
    size_t rows, width, channels; /* of the output; channels a multiple of UL_LANES */
    size_t taps, dilation;        /* taps odd, at most UL_CROSS_TAPS */
    /* [rows + (taps - 1) * dilation] input rows from (taps / 2) * dilation above the first */
    const float *const *in;
    size_t in_stride;
    float *out;
    size_t out_stride, out_row;
    const float *weights; /* [channels / 16][2 * taps][16], ul_pack_cross */
} ul_cross;

#define UL_CROSS_TAPS 7

/* One row of the 7x7 convolution, from planar rows to NHWC. */
typedef struct ul_conv7 {
    size_t width, cin, cout;  /* cout a multiple of UL_LANES */
    const float *const *rows; /* [7] rows y-3..y+3 of channel 0, width + 6 floats from x = -3 */
    size_t in_plane;          /* floats from a channel's row to the next channel's */
    float *out;
    size_t out_stride;
    const float *weights; /* [cout / 16][cin][7][7][16], ul_pack_conv7 */
    const float *bias;    /* [cout] */
} ul_conv7;

/* The last 1x1 convolution, from NHWC to planar logits. */
typedef struct ul_project {
    size_t pixels, channels, classes; /* channels a multiple of UL_LANES */
    const float *in;
    size_t in_stride;
    float *out; /* class k goes to out + k * out_plane */
    size_t out_plane;
    const float *weights; /* [classes][channels] */
    const float *bias;    /* [classes] */
} ul_project;

typedef struct ul_kernels {
    ul_isa level;
    void (*pointwise)(const ul_pointwise *p);
    void (*pointwise_pool)(const ul_pointwise *p);
    void (*cross)(const ul_cross *p);
    void (*conv7)(const ul_conv7 *p);
    void (*project)(const ul_project *p);
    /* Exact-erf GELU in place; count a multiple of UL_LANES. */
    void (*gelu)(float *x, size_t count);
    /* Runs independent multiply-adds, rounds times, and returns how many: bench's measure of the
     * machine's peak. sink receives UL_LANES results, so that nothing is optimised away. */
    size_t (*multiply_adds)(size_t rounds, float *sink);
} ul_kernels;

/* True where the library holds kernels for the level and this machine and its system run them. */
bool ul_cpu_has(ul_isa level);

/* Fills the table for a level that ul_cpu_has. */
void ul_kernels_init(ul_kernels *kernels, ul_isa level);

/* One per source; each overwrites what it has. */
void ul_kernels_init_scalar(ul_kernels *kernels);
void ul_kernels_init_avx2(ul_kernels *kernels);
void ul_kernels_init_avx512(ul_kernels *kernels);
void ul_kernels_init_neon(ul_kernels *kernels);

/* Packers. Weights come in the state dict's layout; padded channels are zero. scale, where not
 * NULL, multiplies each output channel (batch-norm folding). */

/* weights [cout][row_length], of which columns first .. first + cin - 1 are taken, to
 * [pad(cout) / 16][pad(cin)][16]. */
void ul_pack_pointwise(float *packed, const float *weights, size_t cout, size_t row_length,
    size_t first, size_t cin, const float *scale);

/* vertical, horizontal [channels][taps] and their biases to [pad(channels) / 16][2 * taps][16]:
 * the vertical taps with the shared centre (1 + both), the horizontal ones without, the bias. shift
 * is added to the scaled bias where not NULL. */
void ul_pack_cross(float *packed, const float *vertical, const float *vertical_bias,
    const float *horizontal, const float *horizontal_bias, size_t channels, size_t taps,
    const float *scale, const float *shift);

/* weights [cout][cin][7][7] to [pad(cout) / 16][cin][7][7][16]. */
void ul_pack_conv7(float *packed, const float *weights, size_t cout, size_t cin);
