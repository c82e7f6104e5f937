/* How bright the tissues of a drawn head are: each group of values for itself, or all of them as a
 * pulse sequence shows their relaxation times. */
#pragma once

#include "jobs/generate/label_values.h"
#include "jobs/train/random.h"
#include "ulite/train.h"

/* What voxels of one value look like. */
typedef struct head_tissue {
    float mean, variance;
    float solid; /* 1, or 0 where nothing is left of it: no noise either */
    float lesions;
} head_tissue;

/* Any brightness. */
head_tissue contrast_draw_tissue(const ul_generation *ranges, random_stream *stream);

/* Draws the tissue of each of the values: tissue [values->count], the first that of the background.
 */
void contrast_draw(const label_values *values, const ul_generation *ranges, random_stream *stream,
    head_tissue *tissue);
