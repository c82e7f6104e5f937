/* Patches of training slices: unchanged where nothing is drawn, mirrored about the right axis. */
#include "augment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 32, AREA = SIDE * SIDE, DEPTH = 5, CHANNELS = 3, SLICE = 2 };

static float pixels[DEPTH * AREA];
static uint8_t truth[DEPTH * AREA];
static bool apart[DEPTH];

static sample_stack make_stack(bool sagittal) {
    for (size_t i = 0; i < DEPTH * AREA; i++) {
        pixels[i] = (float)i;
        truth[i] = i % 3 == 0;
    }
    return (sample_stack){.width = SIDE,
        .height = SIDE,
        .depth = DEPTH,
        .channels = 1,
        .pixels = pixels,
        .labels = truth,
        .apart = apart,
        .sagittal = sagittal};
}

/* A patch of SLICE with its neighbours, under the changes alone that are told. */
static void cut(const sample_stack *stack, ul_augmentation augment, float *image, uint8_t *labels) {
    ul_plan plan = {.input_channels = CHANNELS, .classes = 1};
    plan.card.channels = UL_CHANNELS_NEIGHBOURS;
    plan.training.patch[0] = plan.training.patch[1] = SIDE;
    plan.training.augment = augment;
    sample_place place = {stack, SLICE, {0.5 * (SIDE - 1), 0.5 * (SIDE - 1)}};
    augment_scratch scratch;
    ul_error error = {0};
    random_stream stream = random_at(1, 2, 3);
    assert_int_equal(augment_scratch_create(&plan, &scratch, &error), UL_OK);
    augment_cut(&plan, &place, &stream, &scratch, image, labels);
    augment_scratch_free(&scratch);
}

/* The patch is the slice and its neighbours, x, y or the order of slices turned as told. */
static void assert_turned(bool sagittal, ul_augmentation augment, bool x, bool y, bool z) {
    static float image[CHANNELS * AREA];
    static uint8_t labels[AREA];
    sample_stack stack = make_stack(sagittal);
    cut(&stack, augment, image, labels);
    for (size_t c = 0; c < CHANNELS; c++)
        for (size_t i = 0; i < AREA; i++) {
            size_t column = i % SIDE, row = i / SIDE;
            size_t from = (y ? SIDE - 1 - row : row) * SIDE + (x ? SIDE - 1 - column : column);
            size_t slice = SLICE - 1 + (z ? CHANNELS - 1 - c : c);
            assert_true(image[c * AREA + i] == pixels[slice * AREA + from]);
            assert_int_equal(labels[i], truth[SLICE * AREA + from]);
        }
}

static void nothing_drawn_changes_nothing(void **state) {
    (void)state;
    assert_turned(false, (ul_augmentation){0}, false, false, false);
}

static void flips_turn_one_axis_each(void **state) {
    (void)state;
    assert_turned(false, (ul_augmentation){.flip_x_p = 1.0}, true, false, false);
    assert_turned(false, (ul_augmentation){.flip_y_p = 1.0}, false, true, false);
    assert_turned(false, (ul_augmentation){.flip_z_p = 1.0}, false, false, true);
}

static void mirroring_exchanges_left_and_right_in_every_plane(void **state) {
    (void)state;
    assert_turned(false, (ul_augmentation){.mirror_p = 1.0}, true, false, false);
    assert_turned(true, (ul_augmentation){.mirror_p = 1.0}, false, false, true);
    assert_turned(false, (ul_augmentation){.flip_x_p = 1.0, .mirror_p = 1.0}, false, false, false);
    assert_turned(true, (ul_augmentation){.flip_z_p = 1.0, .mirror_p = 1.0}, false, false, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_drawn_changes_nothing),
        cmocka_unit_test(flips_turn_one_axis_each),
        cmocka_unit_test(mirroring_exchanges_left_and_right_in_every_plane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
