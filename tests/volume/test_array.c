/* Volumes and labels from arrays in memory, and back. */
#include "ulite/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const size_t size[3] = {3, 2, 4};
static int16_t samples[24];

static void a_volume_lies_where_it_is_placed(void **state) {
    (void)state;
    /* Coronal slices: columns to the left, rows to the feet, so slices to the back. */
    const ul_placing placing = {{0.5, 0.75, 3.0}, {1, 0, 0, 0, 0, -1}, {-10, 20, 30}};
    ul_volume volume;
    ul_error error = {0};
    for (int n = 0; n < 24; n++)
        samples[n] = (int16_t)(100 - n);
    assert_int_equal(ul_volume_from_array(samples, sizeof samples, UL_SAMPLE_I16, 1, size, &placing,
                         "MR", &volume, &error),
        UL_OK);
    assert_string_equal(volume.modality, "MR");
    assert_int_equal(volume.grid.stack, UL_STACK_REGULAR);
    assert_int_equal(ul_grid_plane(&volume.grid), UL_PLANE_CORONAL);
    double ijk_to_lps[4][4];
    assert_int_equal(ul_grid_affine(&volume.grid, ijk_to_lps, &error), UL_OK);
    const double expected[3][4] = {{0.5, 0, 0, -10}, {0, 0, 3, 20}, {0, -0.75, 0, 30}};
    assert_memory_equal(ijk_to_lps[3], ((double[4]){0, 0, 0, 1}), sizeof ijk_to_lps[3]);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            assert_true(ijk_to_lps[r][c] == expected[r][c]);
    float values[24];
    assert_int_equal(ul_volume_to_array(&volume, values, 24, &error), UL_OK);
    for (int n = 0; n < 24; n++)
        assert_true(values[n] == (float)(100 - n));
    assert_int_equal(ul_volume_to_array(&volume, values, 23, &error), UL_ERROR_USAGE);
    assert_non_null(strstr(error.text, "room for 23 values"));
    ul_volume_free(&volume);
}

static void wrong_arrays_are_refused(void **state) {
    (void)state;
    ul_volume volume;
    ul_error error = {0};
    const ul_placing slanted = {{1, 1, 1}, {1, 0, 0, 1, 0, 0}, {0, 0, 0}},
                     flat = {{1, 0, 1}, {1, 0, 0, 0, 1, 0}, {0, 0, 0}};
    assert_int_equal(ul_volume_from_array(samples, sizeof samples - 1, UL_SAMPLE_I16, 1, size, NULL,
                         NULL, &volume, &error),
        UL_ERROR_USAGE);
    assert_non_null(strstr(error.text, "47 bytes"));
    assert_null(volume.samples);
    assert_int_equal(ul_volume_from_array(samples, sizeof samples, UL_SAMPLE_I16, 2, size, NULL,
                         NULL, &volume, NULL),
        UL_ERROR_USAGE);
    assert_int_equal(ul_volume_from_array(samples, sizeof samples, UL_SAMPLE_I16, 1, size, &slanted,
                         NULL, &volume, NULL),
        UL_ERROR_GEOMETRY);
    assert_int_equal(ul_volume_from_array(samples, sizeof samples, UL_SAMPLE_I16, 1, size, &flat,
                         NULL, &volume, NULL),
        UL_ERROR_GEOMETRY);
    const size_t huge[3] = {SIZE_MAX, 2, 2};
    assert_int_equal(ul_volume_from_array(samples, sizeof samples, UL_SAMPLE_I16, 1, huge, NULL,
                         NULL, &volume, NULL),
        UL_ERROR_USAGE);
    assert_int_equal(
        ul_volume_from_array(samples, 24, UL_SAMPLE_U8, 1, size, NULL, NULL, &volume, NULL), UL_OK);
    assert_int_equal(volume.grid.stack, UL_STACK_UNPLACED);
    ul_volume_free(&volume);
}

static void labels_come_and_go(void **state) {
    (void)state;
    const ul_grid grid = {.size = {3, 2, 4}};
    const uint16_t numbers[24] = {[5] = 7, [9] = 65535};
    uint16_t back[24];
    ul_labels labels;
    ul_error error = {0};
    assert_int_equal(ul_labels_from_array(numbers, 24, &grid, &labels, &error), UL_OK);
    assert_int_equal(labels.segments.count, 2);
    assert_int_equal(labels.segments.items[0].number, 7);
    assert_int_equal(labels.segments.items[1].number, 65535);
    assert_int_equal(ul_labels_to_array(&labels, back, 24, &error), UL_OK);
    assert_memory_equal(numbers, back, sizeof back);
    assert_int_equal(ul_labels_to_array(&labels, back, 25, &error), UL_ERROR_USAGE);
    ul_labels_free(&labels);
    assert_int_equal(ul_labels_from_array(numbers, 23, &grid, &labels, NULL), UL_ERROR_USAGE);
    assert_null(labels.map);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_volume_lies_where_it_is_placed),
        cmocka_unit_test(wrong_arrays_are_refused), cmocka_unit_test(labels_come_and_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
