/* What happens to labels after the network: plain arrays, no files. */
#pragma once

#include "ulite/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

UL_BEGIN_C

typedef struct ul_label_rules {
    bool largest, fill_holes;
    double minimum;
} ul_label_rules;

/* What is done to labels. Components touch by faces, edges or corners, background by faces. */
typedef struct ul_component_rules {
    bool largest;   /* keep the largest component of each label, the first of equal ones */
    double minimum; /* drop components smaller than this */
    const double *voxel_sizes;  /* [slices], what a voxel of each counts; NULL: 1 */
    bool fill_holes;            /* background inside that one label alone encloses becomes it */
    const ul_label_rules *each; /* [each_count] by label, in place of the above; NULL: all alike */
    size_t each_count;          /* labels from here on have the rules of all */
} ul_component_rules;

/* map [size[2]][size[1]][size[0]]. In a single slice holes are those of the plane. Errors:
 * UL_ERROR_LIMIT (memory; map is unchanged or has only some rules applied). */
ul_status ul_components_apply(
    uint16_t *map, const size_t size[3], const ul_component_rules *rules, ul_error *error);

/* Connected components over runs of equal voxels in a row, which are far fewer than voxels. */
typedef struct run {
    uint32_t begin, end; /* columns, end beyond the last */
    size_t row;          /* slice * rows + row */
    size_t parent;       /* a run of the same component before this one, or itself */
    uint16_t label;
} run;

/* Zero-initialise but for size; runs_free whatever happened. */
typedef struct run_list {
    const size_t *size; /* of the map: columns, rows, slices */
    run *runs;          /* in the order of the voxels */
    size_t count, room;
    size_t *row_first; /* [slices * rows + 1] */
} run_list;

/* Lists the runs of labels, or of background, of a map [size[2]][size[1]][size[0]]. False where
 * memory ran out. */
bool runs_collect(const uint16_t *map, bool background, run_list *list);

/* Joins each row with its neighbours before it: with edges and corners, or through faces only. */
void runs_join(run_list *list, bool corners);

/* The first run of the component that run n belongs to. */
size_t runs_root(run *runs, size_t n);

void runs_free(run_list *list);

UL_END_C
