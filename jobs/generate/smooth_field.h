/* A smooth random function of the place in a head: normal control points on a lattice,
 * interpolated by cubic B-splines. */
#pragma once

#include "jobs/train/random.h"

enum { FIELD_MOST = 14 }; /* control points along an axis */

typedef struct smooth_field {
    size_t size[3];
    double start_mm[3], spacing_mm;
    bool flat;                                           /* 0 everywhere */
    float control[FIELD_MOST * FIELD_MOST * FIELD_MOST]; /* [z][y][x] */
} smooth_field;

/* Draws a function of standard deviation sd in the box; the spacing grows where the box is too
 * large for it. sd 0: flat. */
void smooth_field_draw(random_stream *stream, double sd, double spacing_mm, const double low_mm[3],
    const double high_mm[3], smooth_field *field);

/* Its value; beyond the box that of the nearest place in it. */
double smooth_field_at(const smooth_field *field, const double at_mm[3]);
