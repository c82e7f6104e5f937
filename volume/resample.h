/* Linear resampling of planes; pixel centres lie at half pixels, so that the field of view stays.
 */
#pragma once

#include "ulite/error.h"

/* One axis: pixel n of the output lies at pixel (n + 0.5) * ratio - 0.5 of the input, whose edge
 * pixels reach on beyond it. Zero-initialise. */
typedef struct resampler {
    size_t in, out, reach; /* reach: input pixels that count for one */
    size_t *first;         /* [out], owned */
    float *weights;        /* [out][reach], owned */
} resampler;

/* averaging: pixels that are coarser than the input's average over their width (a wider triangle),
 * so that nothing aliases; else values between the two nearest. Errors: UL_ERROR_LIMIT. */
ul_status resampler_create(
    size_t in, size_t out, double ratio, bool averaging, resampler *r, ul_error *error);
void resampler_free(resampler *r);

/* Counts both input and output from the other end. */
void resampler_reverse(resampler *r);

/* in [y->in][x->in] to out [y->out][x->out]; spare [y->out][x->in]. */
void resample_plane(
    const resampler *x, const resampler *y, const float *in, float *spare, float *out);
