/* A picture as a DICOM Secondary Capture, for archives and viewers that cannot show a SEG. */
#ifndef ULITE_CAPTURE_H
#define ULITE_CAPTURE_H

#include "ulite/dicom.h"

UL_BEGIN_C

typedef struct ul_capture {
    const uint8_t *rgb; /* [height][width][3] */
    size_t width, height;
    const char *description;       /* of the series: "ulite: hippocampus"; NULL: "ulite" */
    const char *image_description; /* what the picture shows; NULL: nothing */
    bool random_uids;
} ul_capture;

/* Writes the picture as a Secondary Capture in a series of its own of the source's study: patient
 * and study as in the first image, all images named as what it was derived from. UIDs are made from
 * the picture and the source: the same run gives the same bytes. The file is read back and
 * compared. Errors: UL_ERROR_INPUT (a source image that changed or cannot be referenced),
 * UL_ERROR_LIMIT (over 65535 rows or columns), UL_ERROR_OUTPUT. */
UL_API ul_status ul_capture_write(
    const char *path, const ul_capture *capture, const ul_series *source, ul_error *error);

UL_END_C
#endif
