/* Previews: turned upright, square pixels, contours in the segments' colours. */
#include "ulite/segment.h"

#include "ulite/png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/assert_near.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/ulite-test-preview-XXXXXX";

static const uint8_t red[3] = {250, 10, 20};

/* A volume of 20 x 16 x 6 voxels of 1 x 2 x 3 mm whose slices run along the axes i and j, black but
 * for a white block that is the only segment. */
static void make(const double cosines[6], const size_t low[3], const size_t high[3],
    ul_volume *volume, ul_labels *labels) {
    ul_grid grid = {.size = {20, 16, 6}, .spacing_mm = {1.0, 2.0}};
    double origins[6][3], normal[3];
    ul_segment segment;
    ul_error error = {0};
    assert_true(ul_grid_set_axes(&grid, cosines));
    ul_grid_normal(&grid, normal);
    for (int k = 0; k < 6; k++)
        for (int c = 0; c < 3; c++)
            origins[k][c] = 3.0 * k * normal[c];
    grid.origin_mm = origins;
    ul_grid_classify(&grid);
    ul_segment_init(&segment, 3);
    memcpy(segment.rgb, red, 3);
    ul_segments segments = {1, &segment};
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_I16, volume, &error), UL_OK);
    assert_int_equal(ul_labels_create(&grid, &segments, false, labels, &error), UL_OK);
    for (size_t k = low[2]; k < high[2]; k++)
        for (size_t j = low[1]; j < high[1]; j++)
            for (size_t i = low[0]; i < high[0]; i++) {
                size_t at = (k * 16 + j) * 20 + i;
                ((int16_t *)volume->samples)[at] = 1000;
                labels->map[at] = 3;
            }
}

/* Mean place of the pixels of a colour, from 0 at the left and top to 1. */
static size_t find(const ul_volume *picture, const uint8_t rgb[3], double *x, double *y) {
    const uint8_t *pixels = picture->samples;
    size_t width = picture->grid.size[0], height = picture->grid.size[1], count = 0;
    *x = *y = 0.0;
    for (size_t n = 0; n < width * height; n++)
        if (memcmp(pixels + 3 * n, rgb, 3) == 0) {
            *x += ((double)(n % width) + 0.5) / (double)width;
            *y += ((double)(n / width) + 0.5) / (double)height;
            count++;
        }
    *x /= (double)count;
    *y /= (double)count;
    return count;
}

static void show(const ul_volume *volume, const ul_labels *labels, ul_volume *picture) {
    static const double window[2] = {0.0, 1000.0};
    ul_error error = {0};
    assert_int_equal(ul_preview_write(path, volume, labels, window, NULL, &error), UL_OK);
    assert_int_equal(ul_png_read(path, picture, &error), UL_OK);
    assert_int_equal(picture->channels, 3);
}

/* A block at low i and low j of one slice. Where must it be seen? */
static void slices_stand_upright(void **state) {
    (void)state;
    static const struct {
        double cosines[6];
        double x, y, aspect; /* aspect: width / height of the picture */
    } cases[] = {
        /* axial, as acquired: columns to the left, rows to the back */
        {{1, 0, 0, 0, 1, 0}, 0.2, 0.2, 20.0 / 32.0},
        /* axial, columns to the right, rows to the front: turned by half */
        {{-1, 0, 0, 0, -1, 0}, 0.8, 0.8, 20.0 / 32.0},
        /* axial, columns to the back, rows to the left: transposed */
        {{0, 1, 0, 1, 0, 0}, 0.2, 0.2, 32.0 / 20.0},
        /* coronal, columns to the left, rows to the head: upside down */
        {{1, 0, 0, 0, 0, 1}, 0.2, 0.8, 20.0 / 32.0},
        /* sagittal, columns to the front, rows to the feet: mirrored */
        {{0, -1, 0, 0, 0, -1}, 0.8, 0.2, 20.0 / 32.0},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        static const size_t low[3] = {2, 2, 3}, high[3] = {6, 5, 4};
        ul_volume volume, picture;
        ul_labels labels;
        double x, y;
        make(cases[n].cosines, low, high, &volume, &labels);
        show(&volume, &labels, &picture);
        double width = (double)picture.grid.size[0], height = (double)picture.grid.size[1];
        assert_near(width / height, cases[n].aspect, 0.01);
        assert_true(find(&picture, red, &x, &y) > 100);
        assert_near(x, cases[n].x, 0.05);
        assert_near(y, cases[n].y, 0.05);
        ul_volume_free(&picture);
        ul_volume_free(&volume);
        ul_labels_free(&labels);
    }
}

/* Inside the contour and far from it the picture is the image. */
static void contours_enclose_the_segment(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t low[3] = {4, 4, 2}, high[3] = {16, 12, 3};
    static const uint8_t white[3] = {255, 255, 255}, black[3] = {0, 0, 0};
    ul_volume volume, picture;
    ul_labels labels;
    double x, y;
    make(axial, low, high, &volume, &labels);
    show(&volume, &labels, &picture);
    double pixels = (double)(picture.grid.size[0] * picture.grid.size[1]);
    double contour = (double)find(&picture, red, &x, &y) / pixels;
    double inside = (double)find(&picture, white, &x, &y) / pixels;
    double outside = (double)find(&picture, black, &x, &y) / pixels;
    assert_true(contour > 0.001 && contour < 0.02);
    assert_true(inside > 0.2 && inside < 12.0 * 8.0 / 320.0);
    assert_true(outside > 0.5 && outside < 1.0 - 12.0 * 8.0 / 320.0);
    ul_volume_free(&picture);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
}

/* Without segments every slice is a candidate; those of a segment alone are shown where it is. */
static void slices_are_chosen(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t low[3] = {4, 4, 1}, high[3] = {16, 12, 5}, none[3] = {0, 0, 0};
    ul_volume volume, picture;
    ul_labels labels;
    make(axial, low, high, &volume, &labels); /* four slices of 20 x 32 mm: 3 columns, 2 rows */
    show(&volume, &labels, &picture);
    assert_near(
        (double)picture.grid.size[0] / (double)picture.grid.size[1], 3 * 20.0 / (2 * 32.0), 0.02);
    ul_volume_free(&picture);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
    make(axial, none, none, &volume, &labels); /* six slices: 3 columns, 2 rows */
    show(&volume, &labels, &picture);
    assert_near(
        (double)picture.grid.size[0] / (double)picture.grid.size[1], 3 * 20.0 / (2 * 32.0), 0.02);
    ul_volume_free(&picture);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
}

static void unwritable_target(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t none[3] = {0, 0, 0};
    ul_volume volume;
    ul_labels labels;
    ul_error error = {0};
    char below[64];
    snprintf(below, sizeof below, "%s/x.png", path);
    make(axial, none, none, &volume, &labels);
    assert_int_equal(
        ul_preview_write(below, &volume, &labels, NULL, NULL, &error), UL_ERROR_OUTPUT);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
}

static bool stop(void *context, const char *stage, size_t done, size_t total) {
    (void)context;
    (void)stage;
    (void)done;
    (void)total;
    return false;
}

/* Ctrl-C ends the figures too, and leaves no picture. */
static void figures_are_interrupted(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t low[3] = {2, 2, 2}, high[3] = {5, 5, 5};
    const ul_progress progress = {stop, NULL};
    ul_volume volume;
    ul_labels labels;
    ul_segment_stats stats;
    ul_error error = {0};
    make(axial, low, high, &volume, &labels);
    unlink(path);
    assert_int_equal(
        ul_preview_write(path, &volume, &labels, NULL, &progress, &error), UL_ERROR_INTERRUPTED);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(
        ul_stats_measure(&volume, &labels, &progress, &stats, 1, &error), UL_ERROR_INTERRUPTED);
    assert_int_equal(ul_stats_measure(&volume, &labels, NULL, &stats, 1, &error), UL_OK);
    assert_int_equal(stats.voxels, 27);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
}

int main(void) {
    int file = mkstemp(path);
    if (file < 0)
        return 1;
    close(file);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_stand_upright),
        cmocka_unit_test(contours_enclose_the_segment),
        cmocka_unit_test(slices_are_chosen),
        cmocka_unit_test(unwritable_target),
        cmocka_unit_test(figures_are_interrupted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
