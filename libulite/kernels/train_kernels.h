/* Kernels of training: forward in training mode and backward, for one thread.
 *
 * Activations are NHWC with channels padded to a multiple of UL_LANES by zeros: pixel p of a
 * tensor stands at p * stride (the crosses read another layout, see there). Pixels are taken in an
 * order that their number and width alone decide, and a caller may cut a batch into chunks
 * anywhere. Sums are added to what the destination holds. */
#pragma once

#include "libulite/kernels/kernels.h"

#include <stddef.h>
#include <stdint.h>

/* Ask for what a kernel reads, or writes, 8 KiB after p: large tensors come from memory, and a
 * machine's own prefetching ends with the page. Beyond the end of a tensor it does nothing. */
#define UL_AHEAD 2048 /* floats */
static inline void ul_read_ahead(const float *p) {
    __builtin_prefetch(p + UL_AHEAD, 0);
}
static inline void ul_write_ahead(const float *p) {
    __builtin_prefetch(p + UL_AHEAD, 1);
}

/* y[p][n] = (bias ? bias[n] : y[p][n]) + sum over s, k of x[p * x_stride + s * segment_stride + k]
 * * weight[s * depth + k][n]: a 1x1 convolution with one segment, a row of a dense convolution with
 * one segment per row of its window. weight is in panels: [columns / 16][segments * depth][16]. */
typedef struct ul_matmul {
    const float *x;
    size_t x_stride, segments, segment_stride, depth;
    const float *weight, *bias;
    float *y;
    size_t y_stride, columns, pixels;
} ul_matmul;

/* sum[k][n] += sum over p of x[p * x_stride + k] * (scale[n] * y[p * y_stride + n] + shift[n]), of
 * y itself where scale is NULL; sum_stride from k to k. */
typedef struct ul_outer {
    const float *x;
    size_t x_stride, depth;
    const float *y, *scale, *shift;
    size_t y_stride, columns, pixels;
    float *sum;
    size_t sum_stride;
} ul_outer;

/* A cross of vertical and horizontal taps on rows of an image that is already padded by zeros:
 * y = bias + sum over t of weight[0][t] * x(row + (t - radius) * dilation) + the same along the row
 * without t = radius, whose tap the vertical one includes. weight is [2][2 * radius + 1][channels].
 * x holds one image of UL_LANES channels after another, so that neighbours of many channels do not
 * compete for cache sets; it points at the padded pixel under the first output pixel. */
typedef struct ul_train_cross {
    const float *x;
    size_t x_row_stride, x_block_stride; /* floats between rows, between images */
    size_t radius, dilation, channels;
    const float *weight;
    const float *bias; /* NULL: add to what y holds */
    float *y;
    size_t y_stride, y_row_stride;
    size_t rows, width;
} ul_train_cross;

/* weight[0 or 1][t][c] += sum of y * x at the tap (the centre in the vertical row only),
 * bias[c] += sum of y. */
typedef struct ul_train_cross_sums {
    const float *x; /* as of ul_train_cross */
    size_t x_row_stride, x_block_stride;
    size_t radius, dilation, channels;
    const float *y;
    size_t y_stride, y_row_stride, y_block_stride; /* floats between blocks: UL_LANES in NHWC */
    size_t rows, width;
    float *weight, *bias;
} ul_train_cross_sums;

/* The backward pass of softmax, row by row of `stride` floats: probabilities p become the gradient
 * by logit of a loss whose derivative by p[k] is by_p[k], and by_overlap[k] more where k is the
 * label, plus entropy times that of the cross-entropy. by_p and by_overlap have `stride` floats.
 * Rows of label UL_SOFTMAX_IGNORE become zero. */
typedef struct ul_softmax_slopes {
    const float *by_p, *by_overlap;
    float entropy;
} ul_softmax_slopes;

#define UL_SOFTMAX_IGNORE 255

typedef struct ul_train_kernels {
    /* _exact: the same summed in double and rounded once. The winners of the max-pool hang on the
     * last bits of the forward pass, and Adam magnifies what another one changes. */
    void (*matmul)(const ul_matmul *job);
    void (*matmul_exact)(const ul_matmul *job);
    void (*outer)(const ul_outer *job);
    void (*cross)(const ul_train_cross *job);
    void (*cross_exact)(const ul_train_cross *job);
    void (*cross_sums)(const ul_train_cross_sums *job);

    /* y = a[c] * x + b[c]; what a kernel reads has its pixels `stride` floats apart where it has a
     * stride, else side by side, as what it writes */
    void (*affine)(const float *x, size_t stride, const float *a, const float *b, float *y,
        size_t pixels, size_t channels);
    /* y = a[c] * g + b[c] * x + d[c] in double, the backward pass of a batch norm: what is left of
     * the gradient of a layer before it that only scales can be a millionth of the terms. */
    void (*affine2)(const float *g, const float *x, size_t stride, const double *a, const double *b,
        const double *d, float *y, size_t pixels, size_t channels);

    /* sum[c] += x */
    void (*sums)(const float *x, size_t stride, float *sum, size_t pixels, size_t channels);
    /* sum[c] += (x - mean[c])^2 */
    void (*squares)(const float *x, size_t stride, const float *mean, float *sum, size_t pixels,
        size_t channels);
    /* sum[c] += g, dot[c] += g * (x - mean[c]) */
    void (*dots)(const float *g, const float *x, size_t stride, const float *mean, float *sum,
        float *dot, size_t pixels, size_t channels);

    /* Pairs of rows of `width` pixels: the largest of each 2x2 and which it was, 0..3 in reading
     * order, the first where several are equal. */
    void (*pool)(
        const float *x, size_t pairs, size_t width, size_t channels, float *y, uint8_t *which);
    /* The backward pass of pool: x gets y where `which` says, zero elsewhere. */
    void (*unpool)(const float *y, const uint8_t *which, size_t pairs, size_t width,
        size_t channels, float *x);
    /* Pairs of rows: x = bias[c] + its pixel of the half-sized y. */
    void (*upsample)(
        const float *y, const float *bias, size_t pairs, size_t width, size_t channels, float *x);
    /* Pairs of rows: y = sum of each 2x2 of x. */
    void (*fold)(const float *x, size_t pairs, size_t width, size_t channels, float *y);

    /* y = x * Phi(x), the exact GELU */
    void (*gelu)(const float *x, float *y, size_t count);
    /* out = g * gelu'(x), y = gelu(x); y may be NULL, out may be x or g. */
    void (*gelu_backward)(const float *x, const float *g, float *out, float *y, size_t count);
    /* y = gelu(x), slope = gelu'(x); y may be x */
    void (*gelu_slope)(const float *x, float *y, float *slope, size_t count);
    /* y *= x */
    void (*multiply)(const float *x, float *y, size_t count);

    /* The logistic function of the first of every `stride` floats, and e^-|logit|; both NaN where
     * the logit is not finite. */
    void (*sigmoid)(const float *logits, size_t stride, float *p, float *tail, size_t pixels);
    /* Rows of `stride` floats, a multiple of UL_LANES, whose first `classes` are logits: these
     * become probabilities, the others zero. highest receives a row's largest logit, sum the sum
     * of exp(logit - highest), NaN where a logit is not finite. Probabilities below e^-64 of the
     * row's largest are zero. */
    void (*softmax)(
        float *x, size_t stride, size_t classes, float *highest, float *sum, size_t pixels);
    void (*softmax_backward)(const ul_softmax_slopes *slopes, float *x, size_t stride,
        const uint8_t *labels, size_t pixels);
} ul_train_kernels;

/* The kernels of a level that ul_cpu_has. */
const ul_train_kernels *ul_train_kernels_get(ul_isa level);

extern const ul_train_kernels ul_train_kernels_scalar;
extern const ul_train_kernels ul_train_kernels_avx2;
extern const ul_train_kernels ul_train_kernels_avx512;
extern const ul_train_kernels ul_train_kernels_neon;
