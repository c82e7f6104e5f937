#include "ulite/volume.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An oblique 5x4x3 image, leaning if tilt is not 0, its slices uneven if so asked. */
static void make_grid(ul_grid *grid, double tilt, bool uneven) {
    memset(grid, 0, sizeof *grid);
    const size_t size[3] = {5, 4, 3};
    memcpy(grid->size, size, sizeof size);
    const double cosines[6] = {
        cos(0.3), sin(0.3), 0, -sin(0.3) * cos(0.2), cos(0.3) * cos(0.2), sin(0.2)};
    assert_true(ul_grid_set_axes(grid, cosines));
    grid->spacing_mm[0] = 0.8;
    grid->spacing_mm[1] = 1.25;
    grid->origin_mm = calloc(3, sizeof *grid->origin_mm);
    double normal[3];
    ul_grid_normal(grid, normal);
    for (size_t k = 0; k < 3; k++)
        for (int c = 0; c < 3; c++)
            grid->origin_mm[k][c] = 10 * (c + 1) + (double)(uneven ? k * k : k) *
                                                       (2.5 * normal[c] + tilt * grid->axis_j[c]);
    ul_grid_classify(grid);
}

static void make_labels(const ul_grid *grid, ul_labels *labels) {
    static ul_segment segment;
    ul_segment_init(&segment, 1);
    ul_segments segments = {1, &segment};
    ul_error error = {0};
    assert_int_equal(ul_labels_create(grid, &segments, true, labels, &error), UL_OK);
    for (size_t v = 0; v < 60; v++) {
        labels->map[v] = (uint16_t)(v + 1);
        labels->fractions[v] = (uint8_t)(v + 100);
    }
}

/* Stores labels as another program might: axis a of the result runs along axis order[a] of the
 * image, reversed where the sign is negative. */
static void turn(
    const ul_labels *labels, const int order[3], const int sign[3], ul_labels *turned) {
    double form[4][4], other[4][4] = {{0}};
    ul_error error = {0};
    assert_int_equal(ul_grid_affine(&labels->grid, form, &error), UL_OK);
    size_t size[3];
    for (int r = 0; r < 4; r++)
        other[r][3] = form[r][3];
    for (int a = 0; a < 3; a++) {
        size[a] = labels->grid.size[order[a]];
        for (int r = 0; r < 3; r++) {
            other[r][a] = sign[a] * form[r][order[a]];
            if (sign[a] < 0)
                other[r][3] += (double)(size[a] - 1) * form[r][order[a]];
        }
    }
    other[3][3] = 1;
    for (int r = 0; r < 3; r++) /* as single precision keeps it */
        for (int c = 0; c < 4; c++)
            other[r][c] = (double)(float)other[r][c];
    ul_grid grid;
    assert_int_equal(ul_grid_from_affine(size, (const double(*)[4])other, &grid, &error), UL_OK);
    assert_int_equal(ul_labels_create(&grid, &labels->segments, true, turned, &error), UL_OK);
    size_t at[3];
    for (at[2] = 0; at[2] < size[2]; at[2]++)
        for (at[1] = 0; at[1] < size[1]; at[1]++)
            for (at[0] = 0; at[0] < size[0]; at[0]++) {
                size_t from[3];
                for (int a = 0; a < 3; a++)
                    from[order[a]] = sign[a] < 0 ? size[a] - 1 - at[a] : at[a];
                size_t v = (from[2] * 4 + from[1]) * 5 + from[0];
                size_t w = (at[2] * size[1] + at[1]) * size[0] + at[0];
                turned->map[w] = labels->map[v];
                turned->fractions[w] = labels->fractions[v];
            }
    ul_grid_free(&grid);
}

static void every_turn_comes_back(void **state) {
    (void)state;
    static const int orders[6][3] = {
        {0, 1, 2}, {1, 0, 2}, {0, 2, 1}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};
    for (int tilted = 0; tilted < 2; tilted++)
        for (int o = 0; o < (tilted ? 2 : 6); o++) /* a leaning stack keeps its slices */
            for (int signs = 0; signs < 8; signs++) {
                const int sign[3] = {signs & 1 ? -1 : 1, signs & 2 ? -1 : 1, signs & 4 ? -1 : 1};
                ul_grid grid;
                make_grid(&grid, tilted ? 0.7 : 0, false);
                ul_labels labels, turned, back;
                make_labels(&grid, &labels);
                turn(&labels, orders[o], sign, &turned);
                ul_error error = {0};
                assert_int_equal(ul_labels_align(&turned, &grid, &back, &error), UL_OK);
                assert_memory_equal(back.map, labels.map, 60 * sizeof *back.map);
                assert_memory_equal(back.fractions, labels.fractions, 60);
                ul_labels_free(&labels);
                ul_labels_free(&turned);
                ul_labels_free(&back);
                ul_grid_free(&grid);
            }
}

static void refuse(const ul_labels *labels, const ul_grid *grid, const char *text) {
    ul_labels aligned;
    ul_error error = {0};
    assert_int_equal(ul_labels_align(labels, grid, &aligned, &error), UL_ERROR_GEOMETRY);
    if (!strstr(error.text, text))
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
    assert_null(aligned.map);
}

static void says_what_differs(void **state) {
    (void)state;
    ul_grid grid, other;
    ul_labels labels;
    make_grid(&grid, 0, false);
    make_labels(&grid, &labels);

    make_grid(&other, 0, false);
    for (size_t k = 0; k < 3; k++)
        other.origin_mm[k][0] += 0.5;
    refuse(&labels, &other, "lie elsewhere");
    ul_grid_free(&other);
    make_grid(&other, 0.7, false);
    refuse(&labels, &other, "lie elsewhere");
    ul_grid_free(&other);
    make_grid(&other, 0, true);
    refuse(&labels, &other, "slice 3 of the source");
    ul_grid_free(&other);
    make_grid(&other, 0, false);
    other.size[0] = 6;
    refuse(&labels, &other, "5x4x3 voxels, the source 6x4x3");
    ul_grid_free(&other);

    ul_grid unplaced = {.size = {5, 4, 3}};
    ul_labels back;
    ul_error error = {0};
    assert_int_equal(ul_labels_align(&labels, &unplaced, &back, &error), UL_OK);
    assert_memory_equal(back.map, labels.map, 60 * sizeof *back.map);
    refuse(&back, &grid, "no position");
    ul_labels_free(&back);
    ul_labels_free(&labels);
    ul_grid_free(&grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_turn_comes_back),
        cmocka_unit_test(says_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
