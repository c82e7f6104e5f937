/* Labels of a part of an image. */
#pragma once

#include "ulite/volume.h"

/* Adds background around labels, in steps of their own voxels, until they reach over every voxel of
 * grid: programs as 3D Slicer write the part around the segments alone. Does nothing where either
 * lies nowhere or has unevenly spaced slices, or where they lie far apart: comparing them says so.
 * Errors: UL_ERROR_LIMIT. */
ul_status labels_extend(ul_labels *labels, const ul_grid *grid, ul_error *error);
