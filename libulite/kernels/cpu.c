/* Which instruction sets this machine and its operating system run, and ULITE_CPU. */
#include "libulite/kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

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
