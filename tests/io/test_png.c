#include "ulite/png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/ulite-test-XXXXXX";

static int make_file(void **state) {
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void labels_come_back(void **state) {
    (void)state;
    static const unsigned largest[] = {3, 200, 40000};
    const ul_grid grid = {.size = {5, 3, 1}, .stack = UL_STACK_UNPLACED};
    const ul_segments none = {0};
    for (int n = 0; n < 3; n++) {
        ul_labels labels, read;
        ul_error error = {0};
        assert_int_equal(ul_labels_create(&grid, &none, false, &labels, NULL), UL_OK);
        labels.map[1] = 1;
        labels.map[14] = (uint16_t)largest[n];
        assert_int_equal(ul_png_write_labels(path, &labels, &error), UL_OK);
        assert_int_equal(ul_png_read_labels(path, &read, &error), UL_OK);
        assert_memory_equal(read.map, labels.map, 15 * sizeof *read.map);
        assert_int_equal(read.segments.count, 2);
        ul_labels_free(&labels);
        ul_labels_free(&read);
    }
}

static void several_slices_are_refused(void **state) {
    (void)state;
    const ul_grid grid = {.size = {5, 3, 2}, .stack = UL_STACK_UNPLACED};
    const ul_segments none = {0};
    ul_labels labels;
    assert_int_equal(ul_labels_create(&grid, &none, false, &labels, NULL), UL_OK);
    assert_int_equal(ul_png_write_labels(path, &labels, NULL), UL_ERROR_GEOMETRY);
    ul_labels_free(&labels);
}

static void colours_come_back(void **state) {
    (void)state;
    uint8_t rgb[2 * 3 * 3];
    for (size_t n = 0; n < sizeof rgb; n++)
        rgb[n] = (uint8_t)(14 * n);
    assert_int_equal(ul_png_write_rgb(path, rgb, 3 * 3 * 2, 3, 2, NULL), UL_OK);
    assert_int_equal(ul_png_write_rgb(path, rgb, 3 * 3 * 2 - 1, 3, 2, NULL), UL_ERROR_USAGE);
    assert_int_equal(ul_png_write_rgb(path, rgb, 3 * 3 * 2, 2, 2, NULL), UL_ERROR_USAGE);
    ul_volume volume;
    assert_int_equal(ul_png_read(path, &volume, NULL), UL_OK);
    assert_int_equal(volume.channels, 3);
    assert_int_equal(volume.grid.size[0], 3);
    assert_int_equal(volume.grid.stack, UL_STACK_UNPLACED);
    assert_memory_equal(volume.samples, rgb, sizeof rgb);
    ul_volume_free(&volume);
    ul_labels labels;
    ul_error error = {0};
    assert_int_equal(ul_png_read_labels(path, &labels, &error), UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, "channels"));
}

static void a_cut_file_is_refused(void **state) {
    (void)state;
    uint8_t *rgb = calloc(64 * 64, 3);
    for (size_t n = 0; n < 64 * 64 * 3; n++)
        rgb[n] = (uint8_t)(n * n >> 3);
    assert_int_equal(ul_png_write_rgb(path, rgb, 3 * 64 * 64, 64, 64, NULL), UL_OK);
    free(rgb);
    static const long sizes[] = {0, 7, 20, 60, 300};
    for (size_t n = sizeof sizes / sizeof sizes[0]; n-- > 0;) {
        assert_int_equal(truncate(path, sizes[n]), 0);
        ul_volume volume;
        ul_error error = {0};
        assert_int_equal(ul_png_read(path, &volume, &error), UL_ERROR_INPUT);
        assert_null(volume.samples);
        assert_non_null(strstr(error.text, path));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_come_back),
        cmocka_unit_test(several_slices_are_refused),
        cmocka_unit_test(colours_come_back),
        cmocka_unit_test(a_cut_file_is_refused),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
