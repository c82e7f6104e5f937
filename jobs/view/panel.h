/* A plane through a segmented volume as pixels. */
#pragma once

#include "jobs/view/frame.h"

/* What is seen: a box of the frame, cut by the plane through its point at. */
typedef struct view_panel {
    const view_frame *frame;
    const ul_volume *volume;
    const ul_labels *labels; /* on the volume's grid */
    const view_plane *plane;
    double window[2]; /* the values that become black and white */
    double at[3], low[3], high[3];
    unsigned emphasis;    /* number of the segment that is tinted more than others; 0: none */
    size_t width, height; /* pixels */
} view_panel;

/* Draws the slice, interpolated linearly, with each segment's area tinted in its colour and its
 * border drawn: rgb [height][width][3], the caller's. What lies in no slice is black. Errors:
 * UL_ERROR_LIMIT. */
ul_status panel_draw(const view_panel *panel, uint8_t *rgb, ul_error *error);

/* The given window, or the 1st and 99th percentiles of the volume's values, or the whole range of
 * RGB samples. Errors: UL_ERROR_LIMIT. */
ul_status panel_window(
    const ul_volume *volume, const double *given, double window[2], ul_error *error);
