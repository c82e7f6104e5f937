/* Parts of dicom_scan that read images: shared between its source files. */
#ifndef DICOM_SCAN_H
#define DICOM_SCAN_H

#include "dicom_header.h"
#include "dicom_record.h"

/* Marks the file as one that cannot be used, and why; returns UL_ERROR_INPUT. */
ul_status dicom_broken(dicom_file *file, const char *format, ...) UL_PRINTF(2, 3);

/* Fills image from the attributes of one data set: the file's own, or an item of a functional group
 * sequence flattened over them. What the data set does not say stays as it is. */
void dicom_take_placement(const dicom_item *data, dicom_image *image);

/* A number that stands for a diffusion gradient's direction. */
double dicom_gradient_key(const double direction[3]);

/* Takes the private scale slope of Philips MR scanners from a data set, or a frame's private item.
 */
void dicom_take_philips(const dicom_item *data, dicom_image *image);

/* Sets file->images of an enhanced multi-frame object from its functional groups, starting from
 * common. */
ul_status dicom_take_frames(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error);

/* Sets file->images of a Siemens mosaic, starting from common; where the header does not say how it
 * is cut the file is marked as broken. Errors: UL_ERROR_LIMIT. */
ul_status dicom_take_mosaic(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error);

#endif
