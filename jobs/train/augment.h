/* Random changes of training slices. */
#pragma once

#include "jobs/train/samples.h"

/* Room for one patch, one per thread. */
typedef struct augment_scratch {
    float *displacement[2]; /* elastic, in pixels of the patch */
    float *line;
    float *channel;
    uint8_t *inside; /* 1 where the patch lies on the image */
} augment_scratch;

ul_status augment_scratch_create(const ul_plan *plan, augment_scratch *scratch, ul_error *error);
void augment_scratch_free(augment_scratch *scratch);

/* Cuts the patch at place under random changes drawn from stream: image [C_in][height][width] and
 * labels [height][width] of the plan's patch. Off the image it is 0 there and 255 (ignore) here,
 * as padding is at inference. Depends on place and stream only. */
void augment_cut(const ul_plan *plan, const sample_place *place, random_stream *stream,
    augment_scratch *scratch, float *image, uint8_t *labels);
