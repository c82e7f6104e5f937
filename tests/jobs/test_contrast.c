/* Contrasts of drawn heads: what pulse sequences show of tissues, in the share of draws that is
 * asked for, and nothing else where no relaxation times are known. */
#include "jobs/generate/contrast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WHITE = 1, GREY, FLUID, OTHER, GROUPS, DRAWS = 2000 };

/* Values of a group of their own each; relaxation times as at 1.5 T, but of OTHER. */
static label_values make_values(void) {
    label_values values = {.count = GROUPS, .group_count = GROUPS, .tissues_known = true};
    for (unsigned i = 0; i < GROUPS; i++)
        values.items[i] = (label_value){
            .value = i, .label = (uint8_t)i, .group = (uint8_t)i, .mirror = (uint8_t)i};
    values.tissues[WHITE] = (label_tissue){800.0, 75.0, 0.7};
    values.tissues[GREY] = (label_tissue){1300.0, 95.0, 0.82};
    values.tissues[FLUID] = (label_tissue){4000.0, 1800.0, 1.0};
    return values;
}

static const ul_generation ranges = {
    .mean_high = 1.0, .sd = 0.1, .sequence_p = 1.0, .relaxation_sd = 0.02};

typedef struct orders {
    size_t white_first, fluid_first, grey_first, others;
} orders;

static orders count_orders(const label_values *values, const ul_generation *drawn) {
    orders found = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        head_tissue tissue[LABEL_VALUES_MOST];
        random_stream stream = random_at(1, 2, seed);
        contrast_draw(values, drawn, &stream, tissue);
        float w = tissue[WHITE].mean, g = tissue[GREY].mean, f = tissue[FLUID].mean;
        for (size_t i = WHITE; i < GROUPS; i++)
            assert_true(tissue[i].mean >= 0.0f && tissue[i].mean <= 1.0f);
        if (w > g && g > f)
            found.white_first++;
        else if (f > g && g > w)
            found.fluid_first++;
        else if (g > w && w > f)
            found.grey_first++;
        else
            found.others++;
    }
    return found;
}

/* T1: white matter, grey matter, fluid from bright to dark (3 of 9 shares); T2 and density the
 * other way (4 of 9); FLAIR: grey, white, fluid (2 of 9). The rest are densities with little
 * contrast. */
static void sequences_order_tissues_as_scanners_do(void **state) {
    (void)state;
    const label_values values = make_values();
    orders found = count_orders(&values, &ranges);
    print_message("T1 %zu, T2 %zu, FLAIR %zu, others %zu\n", found.white_first, found.fluid_first,
        found.grey_first, found.others);
    assert_in_range(found.white_first, DRAWS * 29 / 100, DRAWS * 37 / 100);
    assert_in_range(found.fluid_first, DRAWS * 29 / 100, DRAWS * 44 / 100);
    assert_in_range(found.grey_first, DRAWS * 18 / 100, DRAWS * 30 / 100);
    assert_in_range(found.others, 0, DRAWS * 12 / 100);
}

/* Without times, or without draws by them, each of the six orders is as likely. */
static void other_draws_have_any_order(void **state) {
    (void)state;
    label_values values = make_values();
    ul_generation none = ranges;
    none.sequence_p = 0.0;
    orders found = count_orders(&values, &none);
    assert_in_range(found.others, DRAWS * 45 / 100, DRAWS * 55 / 100);
    values.tissues_known = false;
    orders unknown = count_orders(&values, &ranges);
    assert_memory_equal(&found, &unknown, sizeof found);
}

/* A group without relaxation times has any brightness beside those that have them. */
static void unnamed_groups_stay_random(void **state) {
    (void)state;
    const label_values values = make_values();
    size_t dark = 0, bright = 0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        head_tissue tissue[LABEL_VALUES_MOST];
        random_stream stream = random_at(1, 2, seed);
        contrast_draw(&values, &ranges, &stream, tissue);
        dark += tissue[OTHER].mean < 0.25f;
        bright += tissue[OTHER].mean > 0.75f;
    }
    assert_in_range(dark, DRAWS / 5, DRAWS * 3 / 10);
    assert_in_range(bright, DRAWS / 5, DRAWS * 3 / 10);
}

/* Relaxation times so short that no sequence sees anything. */
static void nothing_seen_is_black(void **state) {
    (void)state;
    label_values values = make_values();
    for (size_t g = WHITE; g < OTHER; g++)
        values.tissues[g].t2_ms = 1e-3;
    for (uint64_t seed = 0; seed < DRAWS / 100; seed++) {
        head_tissue tissue[LABEL_VALUES_MOST];
        random_stream stream = random_at(1, 2, seed);
        contrast_draw(&values, &ranges, &stream, tissue);
        for (size_t g = WHITE; g < OTHER; g++)
            assert_true(tissue[g].mean == 0.0f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_order_tissues_as_scanners_do),
        cmocka_unit_test(other_draws_have_any_order),
        cmocka_unit_test(unnamed_groups_stay_random),
        cmocka_unit_test(nothing_seen_is_black),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
