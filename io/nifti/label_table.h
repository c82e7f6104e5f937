/* Names and colours of labels within a NIfTI file: an extension of Connectome Workbench's (code 30,
 * XML with a LabelTable), which TotalSegmentator's tools and others read and write too. Private to
 * io/nifti. */
#pragma once

#include "io/nifti/header.h"

/* The extension with all its bytes, *extension, the caller's; a multiple of 16 of them. NULL and 0
 * where there is no segment. Errors: UL_ERROR_LIMIT. */
ul_status nifti_table_make(
    const ul_segments *segments, char **extension, size_t *size_bytes, ul_error *error);

/* Takes names and colours from the extensions of a single file, of which file is behind header and
 * extension field's first byte says that there are some. Labels without an entry stay as they are;
 * entries without a voxel become segments. What is damaged is passed over. Errors:
 * UL_ERROR_LIMIT. */
ul_status nifti_table_read(
    gzFile file, const ul_nifti_header *header, ul_segments *segments, ul_error *error);
