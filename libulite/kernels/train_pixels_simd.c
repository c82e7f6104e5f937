/* The training kernels that work pixel by pixel: batch norm, pooling, upsampling, GELU. Built once
 * per level. */
#include "libulite/kernels/train_simd.h"
#include "libulite/kernels/vec_math.h"

void UL_SIMD(ul_train_affine)(const float *x, size_t stride, const float *a, const float *b,
    float *y, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++, x += stride, y += channels)
        for (size_t c = 0; c < channels; c += V_WIDTH) {
            ul_read_ahead(x + c);
            v_store(y + c, v_fma(v_load(a + c), v_load(x + c), v_load(b + c)));
        }
}

void UL_SIMD(ul_train_affine2)(const float *g, const float *x, size_t stride, const double *a,
    const double *b, const double *d, float *y, size_t pixels, size_t channels) {
    for (size_t p = 0; p < pixels; p++, g += stride, x += stride, y += channels)
        for (size_t c = 0; c < channels; c += V_WIDTH / 2) {
            ul_read_ahead(g + c);
            ul_read_ahead(x + c);
            vd_store(
                y + c, vd_fma(vd_load_double(a + c), vd_load(g + c),
                           vd_fma(vd_load_double(b + c), vd_load(x + c), vd_load_double(d + c))));
        }
}

/* Four sums run side by side, pixel p in the (p mod 4)-th, to hide the additions' latency. */
void UL_SIMD(ul_train_sums)(
    const float *x, size_t stride, float *sum, size_t pixels, size_t channels) {
    for (size_t c = 0; c < channels; c += V_WIDTH) {
        v_float part[4] = {v_load(sum + c), v_zero(), v_zero(), v_zero()};
        const float *at = x + c;
        size_t p = 0;
        for (; p + 4 <= pixels; p += 4)
            V_UNROLL for (int i = 0; i < 4; i++, at += stride) part[i] = v_add(part[i], v_load(at));
        for (; p < pixels; p++, at += stride)
            part[0] = v_add(part[0], v_load(at));
        v_store(sum + c, v_add(v_add(part[0], part[1]), v_add(part[2], part[3])));
    }
}

void UL_SIMD(ul_train_squares)(
    const float *x, size_t stride, const float *mean, float *sum, size_t pixels, size_t channels) {
    for (size_t c = 0; c < channels; c += V_WIDTH) {
        v_float part[4] = {v_load(sum + c), v_zero(), v_zero(), v_zero()};
        const v_float centre = v_load(mean + c);
        const float *at = x + c;
        size_t p = 0;
        for (; p + 4 <= pixels; p += 4)
            V_UNROLL for (int i = 0; i < 4; i++, at += stride) {
                const v_float d = v_sub(v_load(at), centre);
                part[i] = v_fma(d, d, part[i]);
            }
        for (; p < pixels; p++, at += stride) {
            const v_float d = v_sub(v_load(at), centre);
            part[0] = v_fma(d, d, part[0]);
        }
        v_store(sum + c, v_add(v_add(part[0], part[1]), v_add(part[2], part[3])));
    }
}

void UL_SIMD(ul_train_dots)(const float *g, const float *x, size_t stride, const float *mean,
    float *sum, float *dot, size_t pixels, size_t channels) {
    for (size_t c = 0; c < channels; c += V_WIDTH) {
        v_float part[2] = {v_load(sum + c), v_zero()};
        v_float product[2] = {v_load(dot + c), v_zero()};
        const v_float centre = v_load(mean + c);
        size_t p = 0;
        for (; p + 2 <= pixels; p += 2)
            V_UNROLL for (size_t i = 0; i < 2; i++) {
                const v_float value = v_load(g + (p + i) * stride + c);
                const v_float d = v_sub(v_load(x + (p + i) * stride + c), centre);
                part[i] = v_add(part[i], value);
                product[i] = v_fma(value, d, product[i]);
            }
        for (; p < pixels; p++) {
            const v_float value = v_load(g + p * stride + c);
            const v_float d = v_sub(v_load(x + p * stride + c), centre);
            part[0] = v_add(part[0], value);
            product[0] = v_fma(value, d, product[0]);
        }
        v_store(sum + c, v_add(part[0], part[1]));
        v_store(dot + c, v_add(product[0], product[1]));
    }
}

/* Comparisons give whole numbers of all bits, or of none: gcc and clang compile no comparison of a
 * plain loop to them without being told that floats do not trap. */
typedef int32_t v_whole __attribute__((vector_size(4 * V_WIDTH)));

void UL_SIMD(ul_train_pool)(const float *x, size_t pairs, size_t width, size_t channels,
    float *restrict y, uint8_t *restrict which) {
    const size_t place[] = {0, channels, width * channels, (width + 1) * channels};
    for (size_t pair = 0; pair < pairs; pair++)
        for (size_t col = 0; col < width / 2; col++)
            for (size_t c = 0; c < channels; c += V_WIDTH, y += V_WIDTH, which += V_WIDTH) {
                const float *at = x + (2 * pair * width + 2 * col) * channels + c;
                v_float best = v_load(at);
                v_whole found = {0};
                V_UNROLL for (int k = 1; k < 4; k++) {
                    const v_float value = v_load(at + place[k]);
                    const v_whole larger = (v_whole)(value > best);
                    found = (found & ~larger) | (larger & k);
                    best = v_select_negative((v_float)larger, value, best);
                }
                v_store(y, best);
                for (int i = 0; i < V_WIDTH; i++)
                    which[i] = (uint8_t)found[i];
            }
}

void UL_SIMD(ul_train_unpool)(const float *y, const uint8_t *which, size_t pairs, size_t width,
    size_t channels, float *restrict x) {
    const size_t place[] = {0, channels, width * channels, (width + 1) * channels};
    for (size_t pair = 0; pair < pairs; pair++)
        for (size_t col = 0; col < width / 2; col++)
            for (size_t c = 0; c < channels; c += V_WIDTH, y += V_WIDTH, which += V_WIDTH) {
                float *at = x + (2 * pair * width + 2 * col) * channels + c;
                const v_float value = v_load(y);
                v_whole found;
                for (int i = 0; i < V_WIDTH; i++)
                    found[i] = which[i];
                V_UNROLL for (int k = 0; k < 4; k++) v_store(
                    at + place[k], v_select_negative((v_float)(found == k), value, v_zero()));
            }
}

void UL_SIMD(ul_train_upsample)(
    const float *y, const float *bias, size_t pairs, size_t width, size_t channels, float *x) {
    for (size_t pair = 0; pair < pairs; pair++)
        for (size_t col = 0; col < width / 2; col++)
            for (size_t c = 0; c < channels; c += V_WIDTH, y += V_WIDTH) {
                float *top = x + (2 * pair * width + 2 * col) * channels + c;
                float *bottom = top + width * channels;
                const v_float value = v_add(v_load(bias + c), v_load(y));
                v_store(top, value);
                v_store(top + channels, value);
                v_store(bottom, value);
                v_store(bottom + channels, value);
            }
}

void UL_SIMD(ul_train_fold)(const float *x, size_t pairs, size_t width, size_t channels, float *y) {
    for (size_t pair = 0; pair < pairs; pair++)
        for (size_t col = 0; col < width / 2; col++)
            for (size_t c = 0; c < channels; c += V_WIDTH, y += V_WIDTH) {
                const float *top = x + (2 * pair * width + 2 * col) * channels + c;
                const float *bottom = top + width * channels;
                v_store(y, v_add(v_add(v_load(top), v_load(top + channels)),
                               v_add(v_load(bottom), v_load(bottom + channels))));
            }
}

void UL_SIMD(ul_train_gelu)(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i += V_WIDTH) {
        v_float bell;
        ul_read_ahead(x + i);
        const v_float value = v_load(x + i);
        v_store(y + i, v_mul(value, v_normal_cdf(value, &bell)));
    }
}

void UL_SIMD(ul_train_gelu_backward)(
    const float *x, const float *g, float *out, float *y, size_t count) {
    for (size_t i = 0; i < count; i += V_WIDTH) {
        v_float bell;
        ul_read_ahead(x + i);
        const v_float value = v_load(x + i);
        const v_float cdf = v_normal_cdf(value, &bell);
        const v_float density = v_mul(bell, v_set(0.39894228f));
        v_store(out + i, v_mul(v_load(g + i), v_fma(value, density, cdf)));
        if (y)
            v_store(y + i, v_mul(value, cdf));
    }
}

void UL_SIMD(ul_train_gelu_slope)(const float *x, float *y, float *slope, size_t count) {
    for (size_t i = 0; i < count; i += V_WIDTH) {
        v_float bell;
        ul_read_ahead(x + i);
        const v_float value = v_load(x + i);
        const v_float cdf = v_normal_cdf(value, &bell);
        v_store(slope + i, v_fma(value, v_mul(bell, v_set(0.39894228f)), cdf));
        v_store(y + i, v_mul(value, cdf));
    }
}

void UL_SIMD(ul_train_multiply)(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i += V_WIDTH)
        v_store(y + i, v_mul(v_load(x + i), v_load(y + i)));
}
