/* Tables of layers, chunks and memory of a trainer. */
#include "libulite/train/trainer_internal.h"

#include "libulite/base/resources.h"

#include <string.h>

/* Tensors in the order of ul_layout. */
enum {
    TENSOR_CONV_IN = 0,
    TENSOR_ENCODER = 2,
    ENCODER_TENSORS = 10,
    ENCODER_NORM = 4,
    ENCODER_POINTWISE = 8,
    TENSOR_BOTTOM = TENSOR_ENCODER + 5 * ENCODER_TENSORS,
    BOTTOM_AXIAL = 2,
    BOTTOM_NORM = 14,
    BOTTOM_OUT = 18,
    TENSOR_DECODER = TENSOR_BOTTOM + 20,
    DECODER_TENSORS = 12,
    DECODER_NORM = 2,
    DECODER_AXIAL = 6,
    DECODER_OUT = 10,
    TENSOR_LOGITS = TENSOR_DECODER + 5 * DECODER_TENSORS
};

static void set_pointwise(ul_trainer *t, size_t id, size_t tensor, size_t first, size_t inputs,
    size_t segment, bool owns_bias) {
    ul_pointwise_weights *p = &t->pointwise[id];
    p->weight = tensor;
    p->bias = tensor + 1;
    p->owns_bias = owns_bias;
    p->outputs = t->layout[tensor].shape[0];
    p->row = t->layout[tensor].shape[1];
    p->first = first;
    p->inputs = inputs;
    p->segment = segment;
    p->padded_inputs = inputs / segment * ul_pad_channels(segment);
    p->padded_outputs = ul_pad_channels(p->outputs);
}

static void set_axial(ul_trainer *t, size_t id, size_t tensor, size_t dilation) {
    ul_axial_weights *a = &t->axial[id];
    a->first = tensor;
    a->channels = t->layout[tensor].shape[0];
    a->padded = ul_pad_channels(a->channels);
    a->radius = t->layout[tensor].shape[2] / 2;
    a->dilation = dilation;
}

static void set_norm(ul_trainer *t, size_t id, size_t tensor, size_t segment) {
    ul_norm_data *n = &t->norm[id];
    n->first = tensor;
    n->channels = t->layout[tensor].shape[0];
    n->segment = segment;
    n->padded = n->channels / segment * ul_pad_channels(segment);
}

static void set_layers(ul_trainer *t) {
    const size_t *width = t->shape.width;
    for (size_t l = 0; l < UL_BOTTOM; l++) {
        const size_t encoder = TENSOR_ENCODER + l * ENCODER_TENSORS;
        const size_t decoder = TENSOR_DECODER + (UL_BOTTOM - 1 - l) * DECODER_TENSORS;
        set_axial(t, UL_AXIAL_ENCODER + l, encoder, 1);
        set_norm(t, UL_NORM_ENCODER + l, encoder + ENCODER_NORM, width[l]);
        set_pointwise(
            t, UL_PW_ENCODER + l, encoder + ENCODER_POINTWISE, 0, width[l], width[l], true);
        set_pointwise(t, UL_PW_DECODER_LOW + l, decoder, 0, width[l + 1], width[l + 1], false);
        set_pointwise(t, UL_PW_DECODER_SKIP + l, decoder, width[l + 1], width[l], width[l], true);
        set_norm(t, UL_NORM_DECODER + l, decoder + DECODER_NORM, width[l]);
        set_axial(t, UL_AXIAL_DECODER + l, decoder + DECODER_AXIAL, 1);
        set_pointwise(t, UL_PW_DECODER_OUT + l, decoder + DECODER_OUT, 0, width[l], width[l], true);
    }
    const size_t narrow = t->shape.bottleneck;
    set_pointwise(t, UL_PW_BOTTOM_IN, TENSOR_BOTTOM, 0, width[UL_BOTTOM], width[UL_BOTTOM], true);
    for (size_t i = 0; i < 3; i++)
        set_axial(t, UL_AXIAL_BOTTOM + i, TENSOR_BOTTOM + BOTTOM_AXIAL + 4 * i, i + 1);
    set_norm(t, UL_NORM_BOTTOM, TENSOR_BOTTOM + BOTTOM_NORM, narrow);
    set_pointwise(t, UL_PW_BOTTOM_OUT, TENSOR_BOTTOM + BOTTOM_OUT, 0, 4 * narrow, narrow, true);
    set_pointwise(t, UL_PW_LOGITS, TENSOR_LOGITS, 0, width[0], width[0], true);
    t->bottom_padded = t->norm[UL_NORM_BOTTOM].padded;
}

/* Bands of at most 16 rows; above the bottom level rows come in pairs (pooling). */
static size_t band_rows(size_t height, bool pairs) {
    if (height <= 16)
        return height;
    for (size_t rows = 16; rows > 2; rows--)
        if (height % rows == 0 && (!pairs || rows % 2 == 0))
            return rows;
    return pairs || height % 2 == 0 ? 2 : 1;
}

static void set_levels(ul_trainer *t) {
    for (size_t l = 0; l < UL_RESOLUTIONS; l++) {
        ul_resolution *level = &t->level[l];
        level->height = t->options.height >> l;
        level->width = t->options.width >> l;
        level->channels = ul_pad_channels(t->shape.width[l]);
        level->band_rows = band_rows(level->height, l < UL_BOTTOM);
    }
    ul_train_set_batch(t, t->options.batch);
}

/* Enough pixels in a chunk to outweigh the sums of its weight gradients, enough chunks for the
 * threads of a workstation. */
void ul_train_set_batch(ul_trainer *t, size_t count) {
    enum { CHUNK_PIXELS = 256, FEWEST = 4, MOST = 64 };
    for (size_t l = 0; l < UL_RESOLUTIONS; l++) {
        ul_resolution *level = &t->level[l];
        level->pixels = count * level->height * level->width;
        level->bands = count * (level->height / level->band_rows);
        size_t chunks = level->pixels / CHUNK_PIXELS;
        chunks = chunks < FEWEST ? FEWEST : chunks > MOST ? MOST : chunks;
        level->chunks = chunks < level->bands ? chunks : level->bands;
    }
    t->count = count;
}

ul_range ul_train_bands(const ul_resolution *level, size_t chunk) {
    return (ul_range){
        chunk * level->bands / level->chunks, (chunk + 1) * level->bands / level->chunks};
}

ul_range ul_train_pixels(const ul_resolution *level, size_t chunk) {
    const ul_range bands = ul_train_bands(level, chunk);
    const size_t pixels = level->band_rows * level->width;
    return (ul_range){bands.first * pixels, bands.end * pixels};
}

size_t ul_train_tile(const ul_resolution *level, size_t level_index) {
    const size_t unit = level_index < UL_BOTTOM ? 2 * level->width : level->width;
    return unit >= UL_TILE_PIXELS ? unit : UL_TILE_PIXELS / unit * unit;
}

size_t ul_train_padded_floats(const ul_resolution *level, size_t channels) {
    return ul_train_padded_block(level) / UL_LANES * channels;
}

/* Memory: every part is asked for twice, first to measure, then to place. */
typedef struct arena {
    char *base; /* NULL: measuring */
    size_t used;
} arena;

static void *take(arena *a, size_t count, size_t size) {
    void *at = a->base ? a->base + a->used : NULL;
    a->used += (count * size + 63) / 64 * 64;
    return at;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static float *take_floats(arena *a, size_t count) {
    return take(a, count, sizeof(float));
}

static void place_weights(ul_trainer *t, arena *a) {
    const size_t total = t->offset[UL_LAYOUT_TENSORS];
    t->values = take_floats(a, total);
    t->gradients = take_floats(a, total);
    t->first = take_floats(a, total);
    t->second = take_floats(a, total);
    t->average = t->options.ema_decay > 0 ? take_floats(a, total) : NULL;
    size_t most = 0;
    for (size_t i = 0; i < UL_PW_COUNT; i++) {
        ul_pointwise_weights *p = &t->pointwise[i];
        most = larger(most, larger(p->padded_inputs, p->padded_outputs));
        p->forward = take_floats(a, p->padded_inputs * p->padded_outputs);
        p->backward = take_floats(a, p->padded_inputs * p->padded_outputs);
        p->padded_bias = take_floats(a, p->padded_outputs);
    }
    for (size_t i = 0; i < UL_AXIAL_COUNT; i++) {
        ul_axial_weights *x = &t->axial[i];
        x->forward = take_floats(a, 2 * (2 * x->radius + 1) * x->padded);
        x->backward = take_floats(a, 2 * (2 * x->radius + 1) * x->padded);
        x->bias = take_floats(a, x->padded);
    }
    for (size_t i = 0; i < UL_NORM_COUNT; i++) {
        ul_norm_data *n = &t->norm[i];
        float **const floats[] = {&n->mean, &n->scale, &n->shift};
        double **const doubles[] = {
            &n->by_gradient, &n->by_x, &n->by_one, &n->deviation, &n->variance};
        for (size_t k = 0; k < sizeof floats / sizeof *floats; k++)
            *floats[k] = take_floats(a, n->padded);
        for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++)
            *doubles[k] = take(a, n->padded, sizeof(double));
    }
    t->zeros = take_floats(a, most);
    t->input_weight = take_floats(a, 49 * t->shape.input_channels * t->level[0].channels);
    t->input_bias = take_floats(a, t->level[0].channels);
}

/* Padded channels between the bottleneck's two 1x1 convolutions. */
static size_t bottom_channels(const ul_trainer *t) {
    return ul_pad_channels(t->shape.bottleneck);
}

static void place_activations(ul_trainer *t, arena *a) {
    for (size_t l = 0; l < UL_RESOLUTIONS; l++) {
        ul_resolution *level = &t->level[l];
        const size_t floats = level->pixels * level->channels;
        level->input = take_floats(a, floats);
        level->output = take_floats(
            a, level->pixels * larger(level->channels, l == UL_BOTTOM ? bottom_channels(t) : 0));
        if (l > 0) {
            level->pooled = take_floats(a, floats);
            level->which = take(a, floats, 1);
        }
        if (l < UL_BOTTOM) {
            level->cross = take_floats(a, floats);
            level->mixed = take_floats(a, floats);
            level->crossed = take_floats(a, floats);
        }
    }
    const size_t pixels = t->level[UL_BOTTOM].pixels;
    t->bottom_narrow = take_floats(a, pixels * bottom_channels(t));
    t->bottom_wide = take_floats(a, pixels * t->bottom_padded);
    t->bottom_gradient = take_floats(a, pixels * t->bottom_padded);
}

/* The most that the sums of any phase of a level need, see backward.c. */
static size_t level_partials(const ul_trainer *t, size_t l) {
    const ul_pointwise_weights *p = t->pointwise;
    const ul_axial_weights *a = t->axial;
    if (l == UL_BOTTOM)
        return larger(
            larger(ul_pointwise_sums(&p[UL_PW_BOTTOM_OUT]), ul_pointwise_sums(&p[UL_PW_BOTTOM_IN])),
            3 * ul_axial_sums(&a[UL_AXIAL_BOTTOM]));
    const size_t decoder = larger(ul_pointwise_sums(&p[UL_PW_DECODER_LOW + l]) +
                                      ul_pointwise_sums(&p[UL_PW_DECODER_SKIP + l]),
        larger(
            ul_pointwise_sums(&p[UL_PW_DECODER_OUT + l]), ul_axial_sums(&a[UL_AXIAL_DECODER + l])));
    const size_t input = l ? 0 : ul_input_sums(t);
    const size_t encoder = larger(
        ul_pointwise_sums(&p[UL_PW_ENCODER + l]), ul_axial_sums(&a[UL_AXIAL_ENCODER + l]) + input);
    const size_t top =
        l ? 0 : ul_pointwise_sums(&p[UL_PW_LOGITS]) + ul_pointwise_sums(&p[UL_PW_DECODER_OUT]);
    return larger(larger(decoder, encoder), top);
}

size_t ul_train_input_row(const ul_trainer *t) {
    return (t->options.width + 2 * UL_CROSS_PAD) * t->shape.input_channels;
}

/* Scratch of the phases: either tiles, at most two of the level and two of the one below or three
 * and the logits, or two padded bands, a plain one and conv_in's padded rows. */
static size_t level_scratch(const ul_trainer *t, size_t l) {
    const ul_resolution *level = &t->level[l];
    const bool bottom = l == UL_BOTTOM;
    const size_t own = level->channels, crossed = bottom ? bottom_channels(t) : own;
    const size_t tile = bottom ? own
                               : larger(2 * own + 2 * t->level[l + 1].channels,
                                     3 * own + ul_pad_channels(t->shape.classes));
    const size_t bands = 2 * ul_train_padded_floats(level, crossed) +
                         level->band_rows * level->width * crossed +
                         (l ? 0 : (level->band_rows + 2 * UL_CROSS_PAD) * ul_train_input_row(t));
    return larger(ul_train_tile(level, l) * tile, bands);
}

static void place_work(ul_trainer *t, arena *a) {
    size_t partials = 0, moments = 0, scratch = 0, chunks = 0;
    for (size_t l = 0; l < UL_RESOLUTIONS; l++) {
        const ul_resolution *level = &t->level[l];
        const size_t norm = l == UL_BOTTOM ? t->bottom_padded : level->channels;
        partials = larger(partials, level->chunks * level_partials(t, l));
        moments = larger(moments, level->chunks * 2 * norm);
        scratch = larger(scratch, level_scratch(t, l));
        chunks = larger(chunks, level->chunks);
    }
    t->scratch_floats = (scratch + UL_LANES - 1) / UL_LANES * UL_LANES;
    t->scratch = take_floats(a, (size_t)t->threads * t->scratch_floats);
    t->partials = take_floats(a, partials);
    t->moments = take(a, moments, sizeof(double));
    t->terms = take(a, (chunks + 2) * UL_LOSS_TERMS(t->shape.classes), sizeof(double));
}

static size_t place(ul_trainer *t, char *base) {
    arena a = {.base = base};
    place_weights(t, &a);
    place_activations(t, &a);
    place_work(t, &a);
    return a.used;
}

ul_status ul_train_plan(ul_trainer *t, ul_error *error) {
    ul_layout(&t->shape, t->layout);
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++)
        t->offset[i + 1] = t->offset[i] + t->layout[i].count;
    set_layers(t);
    set_levels(t);
    t->arena_bytes = place(t, NULL);
    t->arena = ul_huge_alloc(&t->arena_bytes);
    if (!t->arena)
        return ul_error_set(error, UL_ERROR_LIMIT,
            "no memory for training: %zu MiB for batches of %zu slices of %zux%zu pixels; use a "
            "smaller batch",
            t->arena_bytes >> 20, t->options.batch, t->options.height, t->options.width);
    memset(t->arena, 0, t->arena_bytes);
    place(t, t->arena);
    return UL_OK;
}
