#include "libulite/infer/infer.h"

#include <string.h>

#define TAPS 7
#define REACH 3

/* --- Rows and shares ------------------------------------------------------------------------- */

/* An NHWC image, or the last `ring` rows of one: row y is at data + (y % ring) * row. */
typedef struct image {
    float *data;
    size_t stride, row, ring;
} image;

/* From begin up to end. */
typedef struct range {
    size_t begin, end;
} range;

static image image_of(float *data, size_t rows, size_t width, size_t stride) {
    return (image){data, stride, width * stride, rows};
}

static image padded_image_of(float *data, size_t rows, size_t width, size_t stride) {
    return (image){data, stride, width * stride + UL_ROW_PAD, rows};
}

static float *row_of(const image *i, size_t y) {
    return i->data + y % i->ring * i->row;
}

/* The thread's share of count things. */
static range share(const ul_run *run, size_t count) {
    size_t thread = (size_t)run->thread, threads = (size_t)run->threads;
    return (range){count * thread / threads, count * (thread + 1) / threads};
}

static range share_channels(const ul_run *run, size_t channels) {
    range blocks = share(run, channels / UL_LANES);
    return (range){blocks.begin * UL_LANES, blocks.end * UL_LANES};
}

static void barrier(const ul_run *run) {
    if (run->threads > 1)
        ul_team_barrier(run->team);
}

static float *buffer(const ul_run *run, float *region, int which) {
    return region + run->plan->offset[which];
}

static void probe(const ul_run *run, const char *block, const char *tensor, const image *i,
    range rows, size_t width, size_t channels) {
    if (!run->probe || !run->probe->rows || rows.begin == rows.end)
        return;
    char name[16] = "";
    strncat(name, block, 7);
    strncat(name, tensor, 7);
    ul_probe_rows seen = {.name = name,
        .y = rows.begin,
        .rows = rows.end - rows.begin,
        .width = width,
        .channels = channels,
        .data = row_of(i, rows.begin),
        .stride = i->stride,
        .row = i->row};
    run->probe->rows(run->probe->context, &seen);
}

static void probe_step(const ul_run *run, int step) {
    if (run->probe && run->probe->step)
        run->probe->step(run->probe->context, run->thread, step);
}

/* --- Parts of blocks ------------------------------------------------------------------------- */

/* Channels of rows of an axial block over an image of height rows; the output rows lie one after
 * the other. */
static void cross_rows(const ul_run *run, const float *weights, size_t taps, size_t dilation,
    const image *in, size_t height, size_t width, const image *out, range rows, range channels) {
    enum { MOST = 16, LONGEST_REACH = 3 };
    const float *taken[MOST + 2 * LONGEST_REACH];
    size_t reach = taps / 2 * dilation;
    ul_cross p = {.width = width,
        .channels = channels.end - channels.begin,
        .taps = taps,
        .dilation = dilation,
        .in = taken,
        .in_stride = in->stride,
        .out_stride = out->stride,
        .out_row = out->row,
        .weights = weights + channels.begin * 2 * taps};
    for (size_t y = rows.begin; y < rows.end; y += p.rows) {
        p.rows = rows.end - y < MOST ? rows.end - y : MOST;
        for (size_t i = 0; i < p.rows + 2 * reach; i++) {
            bool inside = y + i >= reach && y + i - reach < height;
            taken[i] = (inside ? row_of(in, y + i - reach) : run->zeros) + channels.begin;
        }
        p.out = row_of(out, y) + channels.begin;
        run->kernels->cross(&p);
    }
}

/* Output channels of a 1x1 over rows that lie one after the other in both images. */
static ul_pointwise pointwise_of(const float *weights, const float *bias, size_t cin,
    const image *in, size_t in_y, const image *out, range rows, size_t width, range channels) {
    return (ul_pointwise){.rows = rows.end - rows.begin,
        .width = width,
        .cin = cin,
        .cout = channels.end - channels.begin,
        .in = row_of(in, in_y),
        .in_stride = in->stride,
        .in_row = in->row,
        .out = row_of(out, rows.begin) + channels.begin,
        .out_stride = out->stride,
        .out_row = out->row,
        .init = bias + channels.begin,
        .weights = weights + channels.begin * cin};
}

/* --- conv_in --------------------------------------------------------------------------------- */

/* How far conv_in has come in the rows of e1. */
typedef struct conv_in_state {
    image out;
    float *borders;       /* per channel a ring of UL_INPUT_ROWS bordered rows, and one of zeros */
    size_t input, output; /* the next rows to copy and to compute */
} conv_in_state;

static conv_in_state conv_in_start(const ul_run *run, size_t first) {
    const ul_buffers *plan = run->plan;
    size_t width = plan->level[0].width;
    conv_in_state s = {.out = padded_image_of(buffer(run, run->own, UL_BUFFER_CONV_IN),
                           plan->level[0].encoder_rows + 2 * REACH, width, run->folded->width[0]),
        .borders = buffer(run, run->own, UL_BUFFER_INPUT),
        .output = first > REACH ? first - REACH : 0};
    s.input = s.output > REACH ? s.output - REACH : 0;
    memset(s.borders, 0,
        (UL_INPUT_ROWS + 1) * run->folded->input_channels * plan->input_row * sizeof *s.borders);
    return s;
}

static float *bordered_row(const ul_run *run, const conv_in_state *s, size_t channel, size_t slot) {
    return s->borders + (channel * (UL_INPUT_ROWS + 1) + slot) * run->plan->input_row;
}

/* Computes the rows before end that are not there yet. */
static void conv_in_until(const ul_run *run, conv_in_state *s, size_t end) {
    const ul_folded *f = run->folded;
    const ul_buffers_level *level = &run->plan->level[0];
    const float *rows[TAPS];
    ul_conv7 p = {.width = level->width,
        .cin = f->input_channels,
        .cout = f->width[0],
        .rows = rows,
        .in_plane = (UL_INPUT_ROWS + 1) * run->plan->input_row,
        .out_stride = s->out.stride,
        .weights = f->conv_in,
        .bias = f->conv_in_bias};
    for (; s->output < end; s->output++) {
        size_t y = s->output;
        for (; s->input <= y + REACH && s->input < level->height; s->input++)
            for (size_t c = 0; c < f->input_channels; c++)
                memcpy(bordered_row(run, s, c, s->input % UL_INPUT_ROWS) + REACH,
                    run->input + (c * level->height + s->input) * level->width,
                    level->width * sizeof(float));
        for (size_t t = 0; t < TAPS; t++) {
            bool inside = y + t >= REACH && y + t - REACH < level->height;
            size_t slot = inside ? (y + t - REACH) % UL_INPUT_ROWS : UL_INPUT_ROWS;
            rows[t] = bordered_row(run, s, 0, slot);
        }
        p.out = row_of(&s->out, y);
        run->kernels->conv7(&p);
        probe(run, "conv_in", ".out", &s->out, (range){y, y + 1}, level->width, f->width[0]);
    }
}

/* --- Encoder --------------------------------------------------------------------------------- */

static void encode(const ul_run *run, int l) {
    const ul_folded *f = run->folded;
    const ul_buffers_level *level = &run->plan->level[l];
    const ul_folded_encoder *e = &f->encoder[l];
    const char name[] = {'e', (char)('1' + l), '\0'};
    size_t height = level->height, width = level->width, cin = f->width[l], cout = f->width[l + 1];
    image skip = padded_image_of(buffer(run, run->shared, UL_BUFFER_SKIP + l), height, width, cin);
    float *encoded = buffer(run, run->shared, UL_BUFFER_ENCODED + l);
    image out = l + 1 < UL_DEPTH ? padded_image_of(encoded, height / 2, width / 2, cout)
                                 : image_of(encoded, height / 2, width / 2, cout);
    image in = {0};
    if (l > 0)
        in = padded_image_of(
            buffer(run, run->shared, UL_BUFFER_ENCODED + l - 1), height, width, cin);

    size_t step = level->encoder_rows, count = (height + step - 1) / step;
    range blocks = level->by_channels ? (range){0, 1} : share(run, count);
    range channels = {0, cin}, outputs = {0, cout};
    if (level->by_channels) {
        channels = share_channels(run, cin);
        outputs = share_channels(run, cout);
    }
    conv_in_state conv = {0};
    if (l == 0) {
        conv = conv_in_start(run, blocks.begin * step);
        in = conv.out;
    }
    for (size_t b = blocks.begin; b < blocks.end; b++) {
        range rows = {b * step, (b + 1) * step < height ? (b + 1) * step : height};
        range halved = {rows.begin / 2, rows.end / 2};
        if (l == 0)
            conv_in_until(run, &conv, rows.end + REACH < height ? rows.end + REACH : height);
        cross_rows(run, e->cross, TAPS, 1, &in, height, width, &skip, rows, channels);
        if (level->by_channels)
            barrier(run);
        ul_pointwise p = pointwise_of(
            e->pw, e->pw_bias, cin, &skip, rows.begin, &out, halved, width / 2, outputs);
        p.gelu = true;
        run->kernels->pointwise_pool(&p);
        if (level->by_channels)
            barrier(run);
        if (!level->by_channels || run->thread == 0) {
            probe(run, name, ".skip", &skip, rows, width, cin);
            probe(run, name, ".out", &out, halved, width / 2, cout);
        }
    }
    barrier(run);
}

/* --- Bottleneck ------------------------------------------------------------------------------ */

/* Always shared by channels: there are few pixels. */
static void bottleneck(const ul_run *run) {
    const ul_folded *f = run->folded;
    size_t height = run->plan->level[UL_DEPTH - 1].height / 2;
    size_t width = run->plan->level[UL_DEPTH - 1].width / 2;
    size_t channels = f->width[UL_DEPTH], part = f->bottleneck;
    float *encoded = buffer(run, run->shared, UL_BUFFER_ENCODED + UL_DEPTH - 1);
    float *parts = buffer(run, run->shared, UL_BUFFER_CONCAT);
    /* The 1x1s see one long row. */
    size_t pixels = height * width;
    image in = image_of(encoded, 1, pixels, channels);
    image concat = image_of(parts, 1, pixels, 4 * part);
    image out = image_of(buffer(run, run->shared, UL_BUFFER_BOTTLENECK), 1, pixels, channels);
    image first = image_of(parts, height, width, 4 * part);
    range one = {0, 1}, mine = share_channels(run, part);

    ul_pointwise p =
        pointwise_of(f->pw1, f->pw1_bias, channels, &in, 0, &concat, one, pixels, mine);
    run->kernels->pointwise(&p);
    for (int i = 0; i < UL_BRANCHES; i++) {
        image branch = first;
        branch.data += (size_t)(i + 1) * part;
        cross_rows(run, f->cross[i], 3, (size_t)i + 1, &first, height, width, &branch,
            (range){0, height}, mine);
    }
    barrier(run);
    p = pointwise_of(f->pw2, f->pw2_bias, 4 * part, &concat, 0, &out, one, pixels,
        share_channels(run, channels));
    p.gelu = true;
    run->kernels->pointwise(&p);
    barrier(run);
    if (run->thread == 0) {
        image shaped = image_of(out.data, height, width, channels);
        probe(run, "b5", ".out", &shaped, (range){0, height}, width, channels);
    }
}

/* --- Decoder --------------------------------------------------------------------------------- */

/* One decoder block's images: x at half resolution and the skip come in, the others are made. */
typedef struct decoder {
    const ul_buffers_level *level;
    const ul_folded_decoder *weights;
    size_t below, channels; /* of x, of everything else */
    image x, skip, low, ring, cross, out;
} decoder;

static decoder decoder_of(const ul_run *run, int l) {
    const ul_buffers_level *level = &run->plan->level[l];
    float *work = level->by_channels ? run->shared : run->own;
    size_t width = level->width, rows = level->decoder_rows;
    size_t below = run->folded->width[l + 1], channels = run->folded->width[l];
    int x = l + 1 < UL_DEPTH ? (int)UL_BUFFER_DECODED + l + 1 : (int)UL_BUFFER_BOTTLENECK;
    decoder d = {.level = level,
        .weights = &run->folded->decoder[l],
        .below = below,
        .channels = channels,
        .x = image_of(buffer(run, run->shared, x), level->height / 2, width / 2, below),
        .skip = padded_image_of(
            buffer(run, run->shared, UL_BUFFER_SKIP + l), level->height, width, channels),
        .low = image_of(buffer(run, work, UL_BUFFER_LOW + l), rows / 2, width / 2, channels),
        .ring = padded_image_of(
            buffer(run, work, UL_BUFFER_RING + l), level->ring_rows, width, channels),
        .cross = padded_image_of(buffer(run, work, UL_BUFFER_CROSS + l), rows, width, channels)};
    if (l > 0)
        d.out = image_of(
            buffer(run, run->shared, UL_BUFFER_DECODED + l), level->height, width, channels);
    else
        d.out = image_of(buffer(run, run->own, UL_BUFFER_DECODED), rows, width, channels);
    return d;
}

/* The first 1x1: x's half at half resolution, then the skip's half on top of it. */
static void expand(const ul_run *run, const decoder *d, range rows, range channels) {
    size_t width = d->level->width;
    range halved = {rows.begin / 2, rows.end / 2};
    ul_pointwise p = pointwise_of(d->weights->low, d->weights->low_bias, d->below, &d->x,
        halved.begin, &d->low, halved, width / 2, channels);
    run->kernels->pointwise(&p);
    const float *low = p.out - channels.begin;
    p = pointwise_of(
        d->weights->skip, low, d->channels, &d->skip, rows.begin, &d->ring, rows, width, channels);
    p.init_stride = d->low.stride;
    p.init_row = d->low.row;
    p.init_shift = 1;
    run->kernels->pointwise(&p);
}

static void project(const ul_run *run, const decoder *d, range rows) {
    size_t width = d->level->width, plane = d->level->height * width;
    ul_project p = {.pixels = (rows.end - rows.begin) * width,
        .channels = d->channels,
        .classes = run->folded->classes,
        .in = row_of(&d->out, rows.begin),
        .in_stride = d->out.stride,
        .out = run->logits + rows.begin * width,
        .out_plane = plane,
        .weights = run->folded->project,
        .bias = run->folded->project_bias};
    run->kernels->project(&p);
}

static void decode(const ul_run *run, int l) {
    decoder d = decoder_of(run, l);
    const char name[] = {'d', (char)('1' + l), '\0'};
    size_t height = d.level->height, width = d.level->width;
    size_t step = d.level->decoder_rows, count = (height + step - 1) / step;
    bool by_channels = d.level->by_channels;
    range blocks = by_channels ? (range){0, 1} : share(run, count);
    range channels = by_channels ? share_channels(run, d.channels) : (range){0, d.channels};
    size_t expanded = blocks.begin > 0 ? blocks.begin - 1 : 0;
    for (size_t b = blocks.begin; b < blocks.end; b++) {
        range rows = {b * step, (b + 1) * step < height ? (b + 1) * step : height};
        for (; expanded * step < height && expanded * step < rows.end + REACH; expanded++) {
            size_t end = (expanded + 1) * step;
            expand(run, &d, (range){expanded * step, end < height ? end : height}, channels);
        }
        cross_rows(
            run, d.weights->cross, TAPS, 1, &d.ring, height, width, &d.cross, rows, channels);
        if (by_channels)
            barrier(run);
        ul_pointwise p = pointwise_of(d.weights->pw2, d.weights->pw2_bias, d.channels, &d.cross,
            rows.begin, &d.out, rows, width, channels);
        p.gelu = true;
        run->kernels->pointwise(&p);
        if (l == 0)
            project(run, &d, rows);
        if (by_channels)
            barrier(run);
        if (!by_channels || run->thread == 0)
            probe(run, name, ".out", &d.out, rows, width, d.channels);
    }
    barrier(run);
}

void ul_infer_slice(const ul_run *run) {
    int step = 0;
    for (int l = 0; l < UL_DEPTH; l++) {
        encode(run, l);
        probe_step(run, step++);
    }
    bottleneck(run);
    probe_step(run, step++);
    for (int l = UL_DEPTH - 1; l >= 0; l--) {
        decode(run, l);
        probe_step(run, step++);
    }
}
