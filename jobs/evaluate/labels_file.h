/* Label volumes from files of any kind. */
#pragma once

#include "ulite/dicom.h"
#include "ulite/volume.h"

/* Reads labels from a NIfTI, NRRD, PNG or SEG file, an RT Structure Set (with source), or from a
 * folder that holds one SEG. source: the series that a SEG belongs to, or NULL. A picture of 0 and
 * 255 only counts as 0 and 1. */
ul_status labels_read_file(
    const char *path, const ul_series *source, ul_labels *labels, ul_error *error);

/* Whether the path is a SEG or a folder that may hold one: its slices without labels are left out.
 */
bool labels_are_sparse(const char *path);

/* Gives the segments of labels the numbers of the classes of their names, as 3D Slicer and planning
 * systems number each file by itself. Where no segment has the name of a class all numbers stay.
 * Errors: UL_ERROR_INPUT (some have, one has not), UL_ERROR_LIMIT. */
ul_status labels_number_by_name(const ul_segments *classes, ul_labels *labels, ul_error *error);

/* Whether such a program wrote the file: a .seg.nrrd or an RT Structure Set. */
bool labels_are_numbered_alone(const char *path);

/* Whether the path is an NRRD file, which may hold the part around its segments alone. */
bool labels_are_cropped(const char *path);
