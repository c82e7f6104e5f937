/* Connected components over runs of equal voxels in a row, which are far fewer than voxels. */
#ifndef RUNS_H
#define RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
