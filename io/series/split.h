/* Splitting images that lie at the same places into volumes of one image per place. */
#pragma once

#include "io/series/series.h"

/* Images along one normal. */
typedef struct placed_image {
    const dicom_image *image;
    double offset_mm;       /* along the normal */
    double key[DICOM_KEYS]; /* the image's, those united that are one but for rounding */
} placed_image;

typedef struct split_part {
    placed_image *images; /* sorted by offset, one per place (unless conflict), owned */
    size_t count;
    size_t dropped;                 /* identical duplicates */
    const dicom_image *conflict[2]; /* two different images at one place, or NULL */
    char label[160];                /* what tells the part from the others, "" for a single part */
} split_part;

/* Splits images, which lie in one orientation, into parts, appended to *parts. */
ul_status series_split(placed_image *images, size_t count, series_compare compare, void *context,
    split_part **parts, size_t *part_count, ul_error *error);
void split_parts_free(split_part *parts, size_t count);
