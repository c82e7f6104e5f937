/* Pictures and pages to look at a segmented volume. */
#ifndef ULITE_VIEW_H
#define ULITE_VIEW_H

#include "ulite/card.h"
#include "ulite/segment.h"

UL_BEGIN_C

/* What is looked at; all borrowed. Zero-initialise; volume and labels are needed. */
typedef struct ul_view {
    const ul_volume *volume;
    const ul_labels *labels;           /* on the volume's grid */
    const double *window;              /* [2] the values that become black and white; NULL: the 1st
                                          and 99th percentiles, or the whole range of RGB samples */
    const ul_segment_stats *stats;     /* [labels->segments.count]; NULL: measured without values */
    const ul_segment_quality *quality; /* [quality_count] of what is doubtful; NULL: unknown */
    size_t quality_count;
    const ul_card *card;    /* of the model; NULL: unknown */
    const char *model_hash; /* NULL: unknown */
    const char *source; /* what was segmented ("series 1.2.3"), free of a patient's data; NULL */
    const char *const *notes; /* [note_count] what is worth knowing of the input and the run */
    size_t note_count;
} ul_view;

/* Whether this library can draw pictures with text: it was built with cairo. */
UL_API bool ul_view_draws(void);

/* Draws each segment in the three planes through its middle (of one slice, and where nothing is
 * placed, in the plane of the slices) as radiologists look at them, with the letters of the
 * patient's directions at the edges, the plane's place in mm and a scale bar where these are known,
 * and a legend of names, colours and volumes. *rgb [height][width][3], the caller's to free, NULL
 * on failure. Errors: UL_ERROR_UNSUPPORTED (built without cairo), UL_ERROR_LIMIT,
 * UL_ERROR_INTERRUPTED. */
UL_API ul_status ul_view_draw(const ul_view *view, const ul_progress *progress, uint8_t **rgb,
    size_t *width, size_t *height, ul_error *error);

/* The same as an RGB PNG. Errors of ul_png_write_rgb, too. */
UL_API ul_status ul_view_write_png(
    const char *path, const ul_view *view, const ul_progress *progress, ul_error *error);

/* Writes one HTML page that needs nothing else, nor a network: slices in three planes to scroll
 * through, with the segments over them, and what ul_view says of them and of the model. Volumes of
 * over 32 Mi voxels are reduced in the slices. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT,
 * UL_ERROR_INTERRUPTED. */
UL_API ul_status ul_view_write_page(
    const char *path, const ul_view *view, const ul_progress *progress, ul_error *error);

/* Writes a page that lists the cases of a cohort's log (OUT/runs.jsonl): a table to sort, doubtful
 * and failed ones first, with the thumbnails of the cases' pages, where they have one. path lies in
 * the same folder. Errors: UL_ERROR_OUTPUT, UL_ERROR_INPUT (no log, a damaged line),
 * UL_ERROR_LIMIT. */
UL_API ul_status ul_view_write_index(const char *path, ul_error *error);

UL_END_C
#endif
