/* 1x1 convolution, plain and with 2x2 pooling. */
#include "harness.h"

#include <stdio.h>

typedef void pointwise_function(const ul_pointwise *p);

/* A case: sizes, gaps between pixels and rows, the kind of values. */
typedef struct sizes {
    size_t rows, width, cin, cout;
    size_t gap;     /* floats between the channels of two pixels */
    unsigned shift; /* init: 0 a bias, 1 half resolution */
    bool gelu;
} sizes;

typedef struct buffers {
    ul_pointwise p;
    size_t in, out, init, weights; /* floats */
} buffers;

static buffers make(const sizes *s, bool pool, fill kind) {
    size_t scale = pool ? 2 : 1, halved = s->shift;
    size_t in_stride = s->cin + s->gap, out_stride = s->cout + s->gap;
    buffers b = {.p = {.rows = s->rows,
                     .width = s->width,
                     .cin = s->cin,
                     .cout = s->cout,
                     .in_stride = in_stride,
                     .in_row = s->width * scale * in_stride + s->gap,
                     .out_stride = out_stride,
                     .out_row = s->width * out_stride + s->gap,
                     .init_shift = s->shift,
                     .gelu = s->gelu}};
    size_t init_width = (s->width + halved) >> halved, init_rows = (s->rows + halved) >> halved;
    if (halved) {
        b.p.init_stride = s->cout;
        b.p.init_row = init_width * s->cout;
    }
    b.in = s->rows * scale * b.p.in_row - 2 * s->gap; /* the last pixel ends the buffer */
    b.out = s->rows * b.p.out_row - 2 * s->gap;
    b.init = halved ? init_width * init_rows * s->cout : s->cout;
    b.weights = s->cin * s->cout;
    b.p.in = guarded_filled(b.in, kind);
    b.p.init = guarded_filled(b.init, kind);
    b.p.weights = guarded_filled(b.weights, kind == FILL_MIXED ? FILL_MIXED : FILL_UNIT);
    b.p.out = guarded(b.out);
    return b;
}

/* Frees buffers that make() made, which the struct shows as const. */
static void release(const float *buffer, size_t count) {
    guarded_free((float *)(uintptr_t)buffer, count);
}

static void discard(buffers *b) {
    release(b->p.in, b->in);
    release(b->p.init, b->init);
    release(b->p.weights, b->weights);
    release(b->p.out, b->out);
}

/* The sum of the magnitudes of all terms: what rounding errors are measured by. */
static float *magnitudes(const buffers *b, pointwise_function *scalar) {
    ul_pointwise p = b->p;
    p.in = guarded_magnitudes(b->p.in, b->in);
    p.init = guarded_magnitudes(b->p.init, b->init);
    p.weights = guarded_magnitudes(b->p.weights, b->weights);
    p.out = guarded(b->out);
    p.gelu = false;
    scalar(&p);
    release(p.in, b->in);
    release(p.init, b->init);
    release(p.weights, b->weights);
    return p.out;
}

static bool check_case(
    const sizes *s, bool pool, fill kind, pointwise_function *kernel, pointwise_function *scalar) {
    buffers b = make(s, pool, kind);
    float *magnitude = magnitudes(&b, scalar), *expected = guarded(b.out);
    kernel(&b.p);
    ul_pointwise reference = b.p;
    reference.out = expected;
    scalar(&reference);
    char what[128];
    snprintf(what, sizeof what, "pointwise%s %zux%zu %zu->%zu shift %u gelu %d %s",
        pool ? " pool" : "", s->rows, s->width, s->cin, s->cout, s->shift, s->gelu,
        fill_name(kind));
    double share = 2.0 * (double)(s->cin + 4) / 16777216;
    bool same =
        same_values(what, b.p.out, expected, magnitude, b.out, share, s->gelu ? 1e-6 : 1e-37);
    guarded_free(expected, b.out);
    guarded_free(magnitude, b.out);
    discard(&b);
    return same;
}

static const sizes cases[] = {
    {1, 1, 16, 16, 0, 0, false},
    {1, 2, 16, 16, 0, 0, true},
    {2, 3, 16, 32, 3, 1, false},
    {3, 5, 32, 48, 1, 1, true},
    {1, 13, 48, 64, 0, 0, true},
    {2, 14, 64, 16, 5, 0, false},
    {1, 15, 1, 16, 0, 0, false},
    {3, 27, 7, 80, 2, 1, false},
    {1, 28, 16, 16, 0, 0, true},
    {2, 29, 33, 32, 0, 1, false},
    {1, 57, 16, 48, 0, 1, true},
    {1, 64, 512, 32, 0, 0, false},
};

static bool check_all(bool pool, pointwise_function *kernel, pointwise_function *scalar) {
    bool passed = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (fill kind = 0; kind < FILL_COUNT; kind++) {
            sizes s = cases[i];
            if (pool)
                s.shift = 0;
            passed = check_case(&s, pool, kind, kernel, scalar) && passed;
        }
    return passed;
}

static bool check_pointwise(const ul_kernels *kernels, const ul_kernels *scalar) {
    return check_all(false, kernels->pointwise, scalar->pointwise);
}

static bool check_pool(const ul_kernels *kernels, const ul_kernels *scalar) {
    return check_all(true, kernels->pointwise_pool, scalar->pointwise_pool);
}

/* --- Measurement: the layers of a 256x256 slice ---------------------------------------------- */

MEASURED(pointwise)

static void bench_case(
    const ul_kernels *kernels, double peak, const char *layer, const sizes *s, bool pool) {
    buffers b = make(s, pool, FILL_UNIT);
    measured_pointwise m = {pool ? kernels->pointwise_pool : kernels->pointwise, b.p};
    char what[64];
    snprintf(what, sizeof what, "%s %zux%zu %zu->%zu%s%s", layer, s->rows, s->width, s->cin,
        s->cout, pool ? " pool" : "", s->gelu ? " gelu" : "");
    double work = (double)(s->rows * s->width * (pool ? 4 : 1) * s->cin) * (double)s->cout;
    bench_call(kernels, what, peak, work, call_pointwise, &m);
    discard(&b);
}

static void bench_pointwise(const ul_kernels *kernels, double peak) {
    static const struct {
        const char *name;
        sizes s;
    } layers[] = {{"d1.pw skip", {4, 256, 16, 16, 0, 1, false}},
        {"d1.pw2", {4, 256, 16, 16, 0, 0, true}}, {"d1.pw2", {4, 256, 16, 16, 0, 0, false}},
        {"d1.pw low", {2, 128, 32, 16, 0, 0, false}}, {"d2.pw skip", {4, 128, 32, 32, 0, 1, false}},
        {"d2.pw2", {4, 128, 32, 32, 0, 0, true}}, {"d3.pw2", {4, 64, 64, 64, 0, 0, true}},
        {"d4.pw2", {8, 32, 128, 128, 0, 0, true}}, {"d5.pw2", {16, 16, 256, 256, 0, 0, true}},
        {"b5.pw2", {1, 64, 512, 512, 0, 0, true}}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        bench_case(kernels, peak, layers[i].name, &layers[i].s, false);
}

static void bench_pool(const ul_kernels *kernels, double peak) {
    static const struct {
        const char *name;
        sizes s;
    } layers[] = {{"e1.pw", {1, 128, 16, 32, 0, 0, true}}, {"e1.pw", {1, 128, 16, 32, 0, 0, false}},
        {"e2.pw", {1, 64, 32, 64, 0, 0, true}}, {"e3.pw", {2, 32, 64, 128, 0, 0, true}},
        {"e4.pw", {4, 16, 128, 256, 0, 0, true}}, {"e5.pw", {8, 8, 256, 512, 0, 0, true}}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        bench_case(kernels, peak, layers[i].name, &layers[i].s, true);
}

const kernel_test pointwise_test = {"pointwise", check_pointwise, bench_pointwise};
const kernel_test pool_test = {"pointwise_pool", check_pool, bench_pool};
