/* The kernel table and the packers. */
#include "libulite/kernels/kernels.h"

#include <string.h>

void ul_kernels_init(ul_kernels *kernels, ul_isa level) {
    kernels->level = level;
    ul_kernels_init_scalar(kernels);
#if defined(__x86_64__)
    if (level >= UL_ISA_AVX2)
        ul_kernels_init_avx2(kernels);
    if (level >= UL_ISA_AVX512)
        ul_kernels_init_avx512(kernels);
#elif defined(__aarch64__)
    if (level == UL_ISA_NEON)
        ul_kernels_init_neon(kernels);
#endif
}

void ul_pack_pointwise(float *packed, const float *weights, size_t cout, size_t row_length,
    size_t first, size_t cin, const float *scale) {
    size_t depth = ul_pad_channels(cin);
    memset(packed, 0, ul_pad_channels(cout) * depth * sizeof *packed);
    for (size_t o = 0; o < cout; o++) {
        float *column = packed + o / UL_LANES * depth * UL_LANES + o % UL_LANES;
        for (size_t i = 0; i < cin; i++)
            column[i * UL_LANES] = weights[o * row_length + first + i] * (scale ? scale[o] : 1.0f);
    }
}

void ul_pack_cross(float *packed, const float *vertical, const float *vertical_bias,
    const float *horizontal, const float *horizontal_bias, size_t channels, size_t taps,
    const float *scale, const float *shift) {
    memset(packed, 0, ul_pad_channels(channels) * 2 * taps * sizeof *packed);
    for (size_t c = 0; c < channels; c++) {
        float *w = packed + c / UL_LANES * 2 * taps * UL_LANES + c % UL_LANES;
        const float *v = vertical + c * taps, *h = horizontal + c * taps;
        double factor = scale ? scale[c] : 1.0;
        for (size_t t = 0; t < taps; t++, w += UL_LANES)
            *w = (float)(factor * (t == taps / 2 ? 1.0 + v[t] + h[t] : v[t]));
        for (size_t t = 0; t < taps; t++)
            if (t != taps / 2) {
                *w = (float)(factor * h[t]);
                w += UL_LANES;
            }
        double bias = (double)vertical_bias[c] + horizontal_bias[c];
        *w = (float)(factor * bias + (shift ? shift[c] : 0.0));
    }
}

void ul_pack_conv7(float *packed, const float *weights, size_t cout, size_t cin) {
    size_t taps = cin * 49;
    memset(packed, 0, ul_pad_channels(cout) * taps * sizeof *packed);
    for (size_t o = 0; o < cout; o++)
        for (size_t t = 0; t < taps; t++)
            packed[(o / UL_LANES * taps + t) * UL_LANES + o % UL_LANES] = weights[o * taps + t];
}
