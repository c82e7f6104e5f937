/* Comparing images by their pixels. */
#ifndef DICOM_READ_H
#define DICOM_READ_H

#include "io/dicom/file.h"

/* A series_compare: whether both images can be read and have the same values. */
bool dicom_same_pixels(void *context, const dicom_image *a, const dicom_image *b);

#endif
