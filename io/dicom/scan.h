/* Parts of dicom_scan that read images: shared between its source files. */
#ifndef DICOM_SCAN_H
#define DICOM_SCAN_H

#include "io/dicom/file.h"
#include "io/dicom/header.h"

/* Marks the file as one that cannot be used, and why; returns UL_ERROR_INPUT. */
ul_status dicom_broken(dicom_file *file, const char *format, ...) UL_PRINTF(2, 3);

/* Fills image from the attributes of one data set: the file's own, or an item of a functional group
 * sequence flattened over them. What the data set does not say stays as it is. */
void dicom_take_placement(const dicom_item *data, dicom_image *image);

/* Stores a diffusion gradient's direction and a number that stands for it. */
void dicom_set_gradient(const double direction[3], dicom_image *image);

/* Takes what Philips MR scanners keep in private elements, of a data set or of a frame's private
 * item: scale slope, gradient direction, label of arterial spin labelling. */
void dicom_take_philips(const dicom_item *data, dicom_image *image);

/* Sets file->images of an enhanced multi-frame object from its functional groups, starting from
 * common. */
ul_status dicom_take_frames(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error);

/* Takes whether an image of arterial spin labelling is one of label or control. */
void dicom_take_asl_label(const dicom_item *data, uint32_t tag, dicom_image *image);

/* The creator of UIH's private elements. */
#define DICOM_UIH "Image Private Header"

/* Whether an ImageType is one of pictures that hold the slices of a volume as tiles: MOSAIC of
 * Siemens, VFRAME of UIH. */
bool dicom_names_tiles(const char *type);

/* Whether an image is such a picture, by its type or by what private elements say of its tiles. */
bool dicom_is_tiled(const dicom_item *data, const dicom_image *image, const dicom_layout *layout);

/* Sets file->images of a picture of tiles, starting from common; where the header does not say how
 * it is cut the file is marked as broken. Errors: UL_ERROR_LIMIT. */
ul_status dicom_take_mosaic(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error);

#endif
