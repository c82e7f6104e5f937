/* Whether the air around a patient is dark, as it is in MR and CT. */
#pragma once

#include "ulite/volume.h"

/* The share of the voxels on the faces of a volume, padding left out, that are brighter than three
 * quarters of what has a label: next to nothing in a head, near 1 where intensities are inverted.
 * labels lie on the volume's grid. NaN where it is not known: no label, colours, no memory. */
double surroundings_brighter(const ul_volume *volume, const ul_labels *labels);
