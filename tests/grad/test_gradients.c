/* The gradients of losses and of the whole network, tensor by tensor, against central differences
 * of the same in double precision. */
#include "exact.h"
#include "libulite/kernels/kernels.h"
#include "libulite/train/trainer_internal.h"
#include "ulite.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const loss_names[] = {
    "dice", "cross-entropy", "dice + cross-entropy", "tversky"};

/* The same numbers on every run, in -1 .. 1 (xorshift64*). */
static double unit(void) {
    static uint64_t state = 9;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)((state * 2685821657736338717u) >> 11) / 4503599627370496.0 - 1;
}

static uint8_t any_label(size_t classes) {
    const double value = 0.5 * (unit() + 1);
    const size_t labels = classes > 1 ? classes : 2;
    return value < 0.1 ? UL_LOSS_IGNORE : (uint8_t)((value - 0.1) / 0.9 * 0.999 * (double)labels);
}

/* --- Losses ---------------------------------------------------------------------------------- */

enum { PIXELS = 37, LARGEST_CLASSES = 33, LARGEST_STRIDE = 48 };

/* The levels of this machine, or the one that ULITE_CPU names. */
static size_t levels(ul_isa *found) {
    const char *given = getenv("ULITE_CPU");
    size_t count = 0;
    for (ul_isa level = 0; level < UL_ISA_COUNT; level++)
        if (ul_cpu_has(level) && (!given || strcmp(given, ul_isa_name(level)) == 0))
            found[count++] = level;
    return count;
}

/* The loss and its gradient of logits [classes][PIXELS]; the padding is never read. */
static double loss_and_gradient(const ul_loss_rule *rule, ul_isa level, const double *exact,
    const uint8_t *labels, float *gradient) {
    static float again[LARGEST_STRIDE * PIXELS];
    const ul_train_kernels *kernels = ul_train_kernels_get(level);
    const size_t stride = ul_pad_channels(rule->classes), classes = rule->classes;
    double terms[UL_LOSS_TERMS(LARGEST_CLASSES)] = {0}, slopes[UL_LOSS_TERMS(LARGEST_CLASSES)];
    for (size_t i = 0; i < PIXELS; i++)
        for (size_t k = 0; k < stride; k++)
            gradient[i * stride + k] = again[i * stride + k] =
                k < classes ? (float)exact[k * PIXELS + i] : 100;
    /* in two chunks, as threads do */
    ul_loss_forward(rule, kernels, again, stride, labels, 16, terms);
    ul_loss_forward(rule, kernels, again + 16 * stride, stride, labels + 16, PIXELS - 16, terms);
    const double value = ul_loss_value(rule, terms, slopes);
    ul_loss_backward(rule, kernels, slopes, gradient, stride, labels, PIXELS);
    for (size_t i = 0; i < PIXELS; i++)
        for (size_t k = classes; k < stride; k++)
            assert_true(gradient[i * stride + k] == 0);
    return value;
}

/* One slice of logits up to `scale`. */
static void check_loss(ul_loss loss, size_t classes, double scale) {
    const ul_loss_rule rule = {.loss = loss, .alpha = 0.3, .beta = 0.7, .classes = classes};
    const size_t stride = ul_pad_channels(classes);
    static float gradient[UL_ISA_COUNT][LARGEST_STRIDE * PIXELS];
    static double exact[LARGEST_CLASSES * PIXELS];
    static uint8_t labels[PIXELS];
    for (size_t i = 0; i < PIXELS; i++)
        labels[i] = any_label(classes);
    for (size_t i = 0; i < classes * PIXELS; i++)
        exact[i] = (float)(scale * unit());
    ul_isa found[UL_ISA_COUNT];
    const size_t count = levels(found);
    const double expected = exact_loss(&rule, exact, labels, 1, PIXELS);
    for (size_t k = 0; k < count; k++) {
        const double value = loss_and_gradient(&rule, found[k], exact, labels, gradient[k]);
        if (fabs(value - expected) > 1e-6 * fabs(expected))
            fail_msg("%s of %zu classes: %.9g, expected %.9g", loss_names[loss], classes, value,
                expected);
    }
    double largest = 0, worst = 0;
    for (size_t i = 0; i < classes * PIXELS; i++) {
        const double at = exact[i], step = 1e-5;
        exact[i] = at + step;
        const double above = exact_loss(&rule, exact, labels, 1, PIXELS);
        exact[i] = at - step;
        const double slope = (above - exact_loss(&rule, exact, labels, 1, PIXELS)) / (2 * step);
        exact[i] = at;
        largest = fmax(largest, fabs(slope));
        for (size_t k = 0; k < count; k++)
            worst = fmax(worst, fabs(slope - gradient[k][i % PIXELS * stride + i / PIXELS]));
    }
    assert_true(largest > 0);
    if (!(worst <= 1e-5 * largest))
        fail_msg("gradient of %s, %zu classes, logits to %g: off by %g of %g", loss_names[loss],
            classes, scale, worst, largest);
}

static void losses(void **state) {
    (void)state;
    static const size_t classes[] = {1, 2, 3, 16, 31, LARGEST_CLASSES};
    for (ul_loss loss = UL_LOSS_DICE; loss <= UL_LOSS_TVERSKY; loss++)
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
            check_loss(loss, classes[i], 3);
            check_loss(loss, classes[i], 15);
        }
}

/* Where float cannot hold the other probability, nothing overflows. */
static void losses_of_sure_logits(void **state) {
    (void)state;
    static const float sure[3] = {-1e4F, 1e4F, 3e38F};
    static const float unsure[3] = {1e4F, -1e4F, 0};
    ul_isa found[UL_ISA_COUNT];
    const size_t count = levels(found);
    for (size_t i = 0; i < count * 12; i++) {
        const ul_train_kernels *kernels = ul_train_kernels_get(found[i / 12]);
        const ul_loss_rule rule = {
            .loss = i % 4, .alpha = 0.3, .beta = 0.7, .classes = 1 + i / 4 % 3};
        double terms[UL_LOSS_TERMS(3)] = {0}, slopes[UL_LOSS_TERMS(3)];
        float logits[2][2 * UL_LANES] = {{0}};
        const uint8_t labels[2] = {1, 0};
        for (size_t k = 0; k < 2; k++) {
            memcpy(logits[k], sure, sizeof sure);
            memcpy(logits[k] + UL_LANES, unsure, sizeof unsure);
        }
        ul_loss_forward(&rule, kernels, logits[0], UL_LANES, labels, 2, terms);
        assert_true(isfinite(ul_loss_value(&rule, terms, slopes)));
        ul_loss_backward(&rule, kernels, slopes, logits[1], UL_LANES, labels, 2);
        for (size_t k = 0; k < 2 * UL_LANES; k++)
            assert_true(isfinite(logits[1][k]));
    }
}

/* --- The network ----------------------------------------------------------------------------- */

enum { COUNT = 3, INPUTS = 2, HEIGHT = 64, WIDTH = 32, PLANE = HEIGHT * WIDTH };

static float images[COUNT * INPUTS * PLANE];
static double exact_images[COUNT * INPUTS * PLANE];
static uint8_t labels[COUNT * PLANE];

/* Widths that need padding; the bottleneck may be narrower or wider than the level around it. */
static ul_trainer *create(ul_loss loss, size_t classes, size_t bottleneck) {
    const ul_model_shape shape = {.input_channels = INPUTS,
        .classes = classes,
        .width = {3, 5, 17, 4, 6, 18},
        .bottleneck = bottleneck};
    ul_trainer_options options;
    ul_trainer_options_init(&options);
    options.height = HEIGHT;
    options.width = WIDTH;
    options.batch = COUNT;
    options.loss = loss;
    ul_model *model;
    ul_trainer *trainer;
    ul_error error = {0};
    assert_int_equal(ul_model_create(&shape, 5, &model, &error), UL_OK);
    assert_int_equal(ul_trainer_create(model, &options, &trainer, &error), UL_OK);
    ul_model_close(model);
    return trainer;
}

/* Nothing at its initial 0 or 1. */
static double *vary(ul_trainer *t) {
    const size_t total = t->offset[UL_LAYOUT_TENSORS];
    double *values = malloc(total * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < total; i++)
        values[i] = t->values[i] = t->values[i] + 0.2F * (float)unit();
    return values;
}

static void draw(size_t classes) {
    for (size_t i = 0; i < COUNT * PLANE; i++)
        labels[i] = any_label(classes);
    for (size_t i = 0; i < COUNT * INPUTS * PLANE; i++)
        exact_images[i] = images[i] =
            (float)(unit() + labels[i / PLANE / INPUTS * PLANE + i % PLANE] % 4);
}

/* The trainer's gradients with the kernels of a level and either kind of sums, and its loss. */
static float *gradients_at(ul_trainer *t, ul_isa level, bool exact, double *loss) {
    const size_t bytes = t->offset[UL_LAYOUT_TENSORS] * sizeof(float);
    float *gradients = malloc(bytes);
    ul_error error = {0};
    assert_non_null(gradients);
    t->kernels = ul_train_kernels_get(level);
    t->options.exact_sums = exact;
    assert_int_equal(ul_train_gradients(t, images, labels, COUNT, loss, &error), UL_OK);
    return memcpy(gradients, t->gradients, bytes);
}

/* The slope of the loss along a direction of one tensor. */
static double central_difference(const ul_trainer *t, size_t i, const double *direction,
    double *values, const exact_batch *batch) {
    const double step = 1e-7; /* small: a pool whose winner changes on the way spoils it */
    double loss[2];
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < t->layout[i].count; k++)
            values[t->offset[i] + k] =
                t->values[t->offset[i] + k] + (side ? -step : step) * direction[k];
        loss[side] = exact_network(t->layout, t->offset, values, &t->rule, batch);
    }
    for (size_t k = 0; k < t->layout[i].count; k++)
        values[t->offset[i] + k] = t->values[t->offset[i] + k];
    return (loss[0] - loss[1]) / (2 * step);
}

/* Along a random direction of one tensor. Biases that a batch norm cancels have no gradient: their
 * limit is `least`. */
static void check_tensor(const ul_trainer *t, size_t i, float *const *gradients, size_t count,
    double *values, const exact_batch *batch, double least) {
    double *direction = malloc(t->layout[i].count * sizeof *direction);
    assert_non_null(direction);
    for (size_t k = 0; k < t->layout[i].count; k++)
        direction[k] = unit() < 0 ? -1 : 1;
    const double expected = central_difference(t, i, direction, values, batch);
    for (size_t level = 0; level < count; level++) {
        double slope = 0, squares = 0;
        for (size_t k = 0; k < t->layout[i].count; k++) {
            const double gradient = gradients[level][t->offset[i] + k];
            slope += direction[k] * gradient;
            squares += gradient * gradient;
        }
        if (!(fabs(slope - expected) <= 2e-4 * sqrt(squares) + least))
            fail_msg("%s, %s, level and sums %zu: slope %g, expected %g, norm %g",
                loss_names[t->rule.loss], t->layout[i].name, level, slope, expected, sqrt(squares));
    }
    free(direction);
}

static void check_network(ul_loss loss, size_t classes, size_t bottleneck) {
    draw(classes);
    ul_trainer *t = create(loss, classes, bottleneck);
    double *values = vary(t), whole = 0;
    const exact_batch batch = {COUNT, INPUTS, HEIGHT, WIDTH, exact_images, labels};
    const double expected = exact_network(t->layout, t->offset, values, &t->rule, &batch);
    ul_isa found[UL_ISA_COUNT];
    float *gradients[2 * UL_ISA_COUNT];
    const size_t count = 2 * levels(found);
    for (size_t i = 0; i < count; i++) {
        double value;
        gradients[i] = gradients_at(t, found[i / 2], i % 2, &value);
        assert_true(fabs(value - expected) <= 1e-6 * expected);
    }
    for (size_t i = 0; i < t->offset[UL_LAYOUT_TENSORS]; i++)
        whole += (double)t->gradients[i] * t->gradients[i];
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++)
        if (t->layout[i].role != UL_ROLE_RUNNING_MEAN && t->layout[i].role != UL_ROLE_RUNNING_VAR)
            check_tensor(t, i, gradients, count, values, &batch, 1e-6 * sqrt(whole));
    for (size_t i = 0; i < count; i++)
        free(gradients[i]);
    free(values);
    ul_trainer_close(t);
}

static void network_of_one_class(void **state) {
    (void)state;
    check_network(UL_LOSS_DICE, 1, 5);
}

static void network_of_three_classes(void **state) {
    (void)state;
    check_network(UL_LOSS_DICE_CE, 3, 40);
}

static void network_of_many_classes(void **state) {
    (void)state;
    check_network(UL_LOSS_DICE_CE, 19, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(losses),
        cmocka_unit_test(losses_of_sure_logits), cmocka_unit_test(network_of_one_class),
        cmocka_unit_test(network_of_three_classes), cmocka_unit_test(network_of_many_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
