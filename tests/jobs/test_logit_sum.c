/* Logits of three planes added up at the network's spacing and brought back to the voxels. */
#include "jobs/segment/logit_sum.h"
#include "jobs/segment/predict.h"
#include "ulite/segment.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/assert_near.h"

enum { COLUMNS = 37, ROWS = 29, SLICES = 23, VOXELS = COLUMNS * ROWS * SLICES };
static const size_t size[3] = {COLUMNS, ROWS, SLICES};

/* 1 mm voxels of smooth stripes; turned: the axes that are stored the other way round, the same
 * picture in the same place. */
static void make(const bool turned[3], ul_volume *volume) {
    double origins[SLICES][3], sign[3];
    for (int a = 0; a < 3; a++)
        sign[a] = turned[a] ? -1.0 : 1.0;
    for (size_t k = 0; k < SLICES; k++) {
        origins[k][0] = turned[0] ? COLUMNS - 1 : 0;
        origins[k][1] = turned[1] ? ROWS - 1 : 0;
        origins[k][2] = turned[2] ? (double)(SLICES - 1 - k) : (double)k;
    }
    ul_grid grid = {.size = {COLUMNS, ROWS, SLICES},
        .axis_i = {sign[0]},
        .axis_j = {0, sign[1]},
        .spacing_mm = {1.0, 1.0},
        .origin_mm = origins};
    ul_grid_classify(&grid);
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_I16, volume, NULL), UL_OK);
    for (size_t n = 0; n < VOXELS; n++) {
        size_t at[3] = {n % COLUMNS, n / COLUMNS % ROWS, n / (COLUMNS * ROWS)};
        for (int a = 0; a < 3; a++)
            at[a] = turned[a] ? size[a] - 1 - at[a] : at[a];
        ((int16_t *)volume->samples)[n] =
            (int16_t)(400.0 * sin(0.31 * (double)at[0]) * cos(0.23 * (double)at[1]) +
                      200.0 * sin(0.41 * (double)at[2]));
    }
}

static void open_card(ul_card *card, ul_segment segments[2], double spacing_mm) {
    ul_card_init(card);
    for (unsigned n = 0; n < 2; n++)
        ul_segment_init(&segments[n], n + 1);
    card->classes = (ul_segments){2, segments};
    card->plane_count = 3;
    for (int p = 0; p < 3; p++)
        card->planes[p] = (ul_plane)p;
    card->channels = UL_CHANNELS_NEIGHBOURS;
    card->neighbour_mm = 1.5;
    card->spacing_mm[0] = card->spacing_mm[1] = spacing_mm;
    card->normalisation = (ul_normalisation){UL_NORMALISE_FOREGROUND, false, 1.0, 99.0};
}

static void segment(
    const ul_model *model, const bool turned[3], size_t logit_bytes, ul_labels *labels) {
    ul_volume volume;
    ul_card card;
    ul_segment segments[2];
    ul_error error = {0};
    make(turned, &volume);
    open_card(&card, segments, 1.5);
    const ul_segment_options options = {
        .threads = 2, .fractions = true, .logit_bytes = logit_bytes};
    assert_int_equal(ul_segment_volume(model, &card, &volume, &options, labels, &error), UL_OK);
    ul_volume_free(&volume);
}

/* The planes meet at the same points however the axes are stored. */
static void storage_does_not_matter(void **state) {
    ul_labels as_is, other;
    segment(*state, (const bool[3]){false, false, false}, 0, &as_is);
    for (int way = 1; way < 8; way++) {
        const bool turned[3] = {way & 1, way & 2, way & 4};
        segment(*state, turned, 0, &other);
        for (size_t n = 0; n < VOXELS; n++) {
            size_t at[3] = {n % COLUMNS, n / COLUMNS % ROWS, n / (COLUMNS * ROWS)};
            for (int a = 0; a < 3; a++)
                at[a] = turned[a] ? size[a] - 1 - at[a] : at[a];
            size_t from = (at[2] * ROWS + at[1]) * COLUMNS + at[0];
            for (size_t s = 0; s < 2; s++)
                assert_near(
                    other.fractions[s * VOXELS + n], as_is.fractions[s * VOXELS + from], 1.01);
        }
        ul_labels_free(&other);
    }
    ul_labels_free(&as_is);
}

static void slabs_change_nothing(void **state) {
    ul_labels whole, slabs;
    const bool turned[3] = {false, true, true};
    segment(*state, turned, 0, &whole);
    for (size_t slices = 1; slices < 16; slices += 4) {
        segment(*state, turned, slices * 25 * 19 * 3 * sizeof(int16_t), &slabs);
        assert_memory_equal(slabs.map, whole.map, VOXELS * sizeof *whole.map);
        assert_memory_equal(slabs.fractions, whole.fractions, 2 * VOXELS);
        ul_labels_free(&slabs);
    }
    ul_labels_free(&whole);
}

/* Three planes of what is linear in the place give three times that on the voxels, at a coarser
 * spacing as at the source's own. Points lie at quarters of a voxel, slopes are whole numbers of
 * 1/32: no part of a sum is rounded. */
static void a_linear_field_comes_back(void **state) {
    (void)state;
    static const double slope[3] = {22.0 / 32.0, -42.0 / 32.0, 13.0 / 32.0};
    for (int n = 0; n < 4; n++) {
        const bool turned[3] = {n & 1, n & 2, n & 1};
        ul_volume volume;
        ul_card card;
        ul_segment segments[2];
        slice_stack stacks[3];
        logit_sum sum;
        ul_error error = {0};
        make(turned, &volume);
        open_card(&card, segments, n < 3 ? 1.5 : 1.0);
        for (size_t p = 0; p < 3; p++)
            assert_int_equal(slices_open(&volume, &card, p, 1, &stacks[p], &error), UL_OK);
        assert_int_equal(logit_sum_open(&card, stacks, 1, &sum, &error), UL_OK);
        assert_int_equal(sum.coarse, n < 3);
        sum.depth = sum.axis[2].size;
        sum.values = calloc(sum.depth * sum.axis[0].size * sum.axis[1].size, sizeof *sum.values);
        for (size_t p = 0; p < 3; p++) {
            const slice_stack *s = &stacks[p];
            float *logits = malloc(s->out.size[0] * s->out.size[1] * sizeof *logits);
            for (size_t z = 0; z < s->depth; z++) {
                for (size_t i = 0; i < s->out.size[0] * s->out.size[1]; i++) {
                    double at[3] = {((double)(i % s->out.size[0]) + 0.5) * s->ratio[0] - 0.5,
                        ((double)(i / s->out.size[0]) + 0.5) * s->ratio[1] - 0.5,
                        s->first + (double)z * s->through};
                    double value = 5.0;
                    for (int t = 0; t < 3; t++) {
                        int a = s->o.axis[t];
                        double last = (double)size[a] - 1.0;
                        value += slope[a] * (s->o.reversed[t] ? last - at[t] : at[t]);
                    }
                    logits[i] = (float)value;
                }
                ul_voxel_plane plane = orientation_slice(&s->out, z);
                logit_sum_add(&sum, &plane, logits, 1.0f);
            }
            free(logits);
        }
        float *scratch = malloc(logit_sum_scratch(&sum) * sizeof *scratch), row[COLUMNS];
        for (size_t k = 1; k + 1 < SLICES; k++)
            for (size_t j = 1; j + 1 < ROWS; j++) {
                logit_sum_row(&sum, k, j, scratch, row);
                for (size_t i = 1; i + 1 < COLUMNS; i++)
                    assert_near(row[i],
                        3.0 * (5.0 + slope[0] * (double)i + slope[1] * (double)j +
                                  slope[2] * (double)k),
                        1e-3);
            }
        free(scratch);
        logit_sum_free(&sum);
        for (size_t p = 0; p < 3; p++)
            slices_close(&stacks[p]);
        ul_volume_free(&volume);
    }
}

/* Sums that are out of range keep their sign, and what is no number is below all others. */
static void sums_saturate(void **state) {
    (void)state;
    const float logits[4] = {1e30f, -INFINITY, NAN, 0.26f};
    const ul_voxel_plane plane = {.width = 1, .height = 1};
    float row[4];
    logit_sum sum = {.classes = 4, .depth = 1};
    for (int a = 0; a < 3; a++)
        sum.axis[a] = (sum_axis){.source = 1, .size = 1, .ratio = 1.0};
    sum.values = calloc(sum.classes, sizeof *sum.values);
    for (int n = 0; n < 3; n++)
        logit_sum_add(&sum, &plane, logits, 1.0f);
    logit_sum_row(&sum, 0, 0, NULL, row);
    assert_near(row[0], 256.0, 0.01);
    assert_near(row[1], -256.0, 0.01);
    assert_near(row[2], -256.0, 0.01);
    assert_near(row[3], 0.78, 1.5 / LOGIT_SUM_PARTS);
    logit_sum_free(&sum);
}

static int open_model(void **state) {
    const ul_model_shape shape = {3, 3, {8, 8, 12, 16, 24, 32}, 8, 0};
    ul_model *model;
    ul_error error = {0};
    if (ul_model_create(&shape, 184, &model, &error) != UL_OK)
        return -1;
    *state = model;
    return 0;
}

static int close_model(void **state) {
    ul_model_close(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_does_not_matter),
        cmocka_unit_test(slabs_change_nothing),
        cmocka_unit_test(a_linear_field_comes_back),
        cmocka_unit_test(sums_saturate),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
