/* The kernel table and the packers. */
#include "libulite/kernels/kernels.h"

#include <stdlib.h>
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

/* Which instruction sets this machine and its operating system run, and ULITE_CPU. */
#if defined(__x86_64__)

#include <cpuid.h>
#include <stdint.h>

/* The register state that the operating system saves: XCR0. */
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static ul_isa machine_level(void) {
    enum { XMM_YMM = 0x6, OPMASK_ZMM = 0xe0 };
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA))
        return UL_ISA_SCALAR;
    uint64_t state = saved_state();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2) || (state & XMM_YMM) != XMM_YMM)
        return UL_ISA_SCALAR;
    bool wide = (b & avx512) == avx512 && (state & OPMASK_ZMM) == OPMASK_ZMM;
    return wide ? UL_ISA_AVX512 : UL_ISA_AVX2;
}

bool ul_cpu_has(ul_isa level) {
    return level == UL_ISA_SCALAR || (level >= UL_ISA_AVX2 && level <= machine_level());
}

#elif defined(__aarch64__)

static ul_isa machine_level(void) {
    return UL_ISA_NEON; /* a part of every 64-bit ARM */
}

bool ul_cpu_has(ul_isa level) {
    return level == UL_ISA_SCALAR || level == UL_ISA_NEON;
}

#else

static ul_isa machine_level(void) {
    return UL_ISA_SCALAR;
}

bool ul_cpu_has(ul_isa level) {
    return level == UL_ISA_SCALAR;
}

#endif

const char *ul_isa_name(ul_isa level) {
    switch (level) {
    case UL_ISA_SCALAR:
        return "scalar";
    case UL_ISA_NEON:
        return "neon";
    case UL_ISA_AVX2:
        return "avx2";
    case UL_ISA_AVX512:
        return "avx512";
    case UL_ISA_COUNT:
        break;
    }
    return "unknown";
}

ul_status ul_cpu_isa(ul_isa *level, ul_error *error) {
    *level = machine_level();
    const char *wanted = getenv("ULITE_CPU");
    if (!wanted || !*wanted)
        return UL_OK;
    for (ul_isa l = UL_ISA_SCALAR; l < UL_ISA_COUNT; l++) {
        if (strcmp(wanted, ul_isa_name(l)) != 0)
            continue;
        if (!ul_cpu_has(l))
            return ul_error_set(error, UL_ERROR_USAGE,
                "ULITE_CPU=%s: this machine lacks that level; its best is %s", wanted,
                ul_isa_name(machine_level()));
        *level = l;
        return UL_OK;
    }
    return ul_error_set(error, UL_ERROR_USAGE,
        "ULITE_CPU=%s: unknown level, expected scalar, neon, avx2 or avx512", wanted);
}
