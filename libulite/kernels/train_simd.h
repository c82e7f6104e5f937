/* Declarations that the SIMD sources of the training kernels share; see train_kernels.h. */
#pragma once

#include "libulite/kernels/train_kernels.h"
#include "libulite/kernels/vec.h"

void UL_SIMD(ul_train_affine)(const float *x, size_t stride, const float *a, const float *b,
    float *y, size_t pixels, size_t channels);
void UL_SIMD(ul_train_affine2)(const float *g, const float *x, size_t stride, const double *a,
    const double *b, const double *d, float *y, size_t pixels, size_t channels);
void UL_SIMD(ul_train_sums)(
    const float *x, size_t stride, float *sum, size_t pixels, size_t channels);
void UL_SIMD(ul_train_squares)(
    const float *x, size_t stride, const float *mean, float *sum, size_t pixels, size_t channels);
void UL_SIMD(ul_train_dots)(const float *g, const float *x, size_t stride, const float *mean,
    float *sum, float *dot, size_t pixels, size_t channels);
void UL_SIMD(ul_train_pool)(
    const float *x, size_t pairs, size_t width, size_t channels, float *y, uint8_t *which);
void UL_SIMD(ul_train_unpool)(
    const float *y, const uint8_t *which, size_t pairs, size_t width, size_t channels, float *x);
void UL_SIMD(ul_train_upsample)(
    const float *y, const float *bias, size_t pairs, size_t width, size_t channels, float *x);
void UL_SIMD(ul_train_fold)(const float *x, size_t pairs, size_t width, size_t channels, float *y);
void UL_SIMD(ul_train_gelu)(const float *x, float *y, size_t count);
void UL_SIMD(ul_train_gelu_backward)(
    const float *x, const float *g, float *out, float *y, size_t count);
void UL_SIMD(ul_train_gelu_slope)(const float *x, float *y, float *slope, size_t count);
void UL_SIMD(ul_train_multiply)(const float *x, float *y, size_t count);
void UL_SIMD(ul_train_sigmoid)(
    const float *logits, size_t stride, float *p, float *tail, size_t pixels);
void UL_SIMD(ul_train_softmax)(
    float *x, size_t stride, size_t classes, float *highest, float *sum, size_t pixels);
void UL_SIMD(ul_train_softmax_backward)(
    const ul_softmax_slopes *slopes, float *x, size_t stride, const uint8_t *labels, size_t pixels);
