/* How the volumes of a series were acquired, as far as their headers say. */
#pragma once

#include "io/dicom/file.h"
#include "ulite/frames.h"

/* Numbers are NaN, texts and *slice_s empty where absent. Free it. */
typedef struct acquisition {
    char manufacturer[65], model[65], protocol[257], description[257]; /* UTF-8 */
    double field_t, repetition_s, inversion_s;
    double orientation[6]; /* ImageOrientationPatient */
    bool has_orientation;
    bool echo_planar;       /* slices of a volume follow one another within RepetitionTime */
    char phase_encoding[3]; /* along the axes of the image: "i", "i-", "j", "j-" */
    double *slice_s;        /* [slices], owned: when each was taken, from the first one on */
} acquisition;

/* Reads it of the first volume's first image; what differs between volumes is that one's. Errors:
 * UL_ERROR_INPUT (the file cannot be read any more), UL_ERROR_LIMIT. */
ul_status acquisition_read(const ul_series *series, acquisition *a, ul_error *error);
void acquisition_free(acquisition *a);

/* Whether the volumes differ in an attribute. */
bool frames_differ(const ul_frames *frames, dicom_key attribute);
