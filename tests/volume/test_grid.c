#include "ulite/volume.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/assert_near.h"

/* An axial stack at the given heights; lean moves each slice along y by lean mm per mm of height.
 */
static ul_grid axial(size_t slices, const double *height_mm, double lean) {
    ul_grid grid = {.size = {64, 48, slices}, .spacing_mm = {0.5, 0.75}, .thickness_mm = 3};
    assert_true(ul_grid_set_axes(&grid, (const double[6]){1, 0, 0, 0, 1, 0}));
    grid.origin_mm = calloc(slices, sizeof *grid.origin_mm);
    assert_non_null(grid.origin_mm);
    for (size_t k = 0; k < slices; k++) {
        grid.origin_mm[k][0] = -20;
        grid.origin_mm[k][1] = -30 + lean * height_mm[k];
        grid.origin_mm[k][2] = height_mm[k];
    }
    ul_grid_classify(&grid);
    return grid;
}

static void regular_stack(void **state) {
    (void)state;
    /* Rounded to 0.1 mm from steps of 1.25. */
    ul_grid grid = axial(5, (const double[]){0, 1.3, 2.5, 3.8, 5}, 0);
    assert_int_equal(grid.stack, UL_STACK_REGULAR);
    assert_int_equal(ul_grid_plane(&grid), UL_PLANE_AXIAL);
    assert_string_equal(ul_plane_name(ul_grid_plane(&grid)), "axial");
    assert_near(ul_grid_step_mm(&grid), 1.25, 1e-12);
    assert_near(ul_grid_depth_mm(&grid, 0), 1.25, 1e-12);
    assert_near(ul_grid_offset_mm(&grid, 3), 3.8, 1e-12);
    assert_false(ul_grid_gap_after(&grid, 1));
    double m[4][4];
    assert_int_equal(ul_grid_affine(&grid, m, NULL), UL_OK);
    const double expected[4][4] = {
        {0.5, 0, 0, -20}, {0, 0.75, 0, -30}, {0, 0, 1.25, 0}, {0, 0, 0, 1}};
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++)
            assert_near(m[r][c], expected[r][c], 1e-12);
    ul_grid_free(&grid);
    assert_null(grid.origin_mm);
}

static void tilted_stack(void **state) {
    (void)state;
    ul_grid grid = axial(4, (const double[]){0, 2, 4, 6}, tan(0.3));
    assert_int_equal(grid.stack, UL_STACK_TILTED);
    /* The depth is the distance along the normal, not of the positions. */
    assert_near(ul_grid_depth_mm(&grid, 2), 2, 1e-12);
    double m[4][4];
    assert_int_equal(ul_grid_affine(&grid, m, NULL), UL_OK);
    assert_near(m[1][2], 2 * tan(0.3), 1e-12);
    ul_grid back;
    assert_int_equal(ul_grid_from_affine(grid.size, (const double(*)[4])m, &back, NULL), UL_OK);
    assert_int_equal(back.stack, UL_STACK_TILTED);
    for (size_t k = 0; k < 4; k++)
        for (int c = 0; c < 3; c++)
            assert_near(back.origin_mm[k][c], grid.origin_mm[k][c], 1e-9);
    ul_grid_free(&back);
    ul_grid_free(&grid);
    /* Cosines rounded to three digits are no tilt. */
    grid = axial(4, (const double[]){0, 2, 4, 6}, 0.0009);
    assert_int_equal(grid.stack, UL_STACK_REGULAR);
    ul_grid_free(&grid);
}

static void uneven_stack(void **state) {
    (void)state;
    /* One slice is missing after the third. */
    ul_grid grid = axial(5, (const double[]){0, 2, 4, 8, 10}, 0);
    assert_int_equal(grid.stack, UL_STACK_UNEVEN);
    assert_true(ul_grid_gap_after(&grid, 2));
    assert_false(ul_grid_gap_after(&grid, 1));
    assert_false(ul_grid_gap_after(&grid, 4));
    for (size_t k = 0; k < 5; k++)
        assert_near(ul_grid_depth_mm(&grid, k), 2, 1e-12);
    assert_true(ul_grid_step_mm(&grid) == 0);
    double m[4][4];
    ul_error error = {0};
    assert_int_equal(ul_grid_affine(&grid, m, &error), UL_ERROR_GEOMETRY);
    assert_non_null(strstr(error.text, "uneven"));
    ul_grid_free(&grid);

    grid = axial(4, (const double[]){0, 2, 5, 8}, 0);
    assert_int_equal(grid.stack, UL_STACK_UNEVEN);
    assert_false(ul_grid_gap_after(&grid, 1));
    const double depth[4] = {2, 2.5, 3, 3};
    for (size_t k = 0; k < 4; k++)
        assert_near(ul_grid_depth_mm(&grid, k), depth[k], 1e-12);
    ul_grid_free(&grid);

    /* Of one whole and one double step the double one is the gap. */
    grid = axial(3, (const double[]){0, 2.5, 7.5}, 0);
    assert_true(ul_grid_gap_after(&grid, 1));
    ul_grid_free(&grid);

    /* A slice that is shifted sideways fits no matrix either. */
    grid = axial(3, (const double[]){0, 2, 4}, 0);
    grid.origin_mm[1][0] += 1;
    ul_grid_classify(&grid);
    assert_int_equal(grid.stack, UL_STACK_UNEVEN);
    ul_grid_free(&grid);
}

static void single_and_unplaced(void **state) {
    (void)state;
    ul_grid grid = axial(1, (const double[]){7}, 0);
    assert_int_equal(grid.stack, UL_STACK_REGULAR);
    assert_near(ul_grid_depth_mm(&grid, 0), 3, 0);
    double m[4][4];
    assert_int_equal(ul_grid_affine(&grid, m, NULL), UL_OK);
    assert_near(m[2][2], 3, 0);
    ul_grid_free(&grid);

    ul_grid loose = {.size = {8, 8, 2}};
    ul_grid_classify(&loose);
    assert_int_equal(loose.stack, UL_STACK_UNPLACED);
    assert_int_equal(ul_grid_plane(&loose), UL_PLANE_UNKNOWN);
    assert_true(ul_grid_offset_mm(&loose, 1) == 0);
    assert_int_equal(ul_grid_affine(&loose, m, NULL), UL_ERROR_GEOMETRY);
    ul_grid copy;
    assert_int_equal(ul_grid_copy(&loose, &copy, NULL), UL_OK);
    assert_null(copy.origin_mm);
}

static void copies_are_their_own(void **state) {
    (void)state;
    ul_grid grid = axial(3, (const double[]){0, 2, 4}, 0), copy;
    assert_int_equal(ul_grid_copy(&grid, &copy, NULL), UL_OK);
    assert_ptr_not_equal(copy.origin_mm, grid.origin_mm);
    assert_memory_equal(copy.origin_mm, grid.origin_mm, 3 * sizeof *grid.origin_mm);
    ul_grid_free(&grid);
    assert_near(copy.origin_mm[2][2], 4, 0);
    ul_grid_free(&copy);
}

static void cosines_as_scanners_round_them(void **state) {
    (void)state;
    ul_grid grid = {0};
    assert_true(ul_grid_set_axes(&grid, (const double[6]){0.707, 0.707, 0.01, -0.7, 0.7, 0.141}));
    double dot = 0, length_i = 0, length_j = 0;
    for (int c = 0; c < 3; c++) {
        dot += grid.axis_i[c] * grid.axis_j[c];
        length_i += grid.axis_i[c] * grid.axis_i[c];
        length_j += grid.axis_j[c] * grid.axis_j[c];
    }
    assert_true(fabs(dot) < 1e-15 && fabs(length_i - 1) < 1e-15 && fabs(length_j - 1) < 1e-15);
    ul_grid before = grid;
    assert_false(ul_grid_set_axes(&grid, (const double[6]){1, 0, 0, 0.1, 1, 0}));
    assert_false(ul_grid_set_axes(&grid, (const double[6]){0, 0, 0, 0, 1, 0}));
    assert_false(ul_grid_set_axes(&grid, (const double[6]){NAN, 0, 0, 0, 1, 0}));
    assert_memory_equal(&before, &grid, sizeof grid);
}

static void matrices_that_are_no_grid(void **state) {
    (void)state;
    const size_t size[3] = {4, 4, 2};
    const double skewed[4][4] = {{1, 0.1, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    const double flat[4][4] = {{1, 0, 1, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}};
    const double empty[4][4] = {{0}};
    const double(*const wrong[])[4] = {skewed, flat, empty};
    for (int n = 0; n < 3; n++) {
        ul_grid grid;
        ul_error error = {0};
        assert_int_equal(ul_grid_from_affine(size, wrong[n], &grid, &error), UL_ERROR_GEOMETRY);
        assert_null(grid.origin_mm);
        assert_true(error.text[0] != '\0');
    }
    /* A left-handed matrix keeps its voxel order: origins run against the normal. */
    const double mirrored[4][4] = {{2, 0, 0, 1}, {0, 2, 0, 2}, {0, 0, -3, 3}, {0, 0, 0, 1}};
    ul_grid grid;
    assert_int_equal(ul_grid_from_affine(size, mirrored, &grid, NULL), UL_OK);
    assert_near(ul_grid_step_mm(&grid), -3, 1e-12);
    assert_near(grid.origin_mm[1][2], 0, 1e-12);
    ul_grid_free(&grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular_stack),
        cmocka_unit_test(tilted_stack),
        cmocka_unit_test(uneven_stack),
        cmocka_unit_test(single_and_unplaced),
        cmocka_unit_test(copies_are_their_own),
        cmocka_unit_test(cosines_as_scanners_round_them),
        cmocka_unit_test(matrices_that_are_no_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
