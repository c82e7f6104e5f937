/* Left and right: mirror pairs under flips, and in sagittal slices, which cannot tell them. */
#include "jobs/segment/sides.h"
#include "ulite/segment.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
static void segment(const ul_model *model, ul_plane plane, bool paired, bool mirrored, bool flips,
    ul_labels *labels) {
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
    const ul_segment_options options = {.threads = 2, .fractions = true, .flips = flips};
    assert_int_equal(ul_segment_volume(model, &card, &volume, &options, labels, &error), UL_OK);
    ul_volume_free(&volume);
}

static void flips_exchange_the_sides(void **state) {
    ul_labels as_is, mirrored;
    static const unsigned other[] = {0, 2, 1};
    size_t seen[3] = {0};
    segment(*state, UL_PLANE_AXIAL, true, false, true, &as_is);
    segment(*state, UL_PLANE_AXIAL, true, true, true, &mirrored);
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
    segment(*state, UL_PLANE_SAGITTAL, false, false, false, &apart);
    segment(*state, UL_PLANE_SAGITTAL, true, false, false, &folded);
    assert_memory_not_equal(apart.fractions, apart.fractions + VOXELS, VOXELS);
    assert_memory_equal(folded.fractions, folded.fractions + VOXELS, VOXELS);
    ul_labels_free(&apart);
    ul_labels_free(&folded);
}

/* Along x lie front and back there, which are no mirror images of each other. */
static void flips_leave_paired_sagittal_slices_as_they_are(void **state) {
    for (int paired = 0; paired < 2; paired++) {
        ul_labels once, flipped;
        segment(*state, UL_PLANE_SAGITTAL, paired, false, false, &once);
        segment(*state, UL_PLANE_SAGITTAL, paired, false, true, &flipped);
        assert_int_equal(memcmp(once.fractions, flipped.fractions, 2 * VOXELS) == 0, paired);
        ul_labels_free(&once);
        ul_labels_free(&flipped);
    }
}

enum { HEAD = 32, HEAD_AREA = HEAD * HEAD, HEAD_VOXELS = HEAD_AREA * HEAD };
enum { LEFT = 1, RIGHT, INNER_LEFT, INNER_RIGHT }; /* hemispheres, and a small structure in each */

/* A head of two halves, turned by an angle about z: voxels on 2 mm, x to the patient's left. */
static void make_head(double degrees, ul_labels *labels) {
    double origins[HEAD][3], angle = degrees / 180.0 * 3.14159265358979;
    ul_segment items[4];
    ul_segments segments = {4, items};
    for (size_t k = 0; k < HEAD; k++)
        memcpy(origins[k], (const double[3]){-30.0, -30.0, 2.0 * (double)k}, sizeof origins[k]);
    ul_grid grid = {.size = {HEAD, HEAD, HEAD},
        .axis_i = {1},
        .axis_j = {0, 1},
        .spacing_mm = {2.0, 2.0},
        .origin_mm = origins};
    ul_grid_classify(&grid);
    for (unsigned n = 0; n < 4; n++) {
        ul_segment_init(&items[n], n + 1);
        items[n].mirror = (n ^ 1u) + 1;
        snprintf(items[n].type_modifier.scheme, sizeof items[n].type_modifier.scheme, "SCT");
        snprintf(items[n].type_modifier.value, sizeof items[n].type_modifier.value, "%s",
            n % 2 ? "24028007" : "7771000");
    }
    assert_int_equal(ul_labels_create(&grid, &segments, true, labels, NULL), UL_OK);
    for (size_t n = 0; n < HEAD_VOXELS; n++) {
        double x = (double)(n % HEAD) - 15.3, y = (double)(n / HEAD % HEAD) - 15.5;
        double z = (double)(n / HEAD_AREA) - 15.5;
        double across = x * cos(angle) + y * sin(angle), along = y * cos(angle) - x * sin(angle);
        bool head = across * across + along * along + z * z < 14.0 * 14.0;
        bool inner = pow(fabs(across) - 7.0, 2.0) + along * along + z * z < 9.0;
        labels->map[n] = (uint16_t)(head ? (across > 0.0 ? LEFT : RIGHT) + (inner ? 2 : 0) : 0);
        if (head)
            labels->fractions[(size_t)(labels->map[n] - 1) * HEAD_VOXELS + n] = 200;
    }
}

/* Calls what is `from` in columns first to last - 1 by the name of `to`. */
static void call(ul_labels *labels, unsigned from, unsigned to, size_t first, size_t last) {
    for (size_t n = 0; n < HEAD_VOXELS; n++)
        if (labels->map[n] == from && n % HEAD >= first && n % HEAD < last) {
            uint8_t *fractions = labels->fractions;
            labels->map[n] = (uint16_t)to;
            fractions[(to - 1) * HEAD_VOXELS + n] = fractions[(from - 1) * HEAD_VOXELS + n];
            fractions[(from - 1) * HEAD_VOXELS + n] = 0;
        }
}

static void structures_get_the_side_that_they_lie_on(void **state) {
    (void)state;
    for (int degrees = -20; degrees <= 20; degrees += 20) {
        ul_labels truth, labels;
        size_t changed;
        make_head(degrees, &truth);
        make_head(degrees, &labels);
        assert_int_equal(sides_settle(&labels, &changed, NULL), UL_OK);
        assert_int_equal(changed, 0);
        call(&labels, INNER_LEFT, INNER_RIGHT, 0, HEAD); /* a structure, */
        call(&labels, LEFT, RIGHT, 25, HEAD);            /* a part of another */
        assert_memory_not_equal(labels.map, truth.map, HEAD_VOXELS * sizeof *truth.map);
        assert_int_equal(sides_settle(&labels, &changed, NULL), UL_OK);
        assert_memory_equal(labels.map, truth.map, HEAD_VOXELS * sizeof *truth.map);
        assert_memory_equal(labels.fractions, truth.fractions, 4 * HEAD_VOXELS);
        assert_true(changed > 0);
        ul_labels_free(&truth);
        ul_labels_free(&labels);
    }
}

/* Everything by the other's name: the places of the voxels tell, not the names. */
static void exchanged_sides_are_put_right(void **state) {
    (void)state;
    ul_labels truth, labels;
    size_t changed, heads = 0;
    static const uint16_t other[] = {0, RIGHT, LEFT, INNER_RIGHT, INNER_LEFT};
    make_head(0.0, &truth);
    make_head(0.0, &labels);
    for (size_t n = 0; n < HEAD_VOXELS; n++) {
        labels.map[n] = other[labels.map[n]];
        heads += labels.map[n] > 0;
    }
    assert_int_equal(sides_settle(&labels, &changed, NULL), UL_OK);
    assert_int_equal(changed, heads);
    assert_memory_equal(labels.map, truth.map, HEAD_VOXELS * sizeof *truth.map);
    ul_labels_free(&truth);
    ul_labels_free(&labels);
}

/* Half a head, and sides that overlap, keep their votes. */
static void votes_stay_where_no_plane_is_to_be_trusted(void **state) {
    (void)state;
    ul_labels labels;
    uint16_t *before = malloc(HEAD_VOXELS * sizeof *before);
    size_t changed;
    assert_non_null(before);
    for (int half = 0; half < 2; half++) {
        make_head(0.0, &labels);
        for (size_t n = 0; n < HEAD_VOXELS; n++) {
            bool gone = half && n % HEAD < 15;
            if (gone)
                labels.map[n] = 0;
            else if (half && labels.map[n] == LEFT && n % 13 == 0) /* a few errors */
                labels.map[n] = RIGHT;
            else if (!half && labels.map[n])
                labels.map[n] = n * n % 7 < 3 ? LEFT : RIGHT;
        }
        memcpy(before, labels.map, HEAD_VOXELS * sizeof *before);
        assert_int_equal(sides_settle(&labels, &changed, NULL), UL_OK);
        assert_int_equal(changed, 0);
        assert_memory_equal(labels.map, before, HEAD_VOXELS * sizeof *before);
        ul_labels_free(&labels);
    }
    free(before);
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
        cmocka_unit_test(flips_leave_paired_sagittal_slices_as_they_are),
        cmocka_unit_test(structures_get_the_side_that_they_lie_on),
        cmocka_unit_test(exchanged_sides_are_put_right),
        cmocka_unit_test(votes_stay_where_no_plane_is_to_be_trusted),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
