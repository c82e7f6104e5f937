/* Pictures of segments: planes turned upright with the right letters, square pixels, contours. */
#include "ulite/view.h"

#include "jobs/view/middles.h"
#include "jobs/view/panel.h"
#include "jobs/view/scale_bar.h"

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

/* Draws the plane of the slices of the frame's middle. */
static void show(const ul_volume *volume, const ul_labels *labels, size_t k, ul_volume *picture) {
    view_frame frame;
    view_plane planes[3];
    ul_error error = {0};
    assert_int_equal(frame_create(&volume->grid, &frame, &error), UL_OK);
    int count = frame_planes(&volume->grid, &frame, planes), n = 0;
    assert_int_equal(count, 3);
    while (planes[n].normal != 2)
        n++;
    view_panel panel = {.frame = &frame,
        .volume = volume,
        .labels = labels,
        .plane = &planes[n],
        .window = {0.0, 1000.0},
        .at = {0.0, 0.0, frame.shift_mm[k][2]}};
    memcpy(panel.low, frame.low, sizeof panel.low);
    memcpy(panel.high, frame.high, sizeof panel.high);
    panel.width =
        (size_t)(10.0 * (frame.high[panel.plane->across] - frame.low[panel.plane->across]));
    panel.height = (size_t)(10.0 * (frame.high[panel.plane->down] - frame.low[panel.plane->down]));
    const ul_grid grid = {.size = {panel.width, panel.height, 1}};
    assert_int_equal(ul_volume_create(&grid, 3, UL_SAMPLE_U8, picture, &error), UL_OK);
    assert_int_equal(panel_draw(&panel, picture->samples, &error), UL_OK);
    frame_free(&frame);
}

/* A block at low i and low j of one slice. Where must it be seen? */
static void slices_stand_upright(void **state) {
    (void)state;
    static const struct {
        double cosines[6];
        double x, y, aspect; /* aspect: width / height of the picture */
        const char *left, *top;
    } cases[] = {
        /* axial, as acquired: columns to the left, rows to the back */
        {{1, 0, 0, 0, 1, 0}, 0.2, 0.2, 20.0 / 32.0, "R", "A"},
        /* axial, columns to the right, rows to the front: turned by half */
        {{-1, 0, 0, 0, -1, 0}, 0.8, 0.8, 20.0 / 32.0, "R", "A"},
        /* axial, columns to the back, rows to the left: transposed */
        {{0, 1, 0, 1, 0, 0}, 0.2, 0.2, 32.0 / 20.0, "R", "A"},
        /* coronal, columns to the left, rows to the head: upside down */
        {{1, 0, 0, 0, 0, 1}, 0.2, 0.8, 20.0 / 32.0, "R", "H"},
        /* sagittal, columns to the front, rows to the feet: mirrored */
        {{0, -1, 0, 0, 0, -1}, 0.8, 0.2, 20.0 / 32.0, "A", "H"},
        /* oblique: axial, turned by 30 degrees around the head's axis */
        {{0.8660254, 0.5, 0, -0.5, 0.8660254, 0}, 0.2, 0.2, 20.0 / 32.0, "RA", "AL"},
        /* tilted by 10 degrees only: as axial */
        {{1, 0, 0, 0, 0.9848078, 0.1736482}, 0.2, 0.2, 20.0 / 32.0, "R", "A"},
        /* coronal, tilted by 20 degrees */
        {{1, 0, 0, 0, 0.3420201, -0.9396926}, 0.2, 0.2, 20.0 / 32.0, "R", "HA"},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        static const size_t low[3] = {2, 2, 3}, high[3] = {6, 5, 4};
        ul_volume volume, picture;
        ul_labels labels;
        view_frame frame;
        view_plane planes[3];
        ul_error error = {0};
        char letters[FRAME_LETTERS_BYTES];
        double x, y;
        make(cases[n].cosines, low, high, &volume, &labels);
        show(&volume, &labels, 3, &picture);
        double width = (double)picture.grid.size[0], height = (double)picture.grid.size[1];
        assert_near(width / height, cases[n].aspect, 0.01);
        assert_true(find(&picture, red, &x, &y) > 100);
        assert_near(x, cases[n].x, 0.05);
        assert_near(y, cases[n].y, 0.05);
        assert_int_equal(frame_create(&volume.grid, &frame, &error), UL_OK);
        frame_planes(&volume.grid, &frame, planes);
        for (int p = 0; p < 3; p++)
            if (planes[p].normal == 2) {
                frame_letters(planes[p].right, true, letters);
                assert_string_equal(letters, cases[n].left);
                frame_letters(planes[p].below, true, letters);
                assert_string_equal(letters, cases[n].top);
            }
        frame_free(&frame);
        ul_volume_free(&picture);
        ul_volume_free(&volume);
        ul_labels_free(&labels);
    }
}

/* Inside the contour and far from it the picture is the image, tinted inside. */
static void contours_enclose_the_segment(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t low[3] = {4, 4, 2}, high[3] = {16, 12, 3};
    static const uint8_t tinted[3] = {254, 218, 220}, black[3] = {0, 0, 0};
    ul_volume volume, picture;
    ul_labels labels;
    double x, y;
    make(axial, low, high, &volume, &labels);
    show(&volume, &labels, 2, &picture);
    double pixels = (double)(picture.grid.size[0] * picture.grid.size[1]);
    double contour = (double)find(&picture, red, &x, &y) / pixels;
    double inside = (double)find(&picture, tinted, &x, &y) / pixels;
    double outside = (double)find(&picture, black, &x, &y) / pixels;
    assert_true(contour > 0.001 && contour < 0.02);
    assert_true(inside > 0.2 && inside < 12.0 * 8.0 / 320.0);
    assert_true(outside > 0.5 && outside < 1.0 - 12.0 * 8.0 / 320.0);
    ul_volume_free(&picture);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
}

/* The middle is a voxel of the segment, and its place is told by the side of the origin it is on.
 */
static void planes_have_places(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t low[3] = {4, 4, 1}, high[3] = {7, 9, 4};
    static const char *const places[] = {"F 4.0 mm", "P 2.0 mm", "R 15.0 mm"};
    ul_volume volume;
    ul_labels labels;
    view_frame frame;
    view_plane planes[3];
    view_middle *middles;
    ul_error error = {0};
    double box[2][3];
    make(axial, low, high, &volume, &labels);
    for (int k = 0; k < 6; k++) {
        volume.grid.origin_mm[k][0] -= 20.0;
        volume.grid.origin_mm[k][1] -= 10.0;
        volume.grid.origin_mm[k][2] -= 10.0;
    }
    assert_int_equal(frame_create(&volume.grid, &frame, &error), UL_OK);
    assert_int_equal(middles_find(&frame, &labels, &middles, box[0], box[1], &error), UL_OK);
    assert_int_equal(middles[0].voxels, 45);
    assert_int_equal(middles[0].index[0], 5);
    assert_int_equal(middles[0].index[1], 6);
    assert_int_equal(middles[0].index[2], 2);
    assert_near(box[0][0], -16.5, 1e-9);
    assert_near(box[1][2], 0.5, 1e-9);
    assert_int_equal(frame_planes(&volume.grid, &frame, planes), 3);
    for (int p = 0; p < 3; p++) {
        char text[FRAME_PLACE_BYTES];
        frame_place(&frame, &planes[p], middles[0].at, text);
        assert_string_equal(text, places[p]);
    }
    free(middles);
    frame_free(&frame);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
}

/* Between slices that are missing there is nothing, and a tilted stack stands as it is. */
static void stacks_are_drawn_as_they_lie(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t low[3] = {4, 4, 1}, high[3] = {16, 12, 5};
    ul_volume volume;
    ul_labels labels;
    view_frame frame;
    ul_error error = {0};
    size_t k;
    make(axial, low, high, &volume, &labels);
    for (int n = 3; n < 6; n++)
        volume.grid.origin_mm[n][2] += 9.0;
    for (int n = 0; n < 6; n++)
        volume.grid.origin_mm[n][1] += n;
    ul_grid_classify(&volume.grid);
    assert_int_equal(volume.grid.stack, UL_STACK_UNEVEN);
    assert_int_equal(frame_create(&volume.grid, &frame, &error), UL_OK);
    assert_true(frame_slice_at(&frame, 7.4, &k));
    assert_int_equal(k, 2);
    assert_false(frame_slice_at(&frame, 8.0, &k));
    assert_false(frame_slice_at(&frame, 16.0, &k));
    assert_true(frame_slice_at(&frame, 16.6, &k));
    assert_int_equal(k, 3);
    assert_near(frame.high[2], 24.0 + 1.5, 1e-9);
    assert_near(frame.high[1] - frame.low[1], 32.0 + 5.0, 1e-9);
    frame_free(&frame);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
}

static void scale_bars_are_round(void **state) {
    (void)state;
    assert_near(scale_bar_mm(95.0), 20.0, 1e-9);
    assert_near(scale_bar_mm(151.0), 50.0, 1e-9);
    assert_near(scale_bar_mm(31.0), 10.0, 1e-9);
    assert_near(scale_bar_mm(0.7), 0.2, 1e-9);
}

/* The whole picture has every segment's colour, in its legend too, and fits what it shows. */
static void pictures_hold_all(void **state) {
    (void)state;
    static const double axial[6] = {1, 0, 0, 0, 1, 0};
    static const size_t low[3] = {4, 4, 1}, high[3] = {16, 12, 5}, none[3] = {0, 0, 0};
    ul_error error = {0};
    if (!ul_view_draws())
        skip();
    for (int empty = 0; empty < 2; empty++) {
        ul_volume volume, picture;
        ul_labels labels;
        double x, y;
        make(axial, low, empty ? none : high, &volume, &labels);
        const ul_view view = {.volume = &volume, .labels = &labels};
        assert_int_equal(ul_view_write_png(path, &view, NULL, &error), UL_OK);
        assert_int_equal(ul_png_read(path, &picture, &error), UL_OK);
        assert_true(find(&picture, red, &x, &y) > 100);
        assert_true(picture.grid.size[0] > 1000 && picture.grid.size[1] > 350);
        ul_volume_free(&picture);
        ul_volume_free(&volume);
        ul_labels_free(&labels);
    }
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
    const ul_view view = {.volume = &volume, .labels = &labels};
    assert_int_equal(ul_view_write_png(below, &view, NULL, &error),
        ul_view_draws() ? UL_ERROR_OUTPUT : UL_ERROR_UNSUPPORTED);
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
    const ul_view view = {.volume = &volume, .labels = &labels};
    assert_int_equal(ul_view_write_png(path, &view, &progress, &error),
        ul_view_draws() ? UL_ERROR_INTERRUPTED : UL_ERROR_UNSUPPORTED);
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
        cmocka_unit_test(planes_have_places),
        cmocka_unit_test(stacks_are_drawn_as_they_lie),
        cmocka_unit_test(scale_bars_are_round),
        cmocka_unit_test(pictures_hold_all),
        cmocka_unit_test(unwritable_target),
        cmocka_unit_test(figures_are_interrupted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
