/* Grouping, sorting and splitting of images into series. */
#include "io/series/series.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 48 };

/* Images of one file each, and what their pixels are. */
typedef struct image_folder {
    size_t count;
    dicom_file files[MOST];
    dicom_image images[MOST];
    char paths[MOST][16];
    int pixels[MOST];
    ul_series **series;
    size_t series_count;
} image_folder;

static const double AXIAL[6] = {1, 0, 0, 0, 1, 0};
static const double SAGITTAL[6] = {0, 1, 0, 0, 0, -1};
static const double CORONAL[6] = {1, 0, 0, 0, 0, -1};

/* Adds a 4x4 image of series "1" that lies offset_mm from the origin along z. */
static dicom_image *add(image_folder *scan, double offset_mm) {
    assert_true(scan->count < MOST);
    size_t index = scan->count++;
    dicom_file *file = &scan->files[index];
    snprintf(scan->paths[index], sizeof scan->paths[index], "image%02zu", index);
    file->path = file->shown = scan->paths[index];
    strcpy(file->series_uid, "1");
    strcpy(file->modality, "MR");
    file->layout = (dicom_layout){.rows = 4,
        .columns = 4,
        .frames = 1,
        .samples = 1,
        .bits_allocated = 16,
        .bits_stored = 16};
    dicom_image *image = &scan->images[index];
    image->file = file;
    image->instance_number = (long)index + 1;
    image->has_position = image->has_orientation = true;
    image->position_mm[2] = offset_mm;
    memcpy(image->cosines, AXIAL, sizeof AXIAL);
    image->spacing_mm[0] = image->spacing_mm[1] = 1;
    image->slope = 1;
    strcpy(image->type, "ORIGINAL\\PRIMARY");
    for (int key = 0; key < DICOM_KEYS; key++)
        image->key[key] = NAN;
    scan->pixels[index] = (int)index;
    return image;
}

static size_t index_of(const image_folder *scan, const dicom_image *image) {
    return (size_t)(image - scan->images);
}

static dicom_file *file_of(image_folder *scan, const dicom_image *image) {
    return &scan->files[index_of(scan, image)];
}

static bool same_pixels(void *context, const dicom_image *a, const dicom_image *b) {
    const image_folder *scan = context;
    return scan->pixels[index_of(scan, a)] == scan->pixels[index_of(scan, b)];
}

/* Groups the images, handed over from the last to the first. */
static void group(image_folder *scan, size_t expected) {
    const dicom_image *images[MOST];
    for (size_t i = 0; i < scan->count; i++)
        images[i] = &scan->images[scan->count - 1 - i];
    ul_error error = {0};
    assert_int_equal(series_group(images, scan->count, same_pixels, scan, &scan->series,
                         &scan->series_count, &error),
        UL_OK);
    assert_int_equal(scan->series_count, expected);
}

static void clear(image_folder *scan) {
    for (size_t s = 0; s < scan->series_count; s++)
        series_free(scan->series[s]);
    free(scan->series);
    memset(scan, 0, sizeof *scan);
}

static bool has_note(const ul_series *series, const char *text) {
    for (size_t n = 0; n < series->info.note_count; n++)
        if (strstr(series->info.notes[n], text))
            return true;
    return false;
}

/* The part whose label is text. */
static const ul_series *part(const image_folder *scan, const char *text) {
    for (size_t s = 0; s < scan->series_count; s++)
        if (strcmp(scan->series[s]->split, text) == 0)
            return scan->series[s];
    fail_msg("no part \"%s\"", text);
    return NULL;
}

/* Slices lie at ascending offsets, `slices` of them, and the series can be used. */
static void check_stack(const ul_series *series, size_t slices) {
    assert_int_equal(series->grid.size[2], slices);
    for (size_t k = 1; k < slices; k++)
        assert_true(ul_grid_offset_mm(&series->grid, k) > ul_grid_offset_mm(&series->grid, k - 1));
    assert_int_equal(ul_series_check(series, NULL), UL_OK);
}

/* Positions decide the order; instance numbers and names do not. */
static void sorts_by_position(void **state) {
    (void)state;
    static const double offsets[] = {6, -3, 0, 9, 3};
    image_folder scan = {0};
    for (int i = 0; i < 5; i++)
        add(&scan, offsets[i]);
    group(&scan, 1);
    const ul_series *series = scan.series[0];
    check_stack(series, 5);
    static const size_t order[] = {1, 2, 4, 0, 3};
    for (size_t k = 0; k < 5; k++)
        assert_int_equal(index_of(&scan, series->images[k]), order[k]);
    assert_int_equal(series->grid.stack, UL_STACK_REGULAR);
    assert_string_equal(series->split, "");
    clear(&scan);
}

/* Along an oblique normal no single coordinate tells the order. */
static void sorts_along_the_normal(void **state) {
    (void)state;
    const double half = sqrt(0.5);
    image_folder scan = {0};
    for (int i = 0; i < 4; i++) {
        dicom_image *image = add(&scan, 0);
        const double cosines[6] = {1, 0, 0, 0, half, half}; /* the normal is (0, -half, half) */
        memcpy(image->cosines, cosines, sizeof cosines);
        double along = 2.0 * (3 - i);
        image->position_mm[1] = -half * along + 5 * i; /* leaning too */
        image->position_mm[2] = half * along + 5 * i;
    }
    group(&scan, 1);
    check_stack(scan.series[0], 4);
    for (size_t k = 0; k < 4; k++)
        assert_int_equal(index_of(&scan, scan.series[0]->images[k]), 3 - k);
    assert_int_equal(scan.series[0]->grid.stack, UL_STACK_TILTED);
    assert_true(has_note(scan.series[0], "gantry tilt"));
    clear(&scan);
}

static void splits_by_echo(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 4; k++)
        for (int echo = 1; echo <= 2; echo++)
            add(&scan, 2 * k)->key[DICOM_KEY_ECHO] = echo;
    group(&scan, 2);
    for (int echo = 1; echo <= 2; echo++) {
        char label[16];
        snprintf(label, sizeof label, "echo %d", echo);
        const ul_series *series = part(&scan, label);
        check_stack(series, 4);
        for (size_t k = 0; k < 4; k++)
            assert_true(series->images[k]->key[DICOM_KEY_ECHO] == echo);
    }
    clear(&scan);
}

/* Of two attributes the one that explains every place is taken. */
static void splits_by_what_explains_all(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 4; k++)
        for (int b = 0; b < 3; b++) {
            dicom_image *image = add(&scan, 2 * k);
            image->key[DICOM_KEY_ACQUISITION] = b > 0; /* only tells some apart */
            image->key[DICOM_KEY_B_VALUE] = 500 * b;
        }
    group(&scan, 3);
    check_stack(part(&scan, "b-value 0"), 4);
    check_stack(part(&scan, "b-value 500"), 4);
    check_stack(part(&scan, "b-value 1000"), 4);
    clear(&scan);
}

static void splits_by_two_attributes(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 4; k++)
        for (int echo = 1; echo <= 2; echo++)
            for (int time = 1; time <= 3; time++) {
                dicom_image *image = add(&scan, 2 * k);
                image->key[DICOM_KEY_ECHO] = echo;
                image->key[DICOM_KEY_TIME_POINT] = time;
            }
    group(&scan, 6);
    check_stack(part(&scan, "echo 2, time point 3"), 4);
    clear(&scan);
}

/* Every image has a time of its own: the n-th ones of all places belong together. */
static void splits_by_rank_in_time(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int time = 0; time < 3; time++)
        for (int k = 0; k < 5; k++)
            add(&scan, 2 * k)->key[DICOM_KEY_ACQUISITION_TIME] = 36000 + 10 * time + 0.5 * k;
    group(&scan, 3);
    for (int time = 0; time < 3; time++) {
        char label[24];
        snprintf(label, sizeof label, "time point %d", time + 1);
        const ul_series *series = part(&scan, label);
        check_stack(series, 5);
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(index_of(&scan, series->images[k]), (size_t)(5 * time) + k);
    }
    clear(&scan);
}

static void splits_magnitude_from_phase(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 3; k++) {
        strcpy(add(&scan, 2 * k)->type, "ORIGINAL\\PRIMARY\\M");
        strcpy(add(&scan, 2 * k)->type, "ORIGINAL\\PRIMARY\\P");
    }
    group(&scan, 2);
    check_stack(part(&scan, "image type ORIGINAL\\PRIMARY\\M"), 3);
    check_stack(part(&scan, "image type ORIGINAL\\PRIMARY\\P"), 3);
    clear(&scan);
}

/* Stacks of an enhanced object are volumes, be they side by side, interleaved or at one place. */
static void splits_by_stack(void **state) {
    (void)state;
    static const double second[] = {0, 1, 50}; /* where the second stack begins */
    for (int c = 0; c < 3; c++) {
        image_folder scan = {0};
        for (int k = 0; k < 4; k++) {
            strcpy(add(&scan, 2 * k)->stack, "1A");
            strcpy(add(&scan, second[c] + 2 * k)->stack, "1B");
        }
        group(&scan, 2);
        check_stack(part(&scan, "stack 1A"), 4);
        check_stack(part(&scan, "stack 1B"), 4);
        assert_int_equal(scan.series[0]->grid.stack, UL_STACK_REGULAR);
        clear(&scan);
    }
}

/* A StackID that is another on every slice tells nothing, at several times neither. */
static void keeps_stacks_of_one_slice(void **state) {
    (void)state;
    for (int times = 1; times <= 2; times++) {
        image_folder scan = {0};
        for (int time = 0; time < times; time++)
            for (int k = 0; k < 5; k++) {
                dicom_image *image = add(&scan, 2 * k);
                snprintf(image->stack, sizeof image->stack, "%d", k + 1);
                image->key[DICOM_KEY_TIME_POINT] = time;
            }
        group(&scan, (size_t)times);
        for (int time = 0; time < times; time++)
            check_stack(scan.series[time], 5);
        clear(&scan);
    }
}

/* Two frames of one object that nothing tells apart are named as such. */
static void names_frames_that_clash(void **state) {
    (void)state;
    image_folder scan = {0};
    for (unsigned k = 0; k < 3; k++) {
        dicom_image *image = add(&scan, k == 2 ? 0 : 2 * k);
        image->file = &scan.files[0];
        image->frame = k + 1;
    }
    group(&scan, 1);
    ul_error error = {0};
    assert_int_equal(ul_series_check(scan.series[0], &error), UL_ERROR_GEOMETRY);
    assert_non_null(strstr(error.text, "image00 frame 1 and its frame 3 lie at one place"));
    clear(&scan);
}

/* A localizer in three planes beside the stack. */
static void splits_by_orientation_and_size(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 6; k++)
        add(&scan, 2 * k);
    memcpy(add(&scan, 0)->cosines, SAGITTAL, sizeof SAGITTAL);
    memcpy(add(&scan, 0)->cosines, CORONAL, sizeof CORONAL);
    dicom_image *large = add(&scan, 0);
    file_of(&scan, large)->layout.rows = 8;
    large->spacing_mm[1] = 0.5;
    group(&scan, 4);
    size_t alone = 0;
    for (size_t s = 0; s < scan.series_count; s++) {
        const ul_series *series = scan.series[s];
        alone += series->grid.size[2] == 1;
        if (series->grid.size[2] != 1)
            check_stack(series, 6);
        if (series->grid.size[1] == 8)
            assert_non_null(strstr(series->split, "4x8 pixels"));
        if (series->grid.axis_i[1] == 1)
            assert_non_null(strstr(series->split, "sagittal"));
    }
    assert_int_equal(alone, 3);
    clear(&scan);
}

/* Cosines that the scanner rounded differently are one orientation. */
static void keeps_rounded_cosines_together(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 4; k++)
        add(&scan, 2 * k)->cosines[1] = k % 2 ? 4e-4 : 0;
    group(&scan, 1);
    check_stack(scan.series[0], 4);
    clear(&scan);
}

static void drops_equal_duplicates(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 3; k++)
        add(&scan, 2 * k);
    add(&scan, 2);
    scan.pixels[3] = scan.pixels[1];
    group(&scan, 1);
    check_stack(scan.series[0], 3);
    assert_true(has_note(scan.series[0], "1 duplicate slice dropped"));
    clear(&scan);
}

static void refuses_a_clash(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 3; k++)
        add(&scan, 2 * k);
    add(&scan, 2);
    group(&scan, 1);
    ul_error error = {0};
    assert_int_equal(ul_series_check(scan.series[0], &error), UL_ERROR_GEOMETRY);
    assert_non_null(strstr(error.text, "image01"));
    assert_non_null(strstr(error.text, "image03"));
    clear(&scan);
}

static void tells_missing_slices(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 6; k++)
        if (k != 3)
            add(&scan, 2 * k);
    group(&scan, 1);
    check_stack(scan.series[0], 5);
    assert_int_equal(scan.series[0]->grid.stack, UL_STACK_UNEVEN);
    assert_true(has_note(scan.series[0], "slices missing at 1 place"));
    clear(&scan);
}

static void refuses_a_hole_in_the_positions(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 3; k++)
        add(&scan, 2 * k);
    scan.images[1].has_position = false;
    group(&scan, 1);
    ul_error error = {0};
    assert_int_equal(ul_series_check(scan.series[0], &error), UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, "image01"));
    assert_non_null(strstr(error.text, "ImagePositionPatient"));
    clear(&scan);
}

static void refuses_skewed_cosines(void **state) {
    (void)state;
    image_folder scan = {0};
    add(&scan, 0)->cosines[3] = 1;
    group(&scan, 1);
    assert_int_equal(ul_series_check(scan.series[0], NULL), UL_ERROR_INPUT);
    clear(&scan);
}

/* Without places the instance numbers are all there is. */
static void orders_unplaced_images_by_number(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int i = 0; i < 4; i++) {
        dicom_image *image = add(&scan, 0);
        image->has_position = image->has_orientation = false;
        image->instance_number = 10 - i;
    }
    group(&scan, 1);
    assert_int_equal(scan.series[0]->grid.stack, UL_STACK_UNPLACED);
    for (size_t k = 0; k < 4; k++)
        assert_int_equal(scan.series[0]->images[k]->instance_number, 7 + k);
    clear(&scan);
}

/* What must not be stacked: another series, modality, frame of reference. */
static void keeps_series_apart(void **state) {
    (void)state;
    image_folder scan = {0};
    for (int k = 0; k < 2; k++) {
        add(&scan, 2 * k);
        strcpy(file_of(&scan, add(&scan, 2 * k))->series_uid, "2");
        strcpy(file_of(&scan, add(&scan, 2 * k))->modality, "PT");
        strcpy(file_of(&scan, add(&scan, 2 * k))->frame_of_reference_uid, "9");
    }
    group(&scan, 4);
    for (size_t s = 0; s < 4; s++)
        check_stack(scan.series[s], 2);
    clear(&scan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_by_position),
        cmocka_unit_test(sorts_along_the_normal),
        cmocka_unit_test(splits_by_echo),
        cmocka_unit_test(splits_by_what_explains_all),
        cmocka_unit_test(splits_by_two_attributes),
        cmocka_unit_test(splits_by_rank_in_time),
        cmocka_unit_test(splits_magnitude_from_phase),
        cmocka_unit_test(splits_by_stack),
        cmocka_unit_test(keeps_stacks_of_one_slice),
        cmocka_unit_test(names_frames_that_clash),
        cmocka_unit_test(splits_by_orientation_and_size),
        cmocka_unit_test(keeps_rounded_cosines_together),
        cmocka_unit_test(drops_equal_duplicates),
        cmocka_unit_test(refuses_a_clash),
        cmocka_unit_test(tells_missing_slices),
        cmocka_unit_test(refuses_a_hole_in_the_positions),
        cmocka_unit_test(refuses_skewed_cosines),
        cmocka_unit_test(orders_unplaced_images_by_number),
        cmocka_unit_test(keeps_series_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
