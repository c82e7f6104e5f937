#include "volume/label_values.h"
#include "volume/planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_VALUES = 65536 };

/* The largest distance from a whole number: what float32 scaling factors leave. */
#define WHOLE_TOLERANCE 1e-3

static ul_status copy_slice(const ul_volume *volume, size_t k, float *values, uint8_t *mask,
    uint16_t *map, uint8_t *occurs, ul_error *error) {
    size_t columns = volume->grid.size[0], pixels = columns * volume->grid.size[1];
    ul_volume_slice(volume, k, values);
    bool holes = ul_volume_padding(volume, k, mask) > 0;
    for (size_t n = 0; n < pixels; n++) {
        if (holes && mask[n])
            return ul_error_set(error, UL_ERROR_INPUT,
                "voxel (%zu, %zu, %zu) is no number: labels are whole numbers from 0 to 65535",
                n % columns, n / columns, k);
        float whole = roundf(values[n]);
        if (!(whole >= 0.0f && whole < (float)LABEL_VALUES) ||
            fabsf(values[n] - whole) > WHOLE_TOLERANCE)
            return ul_error_set(error, UL_ERROR_INPUT,
                "voxel (%zu, %zu, %zu) is %g: labels are whole numbers from 0 to 65535",
                n % columns, n / columns, k, (double)values[n]);
        map[n] = (uint16_t)whole;
        occurs[map[n]] = 1;
    }
    return UL_OK;
}

static ul_status name_segments(const uint8_t *occurs, ul_segments *segments, ul_error *error) {
    size_t count = 0;
    for (size_t value = 1; value < LABEL_VALUES; value++)
        count += occurs[value];
    if (count == 0)
        return UL_OK;
    segments->items = calloc(count, sizeof *segments->items);
    if (!segments->items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu segments", count);
    for (unsigned value = 1; value < LABEL_VALUES; value++)
        if (occurs[value])
            ul_segment_init(&segments->items[segments->count++], value);
    return UL_OK;
}

ul_status labels_from_volume(const ul_volume *volume, ul_labels *labels, ul_error *error) {
    memset(labels, 0, sizeof *labels);
    if (volume->channels != 1)
        return ul_error_set(
            error, UL_ERROR_INPUT, "labels are grey, this has %zu channels", volume->channels);
    static const ul_segments none = {0};
    size_t pixels = volume->grid.size[0] * volume->grid.size[1];
    float *values = malloc((pixels + 1) * sizeof *values);
    uint8_t *occurs = calloc(LABEL_VALUES, 1), *mask = malloc(pixels + 1);
    ul_status status = UL_OK;
    if (!values || !occurs || !mask)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a slice of labels");
    if (status == UL_OK)
        status = ul_labels_create(&volume->grid, &none, false, labels, error);
    for (size_t k = 0; k < volume->grid.size[2] && status == UL_OK; k++)
        status = copy_slice(volume, k, values, mask, labels->map + k * pixels, occurs, error);
    if (status == UL_OK)
        status = name_segments(occurs, &labels->segments, error);
    if (status != UL_OK)
        ul_labels_free(labels);
    free(values);
    free(mask);
    free(occurs);
    return status;
}

ul_status ul_labels_from_array(const uint16_t *numbers, size_t count, const ul_grid *grid,
    ul_labels *labels, ul_error *error) {
    static const ul_segments none = {0};
    memset(labels, 0, sizeof *labels);
    if (count != grid->size[0] * grid->size[1] * grid->size[2])
        return ul_error_set(error, UL_ERROR_USAGE, "%zu numbers for a grid of %zu x %zu x %zu",
            count, grid->size[0], grid->size[1], grid->size[2]);
    uint8_t *occurs = calloc(LABEL_VALUES, 1);
    ul_status status = occurs ? ul_labels_create(grid, &none, false, labels, error)
                              : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for labels");
    for (size_t n = 0; status == UL_OK && n < count; n++)
        occurs[labels->map[n] = numbers[n]] = 1;
    if (status == UL_OK)
        status = name_segments(occurs, &labels->segments, error);
    if (status != UL_OK)
        ul_labels_free(labels);
    free(occurs);
    return status;
}
