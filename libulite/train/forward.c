/* The forward pass in training mode. */
#include "libulite/train/trainer_internal.h"

#include <string.h>

typedef struct phase_run {
    ul_trainer *trainer;
    size_t level;
    ul_phase *phase;
} phase_run;

static void run_chunk(void *context, size_t chunk, int thread) {
    const phase_run *run = context;
    ul_trainer *t = run->trainer;
    run->phase(t, run->level, chunk, t->scratch + (size_t)thread * t->scratch_floats);
}

void ul_train_run(ul_trainer *t, size_t level, ul_phase *phase) {
    phase_run run = {t, level, phase};
    ul_team_for(t->team, t->level[level].chunks, run_chunk, &run);
}

/* A matrix product over contiguous pixels: the usual ul_matmul. Backwards the padding among the
 * outputs, whose gradient is zero, is left out. */
void ul_train_pointwise(const ul_trainer *t, const ul_pointwise_weights *p, bool backward,
    const float *x, const float *bias, float *y, size_t pixels) {
    const size_t outputs = backward ? p->padded_inputs : p->padded_outputs;
    const ul_matmul job = {.x = x,
        .x_stride = backward ? p->padded_outputs : p->padded_inputs,
        .segments = 1,
        .depth = backward ? p->outputs : p->padded_inputs,
        .weight = backward ? p->backward : p->forward,
        .bias = bias,
        .y = y,
        .y_stride = outputs,
        .columns = outputs,
        .pixels = pixels};
    if (!backward && t->options.exact_sums)
        t->kernels->matmul_exact(&job);
    else
        t->kernels->matmul(&job);
}

ul_band ul_train_band(const ul_resolution *level, size_t band) {
    const size_t per_slice = level->height / level->band_rows;
    return (ul_band){.slice = band / per_slice,
        .row = band % per_slice * level->band_rows,
        .pixel = band * level->band_rows * level->width};
}

/* `pixels` pixels of UL_LANES channels from channel c of the pixel `first`. */
static void pad_pixels(const ul_trainer *t, const ul_pad_source *source, size_t first, size_t c,
    float *out, size_t pixels) {
    const ul_norm_data *n = source->norm;
    const size_t stride = source->stride;
    const float *x = source->x + first * stride + c;
    if (source->gradient)
        t->kernels->affine2(source->gradient + first * stride + c, x, stride, n->by_gradient + c,
            n->by_x + c, n->by_one + c, out, pixels, UL_LANES);
    else if (n)
        t->kernels->affine(x, stride, n->scale + c, n->shift + c, out, pixels, UL_LANES);
    else
        for (size_t p = 0; p < pixels; p++, x += stride) {
            ul_read_ahead(x);
            memcpy(out + p * UL_LANES, x, UL_LANES * sizeof *out);
        }
}

void ul_train_pad(const ul_trainer *t, const ul_resolution *level, size_t band,
    const ul_pad_source *source, float *out) {
    const ul_band at = ul_train_band(level, band);
    const size_t margin = UL_CROSS_PAD * UL_LANES, own = level->width * UL_LANES;
    const size_t row = ul_train_padded_row(level), block = ul_train_padded_block(level);
    for (size_t i = 0; i < level->band_rows + 2 * UL_CROSS_PAD; i++, out += row)
        for (size_t c = 0; c < source->channels; c += UL_LANES) {
            float *to = out + c / UL_LANES * block;
            if (at.row + i < UL_CROSS_PAD || at.row + i >= level->height + UL_CROSS_PAD) {
                memset(to, 0, row * sizeof *to);
                continue;
            }
            const size_t first = at.slice * level->height + at.row + i - UL_CROSS_PAD;
            memset(to, 0, margin * sizeof *to);
            pad_pixels(t, source, first * level->width, c, to + margin, level->width);
            memset(to + margin + own, 0, margin * sizeof *to);
        }
}

size_t ul_train_padded_row(const ul_resolution *level) {
    return (level->width + 2 * UL_CROSS_PAD) * UL_LANES;
}

size_t ul_train_padded_block(const ul_resolution *level) {
    return (level->band_rows + 2 * UL_CROSS_PAD) * ul_train_padded_row(level);
}

size_t ul_train_padded_origin(const ul_resolution *level) {
    return UL_CROSS_PAD * (ul_train_padded_row(level) + UL_LANES);
}

void ul_train_pad_input(const ul_trainer *t, size_t band, float *out) {
    const ul_resolution *level = &t->level[0];
    const ul_band at = ul_train_band(level, band);
    const size_t inputs = t->shape.input_channels, row = ul_train_input_row(t);
    const size_t plane = level->height * level->width;
    memset(out, 0, (level->band_rows + 2 * UL_CROSS_PAD) * row * sizeof *out);
    for (size_t i = 0; i < level->band_rows + 2 * UL_CROSS_PAD; i++, out += row) {
        if (at.row + i < UL_CROSS_PAD || at.row + i >= level->height + UL_CROSS_PAD)
            continue;
        for (size_t c = 0; c < inputs; c++) {
            const float *x = t->images + (at.slice * inputs + c) * plane +
                             (at.row + i - UL_CROSS_PAD) * level->width;
            for (size_t col = 0; col < level->width; col++)
                out[(UL_CROSS_PAD + col) * inputs + c] = x[col];
        }
    }
}

static void input_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_range bands = ul_train_bands(level, chunk);
    const size_t inputs = t->shape.input_channels, row = ul_train_input_row(t);
    void (*matmul)(const ul_matmul *job) =
        t->options.exact_sums ? t->kernels->matmul_exact : t->kernels->matmul;
    for (size_t band = bands.first; band < bands.end; band++) {
        ul_train_pad_input(t, band, scratch);
        float *out = level->input + ul_train_band(level, band).pixel * level->channels;
        for (size_t i = 0; i < level->band_rows; i++)
            matmul(&(ul_matmul){.x = scratch + i * row,
                .x_stride = inputs,
                .segments = 7,
                .segment_stride = row,
                .depth = 7 * inputs,
                .weight = t->input_weight,
                .bias = t->input_bias,
                .y = out + i * level->width * level->channels,
                .y_stride = level->channels,
                .columns = level->channels,
                .pixels = level->width});
    }
}

/* An axial block on a padded band. */
void ul_train_cross_band(const ul_trainer *t, const ul_resolution *level, const ul_axial_weights *a,
    bool backward, const float *padded, const float *bias, float *y, size_t y_stride) {
    const ul_train_cross job = {.x = padded + ul_train_padded_origin(level),
        .x_row_stride = ul_train_padded_row(level),
        .x_block_stride = ul_train_padded_block(level),
        .radius = a->radius,
        .dilation = a->dilation,
        .channels = a->padded,
        .weight = backward ? a->backward : a->forward,
        .bias = bias,
        .y = y,
        .y_stride = y_stride,
        .y_row_stride = level->width * y_stride,
        .rows = level->band_rows,
        .width = level->width};
    if (!backward && t->options.exact_sums)
        t->kernels->cross_exact(&job);
    else
        t->kernels->cross(&job);
}

static void encoder_cross_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_axial_weights *a = &t->axial[UL_AXIAL_ENCODER + l];
    const ul_range bands = ul_train_bands(level, chunk);
    const size_t pixels = level->band_rows * level->width;
    const ul_pad_source source = {.x = level->input, .stride = a->padded, .channels = a->padded};
    for (size_t band = bands.first; band < bands.end; band++) {
        float *cross = level->cross + ul_train_band(level, band).pixel * a->padded;
        ul_train_pad(t, level, band, &source, scratch);
        ul_train_cross_band(t, level, a, false, scratch, a->bias, cross, a->padded);
        ul_norm_add(t, UL_NORM_ENCODER + l, chunk, cross, pixels, (band - bands.first) * pixels);
    }
}

/* 1x1 with the batch norm in it, pool, GELU, tile by tile. */
static void encoder_out_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l], *next = &t->level[l + 1];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_ENCODER + l];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t tile = ul_train_tile(level, l);
    for (size_t first = range.first; first < range.end; first += tile) {
        const size_t pixels = range.end - first < tile ? range.end - first : tile;
        const size_t out = first / 4 * next->channels;
        ul_train_pointwise(
            t, p, false, level->cross + first * level->channels, p->padded_bias, scratch, pixels);
        t->kernels->pool(scratch, pixels / (2 * level->width), level->width, next->channels,
            next->pooled + out, next->which + out);
        t->kernels->gelu(next->pooled + out, next->input + out, pixels / 4 * next->channels);
    }
}

static void bottom_in_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    (void)scratch;
    const ul_resolution *level = &t->level[l];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_BOTTOM_IN];
    const ul_range range = ul_train_pixels(level, chunk);
    ul_train_pointwise(t, p, false, level->input + range.first * level->channels, p->padded_bias,
        t->bottom_narrow + range.first * p->padded_outputs, range.end - range.first);
}

/* The concatenation of the narrow tensor with its three crosses. */
static void bottom_cross_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const size_t narrow = t->axial[UL_AXIAL_BOTTOM].padded, wide = t->bottom_padded;
    const ul_range bands = ul_train_bands(level, chunk), pixels = ul_train_pixels(level, chunk);
    const ul_pad_source source = {.x = t->bottom_narrow, .stride = narrow, .channels = narrow};
    for (size_t p = pixels.first; p < pixels.end; p++)
        memcpy(t->bottom_wide + p * wide, t->bottom_narrow + p * narrow, narrow * sizeof(float));
    for (size_t band = bands.first; band < bands.end; band++) {
        ul_train_pad(t, level, band, &source, scratch);
        float *out = t->bottom_wide + ul_train_band(level, band).pixel * wide;
        for (size_t i = 0; i < 3; i++) {
            const ul_axial_weights *a = &t->axial[UL_AXIAL_BOTTOM + i];
            ul_train_cross_band(t, level, a, false, scratch, a->bias, out + (i + 1) * narrow, wide);
        }
    }
    ul_norm_add(t, UL_NORM_BOTTOM, chunk, t->bottom_wide + pixels.first * wide,
        pixels.end - pixels.first, 0);
}

static void bottom_out_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    (void)scratch;
    const ul_resolution *level = &t->level[l];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_BOTTOM_OUT];
    const ul_range range = ul_train_pixels(level, chunk);
    ul_train_pointwise(t, p, false, t->bottom_wide + range.first * p->padded_inputs, p->padded_bias,
        level->output + range.first * level->channels, range.end - range.first);
}

/* The decoder's 1x1 over [upsampled low, skip], its low half at the low resolution. */
static void decoder_in_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l], *next = &t->level[l + 1];
    const ul_pointwise_weights *low = &t->pointwise[UL_PW_DECODER_LOW + l];
    const ul_pointwise_weights *skip = &t->pointwise[UL_PW_DECODER_SKIP + l];
    const ul_range range = ul_train_pixels(level, chunk);
    const size_t tile = ul_train_tile(level, l), channels = level->channels;
    float *narrow = scratch, *active = narrow + tile * channels;
    for (size_t first = range.first; first < range.end; first += tile) {
        const size_t pixels = range.end - first < tile ? range.end - first : tile;
        float *out = level->mixed + first * channels;
        t->kernels->gelu(
            next->output + first / 4 * next->channels, active, pixels / 4 * next->channels);
        ul_train_pointwise(t, low, false, active, t->zeros, narrow, pixels / 4);
        t->kernels->upsample(
            narrow, skip->padded_bias, pixels / (2 * level->width), level->width, channels, out);
        ul_train_pointwise(t, skip, false, level->cross + first * channels, NULL, out, pixels);
        ul_norm_add(t, UL_NORM_DECODER + l, chunk, out, pixels, first - range.first);
    }
}

/* A decoder's batch norm and cross of one band, to crossed. */
static void decoder_cross(
    ul_trainer *t, const ul_resolution *level, size_t l, size_t band, float *scratch) {
    const ul_axial_weights *a = &t->axial[UL_AXIAL_DECODER + l];
    const ul_pad_source source = {.x = level->mixed,
        .stride = a->padded,
        .channels = a->padded,
        .norm = &t->norm[UL_NORM_DECODER + l]};
    ul_train_pad(t, level, band, &source, scratch);
    ul_train_cross_band(t, level, a, false, scratch, a->bias,
        level->crossed + ul_train_band(level, band).pixel * a->padded, a->padded);
}

static void decoder_out_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_DECODER_OUT + l];
    const ul_range bands = ul_train_bands(level, chunk);
    for (size_t band = bands.first; band < bands.end; band++) {
        const size_t at = ul_train_band(level, band).pixel * level->channels;
        decoder_cross(t, level, l, band, scratch);
        ul_train_pointwise(t, p, false, level->crossed + at, p->padded_bias, level->output + at,
            level->band_rows * level->width);
    }
}

void ul_train_top(const ul_trainer *t, size_t first, size_t pixels, const ul_top_tile *tile) {
    const ul_resolution *level = &t->level[0];
    const ul_pointwise_weights *out = &t->pointwise[UL_PW_DECODER_OUT];
    const ul_pointwise_weights *p = &t->pointwise[UL_PW_LOGITS];
    const size_t count = pixels * level->channels;
    ul_train_pointwise(t, out, false, level->crossed + first * level->channels, out->padded_bias,
        tile->active, pixels);
    if (tile->slope)
        t->kernels->gelu_slope(tile->active, tile->active, tile->slope, count);
    else
        t->kernels->gelu(tile->active, tile->active, count);
    ul_train_pointwise(t, p, false, tile->active, p->padded_bias, tile->logits, pixels);
}

/* The last decoder's cross and the terms of the loss. What lies between, the backward pass makes
 * anew rather than that it is stored. */
static void top_phase(ul_trainer *t, size_t l, size_t chunk, float *scratch) {
    const ul_resolution *level = &t->level[l];
    const ul_range bands = ul_train_bands(level, chunk);
    const size_t step = ul_train_tile(level, l), classes = t->shape.classes;
    const size_t stride = t->pointwise[UL_PW_LOGITS].padded_outputs;
    const ul_top_tile tile = {.active = scratch, .logits = scratch + step * level->channels};
    double *terms = t->terms + (2 + chunk) * UL_LOSS_TERMS(classes);
    memset(terms, 0, UL_LOSS_TERMS(classes) * sizeof *terms);
    for (size_t band = bands.first; band < bands.end; band++) {
        size_t first = ul_train_band(level, band).pixel;
        const size_t end = first + level->band_rows * level->width;
        decoder_cross(t, level, l, band, scratch);
        for (; first < end; first += step) {
            const size_t pixels = end - first < step ? end - first : step;
            ul_train_top(t, first, pixels, &tile);
            ul_loss_forward(
                &t->rule, t->kernels, tile.logits, stride, t->labels + first, pixels, terms);
        }
    }
}

static double batch_loss(ul_trainer *t) {
    const size_t count = UL_LOSS_TERMS(t->shape.classes);
    double *slopes = t->terms, *total = slopes + count, *chunks = total + count;
    memset(total, 0, count * sizeof *total);
    for (size_t chunk = 0; chunk < t->level[0].chunks; chunk++)
        for (size_t i = 0; i < count; i++)
            total[i] += chunks[chunk * count + i];
    return ul_loss_value(&t->rule, total, slopes);
}

double ul_train_forward(ul_trainer *t) {
    ul_train_run(t, 0, input_phase);
    for (size_t l = 0; l < UL_BOTTOM; l++) {
        ul_train_run(t, l, encoder_cross_phase);
        ul_norm_finish(t, UL_NORM_ENCODER + l, l);
        ul_train_fold_norm(t, UL_PW_ENCODER + l, UL_NORM_ENCODER + l);
        ul_train_fold_norm(t, UL_PW_DECODER_SKIP + l, UL_NORM_ENCODER + l);
        ul_train_run(t, l, encoder_out_phase);
    }
    ul_train_run(t, UL_BOTTOM, bottom_in_phase);
    ul_train_run(t, UL_BOTTOM, bottom_cross_phase);
    ul_norm_finish(t, UL_NORM_BOTTOM, UL_BOTTOM);
    ul_train_fold_norm(t, UL_PW_BOTTOM_OUT, UL_NORM_BOTTOM);
    ul_train_run(t, UL_BOTTOM, bottom_out_phase);
    for (size_t l = UL_BOTTOM; l-- > 0;) {
        ul_train_run(t, l, decoder_in_phase);
        ul_norm_finish(t, UL_NORM_DECODER + l, l);
        ul_train_run(t, l, l ? decoder_out_phase : top_phase);
    }
    return batch_loss(t);
}
