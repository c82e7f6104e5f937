/* Tilted and uneven slices on an even grid: values and labels stay at their places in space. */
#include "ulite/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/assert_near.h"
#include <math.h>

enum { COLUMNS = 14, ROWS = 11, AREA = COLUMNS * ROWS };

/* A value that is linear in space, so that linear interpolation gives it back anywhere. */
static double ramp(double x, double y, double z) {
    return 100.0 + 3.0 * x - 2.0 * y + 5.0 * z;
}

/* Slices at these heights, each leaning back by lean mm per mm; pixels of 0.5 x 2 mm. */
static void make(const double *heights, size_t slices, double lean, ul_volume *volume) {
    ul_grid grid = {.size = {COLUMNS, ROWS, slices}, .spacing_mm = {0.5, 2.0}};
    double(*origins)[3] = calloc(slices, sizeof *origins);
    ul_error error = {0};
    assert_true(ul_grid_set_axes(&grid, (const double[6]){1, 0, 0, 0, 1, 0}));
    for (size_t k = 0; k < slices; k++) {
        origins[k][0] = -7.0;
        origins[k][1] = 4.0 + lean * heights[k];
        origins[k][2] = heights[k];
    }
    grid.origin_mm = origins;
    ul_grid_classify(&grid);
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_F64, volume, &error), UL_OK);
    for (size_t n = 0; n < slices * AREA; n++) {
        const double *origin = origins[n / AREA];
        ((double *)volume->samples)[n] = ramp(origin[0] + 0.5 * (double)(n % COLUMNS),
            origin[1] + 2.0 * (double)(n / COLUMNS % ROWS), origin[2]);
    }
    free(origins);
}

/* Every voxel of the even grid is the ramp there, or lies beyond the slices. Between an edge and
 * the middle of its pixels, half a pixel, the ramp does not go on. */
static size_t check_ramp(const ul_volume *even, double lean) {
    const size_t *size = even->grid.size;
    const float *values = even->samples;
    size_t inside = 0;
    assert_int_equal(even->grid.stack, UL_STACK_REGULAR);
    for (size_t n = 0; n < size[0] * size[1] * size[2]; n++) {
        const double *origin = even->grid.origin_mm[n / (size[0] * size[1])];
        double x = origin[0] + 0.5 * (double)(n % size[0]), z = origin[2];
        double y = origin[1] + 2.0 * (double)(n / size[0] % size[1]), first = 4.0 + lean * z;
        double held = fmin(fmax(y, first), first + 2.0 * (ROWS - 1));
        assert_int_equal(isnan(values[n]) != 0, fabs(y - held) > 1.0 + 1e-6);
        if (isnan(values[n]))
            continue;
        inside++;
        assert_near(values[n], ramp(x, held, z), 1e-4);
    }
    return inside;
}

static void uneven_slices(void **state) {
    (void)state;
    for (int down = 0; down < 2; down++) {
        const double up[] = {0, 1, 3, 4, 5.5, 9}, other[] = {9, 5.5, 4, 3, 1, 0};
        ul_volume volume, even;
        ul_error error = {0};
        make(down ? other : up, 6, 0.0, &volume);
        assert_int_equal(ul_volume_regular(&volume, UL_OUTSIDE_PADDING, &even, &error), UL_OK);
        /* the median of 1 1 1.5 2 3.5 is 1.5: seven slices over 9 mm */
        assert_int_equal(even.grid.size[0], COLUMNS);
        assert_int_equal(even.grid.size[1], ROWS);
        assert_int_equal(even.grid.size[2], 7);
        assert_near(fabs(ul_grid_step_mm(&even.grid)), 1.5, 1e-9);
        assert_near(even.grid.origin_mm[0][2], down ? 9.0 : 0.0, 1e-9);
        assert_near(even.grid.origin_mm[6][2], down ? 0.0 : 9.0, 1e-9);
        assert_int_equal(check_ramp(&even, 0.0), 7 * AREA);
        ul_volume_free(&even);
        ul_volume_free(&volume);
    }
}

static void tilted_slices(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        ul_volume volume, even;
        ul_error error = {0};
        make((const double[]){0, 3, 6, 9, 12}, 5, sign * 0.4, &volume);
        assert_int_equal(volume.grid.stack, UL_STACK_TILTED);
        assert_int_equal(ul_volume_regular(&volume, UL_OUTSIDE_PADDING, &even, &error), UL_OK);
        /* the slices shift by 4.8 mm, 2.4 rows */
        assert_int_equal(even.grid.size[1], ROWS + 3);
        assert_int_equal(even.grid.size[2], 5);
        size_t inside = check_ramp(&even, sign * 0.4);
        assert_true(inside >= 5 * AREA && inside <= 5 * (AREA + COLUMNS));
        ul_volume_free(&even);
        assert_int_equal(ul_volume_regular(&volume, UL_OUTSIDE_SMALLEST, &even, &error), UL_OK);
        float smallest = INFINITY;
        for (size_t n = 0; n < 5 * COLUMNS * (ROWS + 3); n++) {
            assert_false(isnan(((float *)even.samples)[n]));
            smallest = fminf(smallest, ((float *)even.samples)[n]);
        }
        assert_true(smallest > 0.0f);
        ul_volume_free(&even);
        ul_volume_free(&volume);
    }
}

/* What touches padding is padding, and no more. */
static void padding_stays_padding(void **state) {
    (void)state;
    ul_volume volume, even;
    ul_error error = {0};
    make((const double[]){0, 1, 2, 4}, 4, 0.0, &volume);
    ((double *)volume.samples)[3 * AREA + 20] = -5000.0;
    volume.has_padding = true;
    volume.padding_low = volume.padding_high = -5000.0;
    assert_int_equal(ul_volume_regular(&volume, UL_OUTSIDE_PADDING, &even, &error), UL_OK);
    assert_int_equal(even.grid.size[2], 5);
    for (size_t n = 0; n < 5 * AREA; n++) /* slice 3 is half interpolated from the padded one */
        assert_int_equal(
            isnan(((float *)even.samples)[n]) != 0, n == 3 * AREA + 20 || n == 4 * AREA + 20);
    ul_volume_free(&even);
    ul_volume_free(&volume);
}

/* Nothing is made up where slices are missing, unless for a network. */
static void gaps_stay_empty_in_files(void **state) {
    (void)state;
    ul_volume volume, even;
    ul_error error = {0};
    make((const double[]){0, 1, 2, 6, 7.2, 8.2}, 6, 0.0, &volume);
    assert_int_equal(ul_grid_count_gaps(&volume.grid), 1);
    assert_int_equal(ul_volume_regular(&volume, UL_OUTSIDE_PADDING, &even, &error), UL_OK);
    check_ramp(&even, 0.0);
    ul_volume_free(&even);
    assert_int_equal(ul_volume_regular(&volume, UL_OUTSIDE_SMALLEST, &even, &error), UL_OK);
    assert_int_equal(even.grid.size[2], 9); /* of 1.025 mm */
    assert_int_equal(ul_grid_slices_in_gaps(&volume.grid, &even.grid), 3);
    float smallest = INFINITY;
    for (size_t n = 0; n < 9 * AREA; n++)
        smallest = fminf(smallest, ((float *)even.samples)[n]);
    for (size_t k = 0; k < 9; k++) {
        bool empty = true;
        for (size_t n = k * AREA; n < (k + 1) * AREA; n++)
            empty = empty && ((float *)even.samples)[n] == smallest;
        assert_int_equal(empty, k >= 3 && k <= 5);
        assert_int_equal(ul_grid_in_gap(&volume.grid, &even.grid, k), k >= 3 && k <= 5);
    }
    ul_volume_free(&even);
    ul_volume_free(&volume);
}

static void labels_take_the_nearest_voxel(void **state) {
    (void)state;
    ul_volume volume;
    ul_labels labels, even;
    ul_segment segment;
    ul_error error = {0};
    ul_segment_init(&segment, 1);
    ul_segments segments = {1, &segment};
    make((const double[]){0, 1, 2, 6, 7}, 5, 0.0, &volume); /* three slices are missing */
    assert_int_equal(ul_labels_create(&volume.grid, &segments, true, &labels, &error), UL_OK);
    for (size_t n = 0; n < 5 * AREA; n++) {
        labels.map[n] = n % 3 == 0;
        labels.fractions[n] = (uint8_t)(n % 251);
    }
    assert_int_equal(ul_labels_regular(&labels, &even, &error), UL_OK);
    assert_int_equal(even.grid.size[2], 8);
    static const int source[8] = {0, 1, 2, -1, -1, -1, 3, 4};
    for (size_t n = 0; n < 8 * AREA; n++) {
        int from = source[n / AREA];
        size_t voxel = (size_t)(from < 0 ? 0 : from) * AREA + n % AREA;
        assert_int_equal(even.map[n], from < 0 ? 0 : labels.map[voxel]);
        assert_int_equal(even.fractions[n], from < 0 ? 0 : labels.fractions[voxel]);
    }
    ul_labels_free(&even);
    ul_labels_free(&labels);
    ul_volume_free(&volume);
}

static void even_and_unplaced_slices(void **state) {
    (void)state;
    ul_volume volume;
    ul_grid even;
    ul_error error = {0};
    make((const double[]){0, 2, 4}, 3, 0.0, &volume);
    assert_int_equal(ul_grid_regular(&volume.grid, &even, &error), UL_OK);
    assert_memory_equal(even.size, volume.grid.size, sizeof even.size);
    ul_grid_free(&even);
    free(volume.grid.origin_mm);
    volume.grid.origin_mm = NULL;
    ul_grid_classify(&volume.grid);
    assert_int_equal(ul_grid_regular(&volume.grid, &even, &error), UL_ERROR_GEOMETRY);
    ul_volume_free(&volume);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uneven_slices),
        cmocka_unit_test(tilted_slices),
        cmocka_unit_test(padding_stays_padding),
        cmocka_unit_test(gaps_stay_empty_in_files),
        cmocka_unit_test(labels_take_the_nearest_voxel),
        cmocka_unit_test(even_and_unplaced_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
