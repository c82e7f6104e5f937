#include "jobs/localise/turned.h"

#include "volume/planes.h"
#include "volume/vec3.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void place_of(const ul_grid *grid, const size_t at[3], double place[3]) {
    vec3_add(grid->origin_mm[at[2]], (double)at[0] * grid->spacing_mm[0], grid->axis_i, place);
    vec3_add(place, (double)at[1] * grid->spacing_mm[1], grid->axis_j, place);
}

/* Voxel coordinates of a place in a grid of even slices. */
static void coordinates_of(const ul_grid *grid, const double place[3], double at[3]) {
    double normal[3], away[3], step = ul_grid_step_mm(grid);
    ul_grid_normal(grid, normal);
    vec3_add(place, -1.0, grid->origin_mm[0], away);
    at[0] = vec3_dot(away, grid->axis_i) / grid->spacing_mm[0];
    at[1] = vec3_dot(away, grid->axis_j) / grid->spacing_mm[1];
    at[2] = step != 0.0 ? vec3_dot(away, normal) / step : 0.0;
}

bool turned_bounds(
    const ul_labels *labels, unsigned number, const double axis[3][3], double bounds[3][2]) {
    const size_t *size = labels->grid.size;
    const uint16_t *map = labels->map;
    bool any = false;
    size_t at[3];
    for (at[2] = 0; at[2] < size[2]; at[2]++)
        for (at[1] = 0; at[1] < size[1]; at[1]++)
            for (at[0] = 0; at[0] < size[0]; at[0]++, map++) {
                double place[3];
                if (*map != number)
                    continue;
                place_of(&labels->grid, at, place);
                for (int a = 0; a < 3; a++) {
                    double along = vec3_dot(axis[a], place);
                    bounds[a][0] = any ? fmin(bounds[a][0], along) : along;
                    bounds[a][1] = any ? fmax(bounds[a][1], along) : along;
                }
                any = true;
            }
    return any;
}

ul_status turned_grid(const double axis[3][3], const double bounds[3][2], double spacing_mm,
    ul_grid *grid, ul_error *error) {
    double first[3] = {0.0};
    memset(grid, 0, sizeof *grid);
    for (int a = 0; a < 3; a++) {
        double steps = ceil((bounds[a][1] - bounds[a][0]) / spacing_mm - 1e-6);
        double centre = 0.5 * (bounds[a][0] + bounds[a][1]);
        grid->size[a] = (size_t)steps + 1;
        vec3_add(first, centre - 0.5 * steps * spacing_mm, axis[a], first);
    }
    memcpy(grid->axis_i, axis[0], sizeof grid->axis_i);
    memcpy(grid->axis_j, axis[1], sizeof grid->axis_j);
    grid->spacing_mm[0] = grid->spacing_mm[1] = grid->thickness_mm = spacing_mm;
    grid->origin_mm = malloc(grid->size[2] * sizeof *grid->origin_mm);
    if (!grid->origin_mm)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a turned grid");
    for (size_t k = 0; k < grid->size[2]; k++)
        vec3_add(first, (double)k * spacing_mm, axis[2], grid->origin_mm[k]);
    ul_grid_classify(grid);
    return UL_OK;
}

bool turned_region(const ul_grid *turned, const ul_grid *grid, ul_region *region) {
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (int corner = 0; corner < 8; corner++) {
        double place[3], at[3];
        const size_t voxel[3] = {corner & 1 ? turned->size[0] - 1 : 0,
            corner & 2 ? turned->size[1] - 1 : 0, corner & 4 ? turned->size[2] - 1 : 0};
        place_of(turned, voxel, place);
        coordinates_of(grid, place, at);
        for (int a = 0; a < 3; a++) {
            low[a] = fmin(low[a], floor(at[a]));
            high[a] = fmax(high[a], ceil(at[a]));
        }
    }
    for (int a = 0; a < 3; a++) {
        double last = (double)grid->size[a] - 1.0;
        if (!(high[a] >= 0.0 && low[a] <= last))
            return false;
        region->first[a] = (size_t)fmax(low[a], 0.0);
        region->size[a] = (size_t)fmin(high[a], last) - region->first[a] + 1;
    }
    return true;
}

/* The eight voxels around a point, and their weights. */
typedef struct cell {
    size_t voxel[8];
    double weight[8];
} cell;

/* false beyond the outermost voxels by over half a step. */
static bool find_cell(const size_t size[3], const double at[3], cell *c) {
    size_t low[3], high[3];
    double part[3];
    for (int a = 0; a < 3; a++) {
        double last = (double)size[a] - 1.0;
        if (!(at[a] >= -0.5 && at[a] <= last + 0.5))
            return false;
        double inside = fmin(fmax(at[a], 0.0), last);
        low[a] = (size_t)inside;
        high[a] = low[a] + 1 < size[a] ? low[a] + 1 : low[a];
        part[a] = inside - (double)low[a];
    }
    for (int n = 0; n < 8; n++) {
        size_t i = n & 1 ? high[0] : low[0], j = n & 2 ? high[1] : low[1];
        size_t k = n & 4 ? high[2] : low[2];
        c->voxel[n] = (k * size[1] + j) * size[0] + i;
        c->weight[n] = (n & 1 ? part[0] : 1.0 - part[0]) * (n & 2 ? part[1] : 1.0 - part[1]) *
                       (n & 4 ? part[2] : 1.0 - part[2]);
    }
    return true;
}

/* What is at a point of a volume; not a number next to padding, or where there is nothing. */
static float sample(const float *values, const size_t size[3], const double at[3]) {
    cell c;
    double sum = 0.0;
    if (!find_cell(size, at, &c))
        return NAN;
    for (int n = 0; n < 8; n++)
        if (c.weight[n] > 0.0)
            sum += c.weight[n] * (double)values[c.voxel[n]];
    return (float)sum;
}

/* Real-world values of a volume, not a number where it is padding. */
static ul_status read_values(const ul_volume *volume, float **values, ul_error *error) {
    const size_t *size = volume->grid.size, area = size[0] * size[1];
    uint8_t *padding = malloc(area);
    *values = malloc(area * size[2] * sizeof **values);
    if (!padding || !*values) {
        free(padding);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory to turn a box");
    }
    for (size_t k = 0; k < size[2]; k++) {
        float *slice = *values + k * area;
        ul_volume_slice(volume, k, slice);
        if (ul_volume_padding(volume, k, padding) == 0)
            continue;
        for (size_t i = 0; i < area; i++)
            slice[i] = padding[i] ? NAN : slice[i];
    }
    free(padding);
    return UL_OK;
}

ul_status turned_volume(
    const ul_volume *volume, const ul_grid *grid, ul_volume *turned, ul_error *error) {
    ul_region region;
    ul_volume crop = {0};
    float *values = NULL;
    ul_status status = ul_volume_create(grid, 1, UL_SAMPLE_F32, turned, error);
    bool meets = turned_region(grid, &volume->grid, &region);
    if (status == UL_OK && meets)
        status = ul_volume_crop(volume, &region, &crop, error);
    if (status == UL_OK && meets)
        status = read_values(&crop, &values, error);
    float *to = turned->samples;
    size_t at[3];
    for (at[2] = 0; status == UL_OK && at[2] < grid->size[2]; at[2]++)
        for (at[1] = 0; at[1] < grid->size[1]; at[1]++)
            for (at[0] = 0; at[0] < grid->size[0]; at[0]++, to++) {
                double place[3], from[3];
                place_of(grid, at, place);
                if (meets)
                    coordinates_of(&crop.grid, place, from);
                *to = meets ? sample(values, crop.grid.size, from) : NAN;
            }
    memcpy(turned->modality, volume->modality, sizeof turned->modality);
    free(values);
    ul_volume_free(&crop);
    if (status != UL_OK)
        ul_volume_free(turned);
    return status;
}

/* The label of the largest weight, the lower of equal ones. */
static uint16_t vote(const ul_labels *turned, const cell *c) {
    double most = 0.0;
    uint16_t best = 0;
    for (int n = 0; n < 8; n++) {
        uint16_t label = turned->map[c->voxel[n]];
        double weight = 0.0;
        for (int m = 0; m < 8; m++)
            weight += turned->map[c->voxel[m]] == label ? c->weight[m] : 0.0;
        if (weight > most || (weight == most && label < best)) {
            most = weight;
            best = label;
        }
    }
    return best;
}

ul_status turned_labels(
    const ul_labels *turned, const ul_grid *grid, ul_labels *labels, ul_error *error) {
    const size_t *size = turned->grid.size;
    const size_t voxels = grid->size[0] * grid->size[1] * grid->size[2];
    const size_t inner = size[0] * size[1] * size[2];
    ul_status status =
        ul_labels_create(grid, &turned->segments, turned->fractions != NULL, labels, error);
    size_t at[3], to = 0;
    for (at[2] = 0; status == UL_OK && at[2] < grid->size[2]; at[2]++)
        for (at[1] = 0; at[1] < grid->size[1]; at[1]++)
            for (at[0] = 0; at[0] < grid->size[0]; at[0]++, to++) {
                double place[3], from[3];
                cell c;
                place_of(grid, at, place);
                coordinates_of(&turned->grid, place, from);
                if (!find_cell(size, from, &c))
                    continue;
                labels->map[to] = vote(turned, &c);
                for (size_t s = 0; labels->fractions && s < labels->segments.count; s++) {
                    double sum = 0.0;
                    for (int n = 0; n < 8; n++)
                        sum += c.weight[n] * turned->fractions[s * inner + c.voxel[n]];
                    labels->fractions[s * voxels + to] = (uint8_t)lrint(sum);
                }
            }
    return status;
}
