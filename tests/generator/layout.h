/* Where the slices of a series lie. */
#pragma once

#include "options.h"
#include "source.h"

/* Pixel (i, j) of slice k lies at origins[k] + i * spacing_mm[0] * axis_i + j * spacing_mm[1] *
 * axis_j; axis_i runs along a row, towards growing columns. */
struct layout {
    size_t columns, rows;
    vec3 axis_i, axis_j, travel; /* travel: the way the table moves; the normal unless tilted */
    double spacing_mm[2], thickness_mm;
    bool even;                  /* equal steps */
    std::vector<vec3> origins;  /* in the order of acquisition */
    std::vector<unsigned> kept; /* slices written, from 0: what is not missing */
};

layout layout_make(const source_volume &source, const options &o);

/* Kept slices in the order of their position along axis_i x axis_j. */
std::vector<unsigned> layout_sorted(const layout &l);

/* A position of pixel (i, j) of slice k. */
vec3 layout_position(const layout &l, unsigned k, size_t i, size_t j);
