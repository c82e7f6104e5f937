#include "volume/distance.h"

#include <math.h>
#include <stdlib.h>

/* Scratch of one line: its values (twice, in and out), the parabolas of the envelope and where each
 * takes over. */
typedef struct line {
    double *value, *from;
    size_t *apex;
} line;

/* Replaces value[0..n) by min over q of (x - x_q)^2 + value[q]. */
static void transform_line(line *l, const double *x, size_t n) {
    size_t count = 0;
    for (size_t q = 0; q < n; q++) {
        if (isinf(l->value[q]))
            continue;
        double crossing = -INFINITY;
        while (count > 0) {
            size_t p = l->apex[count - 1];
            crossing =
                ((l->value[q] + x[q] * x[q]) - (l->value[p] + x[p] * x[p])) / (2.0 * (x[q] - x[p]));
            if (crossing > l->from[count - 1])
                break;
            count--;
            crossing = -INFINITY;
        }
        l->apex[count] = q;
        l->from[count] = crossing;
        count++;
    }
    if (count == 0)
        return;
    /* Into the second half of value, as apex values are still needed further right. */
    for (size_t c = 0, i = 0; i < n; i++) {
        while (c + 1 < count && l->from[c + 1] < x[i])
            c++;
        size_t p = l->apex[c];
        double d = x[i] - x[p];
        l->value[n + i] = d * d + l->value[p];
    }
    for (size_t i = 0; i < n; i++)
        l->value[i] = l->value[n + i];
}

static void transform_axis(
    double *squared, const size_t size[3], int axis, const double *x, line *l) {
    size_t stride = axis == 0 ? 1 : axis == 1 ? size[0] : size[0] * size[1];
    size_t n = size[axis], lines = size[0] * size[1] * size[2] / n;
    for (size_t i = 0; i < lines; i++) {
        double *start = squared + (i / stride) * stride * n + i % stride;
        for (size_t q = 0; q < n; q++)
            l->value[q] = start[q * stride];
        transform_line(l, x, n);
        for (size_t q = 0; q < n; q++)
            start[q * stride] = l->value[q];
    }
}

ul_status distance_squared(const uint8_t *set, const size_t size[3],
    const double *const position[3], double *squared, ul_error *error) {
    size_t voxels = size[0] * size[1] * size[2], longest = 1;
    for (int axis = 0; axis < 3; axis++)
        longest = size[axis] > longest ? size[axis] : longest;
    line l = {malloc(2 * longest * sizeof(double)), malloc(longest * sizeof(double)),
        malloc(longest * sizeof(size_t))};
    ul_status status = UL_OK;
    if (!l.value || !l.from || !l.apex) {
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a distance transform");
    } else {
        for (size_t i = 0; i < voxels; i++)
            squared[i] = set[i] ? 0.0 : INFINITY;
        for (int axis = 0; axis < 3; axis++)
            transform_axis(squared, size, axis, position[axis], &l);
    }
    free(l.value);
    free(l.from);
    free(l.apex);
    return status;
}
