/* The kernels of training, forward and backward. */
#include "harness.h"
#include "libulite/kernels/train_kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROUNDING (1.0 / 16777216) /* half a unit in the last place of 1 */

enum { MAX_BUFFERS = 8 };

/* The arguments of one kernel: buffers that the call reads, and `out`, which it adds to or writes.
 * A test is run with the level's kernels, with the scalar ones, and with the scalar ones on the
 * magnitudes of all inputs, which gives what rounding errors are measured by. */
typedef struct call {
    const size_t *size; /* of the case */
    float *in[MAX_BUFFERS], *out;
    size_t in_count[MAX_BUFFERS], out_count;
} call;

typedef struct kernel_case {
    const char *name;
    /* Floats of each buffer; the first 0 ends those that are read. */
    void (*measure)(const size_t *size, size_t *in, size_t *out);
    void (*run)(const ul_train_kernels *kernels, const call *c);
    size_t (*length)(const size_t *size); /* of its sums; NULL: 1 */
    const size_t *sizes;                  /* [cases][numbers] */
    size_t cases, numbers;
} kernel_case;

static call prepare(const kernel_case *test, const size_t *size, fill kind) {
    call c = {.size = size};
    test->measure(size, c.in_count, &c.out_count);
    for (size_t i = 0; i < MAX_BUFFERS && c.in_count[i]; i++)
        c.in[i] = guarded_filled(c.in_count[i], i ? FILL_UNIT : kind);
    c.out = guarded_filled(c.out_count, FILL_UNIT);
    return c;
}

/* The same arguments once more, or their magnitudes. */
static call copy(const call *c, bool magnitudes) {
    call made = *c;
    for (size_t i = 0; i < MAX_BUFFERS && c->in_count[i]; i++) {
        made.in[i] = guarded_magnitudes(c->in[i], c->in_count[i]);
        if (!magnitudes)
            memcpy(made.in[i], c->in[i], c->in_count[i] * sizeof(float));
    }
    made.out = guarded_magnitudes(c->out, c->out_count);
    if (!magnitudes)
        memcpy(made.out, c->out, c->out_count * sizeof(float));
    return made;
}

static void discard(call *c) {
    for (size_t i = 0; i < MAX_BUFFERS && c->in_count[i]; i++)
        guarded_free(c->in[i], c->in_count[i]);
    guarded_free(c->out, c->out_count);
}

static bool check_case(
    const kernel_case *test, const ul_train_kernels *kernels, const size_t *size, fill kind) {
    call got = prepare(test, size, kind), expected = copy(&got, false),
         magnitude = copy(&got, true);
    test->run(kernels, &got);
    test->run(&ul_train_kernels_scalar, &expected);
    test->run(&ul_train_kernels_scalar, &magnitude);
    char what[128];
    int length = snprintf(what, sizeof what, "%s %s", test->name, fill_name(kind));
    for (size_t i = 0; i < test->numbers; i++)
        length += snprintf(what + length, sizeof what - (size_t)length, " %zu", size[i]);
    const double share = 2 * (double)((test->length ? test->length(size) : 1) + 2) * ROUNDING;
    const bool same =
        same_values(what, got.out, expected.out, magnitude.out, got.out_count, share, 1e-37);
    discard(&got);
    discard(&expected);
    discard(&magnitude);
    return same;
}

/* --- Matrix products ------------------------------------------------------------------------- */

enum { GAP = 3 }; /* floats between the channels of two pixels */

/* {pixels, segments, depth, columns, bias} */
static const size_t matmul_sizes[][5] = {{1, 1, 1, 16, 1}, {3, 1, 16, 16, 0}, {7, 7, 21, 16, 1},
    {8, 1, 17, 32, 1}, {13, 2, 5, 48, 0}, {16, 1, 64, 64, 1}, {23, 1, 33, 80, 0},
    {37, 3, 7, 112, 1}, {2, 1, 512, 16, 0}};

static void measure_matmul(const size_t *s, size_t *in, size_t *out) {
    in[0] = (s[0] - 1) * (s[2] + GAP) + (s[1] - 1) * (s[2] + 1) + s[2];
    in[1] = s[1] * s[2] * s[3];
    in[2] = s[3];
    *out = (s[0] - 1) * (s[3] + GAP) + s[3];
}

static ul_matmul matmul_job(const call *c) {
    const size_t *s = c->size;
    return (ul_matmul){.x = c->in[0],
        .x_stride = s[2] + GAP,
        .segments = s[1],
        .segment_stride = s[2] + 1,
        .depth = s[2],
        .weight = c->in[1],
        .bias = s[4] ? c->in[2] : NULL,
        .y = c->out,
        .y_stride = s[3] + GAP,
        .columns = s[3],
        .pixels = s[0]};
}

static void run_matmul(const ul_train_kernels *kernels, const call *c) {
    const ul_matmul job = matmul_job(c);
    kernels->matmul(&job);
}

static void run_matmul_exact(const ul_train_kernels *kernels, const call *c) {
    const ul_matmul job = matmul_job(c);
    kernels->matmul_exact(&job);
}

static size_t matmul_length(const size_t *s) {
    return s[1] * s[2];
}

/* {pixels, depth, columns, whether y is scaled} */
static const size_t outer_sizes[][4] = {{1, 1, 16, 0}, {3, 4, 16, 1}, {5, 5, 32, 0},
    {17, 13, 48, 1}, {128, 16, 16, 0}, {31, 20, 64, 1}, {9, 33, 80, 0}, {64, 21, 16, 1}};

static void measure_outer(const size_t *s, size_t *in, size_t *out) {
    in[0] = (s[0] - 1) * (s[1] + GAP) + s[1];
    in[1] = (s[0] - 1) * (s[2] + GAP) + s[2];
    in[2] = in[3] = s[3] ? s[2] : 0;
    *out = (s[1] - 1) * (s[2] + GAP) + s[2];
}

static void run_outer(const ul_train_kernels *kernels, const call *c) {
    const size_t *s = c->size;
    kernels->outer(&(ul_outer){.x = c->in[0],
        .x_stride = s[1] + GAP,
        .depth = s[1],
        .y = c->in[1],
        .scale = s[3] ? c->in[2] : NULL,
        .shift = s[3] ? c->in[3] : NULL,
        .y_stride = s[2] + GAP,
        .columns = s[2],
        .pixels = s[0],
        .sum = c->out,
        .sum_stride = s[2] + GAP});
}

static size_t first_length(const size_t *s) {
    return s[0];
}

/* --- Crosses --------------------------------------------------------------------------------- */

/* {rows, width, channels, radius, dilation, bias; of the sums, y in blocks as x is} */
static const size_t cross_sizes[][6] = {{1, 1, 16, 3, 1, 1}, {2, 3, 16, 3, 1, 0},
    {5, 7, 32, 3, 1, 1}, {4, 13, 48, 3, 1, 0}, {3, 45, 32, 3, 1, 1}, {1, 1, 16, 1, 1, 1},
    {3, 2, 48, 1, 2, 0}, {2, 9, 32, 1, 3, 1}, {6, 4, 16, 1, 1, 0}};

static size_t reach(const size_t *s) {
    return s[3] * s[4];
}

static size_t padded_row(const size_t *s) {
    return (s[1] + 2 * reach(s)) * UL_LANES;
}

/* UL_LANES channels of the padded image. */
static size_t padded_block(const size_t *s) {
    return (s[0] + 2 * reach(s)) * padded_row(s);
}

static size_t cross_pixels(const size_t *s) {
    return (s[0] * s[1] - 1) * (s[2] + GAP) + s[2];
}

static void measure_cross(const size_t *s, size_t *in, size_t *out) {
    in[0] = s[2] / UL_LANES * padded_block(s);
    in[1] = 2 * (2 * s[3] + 1) * s[2];
    in[2] = s[2];
    *out = cross_pixels(s);
}

static ul_train_cross cross_job(const call *c) {
    const size_t *s = c->size;
    return (ul_train_cross){.x = c->in[0] + reach(s) * (padded_row(s) + UL_LANES),
        .x_row_stride = padded_row(s),
        .x_block_stride = padded_block(s),
        .radius = s[3],
        .dilation = s[4],
        .channels = s[2],
        .weight = c->in[1],
        .bias = s[5] ? c->in[2] : NULL,
        .y = c->out,
        .y_stride = s[2] + GAP,
        .y_row_stride = s[1] * (s[2] + GAP),
        .rows = s[0],
        .width = s[1]};
}

static void run_cross(const ul_train_kernels *kernels, const call *c) {
    const ul_train_cross job = cross_job(c);
    kernels->cross(&job);
}

static void run_cross_exact(const ul_train_kernels *kernels, const call *c) {
    const ul_train_cross job = cross_job(c);
    kernels->cross_exact(&job);
}

static size_t cross_length(const size_t *s) {
    return 4 * s[3] + 1;
}

static void measure_cross_sums(const size_t *s, size_t *in, size_t *out) {
    in[0] = s[2] / UL_LANES * padded_block(s);
    in[1] = s[5] ? s[0] * s[1] * s[2] : cross_pixels(s);
    *out = (2 * (2 * s[3] + 1) + 1) * s[2];
}

/* The weights' sums, then the bias's; the tap that the horizontal row shares is left alone. */
static void run_cross_sums(const ul_train_kernels *kernels, const call *c) {
    const size_t *s = c->size;
    const ul_train_cross job = cross_job(c);
    kernels->cross_sums(&(ul_train_cross_sums){.x = job.x,
        .x_row_stride = job.x_row_stride,
        .x_block_stride = job.x_block_stride,
        .radius = job.radius,
        .dilation = job.dilation,
        .channels = job.channels,
        .y = c->in[1],
        .y_stride = s[5] ? UL_LANES : job.y_stride,
        .y_row_stride = s[5] ? s[1] * UL_LANES : job.y_row_stride,
        .y_block_stride = s[5] ? s[0] * s[1] * UL_LANES : UL_LANES,
        .rows = job.rows,
        .width = job.width,
        .weight = c->out,
        .bias = c->out + 2 * (2 * s[3] + 1) * s[2]});
}

static size_t area_length(const size_t *s) {
    return s[0] * s[1];
}

/* --- Pixel by pixel -------------------------------------------------------------------------- */

enum { MAX_CHANNELS = 64 };

/* {pixels, channels} */
static const size_t pixel_sizes[][2] = {{1, 16}, {2, 48}, {3, 16}, {4, 32}, {7, 64}, {65, 16}};

static void measure_affine(const size_t *s, size_t *in, size_t *out) {
    in[0] = (s[0] - 1) * (s[1] + GAP) + s[1];
    in[1] = in[2] = s[1];
    *out = s[0] * s[1];
}

static void run_affine(const ul_train_kernels *kernels, const call *c) {
    kernels->affine(c->in[0], c->size[1] + GAP, c->in[1], c->in[2], c->out, c->size[0], c->size[1]);
}

static void measure_affine2(const size_t *s, size_t *in, size_t *out) {
    in[0] = in[1] = (s[0] - 1) * (s[1] + GAP) + s[1];
    in[2] = in[3] = in[4] = s[1];
    *out = s[0] * s[1];
}

static void run_affine2(const ul_train_kernels *kernels, const call *c) {
    double wide[3][MAX_CHANNELS];
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < c->size[1]; k++)
            wide[i][k] = c->in[2 + i][k];
    kernels->affine2(c->in[0], c->in[1], c->size[1] + GAP, wide[0], wide[1], wide[2], c->out,
        c->size[0], c->size[1]);
}

static void measure_sums(const size_t *s, size_t *in, size_t *out) {
    in[0] = in[1] = (s[0] - 1) * (s[1] + GAP) + s[1];
    in[2] = s[1];
    *out = 2 * s[1];
}

static void run_sums(const ul_train_kernels *kernels, const call *c) {
    kernels->sums(c->in[0], c->size[1] + GAP, c->out, c->size[0], c->size[1]);
}

/* The mean is taken away: its sign is turned, so that magnitudes add up. */
static const float *negated(const float *mean, size_t channels, float *room) {
    for (size_t i = 0; i < channels; i++)
        room[i] = -mean[i];
    return room;
}

static void run_squares(const ul_train_kernels *kernels, const call *c) {
    float room[MAX_CHANNELS];
    kernels->squares(c->in[0], c->size[1] + GAP, negated(c->in[2], c->size[1], room), c->out,
        c->size[0], c->size[1]);
}

static void run_dots(const ul_train_kernels *kernels, const call *c) {
    float room[MAX_CHANNELS];
    kernels->dots(c->in[0], c->in[1], c->size[1] + GAP, negated(c->in[2], c->size[1], room), c->out,
        c->out + c->size[1], c->size[0], c->size[1]);
}

static void measure_gelu(const size_t *s, size_t *in, size_t *out) {
    in[0] = in[1] = s[0] * s[1];
    *out = 2 * s[0] * s[1];
}

/* The scalar normal distribution function is exact, that of the others within 1e-7. */
static size_t gelu_length(const size_t *s) {
    (void)s;
    return 6;
}

static void run_gelu(const ul_train_kernels *kernels, const call *c) {
    kernels->gelu(c->in[0], c->out, c->in_count[0]);
}

static void run_gelu_backward(const ul_train_kernels *kernels, const call *c) {
    kernels->gelu_backward(c->in[0], c->in[1], c->out, c->out + c->in_count[0], c->in_count[0]);
}

static void run_gelu_slope(const ul_train_kernels *kernels, const call *c) {
    kernels->gelu_slope(c->in[0], c->out, c->out + c->in_count[0], c->in_count[0]);
}

static void measure_multiply(const size_t *s, size_t *in, size_t *out) {
    in[0] = *out = s[0] * s[1];
}

static void run_multiply(const ul_train_kernels *kernels, const call *c) {
    kernels->multiply(c->in[0], c->out, c->in_count[0]);
}

/* --- Pairs of rows --------------------------------------------------------------------------- */

/* {pairs, width, channels} */
static const size_t pair_sizes[][3] = {{1, 2, 16}, {2, 6, 32}, {3, 10, 16}, {1, 4, 80}};

static size_t large_floats(const size_t *s) {
    return 2 * s[0] * s[1] * s[2];
}

static void measure_pool(const size_t *s, size_t *in, size_t *out) {
    in[0] = large_floats(s);
    *out = in[0] / 2; /* the largest, then which they were */
}

/* Few values, so that many are equal. */
static void run_pool(const ul_train_kernels *kernels, const call *c) {
    const size_t small = c->out_count / 2, bytes = small / sizeof(float);
    float *which = guarded(bytes);
    for (size_t i = 0; i < c->in_count[0]; i++)
        c->in[0][i] = roundf(2 * fminf(c->in[0][i], 2));
    kernels->pool(c->in[0], c->size[0], c->size[1], c->size[2], c->out, (uint8_t *)which);
    for (size_t i = 0; i < small; i++)
        c->out[small + i] = ((const uint8_t *)which)[i];
    guarded_free(which, bytes);
}

static void measure_small(const size_t *s, size_t *in, size_t *out) {
    *out = large_floats(s);
    in[0] = *out / 4;
    in[1] = s[2];
}

static void run_upsample(const ul_train_kernels *kernels, const call *c) {
    kernels->upsample(c->in[0], c->in[1], c->size[0], c->size[1], c->size[2], c->out);
}

static void measure_unpool(const size_t *s, size_t *in, size_t *out) {
    *out = large_floats(s);
    in[0] = *out / 4;
    in[1] = *out / 16; /* bytes */
}

static void run_unpool(const ul_train_kernels *kernels, const call *c) {
    uint8_t *which = (uint8_t *)c->in[1];
    for (size_t i = 0; i < c->in_count[0]; i++)
        which[i] = (uint8_t)(i * 7 % 5 % 4);
    kernels->unpool(c->in[0], which, c->size[0], c->size[1], c->size[2], c->out);
}

static void measure_fold(const size_t *s, size_t *in, size_t *out) {
    in[0] = large_floats(s);
    *out = in[0] / 4;
}

static void run_fold(const ul_train_kernels *kernels, const call *c) {
    kernels->fold(c->in[0], c->size[0], c->size[1], c->size[2], c->out);
}

/* --- All ------------------------------------------------------------------------------------- */

#define SIZES(of) &of[0][0], sizeof of / sizeof *of, sizeof *of / sizeof **of

static const kernel_case kernel_cases[] = {
    {"matmul", measure_matmul, run_matmul, matmul_length, SIZES(matmul_sizes)},
    {"matmul_exact", measure_matmul, run_matmul_exact, NULL, SIZES(matmul_sizes)},
    {"outer", measure_outer, run_outer, first_length, SIZES(outer_sizes)},
    {"cross", measure_cross, run_cross, cross_length, SIZES(cross_sizes)},
    {"cross_exact", measure_cross, run_cross_exact, NULL, SIZES(cross_sizes)},
    {"cross_sums", measure_cross_sums, run_cross_sums, area_length, SIZES(cross_sizes)},
    {"affine", measure_affine, run_affine, NULL, SIZES(pixel_sizes)},
    {"affine2", measure_affine2, run_affine2, NULL, SIZES(pixel_sizes)},
    {"sums", measure_sums, run_sums, first_length, SIZES(pixel_sizes)},
    {"squares", measure_sums, run_squares, first_length, SIZES(pixel_sizes)},
    {"dots", measure_sums, run_dots, first_length, SIZES(pixel_sizes)},
    {"gelu", measure_gelu, run_gelu, gelu_length, SIZES(pixel_sizes)},
    {"gelu_backward", measure_gelu, run_gelu_backward, gelu_length, SIZES(pixel_sizes)},
    {"gelu_slope", measure_gelu, run_gelu_slope, gelu_length, SIZES(pixel_sizes)},
    {"multiply", measure_multiply, run_multiply, NULL, SIZES(pixel_sizes)},
    {"pool", measure_pool, run_pool, NULL, SIZES(pair_sizes)},
    {"unpool", measure_unpool, run_unpool, NULL, SIZES(pair_sizes)},
    {"upsample", measure_small, run_upsample, NULL, SIZES(pair_sizes)},
    {"fold", measure_fold, run_fold, NULL, SIZES(pair_sizes)}};

static bool check_training(const ul_kernels *kernels, const ul_kernels *scalar) {
    (void)scalar;
    const ul_train_kernels *level = ul_train_kernels_get(kernels->level);
    bool passed = true;
    for (size_t i = 0; i < sizeof kernel_cases / sizeof *kernel_cases; i++) {
        const kernel_case *test = &kernel_cases[i];
        for (size_t n = 0; n < test->cases; n++)
            for (fill kind = 0; kind < FILL_COUNT; kind++)
                passed = check_case(test, level, test->sizes + n * test->numbers, kind) && passed;
    }
    return passed;
}

typedef struct measured {
    const ul_train_kernels *kernels;
    const kernel_case *test;
    call c;
} measured;

static void call_measured(void *argument) {
    const measured *m = argument;
    m->test->run(m->kernels, &m->c);
}

/* Products and crosses of the first level of 256x256 slices. */
static void bench_training(const ul_kernels *kernels, double peak) {
    static const size_t matmul_size[] = {512, 1, 16, 32, 1}, outer_size[] = {512, 32, 16, 1},
                        cross_size[] = {16, 256, 16, 3, 1, 1};
    static const size_t *const sizes[] = {
        matmul_size, matmul_size, outer_size, cross_size, cross_size, cross_size};
    static const double products[] = {512 * 16 * 32, 512 * 16 * 32, 512 * 16 * 32,
        16 * 256 * 16 * 13, 16 * 256 * 16 * 13, 16 * 256 * 16 * 13};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        measured m = {.kernels = ul_train_kernels_get(kernels->level), .test = &kernel_cases[i]};
        m.c = prepare(m.test, sizes[i], FILL_UNIT);
        bench_call(kernels, m.test->name, peak, products[i], call_measured, &m);
        discard(&m.c);
    }
}

const kernel_test training_test = {"training", check_training, bench_training};
