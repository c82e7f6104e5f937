/* Where the field of view ends, which may be within the volume. */
#pragma once

#include "ulite/volume.h"

/* The first and the last slice along i, j and k: what has a label there or beyond may be cut. */
typedef struct field_of_view {
    size_t first[3], last[3];
} field_of_view;

/* The ends of the volume or, where all slices beyond are of one value (a head that was cut and
 * filled up) and what has a label ends there in a plane, the last slice that is not. labels lie on
 * the volume's grid. Those of the volume also where there are colours or no memory. */
field_of_view field_of_view_find(const ul_volume *volume, const ul_labels *labels);
