/* Segmenting starts no more threads than it may. */
#include "support/failing.h"
#include "ulite/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SIDE = 32, SLICES = 5 };

static void segment(ul_normalisation_kind kind, bool per_slice, int threads) {
    double origins[SLICES][3] = {{0}, {0, 0, 1}, {0, 0, 2}, {0, 0, 3}, {0, 0, 4}};
    ul_grid grid = {.size = {SIDE, SIDE, SLICES},
        .axis_i = {1},
        .axis_j = {0, 1},
        .spacing_mm = {1.0, 1.0},
        .origin_mm = origins};
    const ul_model_shape shape = {1, 2, {8, 8, 12, 16, 24, 32}, 8, 0};
    ul_model *model;
    ul_volume volume;
    ul_card card;
    ul_labels labels;
    ul_error error = {0};
    ul_grid_classify(&grid);
    assert_int_equal(ul_model_create(&shape, 11, &model, &error), UL_OK);
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_I16, &volume, &error), UL_OK);
    for (int i = 0; i < SIDE * SIDE * SLICES; i++)
        ((int16_t *)volume.samples)[i] = (int16_t)(i % 97);
    ul_card_init(&card);
    card.normalisation = (ul_normalisation){kind, per_slice, 1.0, 99.0};
    const ul_segment_options options = {.threads = threads};
    assert_int_equal(ul_segment_volume(model, &card, &volume, &options, &labels, &error), UL_OK);
    ul_labels_free(&labels);
    ul_volume_free(&volume);
    ul_model_close(model);
    ul_card_free(&card);
}

static void one_thread_is_one(void **state) {
    (void)state;
    failing_started = 0;
    segment(UL_NORMALISE_ZSCORE, false, 1);
    segment(UL_NORMALISE_PERCENTILE, false, 1);
    segment(UL_NORMALISE_PERCENTILE, true, 1);
    assert_int_equal(failing_started, 0);
    segment(UL_NORMALISE_NONE, false, 2);
    assert_int_equal(failing_started, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_thread_is_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
