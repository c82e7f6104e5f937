#include "jobs/segment/surroundings.h"

#include "libulite/base/sort.h"
#include "volume/planes.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { MOST_SAMPLES = 1 << 16 }; /* of what has a label */

typedef struct surroundings {
    const ul_volume *volume;
    const ul_labels *labels;
    float *values; /* [area] of a slice */
    uint8_t *mask; /* [area] 1: padding */
} surroundings;

static size_t count_labelled(const ul_labels *labels) {
    size_t count = 0, voxels = labels->grid.size[0] * labels->grid.size[1] * labels->grid.size[2];
    for (size_t n = 0; n < voxels; n++)
        count += labels->map[n] != 0;
    return count;
}

/* The third quartile of the labelled values, by every `every`-th of them. sorted: room for
 * MOST_SAMPLES. */
static double bright_label(const surroundings *s, size_t every, double *sorted) {
    const size_t *size = s->volume->grid.size, area = size[0] * size[1];
    size_t met = 0, count = 0;
    for (size_t k = 0; k < size[2]; k++) {
        const uint16_t *map = s->labels->map + k * area;
        ul_volume_slice(s->volume, k, s->values);
        for (size_t n = 0; n < area && count < MOST_SAMPLES; n++)
            if (map[n] && met++ % every == 0)
                sorted[count++] = (double)s->values[n];
    }
    ul_sort_doubles(sorted, count);
    return sorted[count - 1 - count / 4];
}

static double brighter_on_faces(const surroundings *s, double than) {
    const size_t *size = s->volume->grid.size;
    size_t all = 0, brighter = 0;
    for (size_t k = 0; k < size[2]; k++) {
        ul_volume_slice(s->volume, k, s->values);
        bool padded = ul_volume_padding(s->volume, k, s->mask) > 0;
        bool end = k == 0 || k + 1 == size[2];
        for (size_t j = 0, n = 0; j < size[1]; j++)
            for (size_t i = 0; i < size[0]; i++, n++) {
                bool face = end || j == 0 || j + 1 == size[1] || i == 0 || i + 1 == size[0];
                if (!face || (padded && s->mask[n]))
                    continue;
                all++;
                brighter += (double)s->values[n] > than;
            }
    }
    return all ? (double)brighter / (double)all : NAN;
}

double surroundings_brighter(const ul_volume *volume, const ul_labels *labels) {
    const size_t *size = volume->grid.size, labelled = count_labelled(labels);
    if (volume->channels != 1 || labelled == 0)
        return NAN;
    surroundings s = {
        volume, labels, malloc(size[0] * size[1] * sizeof *s.values), malloc(size[0] * size[1])};
    double *sorted = malloc(MOST_SAMPLES * sizeof *sorted), share = NAN;
    if (s.values && s.mask && sorted)
        share = brighter_on_faces(&s, bright_label(&s, labelled / MOST_SAMPLES + 1, sorted));
    free(sorted);
    free(s.mask);
    free(s.values);
    return share;
}
