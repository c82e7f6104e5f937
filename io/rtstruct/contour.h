/* Outlines of masks along the edges of their pixels. Private to io/rtstruct. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

/* A corner of pixels: pixel (i, j) has those from (i, j) to (i + 1, j + 1). */
typedef struct contour_point {
    int32_t x, y;
} contour_point;

typedef struct closed_contour {
    size_t count;
    contour_point *points; /* in order, the last is joined to the first; owned */
} closed_contour;

typedef struct contours {
    size_t count;
    closed_contour *items; /* owned */
} contours;

/* The outlines of the pixels of a mask [height][width] that are not 0, a contour for each part that
 * hangs together by edges, its holes joined to it. Errors: UL_ERROR_LIMIT. */
ul_status contours_trace(
    const uint8_t *mask, size_t width, size_t height, contours *found, ul_error *error);
void contours_free(contours *found);

/* Flips the pixels of a mask [height][width] whose centres lie within a polygon of count points, in
 * pixels: pixel (i, j) has its centre at (i, j). points [count][2]. Errors: UL_ERROR_LIMIT. */
ul_status contour_fill(const double *points, size_t count, uint8_t *mask, size_t width,
    size_t height, ul_error *error);

UL_END_C
