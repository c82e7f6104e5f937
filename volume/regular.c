#include "ulite/volume.h"
#include "volume/planes.h"

#include "volume/vec3.h"

#include <stdlib.h>
#include <string.h>

/* Parts of a pixel or step that rounded positions are off: no interpolation for them. */
#define SAME_PLACE 1e-3

/* A slice stands for this many steps into a gap; half, and what rounding adds. */
#define GAP_REACH_STEPS 0.501

/* What a source with a slice far off would need more of. */
enum { MAX_SLICES = 65536, MAX_PIXELS = 65535 };

/* Where slice k lies: from the grid's first pixel along its axes, pixels, and its normal, mm. */
static void slice_place(const ul_grid *grid, const double origin[3], size_t k, double place[3]) {
    double away[3], normal[3];
    ul_grid_normal(grid, normal);
    vec3_add(grid->origin_mm[k], -1, origin, away);
    place[0] = vec3_dot(away, grid->axis_i) / grid->spacing_mm[0];
    place[1] = vec3_dot(away, grid->axis_j) / grid->spacing_mm[1];
    place[2] = vec3_dot(away, normal);
}

/* Moves the first pixel and widens the slices so that they cover all of the source's. */
static void cover(const ul_grid *grid, ul_grid *regular, double first[3]) {
    double low[2] = {0.0, 0.0}, high[2] = {0.0, 0.0};
    for (size_t k = 0; k < grid->size[2]; k++) {
        double place[3];
        slice_place(grid, grid->origin_mm[0], k, place);
        for (int t = 0; t < 2; t++) {
            low[t] = fmin(low[t], place[t]);
            high[t] = fmax(high[t], place[t]);
        }
    }
    for (int t = 0; t < 2; t++)
        regular->size[t] =
            grid->size[t] + (size_t)fmin(ceil(high[t] - low[t] - 0.05), (double)MAX_PIXELS);
    vec3_add(grid->origin_mm[0], low[0] * grid->spacing_mm[0], grid->axis_i, first);
    vec3_add(first, low[1] * grid->spacing_mm[1], grid->axis_j, first);
}

ul_status ul_grid_regular(const ul_grid *grid, ul_grid *regular, ul_error *error) {
    if (grid->stack == UL_STACK_REGULAR)
        return ul_grid_copy(grid, regular, error);
    if (grid->stack == UL_STACK_UNPLACED)
        return ul_error_set(error, UL_ERROR_GEOMETRY, "images without positions have no even grid");
    double step = grid->median_step_mm, first[3], normal[3];
    if (!(step > 0.0))
        return ul_error_set(
            error, UL_ERROR_GEOMETRY, "the slices lie in one plane: no even grid holds them");
    ul_grid even = *grid;
    even.slice_mm = NULL;
    cover(grid, &even, first);
    double length = ul_grid_offset_mm(grid, grid->size[2] - 1) - ul_grid_offset_mm(grid, 0);
    double count = rint(fabs(length) / step) + 1;
    if (!(count <= MAX_SLICES) || !(even.size[0] <= MAX_PIXELS && even.size[1] <= MAX_PIXELS))
        return ul_error_set(error, UL_ERROR_LIMIT,
            "an even grid of %.0f slices of %zux%zu pixels would be needed", count, even.size[0],
            even.size[1]);
    even.size[2] = (size_t)count;
    step = length / (double)(even.size[2] - 1);
    even.origin_mm = malloc(even.size[2] * sizeof *even.origin_mm);
    if (!even.origin_mm)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for an even grid");
    ul_grid_normal(grid, normal);
    for (size_t k = 0; k < even.size[2]; k++)
        vec3_add(first, (double)k * step, normal, even.origin_mm[k]);
    ul_grid_classify(&even);
    *regular = even;
    return UL_OK;
}

/* Which source slices lie before and after a slice of the even grid, and how far on it is. */
typedef struct between {
    size_t slice[2];
    double way;         /* 0 on the first to 1 on the second */
    double shift[2][2]; /* of each slice: pixel (x, y) of the even grid is its (x, y) + shift */
} between;

static between find_slices(const ul_grid *grid, const ul_grid *even, size_t k) {
    between b = {.way = 0.0};
    double here = fabs(ul_grid_offset_mm(even, k) - ul_grid_offset_mm(grid, 0)), place[3];
    size_t last = grid->size[2] - 1, before = 0;
#define AWAY(n) fabs(ul_grid_offset_mm(grid, n) - ul_grid_offset_mm(grid, 0))
    while (before + 1 < last && AWAY(before + 1) <= here)
        before++;
    b.slice[0] = before;
    b.slice[1] = before + 1;
    b.way = (here - AWAY(before)) / (AWAY(before + 1) - AWAY(before));
#undef AWAY
    b.way = b.way < SAME_PLACE ? 0.0 : b.way > 1.0 - SAME_PLACE ? 1.0 : b.way;
    for (int n = 0; n < 2; n++) {
        slice_place(grid, even->origin_mm[k], b.slice[n], place);
        b.shift[n][0] = -place[0];
        b.shift[n][1] = -place[1];
    }
    return b;
}

bool ul_grid_in_gap(const ul_grid *grid, const ul_grid *regular, size_t k) {
    if (grid->stack != UL_STACK_UNEVEN)
        return false;
    size_t before = find_slices(grid, regular, k).slice[0];
    double here = ul_grid_offset_mm(regular, k), step = fabs(ul_grid_step_mm(regular));
    double away = fmin(fabs(here - ul_grid_offset_mm(grid, before)),
        fabs(here - ul_grid_offset_mm(grid, before + 1)));
    return away > GAP_REACH_STEPS * step && ul_grid_gap_after(grid, before);
}

size_t ul_grid_slices_in_gaps(const ul_grid *grid, const ul_grid *regular) {
    size_t count = 0;
    for (size_t k = 0; k < regular->size[2]; k++)
        count += ul_grid_in_gap(grid, regular, k);
    return count;
}

/* Where a place along one axis lies: between pixels at[0] and at[1]; false outside. */
static bool find_pixels(double place, size_t size, size_t at[2], double *way) {
    if (place < -0.5 - SAME_PLACE || place > (double)size - 0.5 + SAME_PLACE)
        return false;
    place = fmin(fmax(place, 0.0), (double)size - 1.0);
    double nearest = rint(place);
    place = fabs(place - nearest) < SAME_PLACE ? nearest : place;
    at[0] = (size_t)place;
    at[1] = at[0] + 1 < size ? at[0] + 1 : at[0];
    *way = place - (double)at[0];
    return true;
}

/* a to b; a weight of 0 leaves out what is not a number. */
static double mix(double a, double b, double way) {
    return way == 0.0 ? a : way == 1.0 ? b : a + way * (b - a);
}

static double sample(const float *slice, const size_t size[2], double x, double y) {
    size_t i[2], j[2];
    double right, down;
    if (!find_pixels(x, size[0], i, &right) || !find_pixels(y, size[1], j, &down))
        return NAN;
    const float *top = slice + j[0] * size[0], *bottom = slice + j[1] * size[0];
    return mix(mix((double)top[i[0]], (double)top[i[1]], right),
        mix((double)bottom[i[0]], (double)bottom[i[1]], right), down);
}

/* Values of a slice, padding as not a number. */
static void read_slice(const ul_volume *volume, size_t k, uint8_t *mask, float *values) {
    size_t area = volume->grid.size[0] * volume->grid.size[1];
    ul_volume_slice(volume, k, values);
    if (ul_volume_padding(volume, k, mask) == 0)
        return;
    for (size_t i = 0; i < area; i++)
        if (mask[i])
            values[i] = NAN;
}

/* Slice k of the even grid holds nothing. */
static void empty_slice(size_t k, ul_volume *regular) {
    size_t area = regular->grid.size[0] * regular->grid.size[1];
    for (size_t n = k * area; n < (k + 1) * area; n++)
        ((float *)regular->samples)[n] = NAN;
}

/* The even grid's slice k. room: two slices of the source and a mask. */
static void fill_slice(const ul_volume *volume, size_t k, float *room, ul_volume *regular) {
    const size_t *size = volume->grid.size, *even = regular->grid.size;
    float *slices[2] = {room, room + size[0] * size[1]};
    float *out = (float *)regular->samples + k * even[0] * even[1];
    between b = find_slices(&volume->grid, &regular->grid, k);
    for (int n = 0; n < 2; n++)
        read_slice(volume, b.slice[n], (uint8_t *)(room + 2 * size[0] * size[1]), slices[n]);
    for (size_t y = 0; y < even[1]; y++)
        for (size_t x = 0; x < even[0]; x++) {
            double value[2] = {0.0, 0.0};
            for (int n = 0; n < 2; n++)
                if (n == 0 ? b.way < 1.0 : b.way > 0.0)
                    value[n] = sample(
                        slices[n], size, (double)x + b.shift[n][0], (double)y + b.shift[n][1]);
            *out++ = (float)mix(value[0], value[1], b.way);
        }
}

/* The smallest value takes the place of what is not a number. */
static void fill_outside(ul_volume *regular) {
    const size_t *size = regular->grid.size;
    float *values = regular->samples, smallest = INFINITY;
    for (size_t n = 0; n < size[0] * size[1] * size[2]; n++)
        smallest = fminf(smallest, values[n]);
    for (size_t n = 0; n < size[0] * size[1] * size[2]; n++)
        if (isnan(values[n]))
            values[n] = isinf(smallest) ? 0.0f : smallest;
}

ul_status ul_volume_regular(
    const ul_volume *volume, ul_outside outside, ul_volume *regular, ul_error *error) {
    ul_grid grid;
    size_t area = volume->grid.size[0] * volume->grid.size[1];
    memset(regular, 0, sizeof *regular);
    if (volume->channels != 1)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED, "colours are not brought on an even grid");
    ul_status status = ul_grid_regular(&volume->grid, &grid, error);
    if (status != UL_OK)
        return status;
    status = ul_volume_create(&grid, 1, UL_SAMPLE_F32, regular, error);
    ul_grid_free(&grid);
    float *room = malloc(3 * area * sizeof *room);
    if (status == UL_OK && !room) {
        ul_volume_free(regular);
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for an even grid");
    }
    for (size_t k = 0; status == UL_OK && k < regular->grid.size[2]; k++)
        if (outside == UL_OUTSIDE_SMALLEST && ul_grid_in_gap(&volume->grid, &regular->grid, k))
            empty_slice(k, regular);
        else if (volume->grid.size[2] > 1)
            fill_slice(volume, k, room, regular);
        else
            read_slice(volume, 0, (uint8_t *)(room + 2 * area), regular->samples);
    free(room);
    if (status != UL_OK)
        return status;
    if (outside == UL_OUTSIDE_SMALLEST)
        fill_outside(regular);
    memcpy(regular->modality, volume->modality, sizeof regular->modality);
    memcpy(regular->body_part, volume->body_part, sizeof regular->body_part);
    return UL_OK;
}

ul_status ul_volume_make_regular(ul_volume *volume, ul_outside outside, ul_error *error) {
    ul_volume regular;
    if (volume->grid.stack == UL_STACK_REGULAR)
        return UL_OK;
    ul_status status = ul_volume_regular(volume, outside, &regular, error);
    if (status != UL_OK)
        return status;
    ul_volume_free(volume);
    *volume = regular;
    return UL_OK;
}

/* Copies the voxels nearest to slice k of the even grid, of the map and of each segment's
 * fractions. */
static void copy_nearest(const ul_labels *labels, size_t k, ul_labels *regular) {
    const size_t *size = labels->grid.size, *even = regular->grid.size;
    size_t from_voxels = size[0] * size[1] * size[2], to_voxels = even[0] * even[1] * even[2];
    between b = {.way = 0.0};
    if (size[2] > 1)
        b = find_slices(&labels->grid, &regular->grid, k);
    int n = b.way > 0.5;
    for (size_t y = 0; y < even[1]; y++)
        for (size_t x = 0; x < even[0]; x++) {
            double i = floor((double)x + b.shift[n][0] + 0.5);
            double j = floor((double)y + b.shift[n][1] + 0.5);
            if (i < 0.0 || j < 0.0 || i >= (double)size[0] || j >= (double)size[1])
                continue;
            size_t from = (b.slice[n] * size[1] + (size_t)j) * size[0] + (size_t)i;
            size_t to = (k * even[1] + y) * even[0] + x;
            regular->map[to] = labels->map[from];
            for (size_t s = 0; labels->fractions && s < labels->segments.count; s++)
                regular->fractions[s * to_voxels + to] = labels->fractions[s * from_voxels + from];
        }
}

ul_status ul_labels_regular(const ul_labels *labels, ul_labels *regular, ul_error *error) {
    ul_grid grid;
    memset(regular, 0, sizeof *regular);
    ul_status status = ul_grid_regular(&labels->grid, &grid, error);
    if (status != UL_OK)
        return status;
    status = ul_labels_create(&grid, &labels->segments, labels->fractions != NULL, regular, error);
    for (size_t k = 0; status == UL_OK && k < grid.size[2]; k++)
        if (!ul_grid_in_gap(&labels->grid, &grid, k))
            copy_nearest(labels, k, regular);
    if (status == UL_OK)
        regular->provenance = labels->provenance;
    ul_grid_free(&grid);
    return status;
}
