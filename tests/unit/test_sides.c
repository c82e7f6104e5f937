/* Left and right: mirror pairs under flips, and in sagittal slices, which cannot tell them. */
#include "ulite/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 12, ROWS = 10, SLICES = 4, AREA = COLUMNS * ROWS, VOXELS = AREA * SLICES };

/* Axial slices from the right to the left, or mirrored: the same pixels the other way round. */
static void make(bool mirrored, ul_volume *volume) {
    double origins[SLICES][3] = {{0, 0, 0}, {0, 0, 1}, {0, 0, 2}, {0, 0, 3}};
    ul_grid grid = {.size = {COLUMNS, ROWS, SLICES},
        .axis_i = {1},
        .axis_j = {0, 1},
        .spacing_mm = {1.0, 1.0},
        .origin_mm = origins};
    ul_grid_classify(&grid);
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_I16, volume, NULL), UL_OK);
    for (size_t n = 0; n < VOXELS; n++) {
        size_t x = n % COLUMNS, to = mirrored ? n - x + COLUMNS - 1 - x : n;
        ((int16_t *)volume->samples)[to] = (int16_t)(n * n * 31 % 977);
    }
}

/* Two classes, of each other's side where paired, along one plane. */
static void segment(
    const ul_model *model, ul_plane plane, bool paired, bool mirrored, ul_labels *labels) {
    ul_volume volume;
    ul_card card;
    ul_segment segments[2];
    ul_error error = {0};
    make(mirrored, &volume);
    ul_card_init(&card);
    for (unsigned n = 0; n < 2; n++) {
        ul_segment_init(&segments[n], n + 1);
        segments[n].mirror = paired ? 2 - n : 0;
    }
    card.classes = (ul_segments){2, segments};
    card.plane_count = 1;
    card.planes[0] = plane;
    card.normalisation.kind = UL_NORMALISE_ZSCORE;
    card.tta_flip_x = true;
    const ul_segment_options options = {
        .threads = 2, .fractions = true, .flips = plane != UL_PLANE_SAGITTAL};
    assert_int_equal(
        ul_segment_volume(model, &card, &volume, &options, NULL, labels, &error), UL_OK);
    ul_volume_free(&volume);
}

static void flips_exchange_the_sides(void **state) {
    ul_labels as_is, mirrored;
    static const unsigned other[] = {0, 2, 1};
    size_t seen[3] = {0};
    segment(*state, UL_PLANE_AXIAL, true, false, &as_is);
    segment(*state, UL_PLANE_AXIAL, true, true, &mirrored);
    for (size_t n = 0; n < VOXELS; n++) {
        size_t x = n % COLUMNS, to = n - x + COLUMNS - 1 - x;
        assert_int_equal(mirrored.map[to], other[as_is.map[n]]);
        assert_int_equal(mirrored.fractions[VOXELS + to], as_is.fractions[n]);
        assert_int_equal(mirrored.fractions[to], as_is.fractions[VOXELS + n]);
        seen[as_is.map[n]]++;
    }
    assert_true(seen[1] > 0 && seen[2] > 0);
    ul_labels_free(&as_is);
    ul_labels_free(&mirrored);
}

static void sagittal_slices_count_for_both_sides(void **state) {
    ul_labels apart, folded;
    segment(*state, UL_PLANE_SAGITTAL, false, false, &apart);
    segment(*state, UL_PLANE_SAGITTAL, true, false, &folded);
    assert_memory_not_equal(apart.fractions, apart.fractions + VOXELS, VOXELS);
    assert_memory_equal(folded.fractions, folded.fractions + VOXELS, VOXELS);
    ul_labels_free(&apart);
    ul_labels_free(&folded);
}

static int open_model(void **state) {
    const ul_model_shape shape = {1, 3, {8, 8, 12, 16, 24, 32}, 8, 0};
    ul_model *model;
    ul_error error = {0};
    if (ul_model_create(&shape, 184, &model, &error) != UL_OK)
        return -1;
    *state = model;
    return 0;
}

static int close_model(void **state) {
    ul_model_close(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_exchange_the_sides),
        cmocka_unit_test(sagittal_slices_count_for_both_sides),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
