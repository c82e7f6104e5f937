/* PNG images as one-slice volumes, label pictures, and pictures to look at. */
#ifndef ULITE_PNG_H
#define ULITE_PNG_H

#include "ulite/volume.h"

UL_BEGIN_C

/* Grey or RGB, 8 or 16 bits (palette expanded, alpha dropped) as an unplaced one-slice volume. */
UL_API ul_status ul_png_read(const char *path, ul_volume *volume, ul_error *error);

/* Labels of one slice: 8-bit grey, pixel = segment number (16-bit where numbers need it). */
UL_API ul_status ul_png_write_labels(const char *path, const ul_labels *labels, ul_error *error);
UL_API ul_status ul_png_read_labels(const char *path, ul_labels *labels, ul_error *error);

/* rgb [height][width][3], rgb_bytes of it. Errors: UL_ERROR_USAGE (another size), UL_ERROR_OUTPUT,
 * UL_ERROR_LIMIT. */
UL_API ul_status ul_png_write_rgb(const char *path, const uint8_t *rgb, size_t rgb_bytes,
    size_t width, size_t height, ul_error *error);

/* The same in memory. *png: the caller's to free, NULL on failure. Errors: UL_ERROR_USAGE,
 * UL_ERROR_LIMIT. */
UL_API ul_status ul_png_encode_rgb(const uint8_t *rgb, size_t rgb_bytes, size_t width,
    size_t height, uint8_t **png, size_t *png_bytes, ul_error *error);

UL_END_C
#endif
