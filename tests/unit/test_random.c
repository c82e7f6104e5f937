#include "ulite/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* xoshiro256** of the state that splitmix64 makes of a zero start: computed independently. */
static void sequence_is_fixed(void **state) {
    (void)state;
    ul_random random = {{1, 2, 3, 4}};
    assert_true(ul_random_next(&random) == 11520u); /* rotl(2 * 5, 7) * 9 */
    assert_true(ul_random_next(&random) == 0u);
    assert_true(ul_random_next(&random) == 1509978240u);
}

static void streams_differ_and_repeat(void **state) {
    (void)state;
    ul_random a, b, again;
    ul_random_seed(&a, 7, 0);
    ul_random_seed(&b, 7, 1);
    ul_random_seed(&again, 7, 0);
    uint64_t first = ul_random_next(&a);
    assert_true(first != ul_random_next(&b));
    assert_true(first == ul_random_next(&again));
}

static void distributions_have_their_moments(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    ul_random random;
    ul_random_seed(&random, 1, 2);
    double sum = 0, squares = 0, uniform = 0;
    size_t seen[7] = {0};
    for (int i = 0; i < COUNT; i++) {
        double normal = ul_random_normal(&random);
        sum += normal;
        squares += normal * normal;
        double value = ul_random_uniform(&random, -2, 4);
        assert_true(value >= -2 && value < 4);
        uniform += value;
        seen[ul_random_below(&random, 7)]++;
    }
    assert_true(fabs(sum / COUNT) < 0.02);
    assert_true(fabs(squares / COUNT - 1) < 0.03);
    assert_true(fabs(uniform / COUNT - 1) < 0.03);
    for (int i = 0; i < 7; i++)
        assert_true(fabs((double)seen[i] * 7 / COUNT - 1) < 0.05);
}

static void shuffle_is_a_permutation(void **state) {
    (void)state;
    size_t indices[50];
    bool seen[50] = {false}, moved = false;
    ul_random random;
    ul_random_seed(&random, 3, 0);
    ul_random_shuffle(&random, indices, 50);
    for (size_t i = 0; i < 50; i++) {
        assert_true(indices[i] < 50 && !seen[indices[i]]);
        seen[indices[i]] = true;
        moved = moved || indices[i] != i;
    }
    assert_true(moved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_is_fixed),
        cmocka_unit_test(streams_differ_and_repeat),
        cmocka_unit_test(distributions_have_their_moments),
        cmocka_unit_test(shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
