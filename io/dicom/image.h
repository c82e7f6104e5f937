/* What one data set says of an image: the file's own, or an item of its functional groups. */
#pragma once

#include "io/dicom/file.h"
#include "io/dicom/header.h"

/* The creator of UIH's private elements. */
#define DICOM_UIH "Image Private Header"

/* Marks the file as one that cannot be used, and why; returns UL_ERROR_INPUT. */
ul_status dicom_broken(dicom_file *file, const char *format, ...) UL_PRINTF(2, 3);

/* Fills image from the attributes of one data set: the file's own, or an item of a functional group
 * sequence flattened over them. What the data set does not say stays as it is. */
void dicom_take_placement(const dicom_item *data, dicom_image *image);

/* Stores a diffusion gradient's direction, in patient coordinates or others, and a number that
 * stands for it. */
void dicom_set_gradient(const double direction[3], bool lps, dicom_image *image);

/* Seconds since midnight of a TM value, or of the time in a DT value; NaN where it has none. */
double dicom_seconds(const char *text, bool with_date);

/* Takes what Philips MR scanners keep in private elements, of a data set or of a frame's private
 * item: scale slope, gradient direction, label of arterial spin labelling. */
void dicom_take_philips(const dicom_item *data, dicom_image *image);

/* b-values and directions of makers that keep them in private elements. */
void dicom_take_private_diffusion(const dicom_item *data, dicom_image *image);

/* Takes whether an image of arterial spin labelling is one of label or control. */
void dicom_take_asl_label(const dicom_item *data, uint32_t tag, dicom_image *image);
