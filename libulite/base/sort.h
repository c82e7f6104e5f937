/* Numbers in ascending order. */
#pragma once

#include <stdlib.h>

static inline int ul_compare_doubles(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Ascending; no NaN among them. */
static inline void ul_sort_doubles(double *values, size_t count) {
    qsort(values, count, sizeof *values, ul_compare_doubles);
}
