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
    bool varies;     /* another voxel has another one; not told along i */
    size_t labelled; /* voxels */
} section;

static bool same(float a, float b) {
    return a == b || (isnan(a) && isnan(b));
}

/* Voxels of one value at an end of the rows. */
typedef struct filling {
    float value;
    size_t voxels;
} filling;

static filling find_filling(const float *row, size_t width, bool high) {
    filling own = {row[high ? width - 1 : 0], 1};
    while (own.voxels < width && same(row[high ? width - 1 - own.voxels : own.voxels], own.value))
        own.voxels++;
    return own;
}

/* What two rows have in common. */
static filling join(filling a, filling b) {
    size_t fewer = a.voxels < b.voxels ? a.voxels : b.voxels;
    return (filling){a.value, same(a.value, b.value) ? fewer : 0};
}

static void add_row(section *s, float value, bool varies, bool first) {
    if (first)
        s->value = value;
    s->varies = s->varies || varies || !same(s->value, value);
}

/* Which slices along j and k vary, and how many along i do not, from the low and the high end.
 * values: room for a slice. */
static void measure_image(
    const ul_volume *volume, float *values, section *along[3], size_t filled[2]) {
    const size_t *size = volume->grid.size, width = size[0];
    filling low = {0}, high = {0};
    for (size_t k = 0; k < size[2]; k++) {
        ul_volume_slice(volume, k, values);
        for (size_t j = 0; j < size[1]; j++) {
            const float *row = values + j * width;
            const filling own_low = find_filling(row, width, false);
            const filling own_high = find_filling(row, width, true);
            const bool first = j == 0 && k == 0, varies = own_low.voxels < width;
            low = first ? own_low : join(low, own_low);
            high = first ? own_high : join(high, own_high);
            add_row(&along[1][j], row[0], varies, k == 0);
            add_row(&along[2][k], row[0], varies, j == 0);
        }
    }
    filled[0] = low.voxels;
    filled[1] = high.voxels;
}

static void count_labelled(const ul_labels *labels, section *along[3]) {
    const size_t *size = labels->grid.size;
    const uint16_t *map = labels->map;
    for (size_t k = 0; k < size[2]; k++)
        for (size_t j = 0; j < size[1]; j++) {
            size_t row = 0;
            for (size_t i = 0; i < size[0]; i++, map++) {
                along[0][i].labelled += *map != 0;
                row += *map != 0;
            }
            along[1][j].labelled += row;
            along[2][k].labelled += row;
        }
}

/* How many slices, from the low or the high end, are of one value. */
static size_t count_filled(const section *sections, size_t count, bool high) {
    const section *end = &sections[high ? count - 1 : 0];
    size_t filled = 0;
    while (filled < count) {
        const section *s = &sections[high ? count - 1 - filled : filled];
        if (s->varies || !same(s->value, end->value))
            break;
        filled++;
    }
    return filled;
}

/* How many slices from an end what has a label ends in a plane; 0 where it does not. */
static size_t find_cut(const section *sections, size_t count, size_t filled, bool high) {
    size_t largest = 0;
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
        size_t filled[3][2];
        measure_image(volume, values, along, filled[0]);
        count_labelled(labels, along);
        for (int a = 0; a < 3; a++) {
            for (int high = 0; a > 0 && high < 2; high++)
                filled[a][high] = count_filled(along[a], size[a], high);
            view.first[a] = find_cut(along[a], size[a], filled[a][0], false);
            view.last[a] -= find_cut(along[a], size[a], filled[a][1], true);
        }
    }
    free(values);
    free(sections);
    return view;
}
