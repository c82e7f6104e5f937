/* The types of stored samples, for who handles samples of any type. */
#pragma once

#include "ulite/volume.h"

#define SAMPLE_CASE(sample, X, type, argument)                                                     \
    case sample:                                                                                   \
        X(type, argument);                                                                         \
        break;

/* Runs X(type, argument) with the type that the ul_sample means. */
#define SAMPLE_DISPATCH(sample, X, argument)                                                       \
    switch (sample) {                                                                              \
        SAMPLE_CASE(UL_SAMPLE_U8, X, uint8_t, argument)                                            \
        SAMPLE_CASE(UL_SAMPLE_I8, X, int8_t, argument)                                             \
        SAMPLE_CASE(UL_SAMPLE_U16, X, uint16_t, argument)                                          \
        SAMPLE_CASE(UL_SAMPLE_I16, X, int16_t, argument)                                           \
        SAMPLE_CASE(UL_SAMPLE_I32, X, int32_t, argument)                                           \
        SAMPLE_CASE(UL_SAMPLE_U32, X, uint32_t, argument)                                          \
        SAMPLE_CASE(UL_SAMPLE_F32, X, float, argument)                                             \
        SAMPLE_CASE(UL_SAMPLE_F64, X, double, argument)                                            \
    }

/* The n-th stored sample. */
static inline double sample_load(const ul_volume *volume, size_t n) {
    double value = 0.0;
#define SAMPLE_LOAD(type, n) value = (double)((const type *)volume->samples)[n]
    SAMPLE_DISPATCH(volume->sample, SAMPLE_LOAD, n)
    return value;
}

/* A value, which the type can hold, as the n-th of some samples. */
static inline void sample_store(ul_sample sample, void *samples, size_t n, double value) {
#define SAMPLE_STORE(type, value) ((type *)samples)[n] = (type)(value)
    SAMPLE_DISPATCH(sample, SAMPLE_STORE, value)
}
