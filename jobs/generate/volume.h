/* Whole drawn volumes, to validate and test with. */
#pragma once

#include "jobs/generate/generate.h"

/* Draws scan number `draw` of a case from its label map, the same for a name, number and ranges, on
 * so many threads (0: all): even ones of nearly cubic voxels, odd ones in thick slices, none cut.
 * *volume and *labels: the caller's. Errors: UL_ERROR_LIMIT, and of label_map_read. */
ul_status generate_volume(const ul_dataset *dataset, size_t index, const ul_generation *ranges,
    size_t draw, int threads, ul_volume *volume, ul_labels *labels, ul_error *error);
