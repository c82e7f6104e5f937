#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* --- Buffers --------------------------------------------------------------------------------- */

static size_t inner_bytes(size_t count) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = count * sizeof(float);
    return (bytes + page - 1) / page * page;
}

float *guarded(size_t count) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = inner_bytes(count);
    char *map = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, inner, PROT_READ | PROT_WRITE) != 0) {
        perror("guarded");
        exit(2);
    }
    float *buffer = (float *)(void *)(map + page + inner) - count;
    for (size_t i = 0; i < count; i++)
        buffer[i] = CANARY;
    return buffer;
}

void guarded_free(float *buffer, size_t count) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = inner_bytes(count);
    munmap((char *)(buffer + count) - inner - page, inner + 2 * page);
}

/* --- Values ---------------------------------------------------------------------------------- */

uint32_t random_bits(void) {
    static uint64_t state = 1; /* xorshift64*, the same on every run */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717u) >> 32);
}

static float unit(void) {
    return (float)((double)random_bits() / 2147483648.0 - 1.0);
}

const char *fill_name(fill kind) {
    static const char *const names[FILL_COUNT] = {
        "unit", "large", "tiny", "subnormal", "zero", "mixed"};
    return names[kind];
}

static float value_of(fill kind) {
    switch (kind) {
    case FILL_LARGE:
        return unit() * 1e15f;
    case FILL_TINY:
        return unit() * 1e-25f;
    case FILL_SUBNORMAL:
        return unit() * 1e-39f;
    case FILL_ZERO:
        return random_bits() & 1 ? 0.0f : -0.0f;
    case FILL_MIXED:
        switch (random_bits() % 5) {
        case 0:
            return value_of(FILL_LARGE);
        case 1:
            return value_of(FILL_TINY);
        case 2:
            return value_of(FILL_ZERO);
        case 3:
            return 1.0f;
        default:
            return unit();
        }
    case FILL_UNIT:
    case FILL_COUNT:
        break;
    }
    return unit();
}

float *guarded_filled(size_t count, fill kind) {
    float *buffer = guarded(count);
    for (size_t i = 0; i < count; i++)
        buffer[i] = value_of(kind);
    return buffer;
}

float *guarded_magnitudes(const float *values, size_t count) {
    float *buffer = guarded(count);
    for (size_t i = 0; i < count; i++)
        buffer[i] = fabsf(values[i]);
    return buffer;
}

bool same_values(const char *what, const float *got, const float *expected, const float *magnitude,
    size_t count, double share, double least) {
    for (size_t i = 0; i < count; i++) {
        if (isnan(expected[i]) && isnan(got[i]))
            continue;
        double limit = share * (magnitude ? magnitude[i] : 0) + least;
        if (got[i] == expected[i] || fabs((double)got[i] - expected[i]) <= limit)
            continue;
        printf("%s: value %zu is %.9g, scalar %.9g, limit %.3g\n", what, i, (double)got[i],
            (double)expected[i], limit);
        return false;
    }
    return true;
}

/* --- Time ------------------------------------------------------------------------------------ */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void bench_call(const ul_kernels *kernels, const char *what, double peak, double multiply_adds,
    void (*call)(void *argument), void *argument) {
    double best = INFINITY, begin = now();
    while (now() - begin < 0.1) {
        double start = now();
        call(argument);
        double taken = now() - start;
        best = taken < best ? taken : best;
    }
    printf("%-7s %-44s %9.2f us %7.1f GMAC/s %5.1f%% of peak\n", ul_isa_name(kernels->level), what,
        best * 1e6, multiply_adds / best * 1e-9, 100 * multiply_adds / best / peak);
}
