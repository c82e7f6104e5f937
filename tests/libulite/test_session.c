#include "ulite/session.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static ul_model *make_model(size_t inputs, size_t classes, const size_t width[UL_STAGES]) {
    ul_model_shape shape = {.input_channels = inputs, .classes = classes};
    memcpy(shape.width, width, sizeof shape.width);
    shape.bottleneck = (width[5] + 3) / 4;
    ul_model *model;
    ul_error error = {0};
    assert_int_equal(ul_model_create(&shape, 3, &model, &error), UL_OK);
    return model;
}

static const size_t paper[UL_STAGES] = {16, 32, 64, 128, 256, 512};
static const size_t narrow[UL_STAGES] = {16, 32, 48, 64, 64, 96};

static ul_session *make_session(
    const ul_model *model, size_t height, size_t width, int threads, bool grey) {
    ul_session_options options = {
        .height = height, .width = width, .threads = threads, .grey = grey};
    ul_session *session;
    ul_error error = {0};
    assert_int_equal(ul_session_create(model, &options, &session, &error), UL_OK);
    return session;
}

static float *make_values(size_t count) {
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((uint32_t)(i + 1) * 2654435761u >> 8) / 16777216.0f;
    return values;
}

static void run(ul_session *session, const float *input, size_t count, float *logits) {
    ul_error error = {0};
    assert_int_equal(ul_session_run(session, input, count * ul_session_input_size(session), logits,
                         count * ul_session_logits_size(session), &error),
        UL_OK);
}

static void defaults(void **state) {
    (void)state;
    ul_session_options options;
    memset(&options, 0xff, sizeof options);
    ul_session_options_init(&options);
    assert_int_equal(options.height, 256);
    assert_int_equal(options.width, 256);
    assert_int_equal(options.threads, 0);
    assert_false(options.grey);
}

static void wrong_sizes_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t height, width;
        int threads;
        const char *told;
    } cases[] = {{0, 256, 1, "0 x 256"}, {256, 0, 1, "256 x 0"}, {100000, 256, 1, "100000 x 256"},
        {256, 100000, 1, "multiples of 32"}, {256, 250, 1, "256 x 250"}, {SIZE_MAX, 32, 1, "x 32"},
        {64, 64, -1, "-1 threads"}, {64, 64, 1000000, "1000000 threads"}};
    ul_model *model = make_model(1, 1, narrow);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ul_session_options options = {
            .height = cases[i].height, .width = cases[i].width, .threads = cases[i].threads};
        ul_session *session = (ul_session *)&options;
        ul_error error = {0};
        assert_int_equal(ul_session_create(model, &options, &session, &error), UL_ERROR_USAGE);
        assert_null(session);
        assert_non_null(strstr(error.text, cases[i].told));
    }
    ul_model_close(model);
    ul_session_close(NULL);
}

/* Slices, pixels and channels are shared differently for each of these; the bits are the same. */
static void threads_do_not_change_bits(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{32, 32}, {96, 64}, {256, 32}, {32, 288}, {160, 160}};
    enum { SLICES = 3, CLASSES = 2, INPUTS = 2 };
    ul_model *model = make_model(INPUTS, CLASSES, narrow);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t height = sizes[i][0], width = sizes[i][1], outputs = CLASSES * height * width;
        float *input = make_values(SLICES * INPUTS * height * width);
        float *expected = make_values(SLICES * outputs), *got = make_values(SLICES * outputs);
        ul_session *one = make_session(model, height, width, 1, false);
        run(one, input, SLICES, expected);
        for (int threads = 2; threads <= 7; threads++) {
            ul_session *session = make_session(model, height, width, threads, false);
            assert_int_equal(ul_session_threads(session), threads);
            for (size_t count = 1; count <= SLICES; count++) {
                memset(got, 0, SLICES * outputs * sizeof *got);
                run(session, input, count, got);
                assert_memory_equal(got, expected, count * outputs * sizeof *got);
            }
            ul_session_close(session);
        }
        ul_session_close(one);
        free(input);
        free(expected);
        free(got);
    }
    ul_model_close(model);
}

/* A session keeps nothing of the slices that went before. */
static void runs_repeat(void **state) {
    (void)state;
    enum { PIXELS = 64 * 96 };
    ul_model *model = make_model(1, 1, paper);
    ul_session *session = make_session(model, 64, 96, 2, false);
    float *input = make_values(2 * PIXELS), *first = make_values(PIXELS),
          *again = make_values(PIXELS);
    run(session, input, 1, first);
    run(session, input + PIXELS, 1, again);
    assert_memory_not_equal(first, again, PIXELS * sizeof *first);
    run(session, input, 1, again);
    assert_memory_equal(first, again, PIXELS * sizeof *first);
    run(session, input, 0, again);
    assert_memory_equal(first, again, PIXELS * sizeof *first);
    ul_session_close(session);
    ul_model_close(model);
    free(input);
    free(first);
    free(again);
}

static void grey_stands_for_equal_channels(void **state) {
    (void)state;
    enum { PIXELS = 64 * 64 };
    ul_model *model = make_model(3, 1, paper);
    ul_session *colour = make_session(model, 64, 64, 1, false);
    ul_session *grey = make_session(model, 64, 64, 1, true);
    float *input = make_values(3 * PIXELS), *expected = make_values(PIXELS),
          *got = make_values(PIXELS);
    memcpy(input + PIXELS, input, PIXELS * sizeof *input);
    memcpy(input + 2 * PIXELS, input, PIXELS * sizeof *input);
    run(colour, input, 1, expected);
    run(grey, input, 1, got);
    for (size_t i = 0; i < PIXELS; i++)
        assert_true(fabsf(got[i] - expected[i]) <= 1e-5f);
    assert_true(ul_session_multiply_adds(grey) < 0.9 * ul_session_multiply_adds(colour));
    ul_session_close(grey);
    ul_session_close(colour);
    ul_model_close(model);
    free(input);
    free(expected);
    free(got);
}

/* The limits that the project sets itself, and the work that network.md counts. */
static void memory_and_work_are_as_planned(void **state) {
    (void)state;
    ul_model *model = make_model(3, 1, paper);
    ul_session *session = make_session(model, 256, 256, 1, false);
    assert_in_range(ul_session_arena_bytes(session), 8 << 20, 16 << 20);
    double work = ul_session_multiply_adds(session);
    assert_true(work > 0.60e9 && work < 0.62e9);
    ul_session_close(session);
    session = make_session(model, 512, 512, 1, false);
    assert_in_range(ul_session_arena_bytes(session), 30 << 20, 60 << 20);
    ul_session_close(session);
    ul_model_close(model);
}

static void profile_covers_the_network(void **state) {
    (void)state;
    ul_model *model = make_model(1, 1, narrow);
    ul_session *session = make_session(model, 64, 64, 2, false);
    float *input = make_values(64 * 64), *logits = make_values(64 * 64);
    ul_block_time blocks[UL_BLOCKS];
    ul_error error = {0};
    assert_int_equal(
        ul_session_profile(session, input, 64 * 64, logits, 64 * 64, 2, blocks, &error), UL_OK);
    double sum = 0;
    for (int i = 0; i < UL_BLOCKS; i++) {
        assert_true(blocks[i].seconds > 0);
        sum += blocks[i].multiply_adds;
    }
    assert_true(sum == ul_session_multiply_adds(session));
    assert_true(ul_bench_peak(ul_session_isa(session), 1) > 0);
    ul_session_close(session);
    ul_model_close(model);
    free(input);
    free(logits);
}

static void buffers_of_other_sizes_are_refused(void **state) {
    (void)state;
    ul_model *model = make_model(1, 2, narrow);
    ul_session *session;
    ul_error error = {0};
    assert_int_equal(ul_session_create(model, NULL, &session, &error), UL_OK);
    const size_t pixels = 256 * 256;
    assert_int_equal(ul_session_input_size(session), pixels);
    assert_int_equal(ul_session_logits_size(session), 2 * pixels);
    float *input = make_values(pixels), *logits = make_values(2 * pixels);
    const float kept = logits[0];
    ul_block_time blocks[UL_BLOCKS];
    assert_int_equal(
        ul_session_run(session, input, pixels, logits, pixels, &error), UL_ERROR_USAGE);
    assert_non_null(strstr(error.text, "65536 floats of input and 65536 of logits"));
    assert_int_equal(
        ul_session_run(session, input, pixels - 1, logits, 2 * pixels, NULL), UL_ERROR_USAGE);
    assert_int_equal(ul_session_run(session, input, 3, logits, 0, NULL), UL_ERROR_USAGE);
    assert_int_equal(
        ul_session_profile(session, input, 2 * pixels, logits, 4 * pixels, 1, blocks, NULL),
        UL_ERROR_USAGE);
    assert_true(logits[0] == kept);
    assert_int_equal(ul_session_run(session, input, 0, logits, 0, NULL), UL_OK);
    assert_int_equal(ul_session_run(session, input, pixels, logits, 2 * pixels, NULL), UL_OK);
    ul_session_close(session);
    ul_model_close(model);
    free(input);
    free(logits);
}

static void levels_are_forced_by_name(void **state) {
    (void)state;
    char *before = getenv("ULITE_CPU");
    char kept[32] = "";
    if (before)
        strncpy(kept, before, sizeof kept - 1);
    ul_isa level = UL_ISA_COUNT;
    ul_error error = {0};
    setenv("ULITE_CPU", "scalar", 1);
    assert_int_equal(ul_cpu_isa(&level, &error), UL_OK);
    assert_int_equal(level, UL_ISA_SCALAR);
    setenv("ULITE_CPU", "sse9", 1);
    assert_int_equal(ul_cpu_isa(&level, &error), UL_ERROR_USAGE);
    assert_non_null(strstr(error.text, "sse9"));
    memset(&error, 0, sizeof error);
#if defined(__x86_64__)
    setenv("ULITE_CPU", "neon", 1);
#else
    setenv("ULITE_CPU", "avx2", 1);
#endif
    assert_int_equal(ul_cpu_isa(&level, &error), UL_ERROR_USAGE);
    assert_non_null(strstr(error.text, "lacks"));
    if (*kept)
        setenv("ULITE_CPU", kept, 1);
    else
        unsetenv("ULITE_CPU");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static void too_little_memory_is_told(void **state) {
    (void)state;
#ifdef SANITIZED
    skip(); /* sanitizers reserve address space of their own */
#else
    ul_model *model = make_model(1, 1, paper);
    struct rlimit old, low = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    getrlimit(RLIMIT_AS, &old);
    low.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
    ul_session_options options = {.height = 16384, .width = 16384, .threads = 1};
    ul_session *session;
    ul_error error = {0};
    ul_status status = ul_session_create(model, &options, &session, &error);
    setrlimit(RLIMIT_AS, &old);
    assert_int_equal(status, UL_ERROR_LIMIT);
    assert_null(session);
    assert_non_null(strstr(error.text, "16384 x 16384"));
    ul_model_close(model);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(defaults),
        cmocka_unit_test(wrong_sizes_are_refused), cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(runs_repeat), cmocka_unit_test(grey_stands_for_equal_channels),
        cmocka_unit_test(memory_and_work_are_as_planned),
        cmocka_unit_test(profile_covers_the_network),
        cmocka_unit_test(buffers_of_other_sizes_are_refused),
        cmocka_unit_test(levels_are_forced_by_name), cmocka_unit_test(too_little_memory_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
