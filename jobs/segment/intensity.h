/* Statistics of the real-world values of a volume, padding left out, without a copy of them. */
#pragma once

#include "ulite/card.h"
#include "volume/orient.h"

/* Slices begin to end - 1 of an orientation. RGB counts with all three channels. */
typedef struct value_range {
    const ul_volume *volume;
    const orientation *o;
    size_t begin, end;
    int threads;         /* 0: ul_default_threads() */
    const double *above; /* only values above it count; NULL: all */
} value_range;

typedef struct value_moments {
    size_t count;    /* all else is 0 where there are no values */
    double mean, sd; /* population */
    float smallest;
} value_moments;

/* Exact percentiles 0..100, interpolated between the two nearest values; 0 where there are none.
 * percents and results may be one array; at most 4. Errors: UL_ERROR_LIMIT. */
ul_status values_percentiles(const value_range *range, const double *percents, size_t count,
    double *results, ul_error *error);

/* The foreground of grey values: those above a tenth of the way from their 1st to their 99th
 * percentile, which a few bright voxels do not move; the background's share then moves the
 * percentiles of the others no more. */
#define VALUES_FOREGROUND_SHARE 0.1

/* The percentiles percents[0] and percents[1] of the foreground: bounds[2]; both are the 99th
 * percentile where nothing lies above it. Errors: UL_ERROR_LIMIT. */
ul_status values_foreground(
    const value_range *range, const double percents[2], double bounds[2], ul_error *error);

/* The same of values in memory, all finite, which it reorders; for count 0 the bounds are 0. For
 * images that are drawn rather than read. */
void values_foreground_of(float *values, size_t count, const double percents[2], double bounds[2]);

/* Values of a volume on the scale that a network was trained on. */

/* Maps real-world values: (v - offset) * factor, to 0..1 where it clips. */
typedef struct value_scale {
    double offset, factor;
    bool clips;
    float padding; /* real-world value that padding pixels get: the smallest of the others */
} value_scale;

/* The scale of every slice of o, where the card normalises slices alone, else the one of all. Reads
 * the volume slice by slice, on so many threads (0: all); padding is left out. scales: [o->size[2]]
 * or [1], the caller's. Errors: UL_ERROR_LIMIT. */
ul_status normalise_measure(const ul_volume *volume, const orientation *o,
    const ul_normalisation *normalisation, int threads, value_scale *scales, ul_error *error);

/* Scales values [pixels][channels] in place; mask [pixels] is 1 on padding, or NULL. */
void normalise_apply(
    const value_scale *scale, const uint8_t *mask, size_t pixels, size_t channels, float *values);
