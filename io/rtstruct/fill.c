#include "io/rtstruct/contour.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Where the polygon crosses the row of centres at y: crossings [count], sorted. An edge holds its
 * upper end and not its lower one. */
static size_t cross(const double *points, size_t count, double y, double *crossings) {
    size_t found = 0;
    for (size_t n = 0; n < count; n++) {
        const double *a = points + 2 * n, *b = points + 2 * ((n + 1) % count);
        if ((a[1] <= y) == (b[1] <= y))
            continue;
        crossings[found++] = a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]);
    }
    qsort(crossings, found, sizeof *crossings, compare);
    return found;
}

/* The first pixel whose centre is not left of x, within 0 to width; 0 where x is not a number, as
 * between points at the ends of what doubles hold. */
static size_t first_from(double x, size_t width) {
    return !(x > 0.0) ? 0 : x >= (double)width ? width : (size_t)ceil(x);
}

ul_status contour_fill(const double *points, size_t count, uint8_t *mask, size_t width,
    size_t height, ul_error *error) {
    double low = INFINITY, high = -INFINITY;
    for (size_t n = 0; n < count; n++) {
        low = fmin(low, points[2 * n + 1]);
        high = fmax(high, points[2 * n + 1]);
    }
    double *crossings = malloc((count + 1) * sizeof *crossings);
    if (!crossings)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "out of memory for a contour of %zu points", count);
    for (size_t j = first_from(low, height); j < height && (double)j <= high; j++) {
        size_t found = cross(points, count, (double)j, crossings);
        for (size_t c = 0; c + 1 < found; c += 2)
            for (size_t i = first_from(crossings[c], width);
                 i < first_from(crossings[c + 1], width); i++)
                mask[j * width + i] ^= 1;
    }
    free(crossings);
    return UL_OK;
}
