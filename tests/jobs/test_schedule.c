/* Learning rates over a run, as docs/training.md has them. */
#include "jobs/train/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka compares floats only. */
#define assert_near(got, expected) assert_true(fabs((got) - (expected)) < 1e-12)

enum { EPOCHS = 10, STEPS = 20, TOTAL = EPOCHS * STEPS };

static ul_training training_of(ul_schedule schedule, size_t warmup_steps) {
    return (ul_training){.epochs = EPOCHS,
        .steps = STEPS,
        .learning_rate = 0.004,
        .warmup_steps = warmup_steps,
        .schedule = schedule,
        .plateau_epochs = 3,
        .validate_every = 1};
}

static const schedule_state start = {1.0, -1.0, 0};

static void cosine_and_poly_come_down_to_nothing(void **state) {
    (void)state;
    ul_training cosine = training_of(UL_SCHEDULE_COSINE, 0),
                poly = training_of(UL_SCHEDULE_POLY, 0);
    ul_training constant = training_of(UL_SCHEDULE_CONSTANT, 0);
    for (size_t step = 0; step <= TOTAL + 5; step++) {
        double done = fmin((double)step / TOTAL, 1.0), half = cos(3.141592653589793 / 2.0 * done);
        assert_near(schedule_rate(&cosine, &start, step), 0.004 * half * half);
        assert_near(schedule_rate(&poly, &start, step), 0.004 * pow(1.0 - done, 0.9));
        assert_near(schedule_rate(&constant, &start, step), 0.004);
    }
}

static void warm_up_is_linear_and_short(void **state) {
    (void)state;
    ul_training few = training_of(UL_SCHEDULE_CONSTANT, 8);
    ul_training many = training_of(UL_SCHEDULE_CONSTANT, 1000); /* a tenth of all at most: 20 */
    for (size_t step = 0; step < TOTAL; step++) {
        assert_near(
            schedule_rate(&few, &start, step), step < 8 ? 0.0005 * (double)(step + 1) : 0.004);
        assert_near(
            schedule_rate(&many, &start, step), step < 20 ? 0.0002 * (double)(step + 1) : 0.004);
    }
}

static void plateaus_halve_the_rate(void **state) {
    (void)state;
    static const struct {
        double dice, factor;                                         /* after it */
    } course[] = {{0.0, 1}, {0.3, 1}, {0.3, 1}, {0.2, 1}, {0.31, 1}, /* rose in time */
        {0.30, 1}, {0.31, 1}, {0.1, 0.5}, {0.2, 0.5}, {0.2, 0.5}, {0.2, 0.25}, {0.9, 0.25},
        {0.8, 0.25}};
    ul_training training = training_of(UL_SCHEDULE_PLATEAU, 0);
    schedule_state at = start;
    for (size_t n = 0; n < sizeof course / sizeof *course; n++) {
        schedule_validated(&training, &at, course[n].dice);
        assert_near(schedule_rate(&training, &at, n * STEPS), 0.004 * course[n].factor);
    }
    /* every second epoch is validated: stale by two each time */
    training.validate_every = 2;
    at = start;
    for (size_t n = 0; n < 4; n++) {
        schedule_validated(&training, &at, 0.5);
        assert_near(schedule_rate(&training, &at, 0), n < 2 ? 0.004 : 0.002);
    }
    /* other schedules take no notice */
    training = training_of(UL_SCHEDULE_CONSTANT, 0);
    at = start;
    for (size_t n = 0; n < 9; n++)
        schedule_validated(&training, &at, 0.5);
    assert_near(schedule_rate(&training, &at, 0), 0.004);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosine_and_poly_come_down_to_nothing),
        cmocka_unit_test(warm_up_is_linear_and_short),
        cmocka_unit_test(plateaus_halve_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
