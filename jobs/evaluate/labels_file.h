/* Label volumes from files of any kind. */
#ifndef LABELS_FILE_H
#define LABELS_FILE_H

#include "ulite/dicom.h"
#include "ulite/volume.h"

/* Reads labels from a NIfTI, PNG or SEG file, or from a folder that holds one SEG. source: the
 * series that a SEG belongs to, or NULL. A picture of 0 and 255 only counts as 0 and 1. */
ul_status labels_read_file(
    const char *path, const ul_series *source, ul_labels *labels, ul_error *error);

/* Whether the path is a SEG or a folder that may hold one: its slices without labels are left out.
 */
bool labels_are_sparse(const char *path);

#endif
