/* How a head is turned, by the labels of a localiser. */
#pragma once

#include "ulite/volume.h"

typedef struct pose {
    double axis[3][3]; /* unit vectors, LPS: what would be left, back and head of an upright one */
    double degrees;    /* from the voxels' axes, as slices are cut along them */
} pose;

/* The pose in which the longest axes of the classes, averaged, point where `upright` does in an
 * upright head, both without their left-right parts. Left is where the mid-sagittal plane says, or
 * the patient's where there is none to be trusted. Classes without voxels, or that are not longer
 * than wide, have no axis; where none has, only the sides count. */
pose pose_find(
    const ul_labels *labels, const unsigned *numbers, size_t count, const double upright[3]);
