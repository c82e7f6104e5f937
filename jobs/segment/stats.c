#include "ulite/segment.h"
#include "volume/planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Running sums of one segment. Squares are of differences from the first value, which keeps them
 * from cancelling. */
typedef struct sums {
    size_t valued; /* voxels whose value counts: not padding */
    double first, difference, squares, mm3, mm2;
} sums;

static void see_position(const ul_grid *grid, size_t i, size_t j, size_t k, ul_segment_stats *s) {
    for (int c = 0; c < 3; c++) {
        double at = grid->origin_mm[k][c] + (double)i * grid->spacing_mm[0] * grid->axis_i[c] +
                    (double)j * grid->spacing_mm[1] * grid->axis_j[c];
        s->bbox_mm[0][c] = s->voxels ? fmin(s->bbox_mm[0][c], at) : at;
        s->bbox_mm[1][c] = s->voxels ? fmax(s->bbox_mm[1][c], at) : at;
    }
}

static double grey_of(const float *value, size_t channels) {
    if (channels == 1)
        return (double)value[0];
    return 0.299 * (double)value[0] + 0.587 * (double)value[1] + 0.114 * (double)value[2];
}

static void add_value(sums *t, double value) {
    if (t->valued++ == 0)
        t->first = value;
    t->difference += value - t->first;
    t->squares += (value - t->first) * (value - t->first);
}

/* place[number]: the segment's place in stats, or SIZE_MAX; padding: 1 where a value is none. */
static void see_slice(const ul_labels *labels, size_t k, const float *values, size_t channels,
    const uint8_t *padding, const size_t *place, ul_segment_stats *stats, sums *totals) {
    const ul_grid *grid = &labels->grid;
    const uint16_t *map = labels->map + k * grid->size[0] * grid->size[1];
    double area = grid->spacing_mm[0] * grid->spacing_mm[1];
    double depth = ul_grid_depth_mm(grid, k);
    for (size_t j = 0; j < grid->size[1]; j++)
        for (size_t i = 0; i < grid->size[0]; i++, map++, padding++, values += channels) {
            if (*map == 0 || place[*map] == SIZE_MAX)
                continue;
            ul_segment_stats *s = &stats[place[*map]];
            sums *t = &totals[place[*map]];
            if (s->placed)
                see_position(grid, i, j, k, s);
            s->voxels++;
            if (!*padding)
                add_value(t, grey_of(values, channels));
            t->mm2 += area;
            t->mm3 += area * depth;
        }
}

static void finish(const ul_grid *grid, const sums *t, ul_segment_stats *s) {
    bool flat = grid->size[2] == 1 || grid->stack == UL_STACK_UNPLACED;
    bool spaced = grid->spacing_mm[0] > 0.0;
    bool deep = spaced && !flat && ul_grid_depth_mm(grid, 0) > 0.0;
    double count = (double)t->valued, shift = t->difference / count;
    s->volume_ml = deep ? t->mm3 / 1000.0 : NAN;
    s->area_mm2 = flat && spaced ? t->mm2 : NAN;
    s->placed = s->placed && s->voxels > 0;
    s->mean = t->valued ? t->first + shift : NAN;
    s->sd = t->valued ? sqrt(fmax(0.0, t->squares / count - shift * shift)) : NAN;
}

ul_status ul_stats_measure(const ul_volume *volume, const ul_labels *labels,
    const ul_progress *progress, ul_segment_stats *stats, size_t count, ul_error *error) {
    const ul_grid *grid = &labels->grid;
    if (count != labels->segments.count)
        return ul_error_set(error, UL_ERROR_USAGE, "room for %zu segments, the labels have %zu",
            count, labels->segments.count);
    size_t pixels = grid->size[0] * grid->size[1];
    size_t *place = malloc((UINT16_MAX + 1) * sizeof *place);
    size_t channels = volume ? volume->channels : 1;
    float *values = calloc(pixels * channels + 1, sizeof *values);
    uint8_t *padding = malloc(pixels + 1);
    sums *totals = calloc(count + 1, sizeof *totals);
    ul_status status = UL_OK;
    if (place && values && padding && totals) {
        memset(place, 0xff, (UINT16_MAX + 1) * sizeof *place);
        memset(padding, 1, pixels); /* where there is no volume */
        memset(stats, 0, count * sizeof *stats);
        for (size_t s = 0; s < count; s++) {
            stats[s].number = labels->segments.items[s].number;
            stats[s].placed = grid->stack != UL_STACK_UNPLACED;
            place[stats[s].number & UINT16_MAX] = s;
        }
        for (size_t k = 0; status == UL_OK && k < grid->size[2]; k++) {
            if (volume) {
                ul_volume_slice(volume, k, values);
                ul_volume_padding(volume, k, padding);
            }
            see_slice(labels, k, values, channels, padding, place, stats, totals);
            if (!ul_progress_report(progress, "measuring", k + 1, grid->size[2]))
                status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
        }
        for (size_t s = 0; s < count; s++)
            finish(grid, &totals[s], &stats[s]);
    } else {
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the statistics");
    }
    free(place);
    free(values);
    free(padding);
    free(totals);
    return status;
}
