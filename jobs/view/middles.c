#include "jobs/view/middles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct search {
    const view_frame *frame;
    const ul_labels *labels;
    size_t place[UINT16_MAX + 1]; /* of a label among the segments; SIZE_MAX: none */
    double (*sums)[3];
    double *nearest; /* squared, mm2 */
    view_middle *middles;
    double low[3], high[3];
} search;

static void locate(const view_frame *f, const size_t index[3], double at[3]) {
    for (int a = 0; a < 2; a++)
        at[a] = f->shift_mm[index[2]][a] + (double)index[a] * f->spacing_mm[a];
    at[2] = f->shift_mm[index[2]][2];
}

static void see_centroid(search *s, size_t segment, const size_t index[3], const double at[3]) {
    const view_frame *f = s->frame;
    s->middles[segment].voxels++;
    for (int a = 0; a < 3; a++) {
        double half = a < 2 ? f->spacing_mm[a] / 2.0 : f->step_mm / 2.0;
        s->sums[segment][a] += at[a];
        s->low[a] = fmin(s->low[a], at[a] - half);
        s->high[a] = fmax(s->high[a], at[a] + half);
    }
    (void)index;
}

static void see_nearest(search *s, size_t segment, const size_t index[3], const double at[3]) {
    view_middle *m = &s->middles[segment];
    double distance = 0.0;
    for (int a = 0; a < 3; a++) {
        double difference = at[a] - s->sums[segment][a] / (double)m->voxels;
        distance += difference * difference;
    }
    if (distance >= s->nearest[segment])
        return;
    s->nearest[segment] = distance;
    memcpy(m->index, index, sizeof m->index);
    memcpy(m->at, at, sizeof m->at);
}

typedef void see_voxel(search *s, size_t segment, const size_t index[3], const double at[3]);

static void each_voxel(search *s, see_voxel *see) {
    const size_t *size = s->frame->size;
    const uint16_t *map = s->labels->map;
    size_t index[3];
    double at[3];
    for (index[2] = 0; index[2] < size[2]; index[2]++)
        for (index[1] = 0; index[1] < size[1]; index[1]++)
            for (index[0] = 0; index[0] < size[0]; index[0]++, map++) {
                if (*map == 0 || s->place[*map] == SIZE_MAX)
                    continue;
                locate(s->frame, index, at);
                see(s, s->place[*map], index, at);
            }
}

static void set_box(const search *s, double low[3], double high[3]) {
    for (int a = 0; a < 3; a++) {
        bool found = s->low[a] <= s->high[a];
        low[a] = found ? fmax(s->low[a], s->frame->low[a]) : s->frame->low[a];
        high[a] = found ? fmin(s->high[a], s->frame->high[a]) : s->frame->high[a];
    }
}

ul_status middles_find(const view_frame *frame, const ul_labels *labels, view_middle **middles,
    double low[3], double high[3], ul_error *error) {
    size_t count = labels->segments.count;
    search *s = malloc(sizeof *s);
    *middles = calloc(count + 1, sizeof **middles);
    double(*sums)[3] = calloc(count + 1, sizeof *sums),
    *nearest = calloc(count + 1, sizeof *nearest);
    bool room = s && *middles && sums && nearest;
    if (room) {
        s->frame = frame;
        s->labels = labels;
        s->sums = sums;
        s->nearest = nearest;
        s->middles = *middles;
        memset(s->place, 0xff, sizeof s->place);
        for (size_t n = 0; n < count; n++) {
            s->place[labels->segments.items[n].number & UINT16_MAX] = n;
            nearest[n] = INFINITY;
        }
        for (int a = 0; a < 3; a++) {
            s->low[a] = INFINITY;
            s->high[a] = -INFINITY;
        }
        each_voxel(s, see_centroid);
        each_voxel(s, see_nearest);
        if (low && high)
            set_box(s, low, high);
    } else {
        free(*middles);
        *middles = NULL;
        ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the middles of segments");
    }
    free(s);
    free(sums);
    free(nearest);
    return room ? UL_OK : UL_ERROR_LIMIT;
}
