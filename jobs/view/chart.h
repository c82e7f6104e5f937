/* Curves over one axis: a panel with an axis on either side, and one of curves of a kind below. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

typedef struct chart_curve {
    const char *name;
    uint32_t colour;           /* 0xRRGGBB */
    const double (*points)[2]; /* [count]; a NaN is passed over, and the curve goes on */
    size_t count;
    bool marked; /* with a dot at each point */
    bool dashed;
} chart_curve;

/* A curve for each side: its axis begins at 0 and has the curve's name and colour; a right curve of
 * no points has none. The panel below,
 * where it has curves, has the scale of the right axis and a legend of their names. */
typedef struct chart {
    const char *title, *across; /* across: what the points' first numbers are; they begin at 1 */
    chart_curve left, right;
    double right_most; /* the end of the right axis; the left one ends behind its largest value */
    const char *below_title;
    const chart_curve *below; /* [below_count] */
    size_t below_count;
} chart;

/* Writes the chart as SVG or, by the path's ending, PDF. Errors: UL_ERROR_UNSUPPORTED (built
 * without cairo), UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status chart_write(const char *path, const chart *drawn, ul_error *error);
