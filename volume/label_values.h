/* Labels from the values of a picture or volume. */
#pragma once

#include "ulite/volume.h"

/* Takes a grey volume of integer values 0..65535 as labels; its segments are the values that occur,
 * named by their numbers. Errors (UL_ERROR_INPUT) name the first voxel with another value. */
ul_status labels_from_volume(const ul_volume *volume, ul_labels *labels, ul_error *error);
