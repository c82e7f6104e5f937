/* A picture of segmented slices, to look at. */
#ifndef ULITE_PREVIEW_H
#define ULITE_PREVIEW_H

#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a montage of up to 12 slices as an RGB PNG: evenly chosen among those that show a segment
 * (among all where none does), upright as radiologists look at them where the grid has positions,
 * with square pixels, and with a contour around each segment in its colour. labels lie on the grid
 * of volume. window: the values that become black and white; NULL: the 1st and 99th percentiles of
 * the slices from the first to the last shown, or the whole range of RGB samples. Errors:
 * UL_ERROR_OUTPUT, UL_ERROR_LIMIT, UL_ERROR_INTERRUPTED. */
UL_API ul_status ul_preview_write(const char *path, const ul_volume *volume,
    const ul_labels *labels, const double window[2], const ul_progress *progress, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
