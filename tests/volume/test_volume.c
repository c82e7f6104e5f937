#include "ulite/volume.h"
#include "volume/planes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* An unplaced 3 x 2 x 2 volume whose samples count up from 0. */
static void make_counting(ul_sample sample, ul_volume *volume) {
    ul_grid grid = {.size = {3, 2, 2}, .stack = UL_STACK_UNPLACED};
    assert_int_equal(ul_volume_create(&grid, 1, sample, volume, NULL), UL_OK);
    for (int n = 0; n < 12; n++) {
        if (sample == UL_SAMPLE_I16)
            ((int16_t *)volume->samples)[n] = (int16_t)n;
        else
            ((float *)volume->samples)[n] = (float)n;
    }
}

static void a_slice_is_rescaled(void **state) {
    (void)state;
    ul_volume volume;
    make_counting(UL_SAMPLE_I16, &volume);
    volume.slope[1] = 2.0;
    volume.intercept[1] = -1000.0;
    float values[6];
    ul_volume_slice(&volume, 0, values);
    assert_true(values[5] == 5.0f);
    ul_volume_slice(&volume, 1, values);
    assert_true(values[0] == 6.0f * 2.0f - 1000.0f);
    ul_volume_free(&volume);
    assert_null(volume.samples);
}

static void a_plane_runs_any_way(void **state) {
    (void)state;
    ul_volume volume;
    make_counting(UL_SAMPLE_I16, &volume);
    volume.slope[1] = 2.0;
    volume.intercept[1] = 100.0;
    /* Columns along k from the far end, rows along i backwards, at j = 1. */
    ul_voxel_plane plane = {
        .width = 2, .height = 3, .start = {2, 1, 1}, .step_x = {0, 0, -1}, .step_y = {-1, 0, 0}};
    float values[6];
    ul_volume_plane(&volume, &plane, values);
    const float expected[6] = {122, 5, 120, 4, 118, 3};
    for (int n = 0; n < 6; n++)
        assert_true(values[n] == expected[n]);
    assert_int_equal(ul_voxel_plane_index(&plane, &volume.grid, 0, 0), 11);
    assert_int_equal(ul_voxel_plane_index(&plane, &volume.grid, 1, 2), 3);
    ul_volume_free(&volume);
}

static void padding_is_marked(void **state) {
    (void)state;
    ul_volume volume;
    make_counting(UL_SAMPLE_I16, &volume);
    uint8_t mask[6];
    assert_int_equal(ul_volume_padding(&volume, 0, mask), 0);
    volume.has_padding = true;
    volume.padding_low = 4;
    volume.padding_high = 7;
    assert_int_equal(ul_volume_padding(&volume, 0, mask), 2);
    assert_int_equal(mask[3], 0);
    assert_int_equal(mask[4], 1);
    ul_volume_free(&volume);
    make_counting(UL_SAMPLE_F32, &volume);
    ((float *)volume.samples)[2] = NAN;
    assert_int_equal(ul_volume_padding(&volume, 0, mask), 1);
    float values[6];
    ul_volume_slice(&volume, 0, values);
    assert_true(values[2] == 0.0f);
    ul_volume_free(&volume);
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    ul_grid grid = {.size = {SIZE_MAX / 4, 3, 7}, .stack = UL_STACK_UNPLACED};
    ul_segments none = {0};
    ul_volume volume;
    ul_labels labels;
    ul_error error = {0};
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_F64, &volume, &error), UL_ERROR_LIMIT);
    assert_int_equal(ul_labels_create(&grid, &none, false, &labels, NULL), UL_ERROR_LIMIT);
    assert_null(labels.map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_is_rescaled),
        cmocka_unit_test(a_plane_runs_any_way),
        cmocka_unit_test(padding_is_marked),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
