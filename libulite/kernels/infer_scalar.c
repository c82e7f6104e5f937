/* The scalar reference of every forward kernel: what the SIMD levels are tested against. */
#include "libulite/kernels/kernels.h"

#include <math.h>

static float gelu_value(float x) {
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

static void gelu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        x[i] = gelu_value(x[i]);
}

/* sum[16] = start[16] + pixel * weights[cin][16] */
static void multiply_pixel(
    float *sum, const float *start, const float *pixel, const float *weights, size_t cin) {
    for (size_t lane = 0; lane < UL_LANES; lane++)
        sum[lane] = start[lane];
    for (size_t i = 0; i < cin; i++)
        for (size_t lane = 0; lane < UL_LANES; lane++)
            sum[lane] += pixel[i] * weights[i * UL_LANES + lane];
}

static void pointwise(const ul_pointwise *p) {
    for (size_t block = 0; block < p->cout; block += UL_LANES)
        for (size_t y = 0; y < p->rows; y++)
            for (size_t x = 0; x < p->width; x++) {
                const float *in = p->in + y * p->in_row + x * p->in_stride;
                const float *init = p->init + (y >> p->init_shift) * p->init_row +
                                    (x >> p->init_shift) * p->init_stride;
                float *out = p->out + y * p->out_row + x * p->out_stride + block;
                multiply_pixel(out, init + block, in, p->weights + block * p->cin, p->cin);
                if (p->gelu)
                    gelu(out, UL_LANES);
            }
}

static void pointwise_pool(const ul_pointwise *p) {
    static const float zero[UL_LANES];
    for (size_t block = 0; block < p->cout; block += UL_LANES)
        for (size_t y = 0; y < p->rows; y++)
            for (size_t x = 0; x < p->width; x++) {
                const float *in = p->in + 2 * y * p->in_row + 2 * x * p->in_stride;
                const float *corner[4] = {
                    in, in + p->in_stride, in + p->in_row, in + p->in_row + p->in_stride};
                const float *weights = p->weights + block * p->cin;
                float best[UL_LANES], sum[UL_LANES];
                multiply_pixel(best, zero, corner[0], weights, p->cin);
                for (int c = 1; c < 4; c++) {
                    multiply_pixel(sum, zero, corner[c], weights, p->cin);
                    for (size_t lane = 0; lane < UL_LANES; lane++)
                        best[lane] = sum[lane] > best[lane] ? sum[lane] : best[lane];
                }
                const float *init = p->init + y * p->init_row + x * p->init_stride + block;
                float *out = p->out + y * p->out_row + x * p->out_stride + block;
                for (size_t lane = 0; lane < UL_LANES; lane++)
                    out[lane] = best[lane] + init[lane];
                if (p->gelu)
                    gelu(out, UL_LANES);
            }
}

static float cross_pixel(
    const ul_cross *p, const float *const *in, const float *w, size_t x, size_t c) {
    size_t centre = p->taps / 2, reach = centre * p->dilation;
    float sum = w[(2 * p->taps - 1) * UL_LANES];
    for (size_t t = 0; t < p->taps; t++, w += UL_LANES)
        sum += *w * in[t * p->dilation][x * p->in_stride + c];
    for (size_t t = 0; t < p->taps; t++) {
        if (t == centre)
            continue;
        size_t at = x + t * p->dilation; /* counted from pixel -reach */
        if (at >= reach && at - reach < p->width)
            sum += *w * in[reach][(at - reach) * p->in_stride + c];
        w += UL_LANES;
    }
    return sum;
}

static void cross(const ul_cross *p) {
    for (size_t c = 0; c < p->channels; c++) {
        const float *w = p->weights + c / UL_LANES * 2 * p->taps * UL_LANES + c % UL_LANES;
        for (size_t y = 0; y < p->rows; y++)
            for (size_t x = 0; x < p->width; x++)
                p->out[y * p->out_row + x * p->out_stride + c] = cross_pixel(p, p->in + y, w, x, c);
    }
}

static void conv7(const ul_conv7 *p) {
    for (size_t c = 0; c < p->cout; c++) {
        const float *weights = p->weights + c / UL_LANES * p->cin * 49 * UL_LANES + c % UL_LANES;
        for (size_t x = 0; x < p->width; x++) {
            const float *w = weights;
            float sum = p->bias[c];
            for (size_t channel = 0; channel < p->cin; channel++)
                for (size_t row = 0; row < 7; row++)
                    for (size_t t = 0; t < 7; t++, w += UL_LANES)
                        sum += *w * p->rows[row][channel * p->in_plane + x + t];
            p->out[x * p->out_stride + c] = sum;
        }
    }
}

static void project(const ul_project *p) {
    for (size_t k = 0; k < p->classes; k++)
        for (size_t i = 0; i < p->pixels; i++) {
            float sum = p->bias[k];
            for (size_t c = 0; c < p->channels; c++)
                sum += p->in[i * p->in_stride + c] * p->weights[k * p->channels + c];
            p->out[k * p->out_plane + i] = sum;
        }
}

static size_t multiply_adds(size_t rounds, float *sink) {
    float sum[UL_LANES]; /* not zeros, whose sums the compiler knows */
    for (size_t lane = 0; lane < UL_LANES; lane++)
        sum[lane] = (float)lane;
    for (size_t i = 0; i < rounds; i++)
        for (size_t lane = 0; lane < UL_LANES; lane++)
            sum[lane] = sum[lane] * 0.5f + 0.5f;
    for (size_t lane = 0; lane < UL_LANES; lane++)
        sink[lane] = sum[lane];
    return rounds * UL_LANES;
}

void ul_kernels_init_scalar(ul_kernels *kernels) {
    kernels->pointwise = pointwise;
    kernels->pointwise_pool = pointwise_pool;
    kernels->cross = cross;
    kernels->conv7 = conv7;
    kernels->project = project;
    kernels->gelu = gelu;
    kernels->multiply_adds = multiply_adds;
}
