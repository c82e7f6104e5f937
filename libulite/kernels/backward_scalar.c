/* The training kernels as plain loops: what every SIMD level is checked against. */
#include "kernels/backward.h"

#include <math.h>
#include <string.h>

/* The weights of column n, UL_LANES floats apart. */
static const float *column_of(const ul_matmul *job, size_t n) {
    const size_t lanes = UL_LANES;
    return job->weight + n / lanes * lanes * job->segments * job->depth + n % lanes;
}

static void matmul(const ul_matmul *job) {
    for (size_t p = 0; p < job->pixels; p++)
        for (size_t n = 0; n < job->columns; n++) {
            const float *weight = column_of(job, n);
            float *y = job->y + p * job->y_stride + n, sum = job->bias ? job->bias[n] : *y;
            for (size_t s = 0; s < job->segments; s++) {
                const float *x = job->x + p * job->x_stride + s * job->segment_stride;
                for (size_t k = 0; k < job->depth; k++)
                    sum = fmaf(x[k], weight[(s * job->depth + k) * UL_LANES], sum);
            }
            *y = sum;
        }
}

static void matmul_exact(const ul_matmul *job) {
    for (size_t p = 0; p < job->pixels; p++)
        for (size_t n = 0; n < job->columns; n++) {
            const float *weight = column_of(job, n);
            float *y = job->y + p * job->y_stride + n;
            double sum = job->bias ? job->bias[n] : *y;
            for (size_t s = 0; s < job->segments; s++) {
                const float *x = job->x + p * job->x_stride + s * job->segment_stride;
                for (size_t k = 0; k < job->depth; k++)
                    sum += (double)x[k] * weight[(s * job->depth + k) * UL_LANES];
            }
            *y = (float)sum;
        }
}

static void outer(const ul_outer *job) {
    for (size_t p = 0; p < job->pixels; p++) {
        const float *x = job->x + p * job->x_stride;
        const float *y = job->y + p * job->y_stride;
        for (size_t k = 0; k < job->depth; k++)
            for (size_t n = 0; n < job->columns; n++)
                job->sum[k * job->sum_stride + n] =
                    fmaf(x[k], y[n], job->sum[k * job->sum_stride + n]);
    }
}

/* Offset in x, in floats, of tap t of direction 0 (vertical) or 1 (horizontal). */
static ptrdiff_t tap_offset(size_t t, size_t radius, size_t dilation, size_t direction,
    size_t row_stride, size_t channels) {
    const size_t step = dilation * (direction ? channels : row_stride);
    return ((ptrdiff_t)t - (ptrdiff_t)radius) * (ptrdiff_t)step;
}

static void cross(const ul_train_cross *job) {
    const size_t taps = 2 * job->radius + 1;
    for (size_t row = 0; row < job->rows; row++)
        for (size_t col = 0; col < job->width; col++)
            for (size_t c = 0; c < job->channels; c++) {
                const float *x = job->x + row * job->x_row_stride + col * job->channels + c;
                float *y = job->y + row * job->y_row_stride + col * job->y_stride + c;
                float sum = job->bias ? job->bias[c] : *y;
                for (size_t t = 0; t < 2 * taps; t++)
                    if (t != taps + job->radius)
                        sum = fmaf(x[tap_offset(t % taps, job->radius, job->dilation, t / taps,
                                       job->x_row_stride, job->channels)],
                            job->weight[t * job->channels + c], sum);
                *y = sum;
            }
}

static void cross_exact(const ul_train_cross *job) {
    const size_t taps = 2 * job->radius + 1;
    for (size_t row = 0; row < job->rows; row++)
        for (size_t col = 0; col < job->width; col++)
            for (size_t c = 0; c < job->channels; c++) {
                const float *x = job->x + row * job->x_row_stride + col * job->channels + c;
                float *y = job->y + row * job->y_row_stride + col * job->y_stride + c;
                double sum = job->bias ? job->bias[c] : *y;
                for (size_t t = 0; t < 2 * taps; t++)
                    if (t != taps + job->radius)
                        sum += (double)x[tap_offset(t % taps, job->radius, job->dilation, t / taps,
                                   job->x_row_stride, job->channels)] *
                               job->weight[t * job->channels + c];
                *y = (float)sum;
            }
}

static void cross_sums(const ul_train_cross_sums *job) {
    const size_t taps = 2 * job->radius + 1;
    for (size_t row = 0; row < job->rows; row++)
        for (size_t col = 0; col < job->width; col++) {
            const float *x = job->x + row * job->x_row_stride + col * job->channels;
            const float *y = job->y + row * job->y_row_stride + col * job->y_stride;
            for (size_t c = 0; c < job->channels; c++)
                job->bias[c] += y[c];
            for (size_t t = 0; t < 2 * taps; t++) {
                if (t == taps + job->radius)
                    continue;
                const float *at = x + tap_offset(t % taps, job->radius, job->dilation, t / taps,
                                          job->x_row_stride, job->channels);
                float *sum = job->weight + t * job->channels;
                for (size_t c = 0; c < job->channels; c++)
                    sum[c] = fmaf(at[c], y[c], sum[c]);
            }
        }
}

static void affine(
    const float *x, const float *a, const float *b, float *y, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            y[p * channels + c] = fmaf(a[c], x[p * channels + c], b[c]);
}

static void affine2(const float *g, const float *x, const double *a, const double *b,
    const double *d, float *y, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const size_t i = p * channels + c;
            y[i] = (float)(a[c] * g[i] + (b[c] * x[i] + d[c]));
        }
}

static void sums(const float *x, size_t stride, float *sum, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            sum[c] += x[p * stride + c];
}

static void squares(
    const float *x, size_t stride, const float *mean, float *sum, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const float centred = x[p * stride + c] - mean[c];
            sum[c] = fmaf(centred, centred, sum[c]);
        }
}

static void dots(const float *g, const float *x, size_t stride, const float *mean, float *sum,
    float *dot, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const size_t i = p * stride + c;
            sum[c] += g[i];
            dot[c] = fmaf(g[i], x[i] - mean[c], dot[c]);
        }
}

static void pool(
    const float *x, size_t pairs, size_t width, size_t channels, float *y, uint8_t *which) {
    for (size_t pair = 0; pair < pairs; pair++)
        for (size_t col = 0; col < width / 2; col++)
            for (size_t c = 0; c < channels; c++) {
                const float *corner = x + (2 * pair * width + 2 * col) * channels + c;
                const size_t out = (pair * (width / 2) + col) * channels + c;
                float best = corner[0];
                uint8_t at = 0;
                for (uint8_t i = 1; i < 4; i++) {
                    const float value = corner[((i >> 1) * width + (i & 1)) * channels];
                    if (value > best) {
                        best = value;
                        at = i;
                    }
                }
                y[out] = best;
                which[out] = at;
            }
}

static void unpool(
    const float *y, const uint8_t *which, size_t pairs, size_t width, size_t channels, float *x) {
    for (size_t pair = 0; pair < pairs; pair++)
        for (size_t col = 0; col < width / 2; col++)
            for (size_t c = 0; c < channels; c++) {
                float *corner = x + (2 * pair * width + 2 * col) * channels + c;
                const size_t in = (pair * (width / 2) + col) * channels + c;
                for (uint8_t i = 0; i < 4; i++)
                    corner[((i >> 1) * width + (i & 1)) * channels] = which[in] == i ? y[in] : 0.0F;
            }
}

static void upsample(
    const float *y, const float *bias, size_t pairs, size_t width, size_t channels, float *x) {
    for (size_t row = 0; row < 2 * pairs; row++)
        for (size_t col = 0; col < width; col++)
            for (size_t c = 0; c < channels; c++)
                x[(row * width + col) * channels + c] =
                    bias[c] + y[(row / 2 * (width / 2) + col / 2) * channels + c];
}

static void fold(const float *x, size_t pairs, size_t width, size_t channels, float *y) {
    for (size_t pair = 0; pair < pairs; pair++)
        for (size_t col = 0; col < width / 2; col++)
            for (size_t c = 0; c < channels; c++) {
                const float *corner = x + (2 * pair * width + 2 * col) * channels + c;
                y[(pair * (width / 2) + col) * channels + c] =
                    (corner[0] + corner[channels]) +
                    (corner[width * channels] + corner[(width + 1) * channels]);
            }
}

static double normal_cdf(double x) {
    return 0.5 * erfc(-x * 0.70710678118654752);
}

static void gelu(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++)
        y[i] = (float)(x[i] * normal_cdf(x[i]));
}

static void gelu_backward(const float *x, const float *g, float *out, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double value = x[i], cdf = normal_cdf(value);
        const double density = 0.39894228040143268 * exp(-0.5 * value * value);
        out[i] = (float)(g[i] * (value * density + cdf));
        if (y)
            y[i] = (float)(value * cdf);
    }
}

const ul_train_kernels *ul_train_kernels_get(ul_level level) {
    switch (level) {
#if defined(__x86_64__)
    case UL_LEVEL_AVX2:
        return &ul_train_kernels_avx2;
    case UL_LEVEL_AVX512:
        return &ul_train_kernels_avx512;
#elif defined(__aarch64__)
    case UL_LEVEL_NEON:
        return &ul_train_kernels_neon;
#endif
    default:
        return &ul_train_kernels_scalar;
    }
}

const ul_train_kernels ul_train_kernels_scalar = {matmul, matmul_exact, outer, cross, cross_exact,
    cross_sums, affine, affine2, sums, squares, dots, pool, unpool, upsample, fold, gelu,
    gelu_backward};
