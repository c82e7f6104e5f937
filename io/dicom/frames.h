/* The images of files that hold several: frames of one object, tiles of one picture. */
#pragma once

#include "io/dicom/file.h"
#include "io/dicom/header.h"

/* Sets file->images of an enhanced multi-frame object from its functional groups, starting from
 * common. */
ul_status dicom_take_frames(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error);

/* Whether an ImageType is one of pictures that hold the slices of a volume as tiles: MOSAIC of
 * Siemens, VFRAME of UIH. */
bool dicom_names_tiles(const char *type);

/* Whether an image is such a picture, by its type or by what private elements say of its tiles. */
bool dicom_is_tiled(const dicom_item *data, const dicom_image *image, const dicom_layout *layout);

/* Sets file->images of a picture of tiles, starting from common; where the header does not say how
 * it is cut the file is marked as broken. Errors: UL_ERROR_LIMIT. */
ul_status dicom_take_mosaic(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error);
