/* What a trainer promises whatever the data: it learns, its bits do not depend on threads, it
 * resumes exactly, and a step that diverges or is refused changes nothing. */
#include "libulite/model/model_internal.h"
#include "ulite.h"

#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIDE = 32, BATCH = 3, PLANE = SIDE * SIDE, CLASSES = 3 };

static float images[BATCH * PLANE];
static uint8_t labels[BATCH * PLANE];

/* A bright disc of class 1 with a brighter core of class 2, elsewhere in every slice. */
static void draw(void) {
    for (int n = 0; n < BATCH; n++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const int dx = x - 12 - 3 * n, dy = y - 18 + 2 * n, r = dx * dx + dy * dy;
                const int label = r < 16 ? 2 : r < 64 ? 1 : 0;
                const int at = n * PLANE + y * SIDE + x;
                labels[at] = (uint8_t)label;
                images[at] = (float)label * 0.5F + (float)((7 * x + 3 * y + n) % 11) * 0.02F;
            }
}

static ul_model *create_model(void) {
    const ul_model_shape shape = {.input_channels = 1,
        .classes = CLASSES,
        .width = {8, 16, 16, 32, 32, 64},
        .bottleneck = 16};
    ul_model *model;
    ul_error error = {0};
    assert_int_equal(ul_model_create(&shape, 7, &model, &error), UL_OK);
    return model;
}

/* Frees the model. */
static ul_trainer *create_from(ul_model *model, int threads, ul_loss loss) {
    ul_trainer *trainer;
    ul_error error = {0};
    ul_trainer_options options;
    ul_trainer_options_init(&options);
    options.height = options.width = SIDE;
    options.batch = BATCH;
    options.threads = threads;
    options.loss = loss;
    assert_int_equal(ul_trainer_create(model, &options, &trainer, &error), UL_OK);
    ul_model_close(model);
    return trainer;
}

static ul_trainer *create(int threads, ul_loss loss) {
    return create_from(create_model(), threads, loss);
}

static double step_at(ul_trainer *trainer, float learning_rate) {
    ul_error error = {0};
    double loss;
    const ul_status status = ul_trainer_step(trainer, images, sizeof images / sizeof *images,
        labels, sizeof labels, learning_rate, &loss, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, UL_OK);
    return loss;
}

static double step(ul_trainer *trainer) {
    return step_at(trainer, 2e-3F);
}

static bool same_weights(const ul_trainer *a, const ul_trainer *b) {
    ul_model *first, *second;
    ul_error error = {0};
    assert_int_equal(ul_trainer_model(a, &first, &error), UL_OK);
    assert_int_equal(ul_trainer_model(b, &second, &error), UL_OK);
    bool same = true;
    ul_tensor p, q;
    for (size_t i = 0; ul_model_tensor_at(first, i, &p); i++) {
        size_t count = 1;
        for (size_t d = 0; d < p.rank; d++)
            count *= p.shape[d];
        same = same && ul_model_tensor(second, p.name, &q) &&
               memcmp(p.data, q.data, count * sizeof *p.data) == 0;
    }
    ul_model_close(first);
    ul_model_close(second);
    return same;
}

static void learns_with_every_loss(void **state) {
    (void)state;
    for (ul_loss loss = UL_LOSS_DICE; loss <= UL_LOSS_TVERSKY; loss++) {
        ul_trainer *trainer = create(1, loss);
        const double first = step(trainer);
        double last = first;
        for (int i = 0; i < 100; i++)
            last = step(trainer);
        assert_true(last < 0.5 * first);
        ul_trainer_close(trainer);
    }
}

static void threads_do_not_show(void **state) {
    (void)state;
    ul_trainer *one = create(1, UL_LOSS_DICE_CE), *three = create(3, UL_LOSS_DICE_CE);
    for (int i = 0; i < 5; i++)
        assert_true(step(one) == step(three));
    assert_true(same_weights(one, three));
    ul_trainer_close(one);
    ul_trainer_close(three);
}

/* A step of rate 0 keeps every weight but those below the normal range, whichever thread has them,
 * and the caller's own arithmetic is afterwards as it was. */
static void steps_flush_subnormals(void **state) {
    (void)state;
    const float tiny = 0x1p-130F;
    for (int threads = 1; threads <= 3; threads++) {
        ul_error error = {0};
        ul_model *model = create_model();
        for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++)
            ul_model_values(model, i)[0] = tiny;
        ul_trainer *trainer = create_from(model, threads, UL_LOSS_DICE);
        fesetround(FE_DOWNWARD);
        step_at(trainer, 0);
        assert_int_equal(fegetround(), FE_DOWNWARD);
        fesetround(FE_TONEAREST);
        volatile float half = tiny;
        half *= 0.5F;
        assert_true(half == 0x1p-131F);
        assert_int_equal(ul_trainer_model(trainer, &model, &error), UL_OK);
#if defined(__SSE2__) || defined(__aarch64__)
        ul_tensor tensor;
        for (size_t i = 0; ul_model_tensor_at(model, i, &tensor); i++)
            assert_true(tensor.data[0] != tiny);
#endif
        ul_model_close(model);
        ul_trainer_close(trainer);
    }
}

static void resumes_exactly(void **state) {
    (void)state;
    char path[] = "test_trainer_XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    ul_error error = {0};
    ul_trainer *straight = create(2, UL_LOSS_DICE_CE), *resumed = create(2, UL_LOSS_DICE);
    for (int i = 0; i < 3; i++)
        step(straight);
    assert_int_equal(ul_trainer_save(straight, path, NULL, 0, &error), UL_OK);
    ul_trainer_close(resumed);
    resumed = create(2, UL_LOSS_DICE_CE);
    assert_int_equal(ul_trainer_load(resumed, path, &error), UL_OK);
    for (int i = 0; i < 3; i++)
        assert_true(step(straight) == step(resumed));
    assert_true(same_weights(straight, resumed));
    ul_trainer_close(straight);
    ul_trainer_close(resumed);
    unlink(path);
}

static void a_failed_step_changes_nothing(void **state) {
    (void)state;
    ul_trainer *trainer = create(2, UL_LOSS_DICE), *untouched = create(2, UL_LOSS_DICE);
    step(trainer);
    step(untouched);
    double loss;
    ul_error error = {0};
    const float kept = images[5];
    images[5] = NAN;
    assert_int_equal(ul_trainer_step(trainer, images, sizeof images / sizeof *images, labels,
                         sizeof labels, 2e-3F, &loss, &error),
        UL_ERROR_DIVERGED);
    images[5] = kept;
    error = (ul_error){0};
    labels[9] = CLASSES;
    assert_int_equal(ul_trainer_step(trainer, images, sizeof images / sizeof *images, labels,
                         sizeof labels, 2e-3F, &loss, &error),
        UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, "row 0, column 9"));
    draw();
    error = (ul_error){0};
    assert_int_equal(ul_trainer_step(trainer, images, sizeof images / sizeof *images, labels,
                         sizeof labels - 1, 2e-3F, &loss, &error),
        UL_ERROR_USAGE);
    assert_non_null(strstr(error.text, "a slice has 1 x"));
    assert_int_equal(ul_trainer_step(trainer, images, sizeof images / sizeof *images - 1, labels,
                         sizeof labels, 2e-3F, &loss, NULL),
        UL_ERROR_USAGE);
    assert_true(same_weights(trainer, untouched));
    assert_true(step(trainer) == step(untouched));
    ul_trainer_close(trainer);
    ul_trainer_close(untouched);
}

static void impossible_options_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t height, batch;
        int threads;
        const char *text;
    } cases[] = {{33, 8, 1, "slices of 33 x 256"}, {32768, 8, 1, "slices of 32768 x 256"},
        {256, 0, 1, "batch of 0"}, {256, 8, -1, "-1 threads"}, {256, 8, 100000, "100000 threads"}};
    const ul_model_shape shape = {1, 1, {1, 1, 1, 1, 1, 1}, 1, 0};
    ul_model *model;
    assert_int_equal(ul_model_create(&shape, 7, &model, NULL), UL_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ul_trainer_options options;
        ul_trainer_options_init(&options);
        options.height = cases[i].height;
        options.batch = cases[i].batch;
        options.threads = cases[i].threads;
        ul_error error = {0};
        ul_trainer *trainer = (ul_trainer *)&error;
        assert_int_equal(ul_trainer_create(model, &options, &trainer, &error), UL_ERROR_USAGE);
        assert_null(trainer);
        assert_non_null(strstr(error.text, cases[i].text));
    }
    ul_model_close(model);
}

int main(void) {
    draw();
    const struct CMUnitTest tests[] = {cmocka_unit_test(learns_with_every_loss),
        cmocka_unit_test(threads_do_not_show), cmocka_unit_test(steps_flush_subnormals),
        cmocka_unit_test(resumes_exactly), cmocka_unit_test(a_failed_step_changes_nothing),
        cmocka_unit_test(impossible_options_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
