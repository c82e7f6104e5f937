/* Changes of a patch's values, each alone: what docs/training.md promises, by formulas of our own.
 */
#include "jobs/train/augment_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/assert_near.h"

enum {
    WIDTH = 32,
    HEIGHT = 64,
    AREA = WIDTH * HEIGHT,
    CHANNELS = 3,
    ALL = CHANNELS * AREA,
    OFF = 7
};

static float before[ALL], after[ALL];

/* Fills before with values from 0.2 to 0.8 that differ from channel to channel, and after with what
 * the changes told make of them. Every OFF-th pixel lies off the image, and holds 0. */
static void change(
    ul_augmentation augment, ul_normalisation_kind kind, ul_channels channels, uint64_t seed) {
    ul_plan plan = {.input_channels = CHANNELS, .classes = 1};
    plan.card.channels = channels;
    plan.card.normalisation.kind = kind;
    plan.training.patch[0] = WIDTH;
    plan.training.patch[1] = HEIGHT;
    plan.training.augment = augment;
    augment_scratch scratch;
    ul_error error = {0};
    assert_int_equal(augment_scratch_create(&plan, &scratch, &error), UL_OK);
    for (size_t i = 0; i < AREA; i++)
        scratch.inside[i] = i % OFF != 0;
    for (size_t i = 0; i < ALL; i++)
        before[i] = scratch.inside[i % AREA]
                        ? (float)(0.5 + 0.3 * sin(0.37 * (double)(i * i % 997)))
                        : 0.0f;
    memcpy(after, before, sizeof after);
    random_stream stream = random_at(4, 5, seed);
    augment_values(&plan, &stream, &scratch, after);
    for (size_t i = 0; i < AREA; i += OFF)
        for (size_t c = 0; c < CHANNELS; c++)
            assert_true(after[c * AREA + i] == 0.0f);
    augment_scratch_free(&scratch);
}

/* Off the image nothing counts. */
static bool counts(size_t i) {
    return i % AREA % OFF != 0;
}

static double mean_of(const float *image) {
    double sum = 0.0, count = 0.0;
    for (size_t i = 0; i < ALL; i++)
        if (counts(i)) {
            sum += (double)image[i];
            count += 1.0;
        }
    return sum / count;
}

static double sd_of(const float *image) {
    double mean = mean_of(image), sum = 0.0, count = 0.0;
    for (size_t i = 0; i < ALL; i++)
        if (counts(i)) {
            sum += ((double)image[i] - mean) * ((double)image[i] - mean);
            count += 1.0;
        }
    return sqrt(sum / count);
}

/* after = factor * before + offset on the image. */
static void assert_linear(double factor, double offset) {
    for (size_t i = 0; i < ALL; i++)
        if (counts(i))
            assert_near(after[i], factor * (double)before[i] + offset, 1e-5);
}

/* The factor and offset that two pixels tell. */
static void solve(double *factor, double *offset) {
    size_t a = 1, b = 1;
    for (size_t i = 0; i < AREA; i++)
        if (counts(i) && before[i] > before[b])
            b = i;
    *factor = (double)(after[b] - after[a]) / (double)(before[b] - before[a]);
    *offset = (double)after[a] - *factor * (double)before[a];
}

static void nothing_drawn_changes_nothing(void **state) {
    (void)state;
    change((ul_augmentation){0}, UL_NORMALISE_UNIT, UL_CHANNELS_RGB, 1);
    assert_linear(1.0, 0.0);
}

static void contrast_turns_about_the_mean(void **state) {
    (void)state;
    double least = 9.0, most = 0.0, factor, offset;
    for (uint64_t seed = 0; seed < 40; seed++) {
        change((ul_augmentation){.contrast_p = 1.0, .contrast_low = 0.7, .contrast_high = 1.3},
            UL_NORMALISE_ZSCORE, UL_CHANNELS_NEIGHBOURS, seed);
        solve(&factor, &offset);
        assert_linear(factor, mean_of(before) * (1.0 - factor));
        least = fmin(least, factor);
        most = fmax(most, factor);
    }
    assert_true(least >= 0.7 - 1e-4 && least < 0.8 && most > 1.2 && most <= 1.3 + 1e-4);
}

static void brightness_adds_parts_of_the_spread(void **state) {
    (void)state;
    enum { DRAWS = 200 };
    double sum = 0.0, squares = 0.0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        change((ul_augmentation){.brightness_p = 1.0, .brightness = 0.2}, UL_NORMALISE_ZSCORE,
            UL_CHANNELS_NEIGHBOURS, seed);
        double added = mean_of(after) - mean_of(before), sd = sd_of(before);
        assert_linear(1.0, added);
        sum += added / sd;
        squares += added * added / (sd * sd);
    }
    assert_near(sum / DRAWS, 0.0, 0.05);
    assert_near(sqrt(squares / DRAWS), 0.2, 0.04);
}

/* Gamma 2 on the values, scaled from 0 to 1, or on their negative. */
static double squared(double value, double low, double high, bool inverted) {
    double t = (value - low) / (high - low);
    t = inverted ? 1.0 - (1.0 - t) * (1.0 - t) : t * t;
    return low + t * (high - low);
}

static void gamma_is_a_power_of_the_scaled_patch(void **state) {
    (void)state;
    static float powers[ALL];
    for (int inverted = 0; inverted < 2; inverted++) {
        ul_augmentation augment = {
            .gamma_p = 1.0, .gamma_low = 2.0, .gamma_high = 2.0, .gamma_invert_p = inverted};
        change(augment, UL_NORMALISE_NONE, UL_CHANNELS_NEIGHBOURS, 1);
        double low = 1.0, high = 0.0;
        for (size_t i = 0; i < ALL; i++)
            if (counts(i)) {
                low = fmin(low, (double)before[i]);
                high = fmax(high, (double)before[i]);
            }
        for (size_t i = 0; i < ALL; i++)
            if (counts(i)) {
                powers[i] = (float)squared((double)before[i], low, high, inverted);
                assert_near(after[i], (double)powers[i], 1e-5);
            }
        /* z-scores keep their mean and spread */
        change(augment, UL_NORMALISE_ZSCORE, UL_CHANNELS_NEIGHBOURS, 1);
        double factor = sd_of(before) / sd_of(powers);
        for (size_t i = 0; i < ALL; i++)
            if (counts(i))
                assert_near(after[i],
                    mean_of(before) + factor * ((double)powers[i] - mean_of(powers)), 1e-5);
    }
}

static void noise_is_normal_and_weak(void **state) {
    (void)state;
    enum { DRAWS = 60 };
    double sum = 0.0, most = 0.0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        change((ul_augmentation){.noise_p = 1.0, .noise = 0.2}, UL_NORMALISE_ZSCORE,
            UL_CHANNELS_NEIGHBOURS, seed);
        double squares = 0.0, fourth = 0.0, product = 0.0, count = 0.0, mean = 0.0;
        for (size_t i = 0; i + 1 < ALL; i++) {
            if (!counts(i) || !counts(i + 1))
                continue;
            double a = (double)(after[i] - before[i]), b = (double)(after[i + 1] - before[i + 1]);
            mean += a;
            squares += a * a;
            fourth += a * a * a * a;
            product += a * b;
            count += 1.0;
        }
        double variance = squares / count, sd = sqrt(variance);
        assert_near(mean / count / sd, 0.0, 0.1);
        assert_near(fourth / count / (variance * variance), 3.0, 0.6); /* as a normal one has */
        assert_near(product / squares, 0.0, 0.1);                      /* no pixel tells the next */
        sum += sd / sd_of(before);
        most = fmax(most, sd / sd_of(before));
    }
    assert_near(sum / DRAWS, 0.1, 0.025);
    assert_true(most > 0.17 && most < 0.21);
}

static void blur_is_a_gaussian(void **state) {
    (void)state;
    const double sd = 0.9;
    const int radius = 3;
    change((ul_augmentation){.blur_p = 1.0, .blur_low = sd, .blur_high = sd}, UL_NORMALISE_ZSCORE,
        UL_CHANNELS_NEIGHBOURS, 1);
    for (int c = 0; c < CHANNELS; c++)
        for (int y = radius; y < HEIGHT - radius; y++)
            for (int x = radius; x < WIDTH - radius; x++) {
                double sum = 0.0, weights = 0.0;
                for (int dy = -radius; dy <= radius; dy++)
                    for (int dx = -radius; dx <= radius; dx++) {
                        double weight = exp(-0.5 * (dx * dx + dy * dy) / (sd * sd));
                        sum += weight * (double)before[c * AREA + (y + dy) * WIDTH + x + dx];
                        weights += weight;
                    }
                if (counts((size_t)(y * WIDTH + x)))
                    assert_near(after[c * AREA + y * WIDTH + x], sum / weights, 1e-5);
            }
}

static void no_blur_changes_nothing(void **state) {
    (void)state;
    const double sd[] = {0.0, 1e-200}; /* whose square is 0 */
    for (int n = 0; n < 2; n++) {
        change((ul_augmentation){.blur_p = 1.0, .blur_low = sd[n], .blur_high = sd[n]},
            UL_NORMALISE_UNIT, UL_CHANNELS_NEIGHBOURS, 1);
        assert_memory_equal(after, before, sizeof after);
    }
}

static void inverted_light_is_dark(void **state) {
    (void)state;
    change((ul_augmentation){.invert_p = 1.0}, UL_NORMALISE_UNIT, UL_CHANNELS_NEIGHBOURS, 1);
    assert_linear(-1.0, 1.0);
    change((ul_augmentation){.invert_p = 1.0}, UL_NORMALISE_ZSCORE, UL_CHANNELS_NEIGHBOURS, 1);
    assert_linear(-1.0, 2.0 * mean_of(before));
}

static void values_of_a_unit_range_stay_there(void **state) {
    (void)state;
    for (int kind = UL_NORMALISE_UNIT; kind <= UL_NORMALISE_ZSCORE; kind++) {
        change((ul_augmentation){.contrast_p = 1.0, .contrast_low = 9.0, .contrast_high = 9.0},
            (ul_normalisation_kind)kind, UL_CHANNELS_NEIGHBOURS, 1);
        for (size_t i = 0; i < ALL; i++) {
            double wanted = mean_of(before) + 9.0 * ((double)before[i] - mean_of(before));
            if (kind != UL_NORMALISE_ZSCORE)
                wanted = fmin(fmax(wanted, 0.0), 1.0);
            if (counts(i) && i < 300) /* enough to see both ends */
                assert_near(after[i], wanted, 1e-4);
        }
    }
}

static void colours_change_channel_by_channel(void **state) {
    (void)state;
    bool moved = false, differ = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        change((ul_augmentation){.colour_p = 1.0, .colour = 0.2}, UL_NORMALISE_UNIT,
            UL_CHANNELS_RGB, seed);
        double factor[CHANNELS];
        for (size_t c = 0; c < CHANNELS; c++) {
            factor[c] = (double)(after[c * AREA + 1] / before[c * AREA + 1]);
            assert_true(factor[c] >= 0.8 - 1e-5 && factor[c] <= 1.2 + 1e-5);
            for (size_t i = c * AREA; i < (c + 1) * AREA; i++)
                assert_near(after[i], factor[c] * (double)before[i], 1e-5);
        }
        differ = differ || fabs(factor[0] - factor[1]) > 0.1;
        change((ul_augmentation){.shuffle_p = 1.0}, UL_NORMALISE_UNIT, UL_CHANNELS_RGB, seed);
        bool taken[CHANNELS] = {false};
        for (size_t c = 0; c < CHANNELS; c++)
            for (size_t from = 0; from < CHANNELS; from++)
                if (memcmp(after + c * AREA, before + from * AREA, AREA * sizeof *after) == 0) {
                    taken[from] = true;
                    moved = moved || from != c;
                }
        assert_true(taken[0] && taken[1] && taken[2]);
    }
    assert_true(moved && differ);
    change((ul_augmentation){.grey_p = 1.0}, UL_NORMALISE_UNIT, UL_CHANNELS_RGB, 1);
    for (size_t i = 0; i < ALL; i++) {
        size_t p = i % AREA;
        double sum = (double)before[p] + (double)before[AREA + p] + (double)before[2 * AREA + p];
        assert_near(after[i], sum / 3.0, 1e-5);
    }
    change((ul_augmentation){.colour_p = 1.0, .colour = 0.2, .shuffle_p = 1.0, .grey_p = 1.0},
        UL_NORMALISE_UNIT, UL_CHANNELS_NEIGHBOURS, 1);
    assert_linear(1.0, 0.0); /* neighbouring slices are no colours */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_drawn_changes_nothing),
        cmocka_unit_test(contrast_turns_about_the_mean),
        cmocka_unit_test(brightness_adds_parts_of_the_spread),
        cmocka_unit_test(gamma_is_a_power_of_the_scaled_patch),
        cmocka_unit_test(noise_is_normal_and_weak),
        cmocka_unit_test(blur_is_a_gaussian),
        cmocka_unit_test(no_blur_changes_nothing),
        cmocka_unit_test(inverted_light_is_dark),
        cmocka_unit_test(values_of_a_unit_range_stay_there),
        cmocka_unit_test(colours_change_channel_by_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
