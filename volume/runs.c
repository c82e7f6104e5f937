#include "volume/runs.h"

#include <stdlib.h>
#include <string.h>

size_t runs_root(run *runs, size_t n) {
    while (runs[n].parent != n) {
        runs[n].parent = runs[runs[n].parent].parent;
        n = runs[n].parent;
    }
    return n;
}

/* The smaller index becomes the root, so that roots come in the order of the voxels. */
static void join(run *runs, size_t a, size_t b) {
    a = runs_root(runs, a);
    b = runs_root(runs, b);
    if (a < b)
        runs[b].parent = a;
    else
        runs[a].parent = b;
}

static bool add_run(run_list *list, size_t row, size_t begin, size_t end, uint16_t label) {
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 1024;
        run *runs = realloc(list->runs, room * sizeof *runs);
        if (!runs)
            return false;
        list->runs = runs;
        list->room = room;
    }
    list->runs[list->count] = (run){(uint32_t)begin, (uint32_t)end, row, list->count, label};
    list->count++;
    return true;
}

bool runs_collect(const uint16_t *map, bool background, run_list *list) {
    size_t columns = list->size[0], rows = list->size[1] * list->size[2];
    list->row_first = malloc((rows + 1) * sizeof *list->row_first);
    if (!list->row_first)
        return false;
    for (size_t row = 0; row < rows; row++, map += columns) {
        list->row_first[row] = list->count;
        for (size_t x = 0, begin; x<columns; x = x> begin ? x : begin + 1) {
            begin = x;
            uint16_t label = map[x];
            if ((label == 0) != background)
                continue;
            while (x < columns && map[x] == label)
                x++;
            if (!add_run(list, row, begin, x, label))
                return false;
        }
    }
    list->row_first[rows] = list->count;
    return true;
}

/* Joins the runs of two rows that touch; reach 1 counts corners, 0 faces only. */
static void join_rows(run_list *list, size_t row, size_t other, uint32_t reach) {
    run *runs = list->runs;
    size_t b = list->row_first[other], b_end = list->row_first[other + 1];
    for (size_t a = list->row_first[row]; a < list->row_first[row + 1]; a++) {
        while (b < b_end && runs[b].end + reach <= runs[a].begin)
            b++;
        for (size_t n = b; n < b_end && runs[n].begin < runs[a].end + reach; n++)
            if (runs[a].label == runs[n].label)
                join(runs, a, n);
    }
}

void runs_join(run_list *list, bool corners) {
    size_t rows = list->size[1];
    for (size_t k = 0; k < list->size[2]; k++)
        for (size_t j = 0; j < rows; j++) {
            size_t row = k * rows + j;
            uint32_t reach = corners ? 1 : 0;
            if (j > 0)
                join_rows(list, row, row - 1, reach);
            if (k == 0)
                continue;
            join_rows(list, row, row - rows, reach);
            if (corners && j > 0)
                join_rows(list, row, row - rows - 1, reach);
            if (corners && j + 1 < rows)
                join_rows(list, row, row - rows + 1, reach);
        }
}

void runs_free(run_list *list) {
    free(list->runs);
    free(list->row_first);
}
