#include "normalise.h"

#include <math.h>
#include <stdlib.h>

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* By linear interpolation between sorted values. */
static double percentile(const float *sorted, size_t count, double percent) {
    double place = percent / 100.0 * (double)(count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= count)
        return (double)sorted[count - 1];
    return (double)sorted[below] +
           (place - (double)below) * (double)(sorted[below + 1] - sorted[below]);
}

/* The two numbers that map values: (v - offset) * factor. */
typedef struct mapping {
    double offset, factor;
} mapping;

/* counted holds the count values that statistics see; percentiles sort it. */
static mapping find_mapping(const ul_normalisation *normalisation, float *counted, size_t count) {
    double low = normalisation->low, high = normalisation->high;
    if (normalisation->kind == UL_NORMALISE_ZSCORE) {
        double sum = 0.0, squares = 0.0;
        for (size_t i = 0; i < count; i++)
            sum += (double)counted[i];
        double mean = count ? sum / (double)count : 0.0;
        for (size_t i = 0; i < count; i++)
            squares += ((double)counted[i] - mean) * ((double)counted[i] - mean);
        double sd = count ? sqrt(squares / (double)count) : 0.0;
        return (mapping){mean, sd > 0.0 ? 1.0 / sd : 0.0};
    }
    if (normalisation->kind == UL_NORMALISE_PERCENTILE) {
        if (count == 0)
            return (mapping){0.0, 0.0};
        qsort(counted, count, sizeof *counted, compare_floats);
        low = percentile(counted, count, normalisation->low);
        high = percentile(counted, count, normalisation->high);
    }
    return (mapping){low, high > low ? 1.0 / (high - low) : 0.0};
}

static void apply(const ul_normalisation *normalisation, mapping m, float *values, size_t count) {
    bool clip = normalisation->kind != UL_NORMALISE_ZSCORE;
    for (size_t i = 0; i < count; i++) {
        double v = ((double)values[i] - m.offset) * m.factor;
        values[i] = (float)(clip ? fmin(fmax(v, 0.0), 1.0) : v);
    }
}

/* Copies what statistics see of count slices from first on; returns how many values that is. */
static size_t collect(const ul_volume *volume, const float *values, size_t first, size_t count,
    uint8_t *mask, float *counted) {
    size_t area = volume->grid.size[0] * volume->grid.size[1], channels = volume->channels, n = 0;
    for (size_t k = first; k < first + count; k++) {
        const float *slice = values + k * area * channels;
        size_t padding = ul_volume_padding(volume, k, mask);
        for (size_t i = 0; i < area * channels; i++)
            if (padding == 0 || !mask[i / channels])
                counted[n++] = slice[i];
    }
    return n;
}

ul_status normalise_volume(const ul_volume *volume, const ul_normalisation *normalisation,
    float *values, ul_error *error) {
    const size_t *size = volume->grid.size;
    size_t slice = size[0] * size[1] * volume->channels;
    for (size_t k = 0; k < size[2]; k++)
        ul_volume_slice(volume, k, values + k * slice);
    if (normalisation->kind == UL_NORMALISE_NONE)
        return UL_OK;
    size_t span = normalisation->per_slice ? 1 : size[2];
    float *counted = malloc(span * slice * sizeof *counted);
    uint8_t *mask = malloc(size[0] * size[1]);
    ul_status status = UL_OK;
    if (!counted || !mask)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory to normalise a volume");
    for (size_t k = 0; status == UL_OK && k < size[2]; k += span) {
        size_t count = collect(volume, values, k, span, mask, counted);
        apply(normalisation, find_mapping(normalisation, counted, count), values + k * slice,
            span * slice);
    }
    free(counted);
    free(mask);
    return status;
}
