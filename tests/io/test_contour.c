/* Outlines of masks: filled again they are the same masks, and their areas are those of the pixels.
 */
#include "io/rtstruct/contour.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_SIDE = 24 };

/* Traces the mask, fills the contours and compares; the number of contours. */
static size_t check(const uint8_t *mask, size_t width, size_t height) {
    contours found;
    ul_error error = {0};
    uint8_t again[MAX_SIDE * MAX_SIDE] = {0};
    assert_int_equal(contours_trace(mask, width, height, &found, &error), UL_OK);
    int64_t area = 0, pixels = 0;
    for (size_t n = 0; n < found.count; n++) {
        const closed_contour *c = &found.items[n];
        double points[2 * 4 * (MAX_SIDE + 1) * (MAX_SIDE + 1)];
        assert_true(c->count >= 4);
        for (size_t p = 0; p < c->count; p++) {
            const contour_point *a = &c->points[p], *b = &c->points[(p + 1) % c->count];
            assert_true((a->x == b->x) != (a->y == b->y)); /* along one axis, and not nowhere */
            area += (int64_t)a->x * b->y - (int64_t)b->x * a->y;
            points[2 * p] = a->x - 0.5;
            points[2 * p + 1] = a->y - 0.5;
        }
        assert_int_equal(contour_fill(points, c->count, again, width, height, &error), UL_OK);
    }
    for (size_t n = 0; n < width * height; n++)
        pixels += mask[n] != 0;
    assert_true(area == 2 * pixels);
    for (size_t n = 0; n < width * height; n++)
        assert_int_equal(again[n] != 0, mask[n] != 0);
    size_t count = found.count;
    contours_free(&found);
    return count;
}

static void known_shapes(void **state) {
    (void)state;
    const uint8_t none[4] = {0}, one[1] = {1}, corners[4] = {1, 0, 0, 1};
    const uint8_t ring[9] = {1, 1, 1, 1, 0, 1, 1, 1, 1};
    const uint8_t island[25] = {
        1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1};
    const uint8_t holes[25] = {
        1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1};
    const uint8_t diagonal[16] = {1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1};
    assert_int_equal(check(none, 2, 2), 0);
    assert_int_equal(check(one, 1, 1), 1);
    assert_int_equal(check(corners, 2, 2), 2); /* apart */
    assert_int_equal(check(ring, 3, 3), 1);
    assert_int_equal(check(island, 5, 5), 2);
    assert_int_equal(check(holes, 5, 5), 1);
    assert_int_equal(check(diagonal, 4, 4), 1);
}

static void random_masks(void **state) {
    (void)state;
    uint32_t random = 7;
    for (int round = 0; round < 4000; round++) {
        uint8_t mask[MAX_SIDE * MAX_SIDE];
        size_t width = 1 + (size_t)round % MAX_SIDE, height = 1 + (size_t)(round / 7) % MAX_SIDE;
        for (size_t n = 0; n < width * height; n++) {
            random = random * 1664525 + 1013904223;
            mask[n] = (random >> 24) < 40u + 50u * (unsigned)(round % 5);
        }
        check(mask, width, height);
    }
}

/* A file may hold any numbers: nothing outside of the mask is touched. */
static void far_points_stay_inside(void **state) {
    (void)state;
    const double far[] = {-INFINITY, -1.7e308, -1e308, 1.0, 1e308, 1.7e308, INFINITY, (double)NAN};
    const size_t count = sizeof far / sizeof far[0];
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < count; b++)
            for (size_t y = 0; y < count; y++) {
                uint8_t *mask = calloc(4 * 3, 1); /* by itself, so that sanitizers watch its ends */
                const double points[8] = {far[a], 1.0, far[b], 2.0, far[b], far[y], far[a], -1.0};
                ul_error error = {0};
                assert_non_null(mask);
                assert_int_equal(contour_fill(points, 4, mask, 4, 3, &error), UL_OK);
                free(mask);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_shapes),
        cmocka_unit_test(random_masks), cmocka_unit_test(far_points_stay_inside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
