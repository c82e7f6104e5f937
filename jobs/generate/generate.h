/* Training patches, and whole volumes to validate with, drawn from label maps. */
#pragma once

#include "jobs/generate/head_render.h"
#include "ulite/train.h"

typedef struct patch_generator {
    const label_values *values; /* the data set's */
    size_t count;
    label_map *maps; /* of the training cases, owned */
} patch_generator;

/* Reads the label maps of a split of a data set with generate.json, which must outlive it. Errors
 * name the case: see label_map_read. */
ul_status generator_open(const ul_dataset *dataset, ul_split split, const ul_progress *progress,
    patch_generator *generator, ul_error *error);
void generator_close(patch_generator *generator);

/* Room to draw a patch, one per thread. */
typedef struct generator_scratch {
    head_scan *head;
    head_scratch slices;
    float *acquired, *slice, *line; /* a slice on the scanner's voxels, on the patch's, a row */
    float *sample;                  /* values that statistics are measured on */
} generator_scratch;

ul_status generator_scratch_create(
    const ul_plan *plan, generator_scratch *scratch, ul_error *error);
void generator_scratch_free(generator_scratch *scratch);

/* Draws a map, a head of it, a plane of the card and a patch: image [C_in][height][width] as the
 * network would see that head, and labels [height][width], 255 outside the field of view. Depends
 * on the stream only. */
void generator_draw(const patch_generator *generator, const ul_plan *plan, random_stream *stream,
    generator_scratch *scratch, float *image, uint8_t *labels);
