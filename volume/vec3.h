/* Vectors of three doubles: the few operations that geometry code needs. */
#pragma once

#include <math.h>

static inline double vec3_dot(const double a[3], const double b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static inline double vec3_length(const double a[3]) {
    return sqrt(vec3_dot(a, a));
}

static inline void vec3_cross(const double a[3], const double b[3], double result[3]) {
    result[0] = a[1] * b[2] - a[2] * b[1];
    result[1] = a[2] * b[0] - a[0] * b[2];
    result[2] = a[0] * b[1] - a[1] * b[0];
}

/* result = a + factor * b; result may be a. */
static inline void vec3_add(const double a[3], double factor, const double b[3], double result[3]) {
    for (int c = 0; c < 3; c++)
        result[c] = a[c] + factor * b[c];
}
