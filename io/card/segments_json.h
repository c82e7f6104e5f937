/* Segments as JSON: the form that segments files and model cards share (docs/segments.md). */
#pragma once

#include "ulite/volume.h"

#include <cJSON.h>

/* An array of segment objects. Numbers must differ; order is kept. On failure *segments is zeroed
 * and the error names the segment and the key. */
ul_status segments_from_json(const cJSON *array, ul_segments *segments, ul_error *error);

/* The same array, the caller's; NULL where memory ran out. Empty texts and codes are left out. */
cJSON *segments_to_json(const ul_segments *segments);
