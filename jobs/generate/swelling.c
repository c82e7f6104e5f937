#include "jobs/generate/swelling.h"

#include "volume/distance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The part of a map within reach of what swells. */
typedef struct box {
    size_t low[3], size[3];
} box;

static size_t box_voxels(const box *b) {
    return b->size[0] * b->size[1] * b->size[2];
}

/* Where voxel i of a box stands in the map. */
static size_t place_in_map(const box *b, const size_t size[3], size_t i) {
    size_t x = b->low[0] + i % b->size[0], y = b->low[1] + i / b->size[0] % b->size[1];
    size_t z = b->low[2] + i / (b->size[0] * b->size[1]);
    return (z * size[1] + y) * size[0] + x;
}

/* False where nothing swells. */
static bool find_box(const uint8_t *voxels, const size_t size[3], const double spacing_mm[3],
    const bool *swells, box *b) {
    size_t high[3] = {0};
    bool found = false;
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++) {
        if (!swells[voxels[i]])
            continue;
        const size_t at[3] = {i % size[0], i / size[0] % size[1], i / (size[0] * size[1])};
        for (int t = 0; t < 3; t++) {
            b->low[t] = !found || at[t] < b->low[t] ? at[t] : b->low[t];
            high[t] = !found || at[t] > high[t] ? at[t] : high[t];
        }
        found = true;
    }
    for (int t = 0; found && t < 3; t++) {
        size_t margin = (size_t)fmin(ceil(SWELLING_REACH_MM / spacing_mm[t]), (double)size[t]) + 1;
        b->low[t] = b->low[t] > margin ? b->low[t] - margin : 0;
        b->size[t] = (high[t] + margin < size[t] ? high[t] + margin + 1 : size[t]) - b->low[t];
    }
    return found;
}

/* To the border between a voxel in the set and one that is not: half a voxel from either, of the
 * shortest side, so that inside and outside stay what they are. */
static ul_status measure_box(const uint8_t *set, const uint8_t *rest, const box *b,
    const double spacing_mm[3], double *outside, double *inside, ul_error *error) {
    size_t longest = 0;
    for (int t = 0; t < 3; t++)
        longest = b->size[t] > longest ? b->size[t] : longest;
    double *position = malloc(3 * longest * sizeof *position);
    if (!position)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a label map");
    const double *const axes[3] = {position, position + longest, position + 2 * longest};
    for (size_t i = 0; i < 3 * longest; i++)
        position[i] = (double)(i % longest) * spacing_mm[i / longest];
    ul_status status = distance_squared(set, b->size, axes, outside, error);
    if (status == UL_OK)
        status = distance_squared(rest, b->size, axes, inside, error);
    free(position);
    double half = 0.5 * fmin(fmin(spacing_mm[0], spacing_mm[1]), spacing_mm[2]);
    for (size_t i = 0; status == UL_OK && i < box_voxels(b); i++)
        outside[i] = set[i] ? half - sqrt(inside[i]) : sqrt(outside[i]) - half;
    return status;
}

/* By a quarter, a half and a quarter along every axis: the steps of the voxels would be seen in the
 * direction of the border. */
static void smooth(double *values, const box *b) {
    const size_t step[3] = {1, b->size[0], b->size[0] * b->size[1]};
    for (int t = 0; t < 3; t++)
        for (size_t i = 0; i < box_voxels(b); i++) {
            if (i / step[t] % b->size[t] != 0)
                continue;
            double before = values[i];
            for (size_t n = 0; n < b->size[t]; n++) {
                double *v = &values[i + n * step[t]], here = *v;
                double after = n + 1 < b->size[t] ? v[step[t]] : here;
                *v = 0.25 * (before + 2.0 * here + after);
                before = here;
            }
        }
}

static void keep(const double *values, const box *b, const size_t size[3], int8_t *distance) {
    const double most = SWELLING_REACH_MM * SWELLING_STEPS;
    memset(distance, (int)most, size[0] * size[1] * size[2]);
    for (size_t i = 0; i < box_voxels(b); i++) {
        double steps = rint(SWELLING_STEPS * values[i]);
        distance[place_in_map(b, size, i)] = (int8_t)fmin(fmax(steps, -most), most);
    }
}

ul_status swelling_measure(const uint8_t *voxels, const size_t size[3], const double spacing_mm[3],
    const bool *swells, int8_t **distance, ul_error *error) {
    box b = {{0}, {0}};
    *distance = NULL;
    if (!find_box(voxels, size, spacing_mm, swells, &b))
        return UL_OK;
    size_t count = box_voxels(&b);
    uint8_t *set = malloc(2 * count);
    double *outside = malloc(2 * count * sizeof *outside);
    int8_t *kept = malloc(size[0] * size[1] * size[2]);
    ul_status status = UL_OK;
    if (!set || !outside || !kept) {
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a label map");
    } else {
        for (size_t i = 0; i < count; i++) {
            set[i] = swells[voxels[place_in_map(&b, size, i)]];
            set[count + i] = !set[i];
        }
        status = measure_box(set, set + count, &b, spacing_mm, outside, outside + count, error);
    }
    if (status == UL_OK) {
        smooth(outside, &b);
        keep(outside, &b, size, kept);
        *distance = kept;
        kept = NULL;
    }
    free(kept);
    free(outside);
    free(set);
    return status;
}

/* The distance at a place, which is moved off the outermost voxels: they have no neighbours. */
static const int8_t *find_distance(const int8_t *distance, const size_t size[3], float place[3]) {
    for (int t = 0; t < 3; t++)
        place[t] = fminf(fmaxf(place[t], 1.0f), (float)size[t] - 1.5f);
    return distance + ((size_t)place[2] * size[1] + (size_t)place[1]) * size[0] + (size_t)place[0];
}

/* Goes along the normal of the border in steps of a mm at most: so a place inside of something thin
 * ends at its middle, and does not come out on the other side. */
void swelling_move(const int8_t *distance, const size_t size[3], const double spacing_mm[3],
    float growth_mm, float place[3]) {
    const ptrdiff_t step[3] = {1, (ptrdiff_t)size[0], (ptrdiff_t)(size[0] * size[1])};
    const float reach = SWELLING_REACH_MM * SWELLING_STEPS;
    const int8_t *here = find_distance(distance, size, place);
    float away = fabsf((float)*here);
    if (away >= reach)
        return;
    /* What lies at the moved border comes from the old one, what lies in reach from where it is. */
    float most = growth_mm / (1.0f - fabsf(growth_mm) / SWELLING_REACH_MM);
    float way = most * (1.0f - away / reach), steps = fmaxf(ceilf(fabsf(way)), 1.0f);
    way /= steps * 2 * SWELLING_STEPS;
    for (float n = 0.0f; n < steps; n += 1.0f) {
        for (int t = 0; t < 3; t++) {
            float slope = (float)(here[step[t]] - here[-step[t]]) / (float)spacing_mm[t];
            place[t] -= way * slope / (float)spacing_mm[t];
        }
        here = find_distance(distance, size, place);
    }
}
