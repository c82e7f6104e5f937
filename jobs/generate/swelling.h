/* Parts of a label map that grow and shrink, as the ventricles do over a life, and what lies around
 * them that makes room. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

enum {
    SWELLING_REACH_MM = 12, /* what lies further away stays where it is */
    SWELLING_STEPS = 8      /* of a distance in a mm */
};

/* *distance becomes an array like voxels ([z][y][x]): how far the nearest border of the voxels for
 * which swells[voxel] holds lies, in eighths of a mm, negative inside of them, at most
 * SWELLING_REACH_MM either way. The outermost voxels may not swell. NULL where none does. The
 * caller's, free. Errors: UL_ERROR_LIMIT (memory). */
ul_status swelling_measure(const uint8_t *voxels, const size_t size[3], const double spacing_mm[3],
    const bool *swells, int8_t **distance, ul_error *error);

/* Where in the map to look for what lies at a place, when the border has moved outwards by
 * growth_mm (negative: inwards; from half of SWELLING_REACH_MM on the map would fold). place: in
 * voxels from the corner of the map, so that its whole part is the voxel. */
void swelling_move(const int8_t *distance, const size_t size[3], const double spacing_mm[3],
    float growth_mm, float place[3]);
