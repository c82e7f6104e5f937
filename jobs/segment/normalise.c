#include "jobs/segment/normalise.h"

#include "jobs/segment/intensity.h"

#include <math.h>
#include <stdlib.h>

static bool may_pad(const ul_volume *volume) {
    return volume->has_padding || volume->sample == UL_SAMPLE_F32 ||
           volume->sample == UL_SAMPLE_F64;
}

static value_scale scale_of(double low, double high) {
    return (value_scale){.offset = low, .factor = high > low ? 1.0 / (high - low) : 0.0, true, 0};
}

/* The scale of a range of slices. */
static ul_status measure_range(const value_range *range, const ul_normalisation *normalisation,
    value_scale *scale, ul_error *error) {
    value_moments moments = {0};
    double bounds[2] = {normalisation->low, normalisation->high};
    ul_status status = UL_OK;
    if (normalisation->kind == UL_NORMALISE_PERCENTILE)
        status = values_percentiles(range, bounds, 2, bounds, error);
    if (normalisation->kind == UL_NORMALISE_FOREGROUND)
        status = values_foreground(range, bounds, bounds, error);
    if (status == UL_OK && (normalisation->kind == UL_NORMALISE_ZSCORE || may_pad(range->volume)))
        status = values_moments(range, &moments, error);
    if (status != UL_OK)
        return status;
    *scale = scale_of(bounds[0], bounds[1]);
    if (normalisation->kind == UL_NORMALISE_NONE)
        *scale = (value_scale){.factor = 1.0};
    if (normalisation->kind == UL_NORMALISE_ZSCORE)
        *scale = (value_scale){
            .offset = moments.mean, .factor = moments.sd > 0.0 ? 1.0 / moments.sd : 0.0};
    scale->padding = moments.count ? moments.smallest : (float)scale->offset;
    return UL_OK;
}

ul_status normalise_measure(const ul_volume *volume, const orientation *o,
    const ul_normalisation *normalisation, int threads, value_scale *scales, ul_error *error) {
    const size_t *size = volume->grid.size;
    if (!normalisation->per_slice) {
        /* Any direction gives the same; as they are stored they are read fastest. */
        orientation stored = orientation_stored(&volume->grid);
        const value_range all = {volume, &stored, 0, size[2], threads, NULL};
        return measure_range(&all, normalisation, scales, error);
    }
    ul_status status = UL_OK;
    for (size_t z = 0; status == UL_OK && z < o->size[2]; z++) {
        const value_range one = {volume, o, z, z + 1, threads, NULL};
        status = measure_range(&one, normalisation, &scales[z], error);
    }
    return status;
}

void normalise_apply(
    const value_scale *scale, const uint8_t *mask, size_t pixels, size_t channels, float *values) {
    for (size_t i = 0; mask && i < pixels * channels; i++)
        if (mask[i / channels])
            values[i] = scale->padding;
    for (size_t i = 0; i < pixels * channels; i++) {
        double v = ((double)values[i] - scale->offset) * scale->factor;
        if (scale->clips)
            v = v > 0.0 ? v < 1.0 ? v : 1.0 : 0.0;
        values[i] = (float)v;
    }
}
