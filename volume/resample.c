#include "volume/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The weights of output pixel n, those beyond the edges added to the edge pixels'. */
static void weigh(resampler *r, size_t n, double ratio, double width) {
    double centre = ((double)n + 0.5) * ratio - 0.5, sum = 0.0;
    long begin = (long)ceil(centre - width), end = (long)floor(centre + width);
    long last = (long)r->in - 1, first = begin < 0 ? 0 : begin;
    long latest = r->in > r->reach ? (long)(r->in - r->reach) : 0;
    first = first > latest ? latest : first;
    float *weights = r->weights + n * r->reach;
    for (long i = begin; i <= end; i++)
        sum += 1.0 - fabs((double)i - centre) / width;
    for (long i = begin; i <= end; i++) {
        long held = i < 0 ? 0 : i > last ? last : i;
        weights[held - first] += (float)((1.0 - fabs((double)i - centre) / width) / sum);
    }
    r->first[n] = (size_t)first;
}

ul_status resampler_create(
    size_t in, size_t out, double ratio, bool averaging, resampler *r, ul_error *error) {
    double width = averaging ? fmax(ratio, 1.0) : 1.0;
    size_t reach = (size_t)floor(2.0 * width) + 1;
    *r = (resampler){.in = in, .out = out, .reach = reach < in ? reach : in};
    r->first = malloc(out * sizeof *r->first);
    r->weights = calloc(out * r->reach, sizeof *r->weights);
    if (!r->first || !r->weights) {
        resampler_free(r);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory to resample slices");
    }
    for (size_t n = 0; n < out; n++)
        weigh(r, n, ratio, width);
    return UL_OK;
}

void resampler_free(resampler *r) {
    free(r->first);
    free(r->weights);
    memset(r, 0, sizeof *r);
}

void resampler_reverse(resampler *r) {
    for (size_t n = 0; n < (r->out + 1) / 2; n++) {
        size_t m = r->out - 1 - n, first = r->first[n];
        r->first[n] = r->in - r->reach - r->first[m];
        r->first[m] = r->in - r->reach - first;
    }
    for (size_t n = 0, m = r->out * r->reach; n + 1 < m; n++) {
        float held = r->weights[n];
        r->weights[n] = r->weights[--m];
        r->weights[m] = held;
    }
}

void resample_plane(
    const resampler *x, const resampler *y, const float *in, float *spare, float *out) {
    memset(spare, 0, y->out * x->in * sizeof *spare);
    for (size_t n = 0; n < y->out; n++)
        for (size_t t = 0; t < y->reach; t++) {
            const float *row = in + (y->first[n] + t) * x->in;
            float weight = y->weights[n * y->reach + t], *to = spare + n * x->in;
            for (size_t i = 0; weight != 0.0f && i < x->in; i++)
                to[i] += weight * row[i];
        }
    for (size_t j = 0; j < y->out; j++)
        for (size_t n = 0; n < x->out; n++) {
            const float *row = spare + j * x->in + x->first[n],
                        *weights = x->weights + n * x->reach;
            float sum = 0.0f;
            for (size_t t = 0; t < x->reach; t++)
                sum += weights[t] * row[t];
            out[j * x->out + n] = sum;
        }
}
