/* The voxels of a page: compressed, as text. */
#pragma once

#include "ulite/volume.h"

#include <stdio.h>

/* How the voxels of a volume stand in a page. Zero-initialise; page_image_free. */
typedef struct page_image {
    size_t reduced; /* so many columns and rows of the source are one; 1: all are there */
    ul_grid grid;   /* of what is there, owned */
    size_t channels;
    unsigned bits;      /* 8 or 16, of each sample */
    bool is_signed;     /* they are stored in two's complement */
    bool exact;         /* they are the source's own; else its values, to 14 bits */
    double low, factor; /* where they are not exact: value = low + factor * sample */
    unsigned label_bits;
} page_image;

/* Decides it. Errors: UL_ERROR_LIMIT. Free it in any case. */
ul_status page_image_plan(
    const ul_volume *volume, const ul_labels *labels, page_image *image, ul_error *error);
void page_image_free(page_image *image);

/* Writes the samples: each as the difference from what those of its channel before it, above it and
 * between these let expect (of 16 bits in zigzag: 0, -1, 1, -2, ...), the low bytes of all, then
 * the high ones of 16 bits; as a zlib stream in base64. Errors: UL_ERROR_LIMIT,
 * UL_ERROR_INTERRUPTED. What the file takes is for its user to check. */
ul_status page_image_write(const page_image *image, const ul_volume *volume,
    const ul_progress *progress, FILE *file, ul_error *error);

/* The same of the labels, without differences. */
ul_status page_labels_write(
    const page_image *image, const ul_labels *labels, FILE *file, ul_error *error);

/* Bytes in base64. */
void page_base64(const uint8_t *bytes, size_t count, FILE *file);
