/* The backward pass: the forward phases in reverse. Weight gradients are summed per chunk. */
#include "libulite/train/trainer_internal.h"

#include <string.h>

/* A chunk's own sums. */
static float *ul_train_partial(const ul_trainer *t, size_t chunk) {
    return t->partials + chunk * t->partial_floats;
}

typedef struct sum_chunks {
    ul_trainer *trainer;
    size_t chunks;
} sum_chunks;

enum { SUM_BLOCK = 1024 };

/* Adds the sums of all chunks up in the first, for a block of floats. */
static void sum_block(void *context, size_t block, int thread) {
    const sum_chunks *all = context;
    const ul_trainer *t = all->trainer;
    const size_t first = block * SUM_BLOCK, floats = t->partial_floats;
    const size_t end = first + SUM_BLOCK < floats ? first + SUM_BLOCK : floats;
    (void)thread;
    for (size_t chunk = 1; chunk < all->chunks; chunk++) {
        const float *sums = ul_train_partial(t, chunk);
        for (size_t i = first; i < end; i++)
            t->partials[i] += sums[i];
    }
}

/* Runs a phase whose chunks each have `floats` sums, zero at first, and adds these up. Returns the
 * totals. */
static const float *ul_train_run_sums(ul_trainer *t, size_t level, ul_phase *phase, size_t floats) {
    t->partial_floats = floats;
    ul_train_run(t, level, phase);
    sum_chunks all = {t, t->level[level].chunks};
    ul_team_for(t->team, (floats + SUM_BLOCK - 1) / SUM_BLOCK, sum_block, &all);
    return t->partials;
}

static float *clear_partial(const ul_trainer *t, size_t chunk) {
    return memset(ul_train_partial(t, chunk), 0, t->partial_floats * sizeof(float));
}

/* Adds to the weight sums of a 1x1 convolution from its output's gradient and its input, or what
 * the batch norm before it was given. */
static void add_weights(const ul_trainer *t, const ul_pointwise_weights *p, const float *gradient,
    const float *x, const ul_norm_data *norm, size_t pixels, float *sums) {
    t->kernels->outer(&(ul_outer){.x = gradient,
        .x_stride = p->padded_outputs,
        .depth = p->outputs,
        .y = x,
        .scale = norm ? norm->scale : NULL,
        .shift = norm ? norm->shift : NULL,
        .y_stride = p->padded_inputs,
        .columns = p->padded_inputs,
        .pixels = pixels,
        .sum = sums,
        .sum_stride = p->padded_inputs});
}

static void add_bias(const ul_trainer *t, const ul_pointwise_weights *p, const float *gradient,
    size_t pixels, float *sums) {
    t->kernels->sums(gradient, p->padded_outputs, sums + p->padded_inputs * p->padded_outputs,
        pixels, p->padded_outputs);
}

/* The backward pass of a 1x1 convolution; y is overwritten. */
static void pull_back(const ul_trainer *t, const ul_pointwise_weights *p, const float *gradient,
    float *y, size_t pixels) {
    ul_train_pointwise(t, p, true, gradient, t->zeros, y, pixels);
}

/* Sums of an axial block from a padded band of its input and its output's gradient, of pixels that
 * are `stride` floats apart, or where that is 0 a padded band as well. */
static void add_axial(const ul_trainer *t, const ul_resolution *level, const ul_axial_weights *a,
    const float *padded, const float *gradient, size_t stride, float *sums) {
    const size_t origin = ul_train_padded_origin(level), row = ul_train_padded_row(level);
    const size_t block = ul_train_padded_block(level);
    t->kernels->cross_sums(&(ul_train_cross_sums){.x = padded + origin,
        .x_row_stride = row,
        .x_block_stride = block,
        .radius = a->radius,
        .dilation = a->dilation,
        .channels = a->padded,
        .y = stride ? gradient : gradient + origin,
        .y_stride = stride ? stride : UL_LANES,
        .y_row_stride = stride ? level->width * stride : row,
        .y_block_stride = stride ? UL_LANES : block,
        .rows = level->band_rows,
        .width = level->width,
        .weight = sums,
        .bias = sums + 2 * (2 * a->radius + 1) * a->padded});
}

/* From the loss to the gradient by the last decoder's cross. */
static void top_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_LOGITS];
    const ul_pointwise_weights *out = &t->pointwise[UL_PW_DECODER_OUT + l];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t step = ul_train_tile(level, l), channels = level->channels;
    float *sums = clear_partial(t, chunk), *out_sums = sums + ul_pointwise_sums(p);
    float *gradient = scratch + 2 * step * channels;
    const ul_top_tile tile = {.active = scratch,
        .slope = scratch + step * channels,
        .logits = gradient + step * channels};
    for (size_t first = range.first; first < range.end; first += step) {
        const size_t pixels = range.end - first < step ? range.end - first : step;
        float *crossed = level->crossed + first * channels;
        ul_train_top(t, first, pixels, &tile);
        ul_loss_backward(&t->rule, t->kernels, t->terms, tile.logits, p->padded_outputs,
            t->labels + first, pixels);
        add_weights(t, p, tile.logits, tile.active, NULL, pixels, sums);
        add_bias(t, p, tile.logits, pixels, sums);
        pull_back(t, p, tile.logits, gradient, pixels);
        t->kernels->multiply(tile.slope, gradient, pixels * channels);
        add_weights(t, out, gradient, crossed, NULL, pixels, out_sums);
        add_bias(t, out, gradient, pixels, out_sums);
        pull_back(t, out, gradient, crossed, pixels);
    }
}

/* A decoder's pw2: output's gradient -> crossed's. */
static void decoder_out_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    (void)scratch;
    const ul_resolution *level = &t->level[l];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_DECODER_OUT + l];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t tile = ul_train_tile(level, l), channels = level->channels;
    float *sums = clear_partial(t, chunk);
    for (size_t first = range.first; first < range.end; first += tile) {
        const size_t pixels = range.end - first < tile ? range.end - first : tile;
        const float *gradient = level->output + first * channels;
        float *crossed = level->crossed + first * channels;
        add_weights(t, p, gradient, crossed, NULL, pixels, sums);
        add_bias(t, p, gradient, pixels, sums);
        pull_back(t, p, gradient, crossed, pixels);
    }
}

/* A decoder's cross: crossed's gradient -> output, the gradient by the batch norm's result. */
static void decoder_cross_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_axial_weights *a = &t->axial[UL_AXIAL_DECODER + l];
    const ul_range bands = ul_train_bands(level, chunk), range = ul_train_pixels(level, chunk);
    const size_t channels = a->padded, pixels = level->band_rows * level->width;
    const ul_pad_source x = {.x = level->mixed,
        .stride = channels,
        .channels = channels,
        .norm = &t->norm[UL_NORM_DECODER + l]};
    const ul_pad_source gradient = {.x = level->crossed, .stride = channels, .channels = channels};
    float *sums = clear_partial(t, chunk);
    float *padded_x = scratch, *padded = scratch + ul_train_padded_floats(level, channels);
    for (size_t band = bands.first; band < bands.end; band++) {
        const size_t first = ul_train_band(level, band).pixel;
        float *out = level->output + first * channels;
        ul_train_pad(t, level, band, &x, padded_x);
        add_axial(t, level, a, padded_x, level->crossed + first * channels, channels, sums);
        ul_train_pad(t, level, band, &gradient, padded);
        ul_train_cross_band(t, level, a, true, padded, t->zeros, out, channels);
        ul_norm_add_gradient(t, UL_NORM_DECODER + l, chunk, out, level->mixed + first * channels,
            pixels, first - range.first);
    }
}

/* A decoder's batch norm and pw: to mixed, the gradient by the skip, and to the output of the level
 * below. */
static void decoder_in_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l], *next = &t->level[l + 1];
    const ul_norm_data *encoder = &t->norm[UL_NORM_ENCODER + l];
    const ul_norm_data *decoder = &t->norm[UL_NORM_DECODER + l];
    const ul_pointwise_weights *low = &t->pointwise[UL_PW_DECODER_LOW + l];
    const ul_pointwise_weights *skip = &t->pointwise[UL_PW_DECODER_SKIP + l];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t tile = ul_train_tile(level, l), channels = level->channels;
    float *skip_sums = clear_partial(t, chunk), *low_sums = skip_sums + ul_pointwise_sums(skip);
    float *gradient = scratch;
    float *folded = gradient + tile * channels, *pulled = folded + tile * channels;
    float *active = pulled + tile * next->channels;
    for (size_t first = range.first; first < range.end; first += tile) {
        const size_t pixels = range.end - first < tile ? range.end - first : tile;
        float *mixed = level->mixed + first * channels;
        float *output = next->output + first / 4 * next->channels;
        t->kernels->affine2(level->output + first * channels, mixed, channels, decoder->by_gradient,
            decoder->by_x, decoder->by_one, gradient, pixels, channels);
        add_weights(t, skip, gradient, level->cross + first * channels, encoder, pixels, skip_sums);
        add_bias(t, skip, gradient, pixels, skip_sums);
        pull_back(t, skip, gradient, mixed, pixels);
        t->kernels->fold(gradient, pixels / (2 * level->width), level->width, channels, folded);
        pull_back(t, low, folded, pulled, pixels / 4);
        t->kernels->gelu_backward(output, pulled, output, active, pixels / 4 * next->channels);
        add_weights(t, low, folded, active, NULL, pixels / 4, low_sums);
    }
}

static void bottom_out_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    (void)scratch;
    const ul_resolution *level = &t->level[l];
    const ul_norm_data *n = &t->norm[UL_NORM_BOTTOM];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_BOTTOM_OUT];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t tile = ul_train_tile(level, l);
    float *sums = clear_partial(t, chunk);
    for (size_t first = range.first; first < range.end; first += tile) {
        const size_t pixels = range.end - first < tile ? range.end - first : tile;
        const float *gradient = level->output + first * level->channels;
        const float *wide = t->bottom_wide + first * n->padded;
        float *out = t->bottom_gradient + first * n->padded;
        add_weights(t, p, gradient, wide, n, pixels, sums);
        add_bias(t, p, gradient, pixels, sums);
        pull_back(t, p, gradient, out, pixels);
        ul_norm_add_gradient(t, UL_NORM_BOTTOM, chunk, out, wide, pixels, first - range.first);
    }
}

static void bottom_norm_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    (void)scratch;
    const ul_norm_data *n = &t->norm[UL_NORM_BOTTOM];
    const ul_range range = ul_train_pixels(&t->level[l], chunk);
    float *gradient = t->bottom_gradient + range.first * n->padded;
    t->kernels->affine2(gradient, t->bottom_wide + range.first * n->padded, n->padded,
        n->by_gradient, n->by_x, n->by_one, gradient, range.end - range.first, n->padded);
}

/* The bottleneck's crosses: to output, the gradient by pw1's result. */
static void bottom_cross_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_axial_weights *axial = &t->axial[UL_AXIAL_BOTTOM];
    const size_t narrow = axial->padded, wide = t->bottom_padded;
    const size_t pixels = level->band_rows * level->width;
    const ul_range bands = ul_train_bands(level, chunk);
    const ul_pad_source x = {.x = t->bottom_narrow, .stride = narrow, .channels = narrow};
    float *sums = clear_partial(t, chunk);
    float *padded_x = scratch, *padded = scratch + ul_train_padded_floats(level, narrow);
    for (size_t band = bands.first; band < bands.end; band++) {
        const size_t first = ul_train_band(level, band).pixel;
        const float *gradient = t->bottom_gradient + first * wide;
        float *out = level->output + first * narrow;
        ul_train_pad(t, level, band, &x, padded_x);
        for (size_t p = 0; p < pixels; p++)
            memcpy(out + p * narrow, gradient + p * wide, narrow * sizeof *out);
        for (size_t i = 0; i < 3; i++) {
            const ul_pad_source source = {
                .x = t->bottom_gradient + (i + 1) * narrow, .stride = wide, .channels = narrow};
            ul_train_pad(t, level, band, &source, padded);
            ul_train_cross_band(t, level, axial + i, true, padded, NULL, out, narrow);
            add_axial(t, level, axial + i, padded_x, gradient + (i + 1) * narrow, wide,
                sums + i * ul_axial_sums(axial));
        }
    }
}

static void bottom_in_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_BOTTOM_IN];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t tile = ul_train_tile(level, l), channels = level->channels;
    float *sums = clear_partial(t, chunk);
    for (size_t first = range.first; first < range.end; first += tile) {
        const size_t pixels = range.end - first < tile ? range.end - first : tile;
        const float *gradient = level->output + first * p->padded_outputs;
        float *pooled = level->pooled + first * channels;
        add_weights(t, p, gradient, level->input + first * channels, NULL, pixels, sums);
        add_bias(t, p, gradient, pixels, sums);
        pull_back(t, p, gradient, scratch, pixels);
        t->kernels->gelu_backward(pooled, scratch, pooled, NULL, pixels * channels);
    }
}

/* An encoder's pool and pw: to mixed, the whole gradient by the batch norm's result. */
static void encoder_out_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l], *next = &t->level[l + 1];
    const ul_norm_data *n = &t->norm[UL_NORM_ENCODER + l];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_ENCODER + l];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t tile = ul_train_tile(level, l), channels = level->channels;
    float *sums = clear_partial(t, chunk);
    for (size_t first = range.first; first < range.end; first += tile) {
        const size_t pixels = range.end - first < tile ? range.end - first : tile;
        const float *cross = level->cross + first * channels;
        const size_t pooled = first / 4 * next->channels;
        float *gradient = level->mixed + first * channels;
        t->kernels->unpool(next->pooled + pooled, next->which + pooled, pixels / (2 * level->width),
            level->width, next->channels, scratch);
        add_weights(t, p, scratch, cross, n, pixels, sums);
        add_bias(t, p, next->pooled + pooled, pixels / 4, sums);
        ul_train_pointwise(t, p, true, scratch, NULL, gradient, pixels);
        ul_norm_add_gradient(
            t, UL_NORM_ENCODER + l, chunk, gradient, cross, pixels, first - range.first);
    }
}

/* conv_in's weights from a band's padded input and its output's gradient. */
static void add_input(const ul_trainer *t, const ul_resolution *level, const float *padded,
    const float *gradient, float *sums) {
    const size_t inputs = t->shape.input_channels, row = ul_train_input_row(t);
    const size_t channels = level->channels, depth = 7 * inputs;
    for (size_t i = 0; i < level->band_rows; i++)
        for (size_t k = 0; k < 7; k++)
            t->kernels->outer(&(ul_outer){.x = padded + (i + k) * row,
                .x_stride = inputs,
                .depth = depth,
                .y = gradient + i * level->width * channels,
                .y_stride = channels,
                .columns = channels,
                .pixels = level->width,
                .sum = sums + k * depth * channels,
                .sum_stride = channels});
    t->kernels->sums(
        gradient, channels, sums + 7 * depth * channels, level->band_rows * level->width, channels);
}

/* An encoder's batch norm and cross: to pooled, the gradient before the GELU of the level above, or
 * at the top to conv_in's weights. */
static void encoder_cross_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_axial_weights *a = &t->axial[UL_AXIAL_ENCODER + l];
    const size_t channels = a->padded, pixels = level->band_rows * level->width;
    const ul_range bands = ul_train_bands(level, chunk);
    const ul_pad_source x = {.x = level->input, .stride = channels, .channels = channels};
    const ul_pad_source gradient = {.x = level->cross,
        .gradient = level->mixed,
        .stride = channels,
        .channels = channels,
        .norm = &t->norm[UL_NORM_ENCODER + l]};
    const size_t padded_floats = ul_train_padded_floats(level, channels);
    float *sums = clear_partial(t, chunk);
    float *padded_x = scratch, *padded = padded_x + padded_floats, *pulled = padded + padded_floats;
    for (size_t band = bands.first; band < bands.end; band++) {
        ul_train_pad(t, level, band, &x, padded_x);
        ul_train_pad(t, level, band, &gradient, padded);
        add_axial(t, level, a, padded_x, padded, 0, sums);
        ul_train_cross_band(t, level, a, true, padded, t->zeros, pulled, channels);
        if (l > 0) {
            float *pooled = level->pooled + ul_train_band(level, band).pixel * channels;
            t->kernels->gelu_backward(pooled, pulled, pooled, NULL, pixels * channels);
        } else {
            float *images = pulled + pixels * channels;
            ul_train_pad_input(t, band, images);
            add_input(t, level, images, pulled, sums + ul_axial_sums(a));
        }
    }
}

static void decoder_backward(ul_trainer *t, size_t l) {
    const ul_pointwise_id out = UL_PW_DECODER_OUT + l, skip = UL_PW_DECODER_SKIP + l;
    const ul_pointwise_id low = UL_PW_DECODER_LOW + l;
    const ul_axial_id axial = UL_AXIAL_DECODER + l;
    const float *sums;
    if (l > 0) {
        sums = ul_train_run_sums(t, l, decoder_out_phase, ul_pointwise_sums(&t->pointwise[out]));
        ul_pointwise_collect(t, out, sums);
    }
    sums = ul_train_run_sums(t, l, decoder_cross_phase, ul_axial_sums(&t->axial[axial]));
    ul_axial_collect(t, axial, sums);
    ul_norm_finish_gradient(t, UL_NORM_DECODER + l, l);
    const size_t skip_sums = ul_pointwise_sums(&t->pointwise[skip]);
    sums = ul_train_run_sums(
        t, l, decoder_in_phase, skip_sums + ul_pointwise_sums(&t->pointwise[low]));
    ul_pointwise_collect(t, skip, sums);
    ul_pointwise_collect(t, low, sums + skip_sums);
}

static void bottom_backward(ul_trainer *t) {
    const size_t l = UL_BOTTOM;
    const float *sums = ul_train_run_sums(
        t, l, bottom_out_phase, ul_pointwise_sums(&t->pointwise[UL_PW_BOTTOM_OUT]));
    ul_pointwise_collect(t, UL_PW_BOTTOM_OUT, sums);
    ul_norm_finish_gradient(t, UL_NORM_BOTTOM, l);
    ul_train_run(t, l, bottom_norm_phase);
    const size_t axial = ul_axial_sums(&t->axial[UL_AXIAL_BOTTOM]);
    sums = ul_train_run_sums(t, l, bottom_cross_phase, 3 * axial);
    for (size_t i = 0; i < 3; i++)
        ul_axial_collect(t, UL_AXIAL_BOTTOM + i, sums + i * axial);
    sums =
        ul_train_run_sums(t, l, bottom_in_phase, ul_pointwise_sums(&t->pointwise[UL_PW_BOTTOM_IN]));
    ul_pointwise_collect(t, UL_PW_BOTTOM_IN, sums);
}

static void encoder_backward(ul_trainer *t, size_t l) {
    const ul_pointwise_id out = UL_PW_ENCODER + l;
    const ul_axial_id axial = UL_AXIAL_ENCODER + l;
    const float *sums =
        ul_train_run_sums(t, l, encoder_out_phase, ul_pointwise_sums(&t->pointwise[out]));
    ul_pointwise_collect(t, out, sums);
    ul_norm_finish_gradient(t, UL_NORM_ENCODER + l, l);
    const size_t axial_sums = ul_axial_sums(&t->axial[axial]);
    sums =
        ul_train_run_sums(t, l, encoder_cross_phase, axial_sums + (l == 0 ? ul_input_sums(t) : 0));
    ul_axial_collect(t, axial, sums);
    if (l == 0)
        ul_input_collect(t, sums + axial_sums);
}

static void top_backward(ul_trainer *t) {
    const size_t logits = ul_pointwise_sums(&t->pointwise[UL_PW_LOGITS]);
    const size_t out = ul_pointwise_sums(&t->pointwise[UL_PW_DECODER_OUT]);
    const float *sums = ul_train_run_sums(t, 0, top_phase, logits + out);
    ul_pointwise_collect(t, UL_PW_LOGITS, sums);
    ul_pointwise_collect(t, UL_PW_DECODER_OUT, sums + logits);
}

void ul_train_backward(ul_trainer *t) {
    top_backward(t);
    for (size_t l = 0; l < UL_BOTTOM; l++)
        decoder_backward(t, l);
    bottom_backward(t);
    for (size_t l = UL_BOTTOM; l-- > 0;)
        encoder_backward(t, l);
}
