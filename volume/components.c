#include "volume/components.h"

#include "libulite/base/resources.h"

#include <stdlib.h>
#include <string.h>

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the components of the labels");
}

static ul_label_rules rules_of(const ul_component_rules *rules, uint32_t label) {
    if (rules->each && label < rules->each_count)
        return rules->each[label];
    return (ul_label_rules){rules->largest, rules->fill_holes, rules->minimum};
}

/* Whether any label has a rule about its components, or about holes. */
static void which_rules(const ul_component_rules *rules, bool *components, bool *holes) {
    *components = rules->largest || rules->minimum > 0.0;
    *holes = rules->fill_holes;
    for (size_t label = 0; rules->each && label < rules->each_count; label++) {
        const ul_label_rules *own = &rules->each[label];
        *components = *components || own->largest || own->minimum > 0.0;
        *holes = *holes || own->fill_holes;
    }
}

/* Erases the components that the rules drop. sizes has a place for each run. */
static void drop_components(
    uint16_t *map, run_list *list, const ul_component_rules *rules, double *sizes, size_t *best) {
    run *runs = list->runs;
    for (size_t n = 0; n < list->count; n++) {
        double voxel = rules->voxel_sizes ? rules->voxel_sizes[runs[n].row / list->size[1]] : 1.0;
        sizes[runs_root(runs, n)] += voxel * (double)(runs[n].end - runs[n].begin);
    }
    for (size_t n = list->count; n-- > 0;) { /* backwards: the first of equal ones stays */
        size_t *largest = &best[runs[n].label];
        if (runs[n].parent == n && (*largest == SIZE_MAX || sizes[n] >= sizes[*largest]))
            *largest = n;
    }
    for (size_t n = 0; n < list->count; n++) {
        size_t root = runs_root(runs, n);
        ul_label_rules own = rules_of(rules, runs[n].label);
        bool keep = sizes[root] >= own.minimum && (!own.largest || best[runs[n].label] == root);
        if (!keep)
            memset(map + runs[n].row * list->size[0] + runs[n].begin, 0,
                (runs[n].end - runs[n].begin) * sizeof *map);
    }
}

static ul_status keep_components(
    uint16_t *map, const size_t size[3], const ul_component_rules *rules, ul_error *error) {
    run_list list = {.size = size};
    size_t *best = malloc((UINT16_MAX + 1) * sizeof *best);
    double *sizes = NULL;
    bool ready = best && runs_collect(map, false, &list);
    if (ready)
        sizes = calloc(list.count + 1, sizeof *sizes);
    ready = ready && sizes;
    if (ready) {
        memset(best, 0xff, (UINT16_MAX + 1) * sizeof *best);
        runs_join(&list, true);
        drop_components(map, &list, rules, sizes, best);
    }
    free(best);
    free(sizes);
    runs_free(&list);
    return ready ? UL_OK : no_memory(error);
}

enum { ENCLOSED_BY_NONE = 0, OPEN = UINT16_MAX + 1 };

/* What encloses a component of background so far: nothing yet, one label, or OPEN for several
 * labels or the border of the volume. */
static void see_label(uint32_t *encloser, uint16_t label) {
    if (label != 0 && *encloser != label)
        *encloser = *encloser == ENCLOSED_BY_NONE ? label : (uint32_t)OPEN;
}

static void see_neighbours(
    const uint16_t *map, const size_t size[3], const run *r, uint32_t *encloser) {
    size_t rows = size[1], j = r->row % rows, k = r->row / rows, slice = rows * size[0];
    bool border = r->begin == 0 || r->end == size[0] || j == 0 || j + 1 == rows ||
                  (size[2] > 1 && (k == 0 || k + 1 == size[2]));
    if (border) {
        *encloser = OPEN;
        return;
    }
    const uint16_t *row = map + r->row * size[0];
    see_label(encloser, row[r->begin - 1]);
    see_label(encloser, row[r->end]);
    for (size_t x = r->begin; x < r->end; x++) {
        see_label(encloser, row[x - size[0]]);
        see_label(encloser, row[x + size[0]]);
        if (size[2] > 1) {
            see_label(encloser, (row - slice)[x]);
            see_label(encloser, row[x + slice]);
        }
    }
}

static ul_status fill_holes(
    uint16_t *map, const size_t size[3], const ul_component_rules *rules, ul_error *error) {
    run_list list = {.size = size};
    uint32_t *enclosers = NULL;
    bool ready = runs_collect(map, true, &list);
    if (ready)
        enclosers = calloc(list.count + 1, sizeof *enclosers);
    ready = ready && enclosers;
    if (ready)
        runs_join(&list, false);
    for (size_t n = 0; ready && n < list.count; n++)
        see_neighbours(map, size, &list.runs[n], &enclosers[runs_root(list.runs, n)]);
    for (size_t n = 0; ready && n < list.count; n++) {
        uint32_t label = enclosers[runs_root(list.runs, n)];
        uint16_t *row = map + list.runs[n].row * size[0];
        bool fills = label != OPEN && rules_of(rules, label).fill_holes;
        for (size_t x = list.runs[n].begin; fills && x < list.runs[n].end; x++)
            row[x] = (uint16_t)label;
    }
    free(enclosers);
    runs_free(&list);
    return ready ? UL_OK : no_memory(error);
}

ul_status ul_components_apply(
    uint16_t *map, const size_t size[3], const ul_component_rules *rules, ul_error *error) {
    ul_status status = UL_OK;
    bool components, holes;
    which_rules(rules, &components, &holes);
    if (components)
        status = keep_components(map, size, rules, error);
    if (status == UL_OK && holes)
        status = fill_holes(map, size, rules, error);
    return status;
}

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
    run *runs = ul_grow(list->runs, list->count, &list->room, sizeof *runs);
    if (!runs)
        return false;
    list->runs = runs;
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
