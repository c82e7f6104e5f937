#include "libulite/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

static void uniform_values_fill_their_range(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    ul_random random;
    ul_random_seed(&random, 1, 2);
    double sum = 0, squares = 0;
    for (int i = 0; i < COUNT; i++) {
        double value = ul_random_uniform(&random, -2, 4);
        assert_true(value >= -2 && value < 4);
        sum += value;
        squares += (value - 1) * (value - 1);
    }
    assert_true(fabs(sum / COUNT - 1) < 0.03);
    assert_true(fabs(squares / COUNT - 3) < 0.05); /* 6^2 / 12 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_is_fixed),
        cmocka_unit_test(streams_differ_and_repeat),
        cmocka_unit_test(uniform_values_fill_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
