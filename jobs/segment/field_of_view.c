#include "jobs/segment/field_of_view.h"

#include "volume/planes.h"

#include <math.h>
#include <stdlib.h>

/* What has a label ends in a plane where its section there is so large a part of the largest one:
 * an ellipsoid has that at an eighth of its half axis. */
static const double LEAST_SECTION = 0.25;

/* A slice along one axis. */
typedef struct section {
    float value;     /* of its first voxel */
    bool varies;     /* another voxel has another one */
    size_t labelled; /* voxels */
} section;

static bool same(float a, float b) {
    return a == b || (isnan(a) && isnan(b));
}

static void add(section *s, float value, bool first, bool labelled) {
    if (first)
        s->value = value;
    s->varies |= !same(s->value, value);
    s->labelled += labelled;
}

/* The slices along all axes: along[a] are those of axis a. values: room for a slice. */
static void measure(
    const ul_volume *volume, const ul_labels *labels, float *values, section *along[3]) {
    const size_t *size = volume->grid.size;
    const uint16_t *map = labels->map;
    for (size_t k = 0; k < size[2]; k++) {
        const float *value = values;
        ul_volume_slice(volume, k, values);
        for (size_t j = 0; j < size[1]; j++)
            for (size_t i = 0; i < size[0]; i++, value++, map++) {
                add(&along[0][i], *value, j == 0 && k == 0, *map != 0);
                add(&along[1][j], *value, i == 0 && k == 0, *map != 0);
                add(&along[2][k], *value, i == 0 && j == 0, *map != 0);
            }
    }
}

/* The outermost slice, counted from the low or the high end, that is not of one value with all
 * beyond it; 0 where there is none. */
static size_t count_filled(const section *sections, size_t count, bool high) {
    const section *end = &sections[high ? count - 1 : 0];
    for (size_t n = 0; n < count; n++) {
        const section *s = &sections[high ? count - 1 - n : n];
        if (s->varies || !same(s->value, end->value))
            return n;
    }
    return 0;
}

/* How many slices from an end what has a label ends in a plane; 0 where it does not. */
static size_t find_cut(const section *sections, size_t count, bool high) {
    size_t largest = 0, filled = count_filled(sections, count, high);
    for (size_t n = 0; n < count; n++)
        largest = sections[n].labelled > largest ? sections[n].labelled : largest;
    /* Interpolation may have blurred the edge: then the next slice is the first of the image, and
     * twice as deep in what is round. */
    for (size_t depth = 1; filled > 0 && depth <= 2 && filled + depth <= count; depth++) {
        size_t n = filled + depth - 1, labelled = sections[high ? count - 1 - n : n].labelled;
        if ((double)labelled > LEAST_SECTION * (double)depth * (double)largest)
            return n;
    }
    return 0;
}

field_of_view field_of_view_find(const ul_volume *volume, const ul_labels *labels) {
    const size_t *size = volume->grid.size;
    field_of_view view = {.last = {size[0] - 1, size[1] - 1, size[2] - 1}};
    section *sections = calloc(size[0] + size[1] + size[2], sizeof *sections);
    float *values = malloc(size[0] * size[1] * sizeof *values);
    if (sections && values && volume->channels == 1) {
        section *along[3] = {sections, sections + size[0], sections + size[0] + size[1]};
        measure(volume, labels, values, along);
        for (int a = 0; a < 3; a++) {
            view.first[a] = find_cut(along[a], size[a], false);
            view.last[a] = size[a] - 1 - find_cut(along[a], size[a], true);
        }
    }
    free(values);
    free(sections);
    return view;
}
