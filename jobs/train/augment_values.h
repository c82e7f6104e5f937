/* Random changes of the values of a training slice; augment.c changes its geometry first. */
#pragma once

#include "jobs/train/augment.h"

/* Changes image [C_in][height][width] where scratch->inside; what lies off the image stays 0. */
void augment_values(
    const ul_plan *plan, random_stream *stream, augment_scratch *scratch, float *image);
