/* Segmentations that leave out the slices without labels. */
#pragma once

#include "ulite/volume.h"

/* Adds empty slices to both ends of the labels, a step apart as theirs are, until they reach over
 * every voxel of grid. Does nothing where either lies nowhere or the slices are unevenly spaced.
 * Errors: UL_ERROR_LIMIT. */
ul_status cover_grid(ul_labels *labels, const ul_grid *grid, ul_error *error);
