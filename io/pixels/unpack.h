/* From stored samples to those of a volume: bits, sign, lookup tables, colours, MONOCHROME1. */
#pragma once

#include "io/pixels/source.h"
#include "ulite/volume.h"

/* The smallest sample type that holds what both the type so far (with have) and the images of the
 * file need. */
ul_sample dicom_sample_for(const dicom_file *file, bool have, ul_sample so_far);

/* Turns a frame, as dicom_source_frame gives it, in place into final values of the allocated width:
 * masked, sign-extended, inverted where MONOCHROME1. Colours become RGB; lookup tables stay to be
 * applied by dicom_store_pixels. */
ul_status dicom_normalise(const dicom_source *source, void *frame, bool is_rgb, ul_error *error);

/* Stores count normalised pixels as channels samples each of the given type. */
void dicom_store_pixels(const dicom_source *source, const void *frame, size_t first, size_t count,
    ul_sample sample, void *samples);

/* Whether normalised frames of the file are already samples of the type. */
bool dicom_stored_as_is(const dicom_file *file, ul_sample sample);
