/* Signs of failure that need no truth. */
#include "jobs/segment/quality.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 12, AREA = SIDE * SIDE, VOXELS = AREA * SIDE, CLASSES = 5 };

static void fill(ul_labels *labels, unsigned label, const size_t first[3], size_t width) {
    for (size_t k = 0; k < width; k++)
        for (size_t j = 0; j < width; j++)
            for (size_t i = 0; i < width; i++)
                labels->map[((first[2] + k) * SIDE + first[1] + j) * SIDE + first[0] + i] =
                    (uint16_t)label;
}

/* Classes 1 to 5: a block inside, one at the border, two blocks, nothing, nothing; 1 mL a voxel. */
static void make_labels(const ul_segments *segments, bool placed, ul_labels *labels) {
    double origins[SIDE][3];
    for (size_t k = 0; k < SIDE; k++)
        memcpy(origins[k], (const double[3]){0, 0, 10.0 * (double)k}, sizeof origins[k]);
    ul_grid grid = {.size = {SIDE, SIDE, SIDE},
        .axis_i = {1},
        .axis_j = {0, 1},
        .spacing_mm = {10.0, 10.0},
        .origin_mm = origins};
    if (placed)
        ul_grid_classify(&grid);
    assert_int_equal(ul_labels_create(&grid, segments, false, labels, NULL), UL_OK);
    fill(labels, 1, (const size_t[3]){2, 2, 2}, 3);
    fill(labels, 2, (const size_t[3]){0, 7, 7}, 3);
    fill(labels, 3, (const size_t[3]){7, 2, 2}, 3);
    fill(labels, 3, (const size_t[3]){7, 7, 7}, 2);
}

/* A volume of labels' grid; slopes [SIDE], zeros [SIDE]: what the samples are multiplied by and
 * what is added. */
static ul_volume make_volume(
    const ul_labels *labels, int16_t samples[VOXELS], double *slopes, double *zeros) {
    for (size_t k = 0; k < SIDE; k++)
        slopes[k] = 1.0, zeros[k] = 0.0;
    return (ul_volume){.grid = labels->grid,
        .sample = UL_SAMPLE_I16,
        .channels = 1,
        .samples = samples,
        .slope = slopes,
        .intercept = zeros};
}

static void judge(bool placed, ul_limits *limits, ul_segment_quality quality[CLASSES]) {
    ul_segment items[CLASSES];
    double volumes[CLASSES][2] = {{20, 30}, {20, 30}, {1, 2}, {0, 5}, {NAN, NAN}};
    ul_card card;
    ul_labels labels;
    for (unsigned n = 0; n < CLASSES; n++)
        ul_segment_init(&items[n], n + 1);
    ul_card_init(&card);
    card.classes = (ul_segments){CLASSES, items};
    card.volumes_ml = volumes;
    card.limits = limits;
    card.postprocess.largest_component = true;
    make_labels(&card.classes, placed, &labels);
    quality_meter *meter = quality_meter_create();
    assert_non_null(meter);
    /* Two voxels of three planes and four outputs, output by output; the background beside them is
     * sure, but for that of class 3, which is as unsure as that. */
    static const float sure[4][2] = {{60, 0}, {0, 60}}, first[4][2] = {{60, 0}, {0, 0}, {0, 60}};
    static const float unsure[4][2] = {{60, 2}, {0, 2}, {0, 2}, {0, -900}};
    static const float both[4][2] = {{2, 2}, {-900, -900}, {2, 2}, {2, 2}};
    quality_add_surface(meter, (const unsigned[2]){0, 1}, false, sure[0], 2, 4, 3);
    quality_add_surface(meter, (const unsigned[2]){0, 2}, false, unsure[0], 2, 4, 3);
    quality_add_surface(meter, (const unsigned[2]){0, 2}, false, first[0], 2, 4, 3);
    quality_add_surface(meter, (const unsigned[2]){0, 3}, false, both[0], 2, 4, 3);
    assert_int_equal(quality_measure_pieces(meter, &labels, NULL), UL_OK);
    int16_t samples[VOXELS] = {0};
    double slopes[SIDE], zeros[SIDE];
    const ul_volume volume = make_volume(&labels, samples, slopes, zeros);
    quality_judge(meter, &card, &volume, &labels, quality);
    free(meter);
    ul_labels_free(&labels);
}

static void classes_are_flagged(void **state) {
    (void)state;
    ul_segment_quality q[CLASSES];
    char text[UL_QUALITY_TEXT_BYTES];
    judge(true, NULL, q);
    assert_int_equal(q[0].flags, 0);
    assert_true(q[0].voxels == 27 && fabs(q[0].volume_ml - 27.0) < 1e-9);
    assert_true(q[0].pieces == 0.0 && q[0].border == 0.0 && q[0].disagreement < 0.01);
    assert_int_equal(q[1].flags, UL_QUALITY_BORDER);
    assert_true(fabs(q[1].border - 9.0 / 27.0) < 1e-9);
    assert_true(fabs(q[1].disagreement - 0.5 * log2(3.0)) < 0.01);
    assert_int_equal(q[2].flags, UL_QUALITY_PIECES | UL_QUALITY_VOLUME | UL_QUALITY_DISAGREEMENT);
    assert_true(fabs(q[2].pieces - 8.0 / 35.0) < 1e-9);
    assert_true(fabs(q[2].disagreement - log2(3.0)) < 0.01);
    /* Of 27 voxels one is two thirds others'; of 35 one is, and the one beside is a third theirs.
     */
    assert_true(fabs(q[0].confidence - 1.0) < 1e-4);
    assert_true(fabs(q[1].confidence - 2.0 * (27.0 - 2.0 / 3.0) / (54.0 - 2.0 / 3.0)) < 1e-4);
    assert_true(fabs(q[2].confidence - 2.0 * (35.0 - 2.0 / 3.0) / (70.0 - 1.0 / 3.0)) < 1e-4);
    assert_true(isnan(q[3].confidence));
    assert_int_equal(q[3].flags, 0); /* some training cases were without it */
    assert_int_equal(q[4].flags, UL_QUALITY_EMPTY);
    ul_quality_text(&q[2], text);
    assert_string_equal(
        text, "in pieces (23 % apart); 35 mL, 1 to 2 in training; uncertain surface (1.58 bits)");
}

/* The card knows what is usual in a class. */
static void limits_are_the_cards(void **state) {
    (void)state;
    ul_segment_quality q[CLASSES];
    ul_limits limits[CLASSES] = {{1.5, 0.001, 0.002}, {1.5, 0.7, 0.5}, {20.0, 2.0, 0.002},
        UL_LIMITS_DEFAULT, UL_LIMITS_DEFAULT};
    judge(true, limits, q);
    assert_int_equal(q[0].flags, q[0].disagreement > 0.001 ? UL_QUALITY_DISAGREEMENT : 0);
    assert_int_equal(q[1].flags, UL_QUALITY_DISAGREEMENT);
    assert_int_equal(q[2].flags, UL_QUALITY_PIECES);
}

/* Pictures have no volume, and are cut where they are. */
static void pictures_are_not_volumes(void **state) {
    (void)state;
    ul_segment_quality q[CLASSES];
    judge(false, NULL, q);
    assert_int_equal(q[1].flags, 0);
    assert_int_equal(q[2].flags, UL_QUALITY_DISAGREEMENT);
    assert_true(isnan(q[1].border) && isnan(q[2].pieces) && isnan(q[2].volume_ml));
}

/* One output: its sigmoid against the background. */
static void one_output_has_two_classes(void **state) {
    (void)state;
    quality_meter *meter = quality_meter_create();
    assert_non_null(meter);
    const float even[2] = {-60.0f, 0.0f}, nothing[2] = {NAN, NAN};
    quality_add_surface(meter, (const unsigned[2]){0, 1}, false, even, 2, 1, 1);
    quality_add_surface(meter, (const unsigned[2]){0, 1}, false, nothing, 2, 1, 1);
    assert_int_equal(meter->surface[1].voxels, 1);
    assert_int_equal(meter->surface[1].entropy, 65536);
    assert_int_equal(meter->surface[1].missed, 32768);
    assert_int_equal(meter->surface[1].outside, 0);
    /* The same voxel again, with the next one. */
    const float next[2] = {0.0f, -60.0f};
    quality_add_surface(meter, (const unsigned[2]){1, 0}, true, next, 2, 1, 1);
    assert_int_equal(meter->surface[1].voxels, 1);
    assert_int_equal(meter->surface[1].missed, 32768);
    assert_int_equal(meter->surface[0].voxels, 2);
    free(meter);
}

/* A volume of one class, to be judged. */
typedef struct one_class {
    ul_segment item;
    ul_card card;
    ul_labels labels;
    int16_t samples[VOXELS];
    double slopes[SIDE], zeros[SIDE];
    ul_volume volume;
} one_class;

static void one_class_open(one_class *one) {
    ul_segment_init(&one->item, 1);
    ul_card_init(&one->card);
    one->card.classes = (ul_segments){1, &one->item};
    make_labels(&one->card.classes, true, &one->labels);
    one->volume = make_volume(&one->labels, one->samples, one->slopes, one->zeros);
}

static unsigned flags_of(const one_class *one) {
    ul_segment_quality q;
    quality_meter *meter = quality_meter_create();
    assert_non_null(meter);
    quality_judge(meter, &one->card, &one->volume, &one->labels, &q);
    free(meter);
    return q.flags;
}

/* A head of two intensities in air: the surroundings of its negative are bright. */
static void bright_air_is_told(void **state) {
    (void)state;
    one_class one;
    one_class_open(&one);
    for (size_t n = 0; n < VOXELS; n++)
        one.samples[n] = (int16_t)(one.labels.map[n] ? 50 + 50 * (n % 2) : n % 7);
    for (int negative = 0; negative < 2; negative++) {
        for (size_t k = 0; k < SIDE; k++)
            one.slopes[k] = negative ? -1.0 : 1.0;
        for (int dark = 0; dark < 2; dark++) {
            one.card.dark_surroundings = dark;
            assert_int_equal(!!(flags_of(&one) & UL_QUALITY_INVERTED), negative && dark);
        }
    }
    ul_labels_free(&one.labels);
}

/* An octahedron in noise that is cut and filled up: beyond slice `at` along an axis. */
typedef struct cut {
    int axis;
    bool low;
    size_t at;
    int16_t fill;
} cut;

static unsigned flags_of_cut(const cut *c, bool labelled, int16_t blur) {
    one_class one;
    one_class_open(&one);
    for (size_t n = 0; n < VOXELS; n++) {
        const size_t at[3] = {n % SIDE, n / SIDE % SIDE, n / AREA};
        double far = 0.0;
        for (int a = 0; a < 3; a++)
            far += fabs((double)at[a] - 5.5);
        bool beyond = c->low ? at[c->axis] < c->at : at[c->axis] > c->at;
        bool edge = blur && at[c->axis] == c->at;
        one.labels.map[n] = labelled && far < 4.6 && !beyond && !edge;
        one.samples[n] = beyond ? c->fill
                         : edge ? (int16_t)(blur * (n % 3))
                                : (int16_t)(n * 7 % 31);
    }
    unsigned flags = flags_of(&one);
    ul_labels_free(&one.labels);
    return flags;
}

/* A head that was cut and filled up ends within the volume, whatever it was filled with; one in
 * air that is all zero (a stripped one) is not cut. */
static void a_cut_within_the_volume_is_a_border(void **state) {
    (void)state;
    for (int axis = 0; axis < 3; axis++)
        for (int low = 0; low < 2; low++)
            for (int16_t fill = -3; fill < 4; fill += 3) {
                size_t middle = low ? 4 : 7, outside = low ? 1 : 10;
                const cut head = {axis, low, middle, fill}, air = {axis, low, outside, fill};
                assert_int_equal(flags_of_cut(&head, true, 0), UL_QUALITY_BORDER);
                assert_int_equal(flags_of_cut(&head, true, 1), UL_QUALITY_BORDER);
                assert_int_equal(flags_of_cut(&air, true, 0), 0);
                assert_int_equal(flags_of_cut(&head, false, 0), UL_QUALITY_EMPTY);
            }
}

/* A stripped head's air ends where its surface is met first: no plane. */
static void a_stripped_head_is_not_cut(void **state) {
    (void)state;
    for (int axis = 0; axis < 3; axis++) {
        const cut touching = {axis, true, 2, 0};
        assert_int_equal(flags_of_cut(&touching, true, 0), 0);
    }
}

/* The longest text has its end. */
static void all_that_is_wrong_fits(void **state) {
    (void)state;
    const ul_segment_quality q = {.flags = (1u << UL_QUALITY_FLAGS) - 1,
        .pieces = 1.0,
        .volume_ml = 123456.789,
        .range_ml = {123456.789, 123456.789},
        .disagreement = 8.0};
    char text[UL_QUALITY_TEXT_BYTES];
    ul_quality_text(&q, text);
    assert_non_null(strstr(text, "; the air around is bright, as if intensities were inverted"));
    assert_true(strlen(text) + 1 < UL_QUALITY_TEXT_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_flagged),
        cmocka_unit_test(limits_are_the_cards),
        cmocka_unit_test(pictures_are_not_volumes),
        cmocka_unit_test(one_output_has_two_classes),
        cmocka_unit_test(bright_air_is_told),
        cmocka_unit_test(a_cut_within_the_volume_is_a_border),
        cmocka_unit_test(a_stripped_head_is_not_cut),
        cmocka_unit_test(all_that_is_wrong_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
