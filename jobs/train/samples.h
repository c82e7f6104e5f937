/* Training cases in memory, as the network would see them but not yet cut into patches. */
#pragma once

#include "jobs/dataset/volume_range.h"
#include "jobs/train/random.h"
#include "ulite/train.h"

/* One case seen along one plane: normalised, at the network's spacing, unpadded. */
typedef struct sample_stack {
    size_t width, height, depth;
    size_t channels;     /* 1, or 3 for RGB */
    uint16_t *pixels;    /* [k][channel][j][i], owned: 16 bits over the range of each slice */
    float *low, *step;   /* [k] a value is low + step * pixel, owned */
    uint8_t *labels;     /* [k][j][i], owned; 255 = ignore */
    size_t *voxels;      /* [k][class_count + 1] voxels of each label in each slice, owned */
    bool *apart;         /* [k] whether k + 1 is no neighbour of k, owned */
    double *position_mm; /* [k] along the stack, ascending, owned */
    bool sagittal;       /* left and right lie in the order of the slices, else along x */
} sample_stack;

typedef struct sample_set {
    size_t count;         /* stacks: cases times planes, cases outermost */
    sample_stack *stacks; /* owned */
    size_t class_count;
    volume_range volumes; /* of the classes in the cases */
} sample_set;

/* Reads and prepares the cases of one split, measured by so many threads (0: all). Errors name the
 * case. */
ul_status samples_load(const ul_dataset *dataset, ul_split split, const ul_plan *plan, int threads,
    const ul_progress *progress, sample_set *set, ul_error *error);
void samples_free(sample_set *set);

/* A patch to cut: its slice and its centre there, in pixels. */
typedef struct sample_place {
    const sample_stack *stack;
    size_t slice;
    double centre[2];
} sample_place;

/* Draws a case, a plane, a slice and a centre: the planned share of them on a pixel of a class. */
sample_place samples_draw(
    const sample_set *set, const ul_training *training, random_stream *stream);
