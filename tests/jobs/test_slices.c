/* What the network sees of a volume: neighbours, padding, statistics, resampling. */
#include "jobs/segment/intensity.h"
#include "jobs/segment/predict.h"
#include "jobs/segment/slices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/assert_near.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 13, ROWS = 9, AREA = COLUMNS * ROWS };

/* Axial slices at these heights, 1 mm pixels; sample = 1000 * slice + a pattern of the pixel. */
static void make(const double *heights, size_t slices, ul_sample sample, ul_volume *volume) {
    ul_grid grid = {
        .size = {COLUMNS, ROWS, slices}, .axis_i = {1}, .axis_j = {0, 1}, .spacing_mm = {1.0, 1.0}};
    double(*origins)[3] = calloc(slices, sizeof *origins);
    ul_error error = {0};
    for (size_t k = 0; k < slices; k++)
        origins[k][2] = heights[k];
    grid.origin_mm = origins;
    ul_grid_classify(&grid);
    assert_int_equal(ul_volume_create(&grid, 1, sample, volume, &error), UL_OK);
    free(origins);
    for (size_t n = 0; n < slices * AREA; n++) {
        int value = (int)(1000 * (n / AREA) + 31 * n % 97);
        if (sample == UL_SAMPLE_I16)
            ((int16_t *)volume->samples)[n] = (int16_t)value;
        else
            ((float *)volume->samples)[n] = (float)value;
    }
}

/* The slices that three or five channels show, through slices_input. */
static void check_neighbours(
    const ul_volume *volume, size_t channels, size_t slice, const size_t *expected) {
    ul_card card;
    slice_stack stack;
    ul_error error = {0};
    ul_card_init(&card);
    card.plane_count = 1;
    card.planes[0] = UL_PLANE_AXIAL;
    card.channels = UL_CHANNELS_NEIGHBOURS;
    assert_int_equal(slices_open(volume, &card, 0, 0, &stack, &error), UL_OK);
    size_t padded[2];
    slices_padded(&stack, &card, padded);
    assert_int_equal(padded[0], 32);
    assert_int_equal(padded[1], 32);
    float *input = malloc(channels * 32 * 32 * sizeof *input);
    float *scratch = malloc(slices_scratch(&stack) * sizeof *scratch);
    slices_input(&stack, &card, channels, slice, padded, scratch, input);
    for (size_t c = 0; c < channels; c++) {
        const float *first = input + (c * 32 + (32 - ROWS) / 2) * 32 + (32 - COLUMNS) / 2;
        assert_int_equal((size_t)*first / 1000, expected[c]);
        assert_true(first[-1] == 0.0f && first[-32] == 0.0f);
    }
    free(input);
    free(scratch);
    slices_close(&stack);
    ul_card_free(&card);
}

static void neighbours_stay_on_their_side_of_a_gap(void **state) {
    (void)state;
    ul_volume volume;
    make((const double[]){0, 1, 2, 5, 6, 7}, 6, UL_SAMPLE_I16, &volume);
    check_neighbours(&volume, 3, 0, (const size_t[]){0, 0, 1});
    check_neighbours(&volume, 3, 2, (const size_t[]){1, 2, 2});
    check_neighbours(&volume, 3, 3, (const size_t[]){3, 3, 4});
    check_neighbours(&volume, 5, 1, (const size_t[]){0, 0, 1, 2, 2});
    check_neighbours(&volume, 5, 5, (const size_t[]){3, 4, 5, 5, 5});
    ul_volume_free(&volume);
    /* from head to feet: z runs against the slices */
    make((const double[]){7, 6, 5, 2, 1, 0}, 6, UL_SAMPLE_I16, &volume);
    check_neighbours(&volume, 3, 2, (const size_t[]){4, 3, 3});
    check_neighbours(&volume, 3, 3, (const size_t[]){2, 2, 1});
    ul_volume_free(&volume);
}

/* The i-th of the pixels that channel c of slice z shows at a distance of neighbours. */
static float channel_at(
    const slice_stack *stack, const ul_card *card, size_t channels, size_t z, size_t c) {
    size_t padded[2];
    slices_padded(stack, card, padded);
    const size_t area = padded[0] * padded[1];
    float *input = malloc(channels * area * sizeof *input);
    float *scratch = malloc(slices_scratch(stack) * sizeof *scratch);
    slices_input(stack, card, channels, z, padded, scratch, input);
    float first = input[c * area + (padded[1] - stack->height) / 2 * padded[0] +
                        (padded[0] - stack->width) / 2];
    free(input);
    free(scratch);
    return first;
}

/* Pixel (0, 0) of slice k is 1000 k + 31 * 117 k % 97: linear between two slices. */
static double between(double slice) {
    size_t k = (size_t)slice;
    double way = slice - (double)k;
    double below = (double)(1000 * k + 31 * AREA * k % 97);
    double above = (double)(1000 * (k + 1) + 31 * AREA * (k + 1) % 97);
    return below + way * (above - below);
}

/* Neighbours at 1.5 mm of slices 1, 2.5 or 0.5 mm apart, both ways round; they stay before the
 * ends and before missing slices. */
static void neighbours_keep_their_distance(void **state) {
    (void)state;
    static const struct {
        double heights[6], slice[5]; /* of the five channels of slice z, as fractions of slices */
        size_t z;
    } cases[] = {
        {{0, 1, 2, 3, 4, 5}, {0.0, 0.5, 2.0, 3.5, 5.0}, 2},
        {{0, 2.5, 5, 7.5, 10, 12.5}, {0.8, 1.4, 2.0, 2.6, 3.2}, 2},
        {{0, 0.5, 1, 1.5, 2, 2.5}, {0.0, 0.0, 3.0, 5.0, 5.0}, 3},
        {{0, 1, 2, 5, 6, 7}, {0.0, 0.5, 2.0, 2.0, 2.0}, 2}, /* slices 3 and 4 mm are missing */
        {{0, 1, 2.2, 3.2, 4.2, 5.4}, {0.2, 1.0 + 0.7 / 1.2, 3.0, 4.0 + 0.5 / 1.2, 5.0}, 3},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        for (int turned = 0; turned < 2; turned++) {
            ul_volume volume;
            slice_stack stack;
            ul_card card;
            ul_error error = {0};
            double heights[6];
            for (size_t k = 0; k < 6; k++)
                heights[k] = turned ? -cases[n].heights[k] : cases[n].heights[k];
            make(heights, 6, UL_SAMPLE_I16, &volume);
            ul_card_init(&card);
            card.plane_count = 1;
            card.channels = UL_CHANNELS_NEIGHBOURS;
            card.neighbour_mm = 1.5;
            assert_int_equal(slices_open(&volume, &card, 0, 0, &stack, &error), UL_OK);
            size_t z = turned ? 5 - cases[n].z : cases[n].z;
            for (size_t c = 0; c < 5; c++)
                assert_near(channel_at(&stack, &card, 5, z, turned ? 4 - c : c),
                    between(cases[n].slice[c]), 1e-2);
            slices_close(&stack);
            ul_volume_free(&volume);
        }
}

/* Along another plane the neighbours lie between rows of the source, 1 mm apart here. */
static void neighbours_keep_their_distance_across_thick_slices(void **state) {
    (void)state;
    ul_volume volume;
    slice_stack stack;
    ul_card card;
    ul_error error = {0};
    make((const double[]){0, 5, 10}, 3, UL_SAMPLE_I16, &volume);
    ul_card_init(&card);
    card.plane_count = 1;
    card.planes[0] = UL_PLANE_CORONAL;
    card.channels = UL_CHANNELS_NEIGHBOURS;
    card.neighbour_mm = 1.5;
    assert_int_equal(slices_open(&volume, &card, 0, 0, &stack, &error), UL_OK);
    const int16_t *top = (const int16_t *)volume.samples + 2 * AREA; /* the head is row 0 */
    for (size_t c = 0; c < 3; c++) {
        double row = 4.0 + 1.5 * ((double)c - 1.0);
        size_t j = (size_t)row;
        double way = row - (double)j, below = top[j * COLUMNS], above = top[(j + 1) * COLUMNS];
        assert_near(channel_at(&stack, &card, 3, 4, c), below + way * (above - below), 1e-2);
    }
    slices_close(&stack);
    ul_volume_free(&volume);
}

static void inputs_are_padded_to_the_size_of_the_card(void **state) {
    (void)state;
    ul_volume volume;
    ul_card card;
    slice_stack stack;
    ul_error error = {0};
    size_t padded[2];
    make((const double[]){0, 1}, 2, UL_SAMPLE_I16, &volume);
    ul_card_init(&card);
    card.spacing_mm[0] = card.spacing_mm[1] = 1.0;
    card.size[0] = 100;
    card.size[1] = 5;
    assert_int_equal(slices_open(&volume, &card, 0, 0, &stack, &error), UL_OK);
    assert_int_equal(stack.width, COLUMNS);
    slices_padded(&stack, &card, padded);
    assert_int_equal(padded[0], 128);
    assert_int_equal(padded[1], 32);
    slices_close(&stack);
    ul_card_free(&card);
    ul_volume_free(&volume);
}

/* Spacings of a card that no slices can be resampled to, and those next to them. */
static void slices_keep_to_what_a_network_takes(void **state) {
    (void)state;
    static const struct {
        double spacing_mm[2]; /* of the card; the slices have 1 mm */
        ul_status status;
        const char *word;
    } cases[] = {{{1, 1e11}, UL_ERROR_GEOMETRY, "less than one pixel"},
        {{1, DBL_MAX}, UL_ERROR_GEOMETRY, "less than one pixel"},
        {{2.01 * COLUMNS, 1}, UL_ERROR_GEOMETRY, "less than one pixel"},
        {{1.99 * COLUMNS, 1}, UL_OK, NULL}, {{COLUMNS / 16384.0, 1}, UL_OK, NULL},
        {{COLUMNS / 16385.0, 1}, UL_ERROR_LIMIT, "slices of 16385x"},
        {{1, 2.17e-19}, UL_ERROR_LIMIT, "the network takes up to 16384x16384: crop them"},
        {{DBL_MIN, 1}, UL_ERROR_LIMIT, "at the model's spacing"}};
    ul_volume volume;
    make((const double[]){0, 1}, 2, UL_SAMPLE_I16, &volume);
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        ul_card card;
        slice_stack stack;
        ul_error error = {0};
        ul_card_init(&card);
        memcpy(card.spacing_mm, cases[n].spacing_mm, sizeof card.spacing_mm);
        assert_int_equal(slices_open(&volume, &card, 0, 0, &stack, &error), cases[n].status);
        if (cases[n].word)
            assert_non_null(strstr(error.text, cases[n].word));
        slices_close(&stack);
        ul_card_free(&card);
    }
    ul_volume_free(&volume);
}

/* Padding and NaN become the smallest of the other values, and count in no statistic. */
static void padding_takes_the_smallest_value(void **state) {
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        ul_volume volume;
        ul_card card;
        slice_stack stack;
        ul_error error = {0};
        make((const double[]){0, 1}, 2, UL_SAMPLE_F32, &volume);
        float *samples = volume.samples, pixels[AREA];
        samples[3] = samples[AREA + 5] = -2000.0f;
        samples[AREA + 7] = NAN;
        volume.has_padding = true;
        volume.padding_low = volume.padding_high = -2000.0;
        double sum[2] = {0}, squares[2] = {0}, count[2] = {0}, smallest[2] = {1e9, 1e9};
        for (size_t n = 0; n < 2 * AREA; n++) {
            size_t group = alone ? n / AREA : 0;
            if (n == 3 || n == AREA + 5 || n == AREA + 7)
                continue;
            sum[group] += (double)samples[n];
            squares[group] += (double)samples[n] * (double)samples[n];
            count[group] += 1.0;
            smallest[group] = fmin(smallest[group], (double)samples[n]);
        }
        ul_card_init(&card);
        card.normalisation = (ul_normalisation){UL_NORMALISE_ZSCORE, alone, 0.0, 0.0};
        assert_int_equal(slices_open(&volume, &card, 0, 0, &stack, &error), UL_OK);
        float *scratch = malloc(slices_scratch(&stack) * sizeof *scratch);
        slices_cut(&stack, 1, scratch, pixels);
        double mean = sum[alone] / count[alone];
        double sd = sqrt(squares[alone] / count[alone] - mean * mean);
        assert_near(pixels[5], (smallest[alone] - mean) / sd, 1e-5);
        assert_near(pixels[7], (smallest[alone] - mean) / sd, 1e-5);
        assert_near(pixels[9], ((double)samples[AREA + 9] - mean) / sd, 1e-5);
        free(scratch);
        slices_close(&stack);
        ul_card_free(&card);
        ul_volume_free(&volume);
    }
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of ascending values, as NumPy's percentile interpolates. */
static double percentile(const float *sorted, size_t count, double percent) {
    double place = percent / 100.0 * (double)(count - 1);
    size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    return (double)sorted[below] +
           (place - (double)below) * (double)(sorted[above] - sorted[below]);
}

static void percentiles_equal_sorted_values(void **state) {
    (void)state;
    ul_volume volume;
    ul_error error = {0};
    make((const double[]){0, 1, 2}, 3, UL_SAMPLE_F32, &volume);
    float *samples = volume.samples;
    for (size_t n = 0; n < 3 * AREA; n++)
        samples[n] = (float)sin(0.37 * (double)n) * (float)pow(10.0, (double)(n % 9) - 4.0);
    orientation o = orientation_stored(&volume.grid);
    const value_range all = {&volume, &o, 0, 3, 0, NULL};
    double percents[4] = {0.0, 0.5, 37.3, 100.0}, found[4];
    assert_int_equal(values_percentiles(&all, percents, 4, found, &error), UL_OK);
    qsort(samples, 3 * AREA, sizeof *samples, compare);
    for (int p = 0; p < 4; p++) {
        double expected = percentile(samples, 3 * AREA, percents[p]);
        assert_near(found[p], expected, 1e-9 + 1e-6 * fabs(expected));
    }
    ul_volume_free(&volume);
}

/* Windows, percentiles and z-scores of CT values: the slices have scales of their own, and padding
 * counts in nothing. */
static void every_normalisation_leaves_padding_out(void **state) {
    (void)state;
    static const ul_normalisation ways[] = {{UL_NORMALISE_WINDOW, false, -100.0, 240.0},
        {UL_NORMALISE_PERCENTILE, false, 5.0, 90.0}, {UL_NORMALISE_PERCENTILE, true, 5.0, 90.0},
        {UL_NORMALISE_ZSCORE, false, 0.0, 0.0}, {UL_NORMALISE_ZSCORE, true, 0.0, 0.0}};
    ul_volume volume;
    make((const double[]){0, 1}, 2, UL_SAMPLE_I16, &volume);
    for (size_t n = 0; n < 2 * AREA; n++) /* two of five are padding */
        ((int16_t *)volume.samples)[n] = n % 5 < 2 ? -2000 : (int16_t)(31 * n % 597);
    volume.slope[1] = 0.5;
    volume.intercept[0] = -300.0;
    volume.intercept[1] = 50.0;
    volume.has_padding = true;
    volume.padding_low = volume.padding_high = -2000.0;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        float values[2 * AREA], sorted[2 * AREA], pixels[AREA];
        double sum = 0.0, squares = 0.0;
        size_t count = 0;
        for (size_t n = 0; n < 2 * AREA; n++) {
            size_t k = n / AREA;
            values[n] =
                (float)(volume.slope[k] * ((int16_t *)volume.samples)[n] + volume.intercept[k]);
            if (n % 5 >= 2 && (k == 1 || !ways[w].per_slice))
                sorted[count++] = values[n];
        }
        qsort(sorted, count, sizeof *sorted, compare);
        for (size_t n = 0; n < count; n++) {
            sum += (double)sorted[n];
            squares += (double)sorted[n] * (double)sorted[n];
        }
        double low = ways[w].low, high = ways[w].high, mean = sum / (double)count;
        double sd = sqrt(squares / (double)count - mean * mean);
        if (ways[w].kind == UL_NORMALISE_PERCENTILE) {
            low = percentile(sorted, count, low);
            high = percentile(sorted, count, high);
        }
        ul_card card;
        slice_stack stack;
        ul_error error = {0};
        ul_card_init(&card);
        card.normalisation = ways[w];
        assert_int_equal(slices_open(&volume, &card, 0, 0, &stack, &error), UL_OK);
        float *scratch = malloc(slices_scratch(&stack) * sizeof *scratch);
        slices_cut(&stack, 1, scratch, pixels);
        for (size_t i = 0; i < AREA; i++) {
            double value = (double)((AREA + i) % 5 < 2 ? sorted[0] : values[AREA + i]);
            double wanted = ways[w].kind == UL_NORMALISE_ZSCORE
                                ? (value - mean) / sd
                                : fmin(fmax((value - low) / (high - low), 0.0), 1.0);
            assert_near(pixels[i], wanted, 1e-5);
        }
        free(scratch);
        slices_close(&stack);
        ul_card_free(&card);
    }
    ul_volume_free(&volume);
}

/* Neither more background nor a few bright voxels move the percentiles of the foreground, and
 * values in memory give what a volume of them gives. */
static void foreground_stands_still(void **state) {
    (void)state;
    static const double percents[2] = {2.0, 90.0};
    double first[2] = {0.0, 0.0};
    for (int kind = 0; kind < 4; kind++) { /* plain; much background; a bright spot; below 0 */
        size_t slices = kind == 1 ? 9 : 3;
        ul_volume volume;
        ul_error error = {0};
        double heights[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, bounds[2], same[2];
        make(heights, slices, UL_SAMPLE_F32, &volume);
        float *samples = volume.samples;
        float base = kind == 3 ? -500.0f : 0.0f;
        for (size_t n = 0; n < slices * AREA; n++)
            samples[n] = base + (n < 200 ? 100.0f + (float)(37 * n % 101) : (float)(n % 3));
        if (kind == 2)
            samples[5] = samples[77] = 5000.0f;
        orientation o = orientation_stored(&volume.grid);
        const value_range all = {&volume, &o, 0, slices, 0, NULL};
        assert_int_equal(values_foreground(&all, percents, bounds, &error), UL_OK);
        values_foreground_of(samples, slices * AREA, percents, same);
        assert_near(same[0], bounds[0], 0.0);
        assert_near(same[1], bounds[1], 0.0);
        if (kind == 0)
            memcpy(first, bounds, sizeof first);
        assert_near(bounds[0] - (double)base, first[0], 1.1);
        assert_near(bounds[1] - (double)base, first[1], 1.1);
        ul_volume_free(&volume);
    }
    assert_in_range((long)first[0], 100, 104);
    assert_in_range((long)first[1], 186, 194);
    float flat[7] = {3, 3, 3, 3, 3, 3, 3};
    double bounds[2];
    values_foreground_of(flat, 7, percents, bounds);
    assert_true(bounds[0] == 3.0 && bounds[1] == 3.0);
    values_foreground_of(flat, 0, percents, bounds);
    assert_true(bounds[0] == 0.0 && bounds[1] == 0.0);
}

/* A ramp stays a ramp, finer and (where the pixels lie symmetrically) coarser; the edge is held. */
static void resampling_keeps_a_ramp(void **state) {
    (void)state;
    static const double ratios[] = {0.4, 0.9, 1.0, 2.0, 3.0};
    for (size_t n = 0; n < sizeof ratios / sizeof *ratios; n++) {
        float in[40 * 2], spare[100 * 40], out[100 * 2];
        ul_error error = {0};
        resampler x, y;
        size_t width = (size_t)(40.0 / ratios[n]);
        for (size_t i = 0; i < 80; i++)
            in[i] = (float)(3 * (i % 40) + 5 * (i / 40));
        assert_int_equal(resampler_create(40, width, ratios[n], true, &x, &error), UL_OK);
        assert_int_equal(resampler_create(2, 2, 1.0, true, &y, &error), UL_OK);
        resample_plane(&x, &y, in, spare, out);
        for (size_t i = 0; i < 2 * width; i++) {
            double at = ((double)(i % width) + 0.5) * ratios[n] - 0.5;
            if (at >= fmax(ratios[n], 1.0) && at <= 39.0 - fmax(ratios[n], 1.0))
                assert_near(out[i], 3.0 * at + 5.0 * (double)(i / width), 1e-3);
            else
                assert_true(out[i] > -0.01f && out[i] < 122.01f);
        }
        resampler_free(&x);
        resampler_free(&y);
    }
}

/* --- Back on the source ---------------------------------------------------------------------- */

static double bilinear(
    const float *plane, size_t stride, size_t width, size_t height, double x, double y) {
    x = fmin(fmax(x, 0.0), (double)width - 1.0);
    y = fmin(fmax(y, 0.0), (double)height - 1.0);
    size_t i = (size_t)x, j = (size_t)y, right = i + 1 < width ? 1 : 0, down = j + 1 < height;
    double u = x - (double)i, v = y - (double)j;
    const float *at = plane + j * stride + i;
    return (1 - v) * ((1 - u) * (double)at[0] + u * (double)at[right]) +
           v * ((1 - u) * (double)at[down * stride] + u * (double)at[down * stride + right]);
}

/* Logits of every source pixel of slice 0 of the stack, by the definition: one slice through the
 * session, flipped as told, interpolated. Added to sum [classes][AREA]. */
static void add_by_definition(const ul_model *model, const ul_card *card, const slice_stack *stack,
    bool flip_x, double *sum) {
    size_t padded[2], classes = ul_model_get_shape(model)->classes;
    ul_error error = {0};
    slices_padded(stack, card, padded);
    size_t area = padded[0] * padded[1];
    float *input = malloc(area * sizeof *input), *logits = malloc(classes * area * sizeof *logits);
    float *scratch = malloc(slices_scratch(stack) * sizeof *scratch);
    float *turned = malloc(classes * area * sizeof *turned);
    slices_input(stack, card, 1, 0, padded, scratch, input);
    for (size_t i = 0; i < area; i++)
        turned[i] = input[flip_x ? i / padded[0] * padded[0] + padded[0] - 1 - i % padded[0] : i];
    ul_session *session;
    ul_session_options options;
    ul_session_options_init(&options);
    options.width = padded[0];
    options.height = padded[1];
    options.threads = 1;
    assert_int_equal(ul_session_create(model, &options, &session, &error), UL_OK);
    assert_int_equal(ul_session_run(session, turned, area, logits, classes * area, &error), UL_OK);
    for (size_t i = 0; i < classes * area; i++)
        turned[i] = logits[flip_x ? i / padded[0] * padded[0] + padded[0] - 1 - i % padded[0] : i];
    size_t left = (padded[0] - stack->width) / 2, top = (padded[1] - stack->height) / 2;
    for (size_t n = 0; n < AREA; n++)
        for (size_t c = 0; c < classes; c++) {
            double x = ((double)(n % COLUMNS) + 0.5) / stack->ratio[0] - 0.5;
            double y = ((double)(n / COLUMNS) + 0.5) / stack->ratio[1] - 0.5;
            sum[c * AREA + n] += bilinear(turned + c * area + top * padded[0] + left, padded[0],
                stack->width, stack->height, x, y);
        }
    ul_session_close(session);
    free(input);
    free(logits);
    free(scratch);
    free(turned);
}

static void logits_are_interpolated_and_flips_averaged(void **state) {
    (void)state;
    ul_model *model;
    ul_volume volume;
    ul_card card;
    ul_error error = {0};
    const ul_model_shape shape = {1, 3, {8, 8, 12, 16, 24, 32}, 8, 0};
    assert_int_equal(ul_model_create(&shape, 184, &model, &error), UL_OK);
    make((const double[]){0, 1, 2}, 3, UL_SAMPLE_I16, &volume);
    ul_card_init(&card);
    ul_segment segments[2];
    ul_segment_init(&segments[0], 1);
    ul_segment_init(&segments[1], 2);
    card.classes = (ul_segments){2, segments};
    card.normalisation = (ul_normalisation){UL_NORMALISE_ZSCORE, true, 0.0, 0.0};
    card.spacing_mm[0] = 0.7;
    card.spacing_mm[1] = 1.6;
    card.tta_flip_x = true;
    for (int flips = 0; flips < 2; flips++) {
        const ul_segment_options options = {.threads = 2, .flips = flips, .fractions = true};
        slice_stack stack;
        ul_labels labels;
        double sum[3 * AREA] = {0};
        assert_int_equal(slices_open(&volume, &card, 0, 0, &stack, &error), UL_OK);
        for (int way = 0; way <= flips; way++)
            add_by_definition(model, &card, &stack, way, sum);
        slices_close(&stack);
        assert_int_equal(
            ul_segment_volume(model, &card, &volume, &options, &labels, &error), UL_OK);
        for (size_t n = 0; n < AREA; n++) {
            double power[3], total = 0.0;
            for (size_t c = 0; c < 3; c++)
                total += power[c] = exp(sum[c * AREA + n] / (flips + 1));
            for (size_t s = 0; s < 2; s++)
                assert_near(labels.fractions[s * 3 * AREA + n], 255.0 * power[s + 1] / total, 0.51);
        }
        ul_labels_free(&labels);
    }
    card.classes = (ul_segments){0};
    ul_card_free(&card);
    ul_volume_free(&volume);
    ul_model_close(model);
}

/* Three planes, with the logits of at most so many slices held at a time (0: of all). */
static void segment_planes(
    const ul_model *model, const ul_volume *volume, size_t slices, ul_labels *labels) {
    ul_card card;
    ul_error error = {0};
    ul_segment segment;
    ul_card_init(&card);
    ul_segment_init(&segment, 1);
    card.classes = (ul_segments){1, &segment};
    card.plane_count = 3;
    for (int plane = 0; plane < 3; plane++)
        card.planes[plane] =
            (const ul_plane[]){UL_PLANE_AXIAL, UL_PLANE_CORONAL, UL_PLANE_SAGITTAL}[plane];
    const ul_segment_options options = {
        .threads = 2, .fractions = true, .logit_bytes = slices * AREA * 2 * sizeof(int16_t)};
    assert_int_equal(ul_segment_volume(model, &card, volume, &options, labels, &error), UL_OK);
    card.classes = (ul_segments){0};
    ul_card_free(&card);
}

/* Stacks that run up and down, so that slices come in the order of storage and against it. */
static void slabs_give_the_labels_of_the_whole(void **state) {
    (void)state;
    ul_model *model;
    ul_error error = {0};
    const ul_model_shape shape = {1, 2, {8, 8, 12, 16, 24, 32}, 8, 0};
    assert_int_equal(ul_model_create(&shape, 11, &model, &error), UL_OK);
    const double up[] = {0, 1, 2, 3, 4, 5, 6}, down[] = {6, 5, 4, 3, 2, 1, 0};
    for (int turned = 0; turned < 2; turned++) {
        ul_volume volume;
        ul_labels whole, slabs;
        make(turned ? down : up, 7, UL_SAMPLE_I16, &volume);
        segment_planes(model, &volume, 0, &whole);
        size_t labelled = 0;
        for (size_t i = 0; i < 7 * AREA; i++)
            labelled += whole.map[i];
        assert_in_range(labelled, 7 * AREA / 20, 7 * AREA * 19 / 20);
        for (size_t slices = 1; slices < 8; slices++) { /* slabs of 1, 2 (and 1), 3, 4, 4, 4, 7 */
            segment_planes(model, &volume, slices, &slabs);
            assert_memory_equal(slabs.map, whole.map, 7 * AREA * sizeof *whole.map);
            assert_memory_equal(slabs.fractions, whole.fractions, 7 * AREA);
            ul_labels_free(&slabs);
        }
        ul_labels_free(&whole);
        ul_volume_free(&volume);
    }
    ul_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_stay_on_their_side_of_a_gap),
        cmocka_unit_test(neighbours_keep_their_distance),
        cmocka_unit_test(neighbours_keep_their_distance_across_thick_slices),
        cmocka_unit_test(inputs_are_padded_to_the_size_of_the_card),
        cmocka_unit_test(slices_keep_to_what_a_network_takes),
        cmocka_unit_test(padding_takes_the_smallest_value),
        cmocka_unit_test(percentiles_equal_sorted_values),
        cmocka_unit_test(every_normalisation_leaves_padding_out),
        cmocka_unit_test(foreground_stands_still),
        cmocka_unit_test(resampling_keeps_a_ramp),
        cmocka_unit_test(logits_are_interpolated_and_flips_averaged),
        cmocka_unit_test(slabs_give_the_labels_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
