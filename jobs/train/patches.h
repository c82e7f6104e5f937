/* Where training patches come from: images that are cut and changed, label maps that images are
 * drawn from, or both. */
#pragma once

#include "jobs/generate/generate.h"
#include "jobs/train/augment.h"

typedef struct patch_source {
    const ul_plan *plan;       /* the caller's */
    sample_set samples;        /* of cases with images */
    patch_generator generator; /* of label maps */
    int threads;
    augment_scratch *cut;     /* [threads], owned */
    generator_scratch *drawn; /* [threads], owned; NULL where nothing is drawn */
} patch_source;

/* Reads the training cases. threads: at least 1. Errors name the case. */
ul_status patch_source_open(const ul_dataset *dataset, const ul_plan *plan, int threads,
    const ul_progress *progress, patch_source *source, ul_error *error);
void patch_source_close(patch_source *source);

/* Patch number item of a step: image [C_in][height][width], labels [height][width]. Depends on the
 * plan's seed, step and item alone; thread, below threads, says whose scratch is used. */
void patch_make(const patch_source *source, size_t step, size_t item, int thread, float *image,
    uint8_t *labels);
