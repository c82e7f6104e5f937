#include "libulite/infer/fold.h"

#include "libulite/kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAPS 7
#define BRANCH_TAPS 3

/* --- Layout ---------------------------------------------------------------------------------- */

typedef struct pool {
    float *base;
    size_t used;
} pool;

static float *take(pool *p, size_t floats) {
    float *array = p->base ? p->base + p->used : NULL;
    p->used += ul_pad_channels(floats); /* keeps every array on a 64-byte boundary */
    return array;
}

size_t ul_fold_layout(ul_folded *f, const ul_model_shape *shape, bool grey, float *base) {
    pool p = {.base = base};
    *f = (ul_folded){.input_channels = grey ? 1 : shape->input_channels,
        .classes = shape->classes,
        .bottleneck = ul_pad_channels(shape->bottleneck)};
    for (int i = 0; i < UL_STAGES; i++)
        f->width[i] = ul_pad_channels(shape->width[i]);
    f->conv_in = take(&p, f->width[0] * f->input_channels * TAPS * TAPS);
    f->conv_in_bias = take(&p, f->width[0]);
    for (int i = 0; i < UL_DEPTH; i++) {
        ul_folded_encoder *e = &f->encoder[i];
        e->cross = take(&p, f->width[i] * 2 * TAPS);
        e->pw = take(&p, f->width[i] * f->width[i + 1]);
        e->pw_bias = take(&p, f->width[i + 1]);
    }
    f->pw1 = take(&p, f->width[5] * f->bottleneck);
    f->pw1_bias = take(&p, f->bottleneck);
    for (int i = 0; i < UL_BRANCHES; i++)
        f->cross[i] = take(&p, f->bottleneck * 2 * BRANCH_TAPS);
    f->pw2 = take(&p, 4 * f->bottleneck * f->width[5]);
    f->pw2_bias = take(&p, f->width[5]);
    for (int i = UL_DEPTH - 1; i >= 0; i--) {
        ul_folded_decoder *d = &f->decoder[i];
        d->low = take(&p, f->width[i + 1] * f->width[i]);
        d->low_bias = take(&p, f->width[i]);
        d->skip = take(&p, f->width[i] * f->width[i]);
        d->cross = take(&p, f->width[i] * 2 * TAPS);
        d->pw2 = take(&p, f->width[i] * f->width[i]);
        d->pw2_bias = take(&p, f->width[i]);
    }
    f->project = take(&p, f->classes * f->width[0]);
    f->project_bias = take(&p, f->classes);
    return p.used;
}

/* --- Folding --------------------------------------------------------------------------------- */

/* The tensor block.name.suffix, which every open model has. */
static const float *values(
    const ul_model *model, const char *block, const char *name, const char *suffix) {
    char full[48];
    snprintf(full, sizeof full, "%s%s%s.%s", block, *name ? "." : "", name, suffix);
    ul_tensor tensor = {0};
    ul_model_tensor(model, full, &tensor);
    return tensor.data;
}

/* A block's batch norm as y = scale * x + shift. */
static void norm(
    const ul_model *model, const char *block, size_t channels, float *scale, float *shift) {
    const float *weight = values(model, block, "bn", "weight");
    const float *bias = values(model, block, "bn", "bias");
    const float *mean = values(model, block, "bn", "running_mean");
    const float *var = values(model, block, "bn", "running_var");
    for (size_t c = 0; c < channels; c++) {
        double factor = weight[c] / sqrt((double)var[c] + UL_NORM_EPSILON);
        scale[c] = (float)factor;
        shift[c] = (float)(bias[c] - mean[c] * factor);
    }
}

static void fold_cross(float *packed, const ul_model *model, const char *block, const char *name,
    size_t channels, size_t taps, const float *scale, const float *shift) {
    char vertical[16], horizontal[16];
    snprintf(vertical, sizeof vertical, "%s.dw_h", name);
    snprintf(horizontal, sizeof horizontal, "%s.dw_w", name);
    ul_pack_cross(packed, values(model, block, vertical, "weight"),
        values(model, block, vertical, "bias"), values(model, block, horizontal, "weight"),
        values(model, block, horizontal, "bias"), channels, taps, scale, shift);
}

static void fold_bias(
    float *packed, const float *bias, size_t channels, const float *scale, const float *shift) {
    memset(packed, 0, ul_pad_channels(channels) * sizeof *packed);
    for (size_t c = 0; c < channels; c++)
        packed[c] = (float)((double)bias[c] * (scale ? scale[c] : 1.0) + (shift ? shift[c] : 0.0));
}

/* conv_in; grey sums the input channels, which are all equal. work: [width 0][input channels * 49]
 */
static void fold_conv_in(const ul_folded *f, const ul_model *model, float *work) {
    const ul_model_shape *shape = ul_model_get_shape(model);
    const float *weights = values(model, "conv_in", "", "weight");
    size_t planes = shape->input_channels, area = TAPS * TAPS;
    if (f->input_channels < planes) {
        for (size_t o = 0; o < shape->width[0]; o++)
            for (size_t t = 0; t < area; t++) {
                double sum = 0;
                for (size_t c = 0; c < planes; c++)
                    sum += weights[(o * planes + c) * area + t];
                work[o * area + t] = (float)sum;
            }
        weights = work;
    }
    ul_pack_conv7(f->conv_in, weights, shape->width[0], f->input_channels);
    fold_bias(f->conv_in_bias, values(model, "conv_in", "", "bias"), shape->width[0], NULL, NULL);
}

/* The batch norm over the concatenation goes into the columns of pw2, whose parts move to padded
 * places. work: [width 5][4 * padded bottleneck] */
static void fold_bottleneck(
    const ul_folded *f, const ul_model *model, float *scale, float *shift, float *work) {
    const ul_model_shape *shape = ul_model_get_shape(model);
    size_t parts = shape->bottleneck, columns = 4 * parts, outputs = shape->width[5];
    ul_pack_pointwise(
        f->pw1, values(model, "b5", "pw1", "weight"), parts, outputs, 0, outputs, NULL);
    fold_bias(f->pw1_bias, values(model, "b5", "pw1", "bias"), parts, NULL, NULL);
    for (int i = 0; i < UL_BRANCHES; i++) {
        char name[] = {'d', 'w', (char)('1' + i), '\0'};
        fold_cross(f->cross[i], model, "b5", name, parts, BRANCH_TAPS, NULL, NULL);
    }
    norm(model, "b5", columns, scale, shift);
    const float *weights = values(model, "b5", "pw2", "weight");
    const float *bias = values(model, "b5", "pw2", "bias");
    memset(work, 0, outputs * 4 * f->bottleneck * sizeof *work);
    memset(f->pw2_bias, 0, f->width[5] * sizeof *f->pw2_bias);
    for (size_t o = 0; o < outputs; o++) {
        double sum = bias[o];
        for (size_t i = 0; i < columns; i++) {
            float weight = weights[o * columns + i];
            sum += (double)weight * shift[i];
            work[(o * 4 + i / parts) * f->bottleneck + i % parts] = weight * scale[i];
        }
        f->pw2_bias[o] = (float)sum;
    }
    ul_pack_pointwise(f->pw2, work, outputs, 4 * f->bottleneck, 0, 4 * f->bottleneck, NULL);
}

static void fold_encoder(
    const ul_folded *f, const ul_model *model, int level, float *scale, float *shift) {
    const size_t *width = ul_model_get_shape(model)->width;
    const ul_folded_encoder *e = &f->encoder[level];
    char block[] = {'e', (char)('1' + level), '\0'};
    norm(model, block, width[level], scale, shift);
    fold_cross(e->cross, model, block, "dw", width[level], TAPS, scale, shift);
    ul_pack_pointwise(e->pw, values(model, block, "pw", "weight"), width[level + 1], width[level],
        0, width[level], NULL);
    fold_bias(e->pw_bias, values(model, block, "pw", "bias"), width[level + 1], NULL, NULL);
}

static void fold_decoder(
    const ul_folded *f, const ul_model *model, int level, float *scale, float *shift) {
    const size_t *width = ul_model_get_shape(model)->width;
    const ul_folded_decoder *d = &f->decoder[level];
    size_t outputs = width[level], below = width[level + 1];
    char block[] = {'d', (char)('1' + level), '\0'};
    norm(model, block, outputs, scale, shift);
    const float *pw = values(model, block, "pw", "weight");
    ul_pack_pointwise(d->low, pw, outputs, below + outputs, 0, below, scale);
    ul_pack_pointwise(d->skip, pw, outputs, below + outputs, below, outputs, scale);
    fold_bias(d->low_bias, values(model, block, "pw", "bias"), outputs, scale, shift);
    fold_cross(d->cross, model, block, "dw", outputs, TAPS, NULL, NULL);
    ul_pack_pointwise(
        d->pw2, values(model, block, "pw2", "weight"), outputs, outputs, 0, outputs, NULL);
    fold_bias(d->pw2_bias, values(model, block, "pw2", "bias"), outputs, NULL, NULL);
}

static void fold_project(const ul_folded *f, const ul_model *model) {
    size_t channels = ul_model_get_shape(model)->width[0];
    const float *weights = values(model, "conv_out", "", "weight");
    memset(f->project, 0, f->classes * f->width[0] * sizeof *f->project);
    for (size_t k = 0; k < f->classes; k++)
        memcpy(f->project + k * f->width[0], weights + k * channels, channels * sizeof *weights);
    memcpy(f->project_bias, values(model, "conv_out", "", "bias"), f->classes * sizeof(float));
}

ul_status ul_fold(const ul_folded *f, const ul_model *model, ul_error *error) {
    const ul_model_shape *shape = ul_model_get_shape(model);
    size_t widest = 4 * shape->bottleneck;
    for (int i = 0; i < UL_STAGES; i++)
        widest = shape->width[i] > widest ? shape->width[i] : widest;
    size_t bottleneck = shape->width[5] * 4 * f->bottleneck, grey = shape->width[0] * TAPS * TAPS;
    size_t work = 2 * widest + (bottleneck > grey ? bottleneck : grey);
    float *scale = malloc(work * sizeof *scale);
    if (!scale)
        return ul_error_set(error, UL_ERROR_LIMIT,
            "out of memory: folding the weights needs %zu bytes", work * sizeof *scale);
    float *shift = scale + widest, *rest = shift + widest;
    fold_conv_in(f, model, rest);
    for (int level = 0; level < UL_DEPTH; level++) {
        fold_encoder(f, model, level, scale, shift);
        fold_decoder(f, model, level, scale, shift);
    }
    fold_bottleneck(f, model, scale, shift, rest);
    fold_project(f, model);
    free(scale);
    return UL_OK;
}
