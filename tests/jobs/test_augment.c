/* Patches of training slices: unchanged where nothing is drawn, mirrored about the right axis,
 * turned, scaled, shifted and bent as far as they may, labels and pixels alike. */
#include "jobs/train/augment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/assert_near.h"

enum { SIDE = 32, AREA = SIDE * SIDE, DEPTH = 5, CHANNELS = 3, SLICE = 2 };

static uint16_t pixels[DEPTH * AREA];
static float low[DEPTH], step[DEPTH];
static uint8_t truth[DEPTH * AREA];
static bool apart[DEPTH];

static sample_stack make_stack(bool sagittal) {
    for (size_t i = 0; i < DEPTH * AREA; i++) {
        pixels[i] = (uint16_t)i;
        truth[i] = i % 3 == 0;
    }
    for (size_t k = 0; k < DEPTH; k++) {
        low[k] = (float)k;
        step[k] = 0.5f;
    }
    return (sample_stack){.width = SIDE,
        .height = SIDE,
        .depth = DEPTH,
        .channels = 1,
        .pixels = pixels,
        .low = low,
        .step = step,
        .labels = truth,
        .apart = apart,
        .sagittal = sagittal};
}

/* A patch of SLICE with its neighbours, under the changes alone that are told. */
static void cut(const sample_stack *stack, ul_augmentation augment, uint64_t seed, float *image,
    uint8_t *labels) {
    ul_plan plan = {.input_channels = CHANNELS, .classes = 1};
    plan.card.channels = UL_CHANNELS_NEIGHBOURS;
    plan.training.patch[0] = plan.training.patch[1] = SIDE;
    plan.training.augment = augment;
    sample_place place = {stack, SLICE, {0.5 * (SIDE - 1), 0.5 * (SIDE - 1)}};
    augment_scratch scratch;
    ul_error error = {0};
    random_stream stream = random_at(1, 2, seed);
    assert_int_equal(augment_scratch_create(&plan, &scratch, &error), UL_OK);
    augment_cut(&plan, &place, &stream, &scratch, image, labels);
    augment_scratch_free(&scratch);
}

/* The patch is the slice and its neighbours, x, y or the order of slices turned as told. */
static void assert_turned(bool sagittal, ul_augmentation augment, bool x, bool y, bool z) {
    static float image[CHANNELS * AREA];
    static uint8_t labels[AREA];
    sample_stack stack = make_stack(sagittal);
    cut(&stack, augment, 3, image, labels);
    for (size_t c = 0; c < CHANNELS; c++)
        for (size_t i = 0; i < AREA; i++) {
            size_t column = i % SIDE, row = i / SIDE;
            size_t from = (y ? SIDE - 1 - row : row) * SIDE + (x ? SIDE - 1 - column : column);
            size_t slice = SLICE - 1 + (z ? CHANNELS - 1 - c : c);
            assert_true(
                image[c * AREA + i] == (float)slice + 0.5f * (float)pixels[slice * AREA + from]);
            assert_int_equal(labels[i], truth[SLICE * AREA + from]);
        }
}

static void nothing_drawn_changes_nothing(void **state) {
    (void)state;
    assert_turned(false, (ul_augmentation){0}, false, false, false);
}

static void flips_turn_one_axis_each(void **state) {
    (void)state;
    assert_turned(false, (ul_augmentation){.flip_x_p = 1.0}, true, false, false);
    assert_turned(false, (ul_augmentation){.flip_y_p = 1.0}, false, true, false);
    assert_turned(false, (ul_augmentation){.flip_z_p = 1.0}, false, false, true);
}

static void mirroring_exchanges_left_and_right_in_every_plane(void **state) {
    (void)state;
    assert_turned(false, (ul_augmentation){.mirror_p = 1.0}, true, false, false);
    assert_turned(true, (ul_augmentation){.mirror_p = 1.0}, false, false, true);
    assert_turned(false, (ul_augmentation){.flip_x_p = 1.0, .mirror_p = 1.0}, false, false, false);
    assert_turned(true, (ul_augmentation){.flip_z_p = 1.0, .mirror_p = 1.0}, false, false, false);
}

/* Under a mirror pair the labels change sides along x, and nowhere else. */
static void mirrored_pairs_change_their_labels(void **state) {
    (void)state;
    static float image[CHANNELS * AREA];
    static uint8_t labels[AREA];
    ul_segment pair[2] = {{.number = 1, .mirror = 2}, {.number = 2, .mirror = 1}};
    for (int sagittal = 0; sagittal < 2; sagittal++)
        for (int mirrored = 0; mirrored < 2; mirrored++) {
            sample_stack stack = make_stack(sagittal);
            ul_plan plan = {.input_channels = CHANNELS, .classes = 3};
            plan.card.channels = UL_CHANNELS_NEIGHBOURS;
            plan.card.classes = (ul_segments){2, pair};
            plan.training.patch[0] = plan.training.patch[1] = SIDE;
            plan.training.augment.mirror_p = mirrored;
            sample_place place = {&stack, SLICE, {0.5 * (SIDE - 1), 0.5 * (SIDE - 1)}};
            augment_scratch scratch;
            random_stream stream = random_at(1, 2, 3);
            assert_int_equal(augment_scratch_create(&plan, &scratch, NULL), UL_OK);
            augment_cut(&plan, &place, &stream, &scratch, image, labels);
            augment_scratch_free(&scratch);
            bool exchanged = mirrored && !sagittal;
            for (size_t i = 0; i < AREA; i++) {
                size_t from = exchanged ? i - i % SIDE + SIDE - 1 - i % SIDE : i;
                unsigned shown = truth[SLICE * AREA + from];
                assert_int_equal(labels[i], shown && exchanged ? 3 - shown : shown);
            }
        }
}

/* Slices 2 mm apart seen at 1.5 mm, in and against their order: a quarter of the slice itself. */
static void neighbours_lie_at_their_distance(void **state) {
    (void)state;
    static float image[CHANNELS * AREA];
    static uint8_t labels[AREA];
    double position_mm[DEPTH] = {0, 2, 4, 6, 8};
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        sample_stack stack = make_stack(true);
        stack.position_mm = position_mm;
        ul_plan plan = {.input_channels = CHANNELS, .classes = 1};
        plan.card.channels = UL_CHANNELS_NEIGHBOURS;
        plan.card.neighbour_mm = 1.5;
        plan.training.patch[0] = plan.training.patch[1] = SIDE;
        plan.training.augment.mirror_p = mirrored;
        sample_place place = {&stack, SLICE, {0.5 * (SIDE - 1), 0.5 * (SIDE - 1)}};
        augment_scratch scratch;
        random_stream stream = random_at(1, 2, 3);
        assert_int_equal(augment_scratch_create(&plan, &scratch, NULL), UL_OK);
        augment_cut(&plan, &place, &stream, &scratch, image, labels);
        augment_scratch_free(&scratch);
        for (size_t c = 0; c < CHANNELS; c++)
            for (size_t i = 0; i < AREA; i++) {
                double slice = SLICE + 0.75 * ((double)c - 1.0) * (mirrored ? -1.0 : 1.0);
                assert_near(image[c * AREA + i], slice + 0.5 * (slice * AREA + (double)i), 1e-2);
            }
    }
}

/* Where every pixel of a patch was taken from: the slice before is a ramp along x, the slice itself
 * one along y, which interpolation leaves as they are. */
typedef struct origin_map {
    double at[AREA][2];
    bool known[AREA]; /* well inside the slice, where no edge is repeated */
} origin_map;

/* Cuts a patch of ramps; labels are those of the nearest pixels, 255 and 0 off the slice. */
static void follow(ul_augmentation augment, uint64_t seed, origin_map *map) {
    static float image[CHANNELS * AREA];
    static uint8_t labels[AREA];
    sample_stack stack = make_stack(false);
    for (size_t k = 0; k < DEPTH; k++) {
        low[k] = 0.0f;
        step[k] = 1.0f;
    }
    for (size_t i = 0; i < AREA; i++) {
        pixels[(SLICE - 1) * AREA + i] = (uint16_t)(i % SIDE);
        pixels[SLICE * AREA + i] = (uint16_t)(i / SIDE);
        pixels[(SLICE + 1) * AREA + i] = 1;
        truth[SLICE * AREA + i] = (uint8_t)(1 + i % 7);
    }
    cut(&stack, augment, seed, image, labels);
    size_t known = 0;
    for (size_t i = 0; i < AREA; i++) {
        map->at[i][0] = (double)image[i];
        map->at[i][1] = (double)image[AREA + i];
        map->known[i] = true;
        assert_near(image[2 * AREA + i], labels[i] == 255 ? 0.0 : 1.0, 1e-5);
        for (int axis = 0; axis < 2; axis++)
            map->known[i] =
                map->known[i] && map->at[i][axis] > 1.5 && map->at[i][axis] < SIDE - 2.5;
        double x = floor(map->at[i][0] + 0.5), y = floor(map->at[i][1] + 0.5);
        bool clear = fabs(map->at[i][0] - x) < 0.499 && fabs(map->at[i][1] - y) < 0.499;
        if (map->known[i] && clear)
            assert_int_equal(labels[i], 1 + (size_t)(y * SIDE + x) % 7);
        known += map->known[i];
    }
    assert_true(known > AREA / 4);
}

/* Fits at = centre + matrix (pixel - middle) to the map, which must be so everywhere. */
static void fit(const origin_map *map, double matrix[2][2], double centre[2]) {
    const size_t middle = SIDE / 2 * SIDE + SIDE / 2;
    for (int axis = 0; axis < 2; axis++) {
        matrix[axis][0] = (map->at[middle + 4][axis] - map->at[middle - 4][axis]) / 8.0;
        matrix[axis][1] =
            (map->at[middle + 4 * SIDE][axis] - map->at[middle - 4 * SIDE][axis]) / 8.0;
        centre[axis] = map->at[middle][axis] - 0.5 * (matrix[axis][0] + matrix[axis][1]);
    }
    for (size_t i = 0; i < AREA; i++)
        for (int axis = 0; map->known[i] && axis < 2; axis++) {
            double u = (double)(i % SIDE) - 0.5 * (SIDE - 1),
                   v = (double)(i / SIDE) - 0.5 * (SIDE - 1);
            assert_near(
                map->at[i][axis], centre[axis] + matrix[axis][0] * u + matrix[axis][1] * v, 1e-3);
        }
}

enum { DRAWS = 40 };

static void rotations_turn_about_the_middle(void **state) {
    (void)state;
    double least = 0.0, most = 0.0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        origin_map map;
        double m[2][2], centre[2];
        follow((ul_augmentation){.rotate_p = 1.0, .rotate_degrees = 20.0}, seed, &map);
        fit(&map, m, centre);
        double degrees = atan2(m[1][0], m[0][0]) * 180.0 / 3.141592653589793;
        assert_near(m[0][0] * m[1][1] - m[0][1] * m[1][0], 1.0, 1e-4);
        assert_near(hypot(m[0][0], m[1][0]), 1.0, 1e-4);
        assert_near(m[0][0] * m[0][1] + m[1][0] * m[1][1], 0.0, 1e-4);
        assert_near(centre[0], 0.5 * (SIDE - 1), 1e-3);
        assert_near(centre[1], 0.5 * (SIDE - 1), 1e-3);
        least = fmin(least, degrees);
        most = fmax(most, degrees);
    }
    assert_true(least > -20.01 && least < -15.0 && most < 20.01 && most > 15.0);
}

static void scales_magnify_and_stretch(void **state) {
    (void)state;
    double least = 9.0, most = 0.0, widest = 1.0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        origin_map map;
        double m[2][2], centre[2];
        follow(
            (ul_augmentation){.scale_p = 1.0, .scale_low = 0.75, .scale_high = 1.3, .stretch = 0.1},
            seed, &map);
        fit(&map, m, centre);
        assert_near(m[0][1], 0.0, 1e-4);
        assert_near(m[1][0], 0.0, 1e-4);
        assert_near(centre[0], 0.5 * (SIDE - 1), 1e-3);
        double along_x = 1.0 / m[0][0], along_y = 1.0 / m[1][1];
        least = fmin(least, fmin(along_x, along_y));
        most = fmax(most, fmax(along_x, along_y));
        widest = fmax(widest, fmax(along_x / along_y, along_y / along_x));
        follow((ul_augmentation){.scale_p = 1.0, .scale_low = 2.0, .scale_high = 2.0}, seed, &map);
        fit(&map, m, centre);
        assert_near(m[0][0], 0.5, 1e-4);
        assert_near(m[1][1], 0.5, 1e-4);
    }
    assert_true(least > 0.75 * 0.9 - 1e-3 && least < 0.85 && most > 1.2 && most < 1.3 * 1.1 + 1e-3);
    assert_true(widest > 1.08 && widest < 1.1 / 0.9 + 1e-3);
}

static void shifts_move_by_whole_pixels(void **state) {
    (void)state;
    double farthest = 0.0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        origin_map map;
        double m[2][2], centre[2];
        follow((ul_augmentation){.shift_p = 1.0, .shift = 0.125}, seed, &map);
        fit(&map, m, centre);
        for (int axis = 0; axis < 2; axis++) {
            double moved = centre[axis] - 0.5 * (SIDE - 1);
            assert_near(m[axis][axis], 1.0, 1e-4);
            assert_near(moved, rint(moved), 1e-3);
            farthest = fmax(farthest, fabs(moved));
        }
    }
    assert_near(farthest, 0.125 * SIDE, 0.1);
}

/* A bent patch is smooth: neighbours stay neighbours, in order, and most pixels have moved. */
static void bending_is_smooth(void **state) {
    (void)state;
    double squares[2] = {0.0, 0.0}, count = 0.0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        origin_map map;
        follow((ul_augmentation){.elastic_p = 1.0, .elastic_px = 2.0, .elastic_spacing_px = 16.0},
            seed, &map);
        for (size_t i = 0; i + SIDE + 1 < AREA; i++) {
            if (!map.known[i] || !map.known[i + 1] || !map.known[i + SIDE] || i % SIDE == SIDE - 1)
                continue;
            assert_near(map.at[i + 1][0] - map.at[i][0], 1.0, 0.6);
            assert_near(map.at[i + SIDE][1] - map.at[i][1], 1.0, 0.6);
            double moved[2] = {
                map.at[i][0] - (double)(i % SIDE), map.at[i][1] - (double)(i / SIDE)};
            squares[0] += moved[0] * moved[0];
            squares[1] += moved[1] * moved[1];
            count += 1.0;
        }
    }
    /* the squared weights of a cubic B-spline add to 0.479 per axis, on average */
    for (int axis = 0; axis < 2; axis++)
        assert_near(sqrt(squares[axis] / count), 2.0 * 0.479, 0.15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_drawn_changes_nothing),
        cmocka_unit_test(flips_turn_one_axis_each),
        cmocka_unit_test(mirroring_exchanges_left_and_right_in_every_plane),
        cmocka_unit_test(mirrored_pairs_change_their_labels),
        cmocka_unit_test(neighbours_lie_at_their_distance),
        cmocka_unit_test(rotations_turn_about_the_middle),
        cmocka_unit_test(scales_magnify_and_stretch),
        cmocka_unit_test(shifts_move_by_whole_pixels),
        cmocka_unit_test(bending_is_smooth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
