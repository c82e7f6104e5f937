/* What the kernel tests share: guarded buffers, inputs of every kind, comparison, timing. */
#pragma once

#include "libulite/kernels/kernels.h"

#include <stdint.h>

/* Kinds of values that inputs are filled with. */
typedef enum fill {
    FILL_UNIT,      /* -1 .. 1 */
    FILL_LARGE,     /* about 1e15 */
    FILL_TINY,      /* about 1e-25 */
    FILL_SUBNORMAL, /* below 1e-38 */
    FILL_ZERO,      /* 0 and -0 */
    FILL_MIXED,     /* all of the above but subnormals, and ones */
    FILL_COUNT
} fill;
const char *fill_name(fill kind);

/* count floats that end at a page no one may touch, with such a page before as well; they start as
 * CANARY. Ends the test where there is no memory. */
#define CANARY 12345.75f
float *guarded(size_t count);
void guarded_free(float *buffer, size_t count);
float *guarded_filled(size_t count, fill kind);
float *guarded_magnitudes(const float *values, size_t count); /* a copy, without signs */

uint32_t random_bits(void);

/* got against expected, each within share * magnitude + least, NaN exactly where expected has it.
 * Prints the first difference under `what`. */
bool same_values(const char *what, const float *got, const float *expected, const float *magnitude,
    size_t count, double share, double least);

/* A kernel's test of one level against the scalar table, and its measurement. */
typedef struct kernel_test {
    const char *name;
    bool (*check)(const ul_kernels *kernels, const ul_kernels *scalar);
    void (*bench)(const ul_kernels *kernels, double peak);
} kernel_test;

/* Prints the best rate of call(argument) over about 0.1 s; multiply_adds is the work of a call. */
void bench_call(const ul_kernels *kernels, const char *what, double peak, double multiply_adds,
    void (*call)(void *argument), void *argument);

/* measured_NAME, a call of the kernel of ul_NAME, and call_NAME, which makes it for bench_call. */
#define MEASURED(name)                                                                             \
    typedef struct measured_##name {                                                               \
        void (*call)(const ul_##name *p);                                                          \
        ul_##name p;                                                                               \
    } measured_##name;                                                                             \
    static void call_##name(void *argument) {                                                      \
        measured_##name *m = argument;                                                             \
        m->call(&m->p);                                                                            \
    }

extern const kernel_test pointwise_test, pool_test, cross_test, conv7_test, project_test, gelu_test,
    training_test, softmax_test;
