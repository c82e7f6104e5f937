/* Where a localiser finds what a model is run on: the card that comes of it, the pose of a head,
 * boxes turned with it. */
#include "jobs/localise/pose.h"
#include "jobs/localise/turned.h"
#include "volume/vec3.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 64, AREA = SIDE * SIDE };

#define LEFT "{\"value\": \"7771000\", \"scheme\": \"SCT\", \"meaning\": \"Left\"}"
#define RIGHT "{\"value\": \"24028007\", \"scheme\": \"SCT\", \"meaning\": \"Right\"}"
#define HORN "{\"value\": \"5366008\", \"scheme\": \"SCT\", \"meaning\": \"Hippocampus\"}"
#define FRONT "{\"value\": \"255549009\", \"scheme\": \"SCT\", \"meaning\": \"Anterior\"}"

static const char finder[] =
    "{\"name\": \"finder\", \"classes\": ["
    "{\"number\": 3, \"label\": \"left horn\", \"mirror\": 4, \"type\": " HORN
    ", \"type_modifier\": " LEFT "}, "
    "{\"number\": 4, \"label\": \"right horn\", \"mirror\": 3, \"type\": " HORN
    ", \"type_modifier\": " RIGHT "}]}";

static const char fine[] =
    "{\"name\": \"fine\", \"fov_mm\": [20, 80], \"classes\": [{\"number\": 1, \"label\": "
    "\"Front\", "
    "\"type_modifier\": " FRONT "}, {\"number\": 2, \"label\": \"Back\"}], \"groups\": "
    "[{\"number\": 9, \"label\": \"All\", \"classes\": [1, 2]}], \"volumes\": [{\"number\": 2, "
    "\"low_ml\": 1, \"high_ml\": 2}], \"localiser\": {\"model\": \"finder\", \"classes\": "
    "[\"Left horn\", \"right horn\"], \"margin_mm\": 5}}";

static void classes_are_of_both_sides(void **state) {
    (void)state;
    ul_card own, its, card;
    ul_error error = {0};
    assert_int_equal(ul_card_parse(fine, &own, NULL), UL_OK);
    assert_int_equal(ul_card_parse(finder, &its, NULL), UL_OK);
    const ul_localised models = {.card = &own, .localiser_card = &its};
    assert_int_equal(ul_card_localised(&models, &card, &error), UL_OK);
    static const unsigned numbers[] = {1, 2, 10, 11};
    static const char *const labels[] = {"Left front", "Left back", "Right front", "Right back"};
    assert_int_equal(card.classes.count, 4);
    for (size_t n = 0; n < 4; n++) {
        const ul_segment *segment = &card.classes.items[n];
        const char *side = n < 2 ? "7771000" : "24028007";
        assert_int_equal(segment->number, numbers[n]);
        assert_string_equal(segment->label, labels[n]);
        if (n % 2 == 0) { /* its type has a modifier */
            assert_string_equal(segment->type_modifier.value, "255549009");
            assert_string_equal(segment->region.value, "5366008");
            assert_string_equal(segment->region_modifier.value, side);
        } else {
            assert_string_equal(segment->type_modifier.value, side);
        }
    }
    assert_true(isnan(card.volumes_ml[2][0]) && card.volumes_ml[3][1] == 2.0);
    for (unsigned c = 0; c < 12; c++)
        assert_true(card.in_group[c] == (c == 1 || c == 2 || c == 10 || c == 11));
    ul_card_free(&card);
    strcpy(own.localiser.classes[1], "tail");
    assert_int_equal(ul_card_localised(&models, &card, &error), UL_ERROR_MODEL);
    assert_non_null(strstr(error.text, "finder has no class \"tail\""));
    assert_null(card.classes.items);
    ul_card_free(&own);
    ul_card_free(&its);
}

/* Axes of a head that is turned about an axis, as columns: where left, back and head went. */
static void turn(int about, double degrees, double axis[3][3]) {
    double c = cos(degrees * acos(-1.0) / 180.0), s = sin(degrees * acos(-1.0) / 180.0);
    int a = (about + 1) % 3, b = (about + 2) % 3;
    memset(axis, 0, 9 * sizeof **axis);
    axis[about][about] = 1.0;
    axis[a][a] = axis[b][b] = c;
    axis[a][b] = s;
    axis[b][a] = -s;
}

/* A grid whose voxel 0 lies at -31.5 mm on every axis. */
static void make_labels(const ul_segments *segments, ul_labels *labels) {
    double origins[SIDE][3];
    for (size_t k = 0; k < SIDE; k++)
        memcpy(origins[k], (const double[3]){-31.5, -31.5, (double)k - 31.5}, sizeof *origins);
    ul_grid grid = {.size = {SIDE, SIDE, SIDE},
        .axis_i = {1},
        .axis_j = {0, 1},
        .spacing_mm = {1.0, 1.0},
        .origin_mm = origins};
    ul_grid_classify(&grid);
    assert_int_equal(ul_labels_create(&grid, segments, false, labels, NULL), UL_OK);
}

/* Two rods of 30 x 8 x 8 mm on either side, which point to the front and 23 degrees down in the
 * upright head. */
static void draw_rods(double axis[3][3], ul_labels *labels) {
    const double rod[3] = {0.0, -cos(0.4), -sin(0.4)}, up[3] = {0.0, -sin(0.4), cos(0.4)};
    for (size_t v = 0; v < (size_t)SIDE * AREA; v++) {
        double at[3], head[3],
            place[3] = {(double)(v % SIDE) - 31.5, (double)(v / SIDE % SIDE) - 31.5,
                (double)(v / AREA) - 31.5};
        for (int a = 0; a < 3; a++)
            head[a] = vec3_dot(axis[a], place);
        double side = head[0] > 0.0 ? 1.0 : -1.0;
        at[0] = head[0] - 12.0 * side;
        at[1] = vec3_dot(rod, head);
        at[2] = vec3_dot(up, head);
        if (fabs(at[0]) < 4.0 && fabs(at[1]) < 15.0 && fabs(at[2]) < 4.0)
            labels->map[v] = side > 0.0 ? 3 : 4;
    }
}

static void poses_are_found(void **state) {
    (void)state;
    static const double upright[3] = {0.0, -0.92, -0.39};
    static const unsigned numbers[2] = {3, 4};
    ul_card its;
    assert_int_equal(ul_card_parse(finder, &its, NULL), UL_OK);
    for (int about = 0; about < 3; about++)
        for (double degrees = -20.0; degrees <= 20.0; degrees += 20.0) {
            ul_labels labels;
            double axis[3][3];
            turn(about, degrees, axis);
            make_labels(&its.classes, &labels);
            draw_rods(axis, &labels);
            pose p = pose_find(&labels, numbers, 2, upright);
            assert_true(fabs(p.degrees - fabs(degrees)) < 2.0);
            for (int a = 0; a < 3; a++)
                assert_true(vec3_dot(p.axis[a], axis[a]) > cos(0.035));
            memset(labels.map, 0, SIDE * AREA * sizeof *labels.map);
            p = pose_find(&labels, numbers, 2, upright);
            assert_true(p.degrees < 1e-3); /* nothing tells that it is turned */
            ul_labels_free(&labels);
        }
    ul_card_free(&its);
}

/* Slices that were taken along a turned head's own axes need no turning. */
static void oblique_slices_are_upright(void **state) {
    (void)state;
    static const double upright[3] = {0.0, -0.92, -0.39};
    static const unsigned numbers[2] = {3, 4};
    ul_card its;
    ul_labels labels;
    double none[3][3], axis[3][3];
    assert_int_equal(ul_card_parse(finder, &its, NULL), UL_OK);
    turn(0, 0.0, none);
    turn(0, 25.0, axis);
    make_labels(&its.classes, &labels);
    draw_rods(none, &labels);
    memcpy(labels.grid.axis_i, axis[0], sizeof axis[0]);
    memcpy(labels.grid.axis_j, axis[1], sizeof axis[1]);
    for (size_t k = 0; k < SIDE; k++)
        for (int c = 0; c < 3; c++)
            labels.grid.origin_mm[k][c] = (double)k * axis[2][c];
    ul_grid_classify(&labels.grid);
    pose p = pose_find(&labels, numbers, 2, upright);
    assert_true(p.degrees < 2.0);
    for (int a = 0; a < 3; a++)
        assert_true(vec3_dot(p.axis[a], axis[a]) > cos(0.035));
    ul_labels_free(&labels);
    ul_card_free(&its);
}

/* A rod, cut out along its own axes and put back, is what it was. */
static void turned_boxes_come_back(void **state) {
    (void)state;
    ul_card its;
    ul_labels labels, inner, back;
    ul_grid grid;
    ul_volume volume, upright;
    double axis[3][3], bounds[3][2];
    assert_int_equal(ul_card_parse(finder, &its, NULL), UL_OK);
    turn(0, 20.0, axis);
    make_labels(&its.classes, &labels);
    draw_rods(axis, &labels);
    assert_int_equal(ul_volume_create(&labels.grid, 1, UL_SAMPLE_F32, &volume, NULL), UL_OK);
    for (size_t v = 0; v < (size_t)SIDE * AREA; v++)
        ((float *)volume.samples)[v] = labels.map[v] == 3 ? 100.0f : 0.0f;
    assert_false(turned_bounds(&labels, 7, (const double(*)[3])axis, bounds));
    assert_true(turned_bounds(&labels, 3, (const double(*)[3])axis, bounds));
    assert_int_equal(
        turned_grid((const double(*)[3])axis, (const double(*)[2])bounds, 0.5, &grid, NULL), UL_OK);
    assert_true(grid.size[0] < 18 && grid.size[0] > 13 && grid.size[1] > 50 && grid.size[1] < 66);
    assert_int_equal(turned_volume(&volume, &grid, &upright, NULL), UL_OK);
    assert_int_equal(ul_labels_create(&grid, &its.classes, true, &inner, NULL), UL_OK);
    size_t voxels = grid.size[0] * grid.size[1] * grid.size[2], all = 0, wrong = 0;
    for (size_t v = 0; v < voxels; v++) {
        inner.map[v] = ((float *)upright.samples)[v] > 50.0f ? 3 : 0;
        inner.fractions[v] = inner.map[v] ? 255 : 0;
    }
    assert_int_equal(turned_labels(&inner, &labels.grid, &back, NULL), UL_OK);
    for (size_t v = 0; v < (size_t)SIDE * AREA; v++) {
        all += labels.map[v] == 3;
        wrong += (labels.map[v] == 3) != (back.map[v] == 3);
        assert_true((back.fractions[v] > 127) == (back.map[v] == 3) || back.fractions[v] / 4 == 31);
    }
    assert_true(all > 1500 && wrong * 50 < all);
    ul_labels_free(&labels);
    ul_labels_free(&inner);
    ul_labels_free(&back);
    ul_volume_free(&volume);
    ul_volume_free(&upright);
    ul_grid_free(&grid);
    ul_card_free(&its);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_of_both_sides),
        cmocka_unit_test(poses_are_found),
        cmocka_unit_test(oblique_slices_are_upright),
        cmocka_unit_test(turned_boxes_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
