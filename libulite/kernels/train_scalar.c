/* The training kernels as plain loops: what every SIMD level is checked against. All sums are in
 * double, so that matmul and cross are their exact forms too. */
#include "libulite/kernels/train_kernels.h"

#include <math.h>

/* Adds sums of UL_LANES channels. */
static void add(float *to, const double *sum) {
    for (size_t i = 0; i < UL_LANES; i++)
        to[i] = (float)(to[i] + sum[i]);
}

/* The weights of column n, UL_LANES floats apart. */
static const float *column_of(const ul_matmul *job, size_t n) {
    const size_t lanes = UL_LANES;
    return job->weight + n / lanes * lanes * job->segments * job->depth + n % lanes;
}

static void matmul(const ul_matmul *job) {
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
    for (size_t k = 0; k < job->depth; k++)
        for (size_t n = 0; n < job->columns; n += UL_LANES) {
            double sum[UL_LANES] = {0};
            for (size_t p = 0; p < job->pixels; p++) {
                const double x = job->x[p * job->x_stride + k];
                const float *y = job->y + p * job->y_stride + n;
                for (size_t i = 0; i < UL_LANES; i++)
                    sum[i] += x * (job->scale ? (double)job->scale[n + i] * y[i] + job->shift[n + i]
                                              : (double)y[i]);
            }
            add(job->sum + k * job->sum_stride + n, sum);
        }
}

/* Offset in x, in floats, of tap t of direction 0 (vertical) or 1 (horizontal). */
static ptrdiff_t tap_offset(
    size_t t, size_t radius, size_t dilation, size_t direction, size_t row_stride) {
    const size_t step = dilation * (direction ? UL_LANES : row_stride);
    return ((ptrdiff_t)t - (ptrdiff_t)radius) * (ptrdiff_t)step;
}

static void cross(const ul_train_cross *job) {
    const size_t taps = 2 * job->radius + 1;
    for (size_t row = 0; row < job->rows; row++)
        for (size_t col = 0; col < job->width; col++)
            for (size_t c = 0; c < job->channels; c++) {
                const float *x = job->x + c / UL_LANES * job->x_block_stride +
                                 row * job->x_row_stride + col * UL_LANES + c % UL_LANES;
                float *y = job->y + row * job->y_row_stride + col * job->y_stride + c;
                double sum = job->bias ? job->bias[c] : *y;
                for (size_t t = 0; t < 2 * taps; t++)
                    if (t != taps + job->radius)
                        sum += (double)x[tap_offset(t % taps, job->radius, job->dilation, t / taps,
                                   job->x_row_stride)] *
                               job->weight[t * job->channels + c];
                *y = (float)sum;
            }
}

/* sum += y * x, or y where x is NULL, of one tap and UL_LANES channels. */
static void cross_tap(const ul_train_cross_sums *job, const float *x, const float *y, float *out) {
    double sum[UL_LANES] = {0};
    for (size_t row = 0; row < job->rows; row++)
        for (size_t col = 0; col < job->width; col++) {
            const float *g = y + row * job->y_row_stride + col * job->y_stride;
            const float *at = x ? x + row * job->x_row_stride + col * UL_LANES : NULL;
            for (size_t i = 0; i < UL_LANES; i++)
                sum[i] += at ? (double)at[i] * g[i] : g[i];
        }
    add(out, sum);
}

static void cross_sums(const ul_train_cross_sums *job) {
    const size_t taps = 2 * job->radius + 1;
    for (size_t c = 0; c < job->channels; c += UL_LANES) {
        const float *x = job->x + c / UL_LANES * job->x_block_stride;
        const float *y = job->y + c / UL_LANES * job->y_block_stride;
        for (size_t t = 0; t < 2 * taps; t++) {
            const ptrdiff_t at =
                tap_offset(t % taps, job->radius, job->dilation, t / taps, job->x_row_stride);
            if (t != taps + job->radius)
                cross_tap(job, x + at, y, job->weight + t * job->channels + c);
        }
        cross_tap(job, NULL, y, job->bias + c);
    }
}

static void affine(const float *x, size_t stride, const float *a, const float *b, float *y,
    size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            y[p * channels + c] = fmaf(a[c], x[p * stride + c], b[c]);
}

static void affine2(const float *g, const float *x, size_t stride, const double *a, const double *b,
    const double *d, float *y, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const size_t i = p * stride + c;
            y[p * channels + c] = (float)(a[c] * g[i] + (b[c] * x[i] + d[c]));
        }
}

static void sums(const float *x, size_t stride, float *sum, size_t pixels, size_t channels) {
    for (size_t c = 0; c < channels; c++) {
        double total = sum[c];
        for (size_t p = 0; p < pixels; p++)
            total += x[p * stride + c];
        sum[c] = (float)total;
    }
}

static void squares(
    const float *x, size_t stride, const float *mean, float *sum, size_t pixels, size_t channels) {
    for (size_t c = 0; c < channels; c++) {
        double total = sum[c];
        for (size_t p = 0; p < pixels; p++) {
            const double centred = (double)x[p * stride + c] - mean[c];
            total += centred * centred;
        }
        sum[c] = (float)total;
    }
}

static void dots(const float *g, const float *x, size_t stride, const float *mean, float *sum,
    float *dot, size_t pixels, size_t channels) {
    for (size_t c = 0; c < channels; c++) {
        double total = sum[c], product = dot[c];
        for (size_t p = 0; p < pixels; p++) {
            const size_t i = p * stride + c;
            total += g[i];
            product += g[i] * ((double)x[i] - mean[c]);
        }
        sum[c] = (float)total;
        dot[c] = (float)product;
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
        y[i] = x[i] * (float)normal_cdf(x[i]);
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

static void gelu_slope(const float *x, float *y, float *slope, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double value = x[i], cdf = normal_cdf(value);
        slope[i] = (float)(value * (0.39894228040143268 * exp(-0.5 * value * value)) + cdf);
        y[i] = (float)(value * cdf);
    }
}

static void multiply(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++)
        y[i] *= x[i];
}

static void sigmoid(const float *logits, size_t stride, float *p, float *tail, size_t pixels) {
    for (size_t i = 0; i < pixels; i++, logits += stride) {
        const double small = exp(-fabs((double)*logits)) + 0 * *logits; /* NaN of infinite ones */
        tail[i] = (float)small;
        p[i] = (float)((*logits < 0 ? small : 1) / (1 + small));
    }
}

static void softmax(
    float *x, size_t stride, size_t classes, float *highest, float *sum, size_t pixels) {
    for (size_t p = 0; p < pixels; p++, x += stride) {
        float most = x[0];
        for (size_t k = 1; k < classes; k++)
            most = x[k] > most ? x[k] : most;
        double total = 0, parts[UINT8_MAX + 1];
        for (size_t k = 0; k < classes; k++) {
            const double above = (double)x[k] - most;
            parts[k] = above < -64 ? 0 * above : exp(above); /* NaN of infinite ones */
            total += parts[k];
        }
        for (size_t k = 0; k < stride; k++)
            x[k] = k < classes ? (float)(parts[k] / total) : 0.0F;
        highest[p] = most;
        sum[p] = (float)total;
    }
}

static void softmax_backward(const ul_softmax_slopes *slopes, float *x, size_t stride,
    const uint8_t *labels, size_t pixels) {
    for (size_t p = 0; p < pixels; p++, x += stride) {
        double mean = 0; /* derivative by probability, averaged by the probabilities */
        for (size_t k = 0; k < stride; k++) {
            const double overlap = labels[p] == k ? slopes->by_overlap[k] : 0;
            mean += x[k] * (slopes->by_p[k] + overlap);
        }
        for (size_t k = 0; k < stride; k++) {
            const double truth = labels[p] == k ? 1 : 0;
            const double by_p = slopes->by_p[k] + truth * slopes->by_overlap[k];
            const double slope = x[k] * (by_p - mean) + slopes->entropy * (x[k] - truth);
            x[k] = labels[p] == UL_SOFTMAX_IGNORE ? 0.0F : (float)slope;
        }
    }
}

const ul_train_kernels *ul_train_kernels_get(ul_isa level) {
    switch (level) {
#if defined(__x86_64__)
    case UL_ISA_AVX2:
        return &ul_train_kernels_avx2;
    case UL_ISA_AVX512:
        return &ul_train_kernels_avx512;
#elif defined(__aarch64__)
    case UL_ISA_NEON:
        return &ul_train_kernels_neon;
#endif
    default:
        return &ul_train_kernels_scalar;
    }
}

const ul_train_kernels ul_train_kernels_scalar = {matmul, matmul, outer, cross, cross, cross_sums,
    affine, affine2, sums, squares, dots, pool, unpool, upsample, fold, gelu, gelu_backward,
    gelu_slope, multiply, sigmoid, softmax, softmax_backward};
