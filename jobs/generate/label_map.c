#include "jobs/generate/label_map.h"

#include "jobs/generate/swelling.h"
#include "volume/orient.h"
#include "volume/planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Places that are kept of a class: enough to centre patches on, whatever the size of the map. */
enum { PLACES = 1024, NO_VALUE = UINT16_MAX };

/* The index of each value a map may hold. */
static ul_status index_values(
    const ul_labels *labels, const label_values *values, uint16_t *index, ul_error *error) {
    const size_t *size = labels->grid.size;
    memset(index, 0xff, (UINT16_MAX + 1) * sizeof *index);
    for (size_t i = 0; i < values->count; i++)
        index[values->items[i].value] = (uint16_t)i;
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++)
        if (index[labels->map[i]] == NO_VALUE)
            return label_values_unnamed(labels->map[i], error);
    return UL_OK;
}

/* Smallest and largest x, y, z of what is no background. */
static bool find_box(const ul_labels *labels, const orientation *o, size_t low[3], size_t high[3]) {
    bool found = false;
    for (size_t z = 0; z < o->size[2]; z++) {
        ul_voxel_plane plane = orientation_slice(o, z);
        for (size_t y = 0; y < o->size[1]; y++)
            for (size_t x = 0; x < o->size[0]; x++) {
                if (labels->map[ul_voxel_plane_index(&plane, &labels->grid, x, y)] == 0)
                    continue;
                const size_t at[3] = {x, y, z};
                for (int t = 0; t < 3; t++) {
                    low[t] = !found || at[t] < low[t] ? at[t] : low[t];
                    high[t] = !found || at[t] > high[t] ? at[t] : high[t];
                }
                found = true;
            }
    }
    return found;
}

static ul_status fill_voxels(const ul_labels *labels, const orientation *o, const uint16_t *index,
    const size_t low[3], label_map *map, ul_error *error) {
    size_t count = map->size[0] * map->size[1] * map->size[2];
    map->voxels = calloc(count, 1);
    if (!map->voxels)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a label map");
    const size_t m = LABEL_MAP_MARGIN;
    for (size_t z = m; z + m < map->size[2]; z++) {
        ul_voxel_plane plane = orientation_slice(o, low[2] + z - m);
        for (size_t y = m; y + m < map->size[1]; y++)
            for (size_t x = m; x + m < map->size[0]; x++) {
                size_t at =
                    ul_voxel_plane_index(&plane, &labels->grid, low[0] + x - m, low[1] + y - m);
                map->voxels[(z * map->size[1] + y) * map->size[0] + x] =
                    (uint8_t)index[labels->map[at]];
            }
    }
    return UL_OK;
}

/* What all voxels of a block are; beyond the map lies nothing. */
static uint8_t look_at_block(const label_map *map, size_t bx, size_t by, size_t bz) {
    size_t first[3] = {bx * LABEL_MAP_BLOCK, by * LABEL_MAP_BLOCK, bz * LABEL_MAP_BLOCK}, last[3];
    for (int t = 0; t < 3; t++) {
        last[t] = first[t] + LABEL_MAP_BLOCK;
        last[t] = last[t] < map->size[t] ? last[t] : map->size[t];
    }
    uint8_t index = map->voxels[(first[2] * map->size[1] + first[1]) * map->size[0] + first[0]];
    for (size_t z = first[2]; z < last[2]; z++)
        for (size_t y = first[1]; y < last[1]; y++)
            for (size_t x = first[0]; x < last[0]; x++)
                if (map->voxels[(z * map->size[1] + y) * map->size[0] + x] != index)
                    return LABEL_MAP_MIXED;
    return index;
}

/* The same along one axis: a block stays what it is where those in reach are that too. */
static void widen(const uint8_t *blocks, const size_t size[3], int axis, uint8_t *wider) {
    enum { REACH = (LABEL_MAP_REACH + LABEL_MAP_BLOCK - 1) / LABEL_MAP_BLOCK };
    size_t step = axis == 0 ? 1 : axis == 1 ? size[0] : size[0] * size[1];
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++) {
        size_t at = i / step % size[axis];
        wider[i] = blocks[i];
        for (size_t r = 1; r <= REACH; r++)
            if ((at >= r && blocks[i - r * step] != blocks[i]) ||
                (at + r < size[axis] && blocks[i + r * step] != blocks[i]))
                wider[i] = LABEL_MAP_MIXED;
    }
}

static ul_status find_alike(label_map *map, ul_error *error) {
    size_t *blocks = map->blocks, n = 0;
    for (int t = 0; t < 3; t++)
        blocks[t] = (map->size[t] + LABEL_MAP_BLOCK - 1) / LABEL_MAP_BLOCK;
    map->alike = malloc(blocks[0] * blocks[1] * blocks[2]);
    uint8_t *spare = malloc(blocks[0] * blocks[1] * blocks[2]);
    if (!map->alike || !spare) {
        free(spare);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a label map");
    }
    for (size_t z = 0; z < blocks[2]; z++)
        for (size_t y = 0; y < blocks[1]; y++)
            for (size_t x = 0; x < blocks[0]; x++)
                spare[n++] = look_at_block(map, x, y, z);
    for (int axis = 0; axis < 3; axis++) {
        widen(spare, blocks, axis, map->alike);
        memcpy(spare, map->alike, n);
    }
    free(spare);
    return UL_OK;
}

/* Every n-th voxel of each class. */
static ul_status find_places(const label_values *values, label_map *map, ul_error *error) {
    size_t *voxels = map->class_voxels, seen[LABEL_VALUES_MOST] = {0};
    size_t kept[LABEL_VALUES_MOST], area = map->size[0] * map->size[1];
    for (size_t i = 0; i < area * map->size[2]; i++)
        voxels[values->items[map->voxels[i]].label]++;
    voxels[0] = 0;
    for (size_t c = 0; c < LABEL_VALUES_MOST; c++) {
        kept[c] = voxels[c] < PLACES ? voxels[c] : PLACES;
        map->first[c + 1] = map->first[c] + kept[c];
    }
    map->places = malloc((map->first[LABEL_VALUES_MOST] + 1) * sizeof *map->places);
    if (!map->places)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a label map");
    for (size_t i = 0; i < area * map->size[2]; i++) {
        size_t c = values->items[map->voxels[i]].label;
        if (kept[c] == 0)
            continue;
        size_t n = seen[c] * kept[c] / voxels[c], next = (seen[c] + 1) * kept[c] / voxels[c];
        seen[c]++;
        if (n == next)
            continue;
        uint16_t *place = map->places[map->first[c] + n];
        place[0] = (uint16_t)(i % map->size[0]);
        place[1] = (uint16_t)(i / map->size[0] % map->size[1]);
        place[2] = (uint16_t)(i / area);
    }
    return UL_OK;
}

static ul_status find_swelling(const label_values *values, label_map *map, ul_error *error) {
    bool swells[LABEL_VALUES_MOST] = {false};
    for (size_t i = 0; i < values->count; i++)
        swells[i] = values->items[i].swells;
    return swelling_measure(map->voxels, map->size, map->spacing_mm, swells, &map->swelling, error);
}

/* The map's voxels and how far they lie apart. */
static ul_status fill_map(
    const ul_labels *labels, const label_values *values, label_map *map, ul_error *error) {
    const ul_grid *grid = &labels->grid;
    if (grid->stack != UL_STACK_REGULAR)
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "the label map has %s: heads are drawn from maps of evenly spaced slices with "
            "positions",
            grid->stack == UL_STACK_UNPLACED ? "no positions" : "uneven or tilted slices");
    orientation o = orientation_upright(grid, UL_PLANE_AXIAL);
    const double spacing[3] = {
        grid->spacing_mm[0], grid->spacing_mm[1], fabs(ul_grid_step_mm(grid))};
    size_t low[3] = {0}, high[3] = {0};
    if (!find_box(labels, &o, low, high))
        return ul_error_set(error, UL_ERROR_INPUT, "the label map holds nothing but background");
    for (int t = 0; t < 3; t++) {
        map->spacing_mm[t] = spacing[o.axis[t]] > 0.0 ? spacing[o.axis[t]] : 1.0;
        map->size[t] = high[t] - low[t] + 1 + 2 * LABEL_MAP_MARGIN;
        if (map->size[t] > UINT16_MAX)
            return ul_error_set(
                error, UL_ERROR_LIMIT, "a label map of %zu voxels along one axis", map->size[t]);
    }
    uint16_t *index = malloc((UINT16_MAX + 1) * sizeof *index);
    ul_status status = index ? index_values(labels, values, index, error)
                             : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a label map");
    if (status == UL_OK)
        status = fill_voxels(labels, &o, index, low, map, error);
    free(index);
    return status;
}

ul_status label_map_build(
    const ul_labels *labels, const label_values *values, label_map *map, ul_error *error) {
    memset(map, 0, sizeof *map);
    ul_status status = fill_map(labels, values, map, error);
    if (status == UL_OK)
        status = find_alike(map, error);
    if (status == UL_OK)
        status = find_places(values, map, error);
    if (status == UL_OK)
        status = find_swelling(values, map, error);
    if (status != UL_OK)
        label_map_free(map);
    return status;
}

ul_status label_map_read(const ul_dataset *dataset, size_t index, label_map *map, ul_error *error) {
    ul_labels labels;
    memset(map, 0, sizeof *map);
    ul_status status = ul_dataset_read_labels(dataset, index, &labels, error);
    if (status != UL_OK)
        return status;
    status = label_map_build(&labels, dataset->values, map, error);
    ul_labels_free(&labels);
    if (status != UL_OK)
        ul_error_prefix(error, "case %s", dataset->cases[index].name);
    return status;
}

void label_map_free(label_map *map) {
    free(map->voxels);
    free(map->alike);
    free(map->swelling);
    free(map->places);
    memset(map, 0, sizeof *map);
}
