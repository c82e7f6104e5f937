/* Label maps in memory, which images are drawn from. */
#pragma once

#include "jobs/generate/label_values.h"
#include "ulite/train.h"

enum {
    LABEL_MAP_REACH = 5, /* voxels that are looked up around a place, at most so far away */
    LABEL_MAP_MARGIN = 2 * LABEL_MAP_REACH + 1, /* background around what is none: that nearest to
                                                   a place beyond has nothing else in reach */
    LABEL_MAP_BLOCK = 4,                        /* voxels along a side of a block */
    LABEL_MAP_MIXED = 255
};

/* x runs to the left, y to the back, z to the head; cropped to what is no background, and a margin
 * around. */
typedef struct label_map {
    size_t size[3], blocks[3];
    double spacing_mm[3];
    uint8_t *voxels;  /* [z][y][x] indices of label_values, owned */
    uint8_t *alike;   /* [z][y][x] of each block of voxels: the index that all in it and in reach of
                         it have, or LABEL_MAP_MIXED, owned */
    int8_t *swelling; /* distances to the border of what swells (swelling_measure), owned; NULL:
                         nothing swells */
    uint16_t (*places)[3]; /* some voxels (x, y, z) of every class, spread over the map, owned */
    size_t class_voxels[LABEL_VALUES_MOST]; /* of every class but the background */
    size_t first[LABEL_VALUES_MOST + 1];    /* places of class c: first[c] to first[c + 1] - 1 */
} label_map;

/* Takes in labels of any orientation. Errors: UL_ERROR_INPUT (a value that the file of values does
 * not name, nothing but background), UL_ERROR_GEOMETRY (no positions, slices that are not evenly
 * spaced), UL_ERROR_LIMIT. *map: label_map_free. */
ul_status label_map_build(
    const ul_labels *labels, const label_values *values, label_map *map, ul_error *error);

/* Reads the label map of a case. Errors name it: likewise, and of reading. */
ul_status label_map_read(const ul_dataset *dataset, size_t index, label_map *map, ul_error *error);
void label_map_free(label_map *map);
