/* Labels that reach over the slices of another grid. */
#include "jobs/evaluate/extend_labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SIDE = 3, AREA = SIDE * SIDE };

/* A grid of two slices at these heights. */
static ul_grid make(double heights[2][3]) {
    ul_grid grid = {.size = {SIDE, SIDE, 2},
        .axis_i = {1},
        .axis_j = {0, 1},
        .spacing_mm = {1.0, 1.0},
        .origin_mm = heights};
    ul_grid_classify(&grid);
    return grid;
}

/* Labels on slices at 0 and 1 mm, made to cover slices at low and high, have so many and begin
 * there. */
static void check(double low, double high, size_t slices, double first) {
    double own[2][3] = {{0, 0, 0}, {0, 0, 1}}, others[2][3] = {{0, 0, low}, {0, 0, high}};
    const ul_grid grid = make(own), other = make(others);
    const ul_segments none = {0};
    ul_labels labels;
    ul_error error = {0};
    assert_int_equal(ul_labels_create(&grid, &none, false, &labels, &error), UL_OK);
    labels.map[0] = 7;
    assert_int_equal(cover_grid(&labels, &other, &error), UL_OK);
    assert_int_equal(labels.grid.size[2], slices);
    assert_true(labels.grid.origin_mm[0][2] == first);
    assert_int_equal(labels.map[(size_t)-first * AREA], 7);
    ul_labels_free(&labels);
}

static void labels_reach_over_the_other_grid(void **state) {
    (void)state;
    check(0, 1, 2, 0);
    check(-2, 0, 4, -2);
    check(-2, 3, 6, -2);
    check(4, 5, 6, 0);
}

static void far_grids_are_left_to_the_comparison(void **state) {
    (void)state;
    check(-1e5, 1e5, 2, 0);
    check(-1e25, 0, 2, 0);
    check(0, 1e25, 2, 0);
    check(-2, 1e25, 2, 0);
    check(-1e25, 1e25, 2, 0);
    check(-1e25, -1e24, 2, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_reach_over_the_other_grid),
        cmocka_unit_test(far_grids_are_left_to_the_comparison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
