/* Numbers below float's normal range, 1.2e-38. Some processors work them through microcode, a
 * hundred times slower than normal ones. */
#pragma once

#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

/* From here on they are zero for this thread, read and written, and for a team that it gives work;
 * where a machine has no such switch they stay. Returns what ul_subnormals_restore takes back. */
static inline uint64_t ul_subnormals_flush(void) {
#if defined(__SSE2__)
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    return before;
#elif defined(__aarch64__)
    const uint64_t flush_to_zero = (uint64_t)1 << 24;
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | flush_to_zero) : "memory");
    return before;
#else
    return 0;
#endif
}

static inline void ul_subnormals_restore(uint64_t before) {
#if defined(__SSE2__)
    _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before) : "memory");
#else
    (void)before;
#endif
}
