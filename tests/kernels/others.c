/* Axial cross, 7x7 convolution, projection to logits, GELU. */
#include "harness.h"

#include <math.h>
#include <stdio.h>

#define ROUNDING (1.0 / 16777216) /* half a unit in the last place of 1 */

typedef bool check_case(const ul_kernels *kernels, const ul_kernels *scalar, const void *sizes,
    fill kind, bool with_nan);

/* Every one of count cases with every kind of values, and once with a NaN among them. */
static bool check_cases(const ul_kernels *kernels, const ul_kernels *scalar, check_case *check,
    const void *cases, size_t count, size_t case_bytes) {
    bool passed = true;
    for (size_t i = 0; i < count; i++) {
        const void *sizes = (const char *)cases + i * case_bytes;
        passed = check(kernels, scalar, sizes, FILL_UNIT, true) && passed;
        for (fill kind = 0; kind < FILL_COUNT; kind++)
            passed = check(kernels, scalar, sizes, kind, false) && passed;
    }
    return passed;
}

/* --- cross ----------------------------------------------------------------------------------- */

#define MAX_ROWS 24 /* of a case, with the rows around */

typedef struct cross_sizes {
    size_t rows, width, channels, taps, dilation, gap;
} cross_sizes;

/* A call of the kernel over rows of their own; returns the output. */
static float *run_cross(void (*kernel)(const ul_cross *), const cross_sizes *s, float *const *rows,
    const float *weights, size_t out_count) {
    const float *in[MAX_ROWS];
    for (size_t t = 0; t < s->rows + (s->taps - 1) * s->dilation; t++)
        in[t] = rows[t];
    float *out = guarded(out_count);
    ul_cross p = {.rows = s->rows,
        .width = s->width,
        .channels = s->channels,
        .taps = s->taps,
        .dilation = s->dilation,
        .in = in,
        .in_stride = s->channels + s->gap,
        .out = out,
        .out_stride = s->channels + s->gap,
        .out_row = s->width * (s->channels + s->gap),
        .weights = weights};
    kernel(&p);
    return out;
}

static bool check_cross_case(const ul_kernels *kernels, const ul_kernels *scalar, const void *sizes,
    fill kind, bool with_nan) {
    const cross_sizes *s = sizes;
    size_t row = s->width * (s->channels + s->gap) - s->gap, taps = s->channels * 2 * s->taps;
    size_t outputs = s->rows * (row + s->gap) - s->gap,
           inputs = s->rows + (s->taps - 1) * s->dilation;
    float *rows[MAX_ROWS], *magnitudes[MAX_ROWS];
    for (size_t t = 0; t < inputs; t++) {
        rows[t] = guarded_filled(row, kind);
        if (with_nan)
            rows[t][random_bits() % row] = NAN;
        magnitudes[t] = guarded_magnitudes(rows[t], row);
    }
    float *weights = guarded_filled(taps, FILL_UNIT),
          *weight_sizes = guarded_magnitudes(weights, taps);
    float *got = run_cross(kernels->cross, s, rows, weights, outputs);
    float *expected = run_cross(scalar->cross, s, rows, weights, outputs);
    float *magnitude = run_cross(scalar->cross, s, magnitudes, weight_sizes, outputs);
    char what[128];
    snprintf(what, sizeof what, "cross %zux%zu pixels %zu channels %zu taps dilation %zu %s%s",
        s->rows, s->width, s->channels, s->taps, s->dilation, fill_name(kind),
        with_nan ? " NaN" : "");
    bool same = same_values(what, got, expected, magnitude, outputs, 30 * ROUNDING, 1e-37);
    guarded_free(got, outputs);
    guarded_free(expected, outputs);
    guarded_free(magnitude, outputs);
    guarded_free(weights, taps);
    guarded_free(weight_sizes, taps);
    for (size_t t = 0; t < inputs; t++) {
        guarded_free(rows[t], row);
        guarded_free(magnitudes[t], row);
    }
    return same;
}

static bool check_cross(const ul_kernels *kernels, const ul_kernels *scalar) {
    static const cross_sizes cases[] = {{1, 1, 16, 7, 1, 0}, {1, 2, 16, 7, 1, 5},
        {4, 3, 32, 7, 1, 0}, {5, 6, 48, 7, 1, 1}, {3, 7, 16, 7, 1, 0}, {9, 13, 16, 7, 1, 0},
        {1, 14, 64, 7, 1, 3}, {8, 33, 16, 7, 1, 0}, {16, 12, 16, 7, 1, 0}, {1, 1, 16, 3, 3, 0},
        {2, 2, 32, 3, 1, 0}, {1, 5, 16, 3, 2, 7}, {3, 7, 16, 3, 3, 0}, {8, 20, 48, 3, 3, 0},
        {2, 9, 16, 5, 1, 0}, {1, 40, 16, 5, 2, 0}, {2, 9, 16, 7, 3, 0}, {1, 3, 16, 1, 1, 0}};
    return check_cases(
        kernels, scalar, check_cross_case, cases, sizeof cases / sizeof *cases, sizeof *cases);
}

MEASURED(cross)

static void bench_cross(const ul_kernels *kernels, double peak) {
    static const cross_sizes cases[] = {{4, 256, 16, 7, 1, 0}, {4, 128, 32, 7, 1, 0},
        {4, 64, 64, 7, 1, 0}, {8, 32, 128, 7, 1, 0}, {16, 16, 256, 7, 1, 0},
        {8, 8, 128, 3, 1, 384}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const cross_sizes *s = &cases[i];
        size_t row = s->width * (s->channels + s->gap);
        size_t inputs = s->rows + (s->taps - 1) * s->dilation, count = row * (inputs + s->rows);
        float *image = guarded_filled(count, FILL_UNIT);
        float *weights = guarded_filled(s->channels * 2 * s->taps, FILL_UNIT);
        const float *rows[MAX_ROWS];
        for (size_t t = 0; t < inputs; t++)
            rows[t] = image + t * row;
        measured_cross m = {kernels->cross, {.rows = s->rows,
                                                .width = s->width,
                                                .channels = s->channels,
                                                .taps = s->taps,
                                                .dilation = s->dilation,
                                                .in = rows,
                                                .in_stride = s->channels + s->gap,
                                                .out = image + inputs * row,
                                                .out_stride = s->channels + s->gap,
                                                .out_row = row,
                                                .weights = weights}};
        char what[64];
        snprintf(what, sizeof what, "cross %zux%zu pixels %zu channels %zu taps", s->rows, s->width,
            s->channels, s->taps);
        bench_call(kernels, what, peak,
            (double)(s->rows * s->width * s->channels * (2 * s->taps - 1)), call_cross, &m);
        guarded_free(weights, s->channels * 2 * s->taps);
        guarded_free(image, count);
    }
}

const kernel_test cross_test = {"cross", check_cross, bench_cross};

/* --- conv7 ----------------------------------------------------------------------------------- */

typedef struct conv7_sizes {
    size_t width, cin, cout;
} conv7_sizes;

static float *run_conv7(void (*kernel)(const ul_conv7 *), const conv7_sizes *s, const float *image,
    const float *weights, const float *bias) {
    size_t row = s->width + 6;
    const float *rows[7];
    for (size_t t = 0; t < 7; t++)
        rows[t] = image + t * row;
    float *out = guarded(s->width * s->cout);
    ul_conv7 p = {.width = s->width,
        .cin = s->cin,
        .cout = s->cout,
        .rows = rows,
        .in_plane = 7 * row,
        .out = out,
        .out_stride = s->cout,
        .weights = weights,
        .bias = bias};
    kernel(&p);
    return out;
}

static bool check_conv7_case(const ul_kernels *kernels, const ul_kernels *scalar, const void *sizes,
    fill kind, bool with_nan) {
    const conv7_sizes *s = sizes;
    size_t image = s->cin * 7 * (s->width + 6), taps = s->cout * s->cin * 49;
    size_t outputs = s->width * s->cout;
    float *in = guarded_filled(image, kind), *weights = guarded_filled(taps, FILL_UNIT);
    float *bias = guarded_filled(s->cout, kind);
    if (with_nan)
        in[random_bits() % image] = NAN;
    float *in_size = guarded_magnitudes(in, image);
    float *weight_size = guarded_magnitudes(weights, taps);
    float *bias_size = guarded_magnitudes(bias, s->cout);
    float *got = run_conv7(kernels->conv7, s, in, weights, bias);
    float *expected = run_conv7(scalar->conv7, s, in, weights, bias);
    float *magnitude = run_conv7(scalar->conv7, s, in_size, weight_size, bias_size);
    char what[128];
    snprintf(what, sizeof what, "conv7 %zu pixels %zu->%zu %s%s", s->width, s->cin, s->cout,
        fill_name(kind), with_nan ? " NaN" : "");
    double share = 2 * (double)(49 * s->cin + 4) * ROUNDING;
    bool same = same_values(what, got, expected, magnitude, outputs, share, 1e-37);
    guarded_free(got, outputs);
    guarded_free(expected, outputs);
    guarded_free(magnitude, outputs);
    guarded_free(in, image);
    guarded_free(in_size, image);
    guarded_free(weights, taps);
    guarded_free(weight_size, taps);
    guarded_free(bias, s->cout);
    guarded_free(bias_size, s->cout);
    return same;
}

static bool check_conv7(const ul_kernels *kernels, const ul_kernels *scalar) {
    static const conv7_sizes cases[] = {{1, 1, 16}, {2, 3, 16}, {5, 1, 32}, {19, 2, 16},
        {20, 3, 16}, {21, 1, 48}, {25, 3, 16}, {32, 4, 16}, {47, 3, 16}, {65, 1, 16}};
    return check_cases(
        kernels, scalar, check_conv7_case, cases, sizeof cases / sizeof *cases, sizeof *cases);
}

MEASURED(conv7)

static void bench_conv7(const ul_kernels *kernels, double peak) {
    static const conv7_sizes cases[] = {{256, 3, 16}, {256, 1, 16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const conv7_sizes *s = &cases[i];
        size_t row = s->width + 6, image = s->cin * 7 * row, taps = s->cout * s->cin * 49;
        float *in = guarded_filled(image, FILL_UNIT), *weights = guarded_filled(taps, FILL_UNIT);
        float *bias = guarded_filled(s->cout, FILL_UNIT), *out = guarded(s->width * s->cout);
        const float *rows[7];
        for (size_t t = 0; t < 7; t++)
            rows[t] = in + t * row;
        measured_conv7 m = {kernels->conv7, {.width = s->width,
                                                .cin = s->cin,
                                                .cout = s->cout,
                                                .rows = rows,
                                                .in_plane = 7 * row,
                                                .out = out,
                                                .out_stride = s->cout,
                                                .weights = weights,
                                                .bias = bias}};
        char what[64];
        snprintf(what, sizeof what, "conv7 %zu pixels %zu->%zu", s->width, s->cin, s->cout);
        bench_call(kernels, what, peak, (double)(s->width * taps), call_conv7, &m);
        guarded_free(in, image);
        guarded_free(weights, taps);
        guarded_free(bias, s->cout);
        guarded_free(out, s->width * s->cout);
    }
}

const kernel_test conv7_test = {"conv7", check_conv7, bench_conv7};

/* --- project --------------------------------------------------------------------------------- */

typedef struct project_sizes {
    size_t pixels, channels, classes, gap;
} project_sizes;

static float *run_project(void (*kernel)(const ul_project *), const project_sizes *s,
    const float *in, const float *weights, const float *bias) {
    float *out = guarded(s->pixels * s->classes);
    ul_project p = {.pixels = s->pixels,
        .channels = s->channels,
        .classes = s->classes,
        .in = in,
        .in_stride = s->channels + s->gap,
        .out = out,
        .out_plane = s->pixels,
        .weights = weights,
        .bias = bias};
    kernel(&p);
    return out;
}

static bool check_project_case(const ul_kernels *kernels, const ul_kernels *scalar,
    const void *sizes, fill kind, bool with_nan) {
    const project_sizes *s = sizes;
    size_t inputs = s->pixels * (s->channels + s->gap) - s->gap, taps = s->classes * s->channels;
    size_t outputs = s->pixels * s->classes;
    float *in = guarded_filled(inputs, kind), *weights = guarded_filled(taps, FILL_UNIT);
    float *bias = guarded_filled(s->classes, kind);
    if (with_nan)
        in[random_bits() % inputs] = NAN;
    float *in_size = guarded_magnitudes(in, inputs);
    float *weight_size = guarded_magnitudes(weights, taps);
    float *bias_size = guarded_magnitudes(bias, s->classes);
    float *got = run_project(kernels->project, s, in, weights, bias);
    float *expected = run_project(scalar->project, s, in, weights, bias);
    float *magnitude = run_project(scalar->project, s, in_size, weight_size, bias_size);
    char what[128];
    snprintf(what, sizeof what, "project %zu pixels %zu->%zu %s%s", s->pixels, s->channels,
        s->classes, fill_name(kind), with_nan ? " NaN" : "");
    double share = 2 * (double)(s->channels + 4) * ROUNDING;
    bool same = same_values(what, got, expected, magnitude, outputs, share, 1e-37);
    guarded_free(got, outputs);
    guarded_free(expected, outputs);
    guarded_free(magnitude, outputs);
    guarded_free(in, inputs);
    guarded_free(in_size, inputs);
    guarded_free(weights, taps);
    guarded_free(weight_size, taps);
    guarded_free(bias, s->classes);
    guarded_free(bias_size, s->classes);
    return same;
}

static bool check_project(const ul_kernels *kernels, const ul_kernels *scalar) {
    static const project_sizes cases[] = {{1, 16, 1, 0}, {3, 16, 2, 5}, {15, 32, 1, 0},
        {16, 16, 3, 0}, {17, 48, 5, 1}, {64, 16, 1, 0}, {31, 64, 2, 0}};
    return check_cases(
        kernels, scalar, check_project_case, cases, sizeof cases / sizeof *cases, sizeof *cases);
}

MEASURED(project)

static void bench_project(const ul_kernels *kernels, double peak) {
    enum { PIXELS = 1024, CHANNELS = 16 };
    for (size_t classes = 1; classes <= 4; classes += 3) {
        float *in = guarded_filled(PIXELS * CHANNELS, FILL_UNIT);
        float *weights = guarded_filled(classes * CHANNELS, FILL_UNIT);
        float *bias = guarded_filled(classes, FILL_UNIT), *out = guarded(classes * PIXELS);
        measured_project m = {kernels->project, {.pixels = PIXELS,
                                                    .channels = CHANNELS,
                                                    .classes = classes,
                                                    .in = in,
                                                    .in_stride = CHANNELS,
                                                    .out = out,
                                                    .out_plane = PIXELS,
                                                    .weights = weights,
                                                    .bias = bias}};
        char what[64];
        snprintf(what, sizeof what, "project %d pixels %d->%zu", PIXELS, CHANNELS, classes);
        bench_call(kernels, what, peak, (double)(PIXELS * CHANNELS * classes), call_project, &m);
        guarded_free(in, PIXELS * CHANNELS);
        guarded_free(weights, classes * CHANNELS);
        guarded_free(bias, classes);
        guarded_free(out, classes * PIXELS);
    }
}

const kernel_test project_test = {"project", check_project, bench_project};

/* --- GELU ------------------------------------------------------------------------------------ */

/* In double, which is exact enough to judge float by. */
static double gelu_exact(double x) {
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

/* Every level, the scalar one too, against the exact value: a dense sweep and special values. */
static bool check_gelu(const ul_kernels *kernels, const ul_kernels *scalar) {
    (void)scalar;
    enum { COUNT = 1 << 18 };
    const double limit = 3e-7;
    static const float special[] = {0.0f, -0.0f, 1e-40f, -1e-40f, 1e-20f, -1e-20f, 1e4f, -1e4f,
        1e30f, -1e30f, 5.5f, -5.5f, 40.0f, -40.0f, 3e38f, -3e38f};
    float *x = guarded(COUNT), *y = guarded(COUNT);
    for (size_t i = 0; i < COUNT; i++)
        x[i] = y[i] = i < 16 ? special[i] : (float)(((double)i / COUNT - 0.5) * 24);
    kernels->gelu(y, COUNT);
    bool passed = true;
    double worst = 0, absolute = 0; /* of results below 8 */
    for (size_t i = 0; i < COUNT; i++) {
        double exact = gelu_exact(x[i]);
        if (exact < 8)
            absolute = fmax(absolute, fabs(y[i] - exact));
        double error = fabs(y[i] - exact) / fmax(1, fabs(exact));
        worst = error > worst ? error : worst;
        if (!(error <= limit) && passed) {
            printf("gelu(%.9g) is %.9g, exactly %.9g\n", (double)x[i], (double)y[i], exact);
            passed = false;
        }
    }
    for (size_t i = 0; i < UL_LANES; i++)
        y[i] = i % 2 ? NAN : 1.0f;
    kernels->gelu(y, UL_LANES);
    for (size_t i = 0; i < UL_LANES; i++)
        passed = passed && (isnan(y[i]) != 0) == (i % 2 != 0);
    passed = passed && absolute <= 2 * limit;
    printf("%-7s gelu: largest error %.2e of max(1, |gelu|) (limit %.0e), %.2e below 8\n",
        ul_isa_name(kernels->level), worst, limit, absolute);
    guarded_free(x, COUNT);
    guarded_free(y, COUNT);
    return passed;
}

typedef struct measured_gelu {
    void (*call)(float *x, size_t count);
    float *x;
    size_t count;
} measured_gelu;

static void call_gelu(void *argument) {
    measured_gelu *m = argument;
    m->call(m->x, m->count);
}

static void bench_gelu(const ul_kernels *kernels, double peak) {
    enum { COUNT = 8192 };
    measured_gelu m = {kernels->gelu, guarded_filled(COUNT, FILL_UNIT), COUNT};
    bench_call(kernels, "gelu 8192 values (one each counts as one)", peak, COUNT, call_gelu, &m);
    guarded_free(m.x, COUNT);
}

const kernel_test gelu_test = {"gelu", check_gelu, bench_gelu};
