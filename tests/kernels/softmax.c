/* Softmax of the training kernels and its backward pass, and the logistic function. */
#include "harness.h"
#include "libulite/kernels/train_kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PIXELS = 11, MOST = 64 };

static const size_t class_counts[] = {2, 3, 16, 17, 31, 32, 33, MOST};

typedef struct rows {
    size_t stride, classes;
    float *x, *highest, *sum, *by_p, *by_overlap;
    uint8_t labels[PIXELS];
} rows;

/* Logits up to scale, the padding far above them. */
static rows prepare(size_t classes, float scale) {
    rows r = {.stride = ul_pad_channels(classes), .classes = classes};
    r.x = guarded_filled(PIXELS * r.stride, FILL_UNIT);
    for (size_t i = 0; i < PIXELS * r.stride; i++)
        r.x[i] = i % r.stride < classes ? scale * r.x[i] : 3 * scale;
    r.highest = guarded(PIXELS);
    r.sum = guarded(PIXELS);
    r.by_p = guarded_filled(r.stride, FILL_UNIT);
    r.by_overlap = guarded_filled(r.stride, FILL_UNIT);
    for (size_t p = 0; p < PIXELS; p++)
        r.labels[p] = p % 4 == 3 ? UL_SOFTMAX_IGNORE : (uint8_t)(random_bits() % classes);
    return r;
}

static void discard(rows *r) {
    guarded_free(r->x, PIXELS * r->stride);
    guarded_free(r->highest, PIXELS);
    guarded_free(r->sum, PIXELS);
    guarded_free(r->by_p, r->stride);
    guarded_free(r->by_overlap, r->stride);
}

static bool close_values(const char *what, const rows *r, const float *got, const float *expected,
    size_t count, double limit) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - expected[i]) <= limit * fmax(1, fabs((double)expected[i])))) {
            printf("%s of %zu classes: value %zu is %.9g, expected %.9g\n", what, r->classes, i,
                (double)got[i], (double)expected[i]);
            return false;
        }
    return true;
}

/* Softmax, then the backward pass of what both have got. */
static bool check_rows(const ul_train_kernels *kernels, size_t classes, float scale) {
    rows r = prepare(classes, scale);
    const ul_train_kernels *scalar = &ul_train_kernels_scalar;
    const ul_softmax_slopes slopes = {r.by_p, r.by_overlap, 0.75F};
    float expected[PIXELS * MOST], highest[PIXELS], sum[PIXELS];
    const size_t count = PIXELS * r.stride;
    memcpy(expected, r.x, count * sizeof *r.x);
    scalar->softmax(expected, r.stride, classes, highest, sum, PIXELS);
    kernels->softmax(r.x, r.stride, classes, r.highest, r.sum, PIXELS);
    bool same = close_values("softmax", &r, r.x, expected, count, 5e-7) &&
                close_values("largest logit", &r, r.highest, highest, PIXELS, 0) &&
                close_values("sum of exponentials", &r, r.sum, sum, PIXELS, 5e-7);
    memcpy(r.x, expected, count * sizeof *r.x);
    scalar->softmax_backward(&slopes, expected, r.stride, r.labels, PIXELS);
    kernels->softmax_backward(&slopes, r.x, r.stride, r.labels, PIXELS);
    same = same && close_values("backward pass of softmax", &r, r.x, expected, count, 5e-7);
    discard(&r);
    return same;
}

/* A logit that is not finite makes its row's sum NaN, no other. */
static bool check_not_finite(const ul_train_kernels *kernels, size_t classes) {
    static const float values[] = {NAN, INFINITY, -INFINITY};
    bool same = true;
    for (size_t i = 0; i < 3 * classes; i++) {
        rows r = prepare(classes, 1);
        r.x[r.stride + i / 3] = values[i % 3];
        kernels->softmax(r.x, r.stride, classes, r.highest, r.sum, PIXELS);
        if (!isnan(r.sum[1]) || isnan(r.sum[0]) || isnan(r.sum[2])) {
            printf("softmax of %zu classes: logit %zu of %g, sum %g beside %g and %g\n", classes,
                i / 3, (double)values[i % 3], (double)r.sum[1], (double)r.sum[0], (double)r.sum[2]);
            same = false;
        }
        discard(&r);
    }
    return same;
}

/* The first of every few floats, up to many vectors of them and a rest. */
static bool check_sigmoid(const ul_train_kernels *kernels, float scale) {
    enum { STRIDE = 3, MOST_PIXELS = 67 };
    bool same = true;
    for (size_t pixels = 1; same && pixels <= MOST_PIXELS; pixels += 11) {
        const size_t count = (pixels - 1) * STRIDE + 1;
        float *x = guarded_filled(count, FILL_UNIT), *p = guarded(pixels), *tail = guarded(pixels);
        float expected[2][MOST_PIXELS];
        for (size_t i = 0; i < count; i++)
            x[i] *= scale;
        x[pixels / 2 * STRIDE] = 0;
        ul_train_kernels_scalar.sigmoid(x, STRIDE, expected[0], expected[1], pixels);
        kernels->sigmoid(x, STRIDE, p, tail, pixels);
        for (size_t i = 0; i < pixels; i++) {
            const double limit = 2e-7 + 1e-7 * fabs((double)x[i * STRIDE]); /* as exp's */
            if (!(fabs((double)p[i] - expected[0][i]) <= limit * expected[0][i] + 2e-38) ||
                !(fabs((double)tail[i] - expected[1][i]) <= limit * expected[1][i] + 2e-38)) {
                printf("sigmoid of %.9g: %.9g and %.9g, expected %.9g and %.9g\n",
                    (double)x[i * STRIDE], (double)p[i], (double)tail[i], (double)expected[0][i],
                    (double)expected[1][i]);
                same = false;
            }
        }
        guarded_free(x, count);
        guarded_free(p, pixels);
        guarded_free(tail, pixels);
    }
    return same;
}

/* NaN of a logit that is not finite, and of no other. */
static bool check_sigmoid_not_finite(const ul_train_kernels *kernels) {
    const float x[] = {1, NAN, -1, INFINITY, 0, -INFINITY, 2};
    enum { COUNT = sizeof x / sizeof *x };
    float p[COUNT], tail[COUNT];
    bool same = true;
    kernels->sigmoid(x, 1, p, tail, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        if (isfinite(x[i]) ? isnan(p[i]) || isnan(tail[i]) : !isnan(p[i]) || !isnan(tail[i])) {
            printf("sigmoid of %g: %g and %g\n", (double)x[i], (double)p[i], (double)tail[i]);
            same = false;
        }
    return same;
}

static bool check_softmax(const ul_kernels *kernels, const ul_kernels *scalar) {
    (void)scalar;
    const ul_train_kernels *level = ul_train_kernels_get(kernels->level);
    bool passed = check_sigmoid_not_finite(level);
    for (float scale = 0.01F; scale < 1e3F; scale *= 10)
        passed = check_sigmoid(level, scale) && passed;
    for (size_t i = 0; i < sizeof class_counts / sizeof *class_counts; i++) {
        for (float scale = 0.01F; scale < 1e6F; scale *= 10)
            passed = check_rows(level, class_counts[i], scale) && passed;
        passed = check_not_finite(level, class_counts[i]) && passed;
    }
    return passed;
}

typedef struct measured {
    const ul_train_kernels *kernels;
    rows r;
} measured;

static void call_measured(void *argument) {
    measured *m = argument;
    const ul_softmax_slopes slopes = {m->r.by_p, m->r.by_overlap, 0.75F};
    m->kernels->softmax(m->r.x, m->r.stride, m->r.classes, m->r.highest, m->r.sum, PIXELS);
    m->kernels->softmax_backward(&slopes, m->r.x, m->r.stride, m->r.labels, PIXELS);
}

static void bench_softmax(const ul_kernels *kernels, double peak) {
    measured m = {ul_train_kernels_get(kernels->level), prepare(31, 1)};
    bench_call(kernels, "softmax of 31 classes and back (one value counts as one)", peak,
        PIXELS * 31, call_measured, &m);
    discard(&m.r);
}

const kernel_test softmax_test = {"softmax", check_softmax, bench_softmax};
