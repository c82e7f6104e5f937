/* Segments as an option names them. */
#ifndef SEGMENTS_GIVEN_H
#define SEGMENTS_GIVEN_H

#include "ulite/volume.h"

/* given: a segments file (.json), or a model, bundled or in a file, whose classes are meant.
 * *segments: ul_segments_free. Errors: as of ul_segments_read, ul_model_open, ul_card_read. */
ul_status segments_given_read(const char *given, ul_segments *segments, ul_error *error);

#endif
