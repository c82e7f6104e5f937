#include "volume/components.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Rows of digits as labels. */
static void draw(const char *picture, uint16_t *map) {
    for (; *picture; picture++)
        if (*picture != ' ')
            *map++ = (uint16_t)(*picture - '0');
}

static void check(const char *before, const char *after, size_t columns, size_t rows, size_t slices,
    const ul_component_rules *rules) {
    uint16_t map[64], expected[64];
    const size_t size[3] = {columns, rows, slices};
    draw(before, map);
    draw(after, expected);
    assert_int_equal(ul_components_apply(map, size, rules, NULL), UL_OK);
    assert_memory_equal(map, expected, columns * rows * slices * sizeof *map);
}

static void the_largest_stays_of_each_label(void **state) {
    (void)state;
    const ul_component_rules rules = {.largest = true};
    /* 1: three in a corner chain beat two; 2: the first of equal ones. */
    check("10002 01002 00100 20000 00011", "10002 01002 00100 00000 00000", 5, 5, 1, &rules);
    /* Corners count across slices too. */
    check("100 000 001  000 010 000", "100 000 001  000 010 000", 3, 3, 2, &rules);
}

static void small_components_go(void **state) {
    (void)state;
    const double sizes[2] = {1.0, 10.0};
    const ul_component_rules rules = {.minimum = 5.0, .voxel_sizes = sizes};
    check("100 100  000 001", "000 000  000 001", 3, 2, 2, &rules);
}

static void enclosed_background_is_filled(void **state) {
    (void)state;
    const ul_component_rules rules = {.fill_holes = true};
    check("1111 1001 1111", "1111 1111 1111", 4, 3, 1, &rules);
    check("1111 1001 1112", "1111 1111 1112", 4, 3, 1, &rules); /* a corner does not enclose */
    check("1111 1002 1111", "1111 1002 1111", 4, 3, 1, &rules); /* two labels do */
    check("1101 1001 1111", "1101 1001 1111", 4, 3, 1, &rules); /* open */
    check("111 111 111  111 101 111  111 111 111", "111 111 111  111 111 111  111 111 111", 3, 3, 3,
        &rules);
    check("111 111 111  111 101 111", "111 111 111  111 101 111", 3, 3, 2, &rules);
}

static void labels_have_rules_of_their_own(void **state) {
    (void)state;
    const ul_label_rules each[3] = {[1] = {.largest = true}, [2] = {.fill_holes = true}};
    const ul_component_rules rules = {.each = each, .each_count = 3, .minimum = 2.0};
    check("1011 0000 2033 0022", "0011 0000 2033 0022", 4, 4, 1, &rules);
    check("11101 10100 11100", "11100 10100 11100", 5, 3, 1, &rules);
    check("22203 20200 22200", "22200 22200 22200", 5, 3, 1, &rules); /* 3: as all */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_stays_of_each_label),
        cmocka_unit_test(small_components_go),
        cmocka_unit_test(enclosed_background_is_filled),
        cmocka_unit_test(labels_have_rules_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
