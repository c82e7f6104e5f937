/* What a series is as a volume, and comparing images by their pixels. */
#pragma once

#include "io/series/series.h"

/* What ul_series_read makes of a series, without samples (NULL): no pixels are read. Errors: as of
 * ul_series_check; UL_ERROR_LIMIT. */
ul_status series_describe(const ul_series *series, ul_volume *volume, ul_error *error);

/* A series_compare: whether both images can be read and have the same values. */
bool dicom_same_pixels(void *context, const dicom_image *a, const dicom_image *b);
