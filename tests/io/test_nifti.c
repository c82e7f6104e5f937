#include "ulite/nifti.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ulite-test-XXXXXX";

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails where a test left a file */
}

/* 4 x 3 x 2 voxels, oblique about the x axis. shear_mm leans the stack as a gantry does. */
static void make_grid(double shear_mm, ul_grid *grid) {
    const double c = cos(0.3), s = sin(0.3);
    double matrix[4][4] = {{0.5, 0, 0, -10}, {0, 0.75 * c, -2 * s + shear_mm, 20},
        {0, 0.75 * s, 2 * c, 30}, {0, 0, 0, 1}};
    const size_t size[3] = {4, 3, 3};
    assert_int_equal(ul_grid_from_affine(size, (const double(*)[4])matrix, grid, NULL), UL_OK);
}

static void assert_same_grid(const ul_grid *a, const ul_grid *b) {
    assert_int_equal(a->stack, b->stack);
    assert_memory_equal(a->size, b->size, sizeof a->size);
    for (size_t k = 0; k < a->size[2]; k++)
        for (int c = 0; c < 3; c++)
            assert_true(fabs(a->origin_mm[k][c] - b->origin_mm[k][c]) < 1e-4);
    for (int c = 0; c < 3; c++) {
        assert_true(fabs(a->axis_i[c] - b->axis_i[c]) < 1e-5);
        assert_true(fabs(a->axis_j[c] - b->axis_j[c]) < 1e-5);
    }
    assert_true(fabs(a->spacing_mm[0] - b->spacing_mm[0]) < 1e-5);
    assert_true(fabs(a->spacing_mm[1] - b->spacing_mm[1]) < 1e-5);
}

static void a_volume_comes_back(void **state) {
    (void)state;
    static const char *const names[] = {"a.nii", "a.nii.gz"};
    for (int tilted = 0; tilted < 2; tilted++) {
        ul_grid grid;
        make_grid(tilted ? 0.8 : 0.0, &grid);
        assert_int_equal(grid.stack, tilted ? UL_STACK_TILTED : UL_STACK_REGULAR);
        ul_volume volume, read;
        assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_I16, &volume, NULL), UL_OK);
        for (int n = 0; n < 36; n++)
            ((int16_t *)volume.samples)[n] = (int16_t)(1000 * n - 5000);
        for (size_t k = 0; k < 3; k++) {
            volume.slope[k] = 0.5;
            volume.intercept[k] = -7.0;
        }
        const char *path = in_folder(names[tilted]);
        ul_error error = {0};
        assert_int_equal(ul_nifti_write(path, &volume, NULL, 0, NULL, &error), UL_OK);
        char *notes;
        assert_int_equal(ul_nifti_read(path, 0, &read, NULL, &notes, &error), UL_OK);
        assert_null(notes);
        assert_same_grid(&grid, &read.grid);
        assert_int_equal(read.sample, UL_SAMPLE_I16);
        assert_memory_equal(read.samples, volume.samples, 72);
        assert_true(read.slope[2] == 0.5 && read.intercept[2] == -7.0);
        unlink(path);
        ul_volume_free(&volume);
        ul_volume_free(&read);
        ul_grid_free(&grid);
    }
}

/* Sizes beyond the short integers of NIfTI-1 make a NIfTI-2 file. */
static void a_wide_image_comes_back(void **state) {
    (void)state;
    const ul_grid grid = {.size = {40000, 2, 1}, .stack = UL_STACK_UNPLACED};
    ul_volume volume, read;
    ul_error error = {0};
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_U8, &volume, NULL), UL_OK);
    memset(volume.samples, 0, 80000);
    ((uint8_t *)volume.samples)[79999] = 7;
    const char *path = in_folder("wide.nii");
    assert_int_equal(ul_nifti_write(path, &volume, NULL, 0, NULL, &error), UL_OK);
    assert_int_equal(ul_nifti_read(path, 0, &read, NULL, NULL, &error), UL_OK);
    assert_memory_equal(read.grid.size, grid.size, sizeof grid.size);
    assert_memory_equal(read.samples, volume.samples, 80000);
    unlink(path);
    ul_volume_free(&volume);
    ul_volume_free(&read);
}

static void slices_scaled_apart_become_floats(void **state) {
    (void)state;
    ul_grid grid;
    make_grid(0.0, &grid);
    ul_volume volume, read;
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_U16, &volume, NULL), UL_OK);
    ((uint16_t *)volume.samples)[35] = 100;
    volume.slope[2] = 0.25;
    const char *path = in_folder("b.nii");
    assert_int_equal(ul_nifti_write(path, &volume, NULL, 0, NULL, NULL), UL_OK);
    assert_int_equal(ul_nifti_read(path, 1, &read, NULL, NULL, NULL), UL_OK);
    assert_int_equal(read.sample, UL_SAMPLE_F32);
    assert_true(((float *)read.samples)[35] == 25.0f);
    unlink(path);
    ul_volume_free(&volume);
    ul_volume_free(&read);
    ul_grid_free(&grid);
}

static void labels_come_back(void **state) {
    (void)state;
    static const unsigned largest[] = {200, 300, 40000};
    ul_grid grid;
    make_grid(0.0, &grid);
    ul_segments none = {0};
    for (int n = 0; n < 3; n++) {
        ul_labels labels, read;
        assert_int_equal(ul_labels_create(&grid, &none, false, &labels, NULL), UL_OK);
        labels.map[7] = 1;
        labels.map[20] = (uint16_t)largest[n];
        const char *path = in_folder("c.nii.gz");
        ul_error error = {0};
        assert_int_equal(ul_nifti_write_labels(path, &labels, NULL, 0, NULL, &error), UL_OK);
        assert_int_equal(ul_nifti_read_labels(path, &read, NULL, &error), UL_OK);
        assert_memory_equal(read.map, labels.map, 36 * sizeof *read.map);
        assert_int_equal(read.segments.count, 2);
        assert_int_equal(read.segments.items[1].number, largest[n]);
        unlink(path);
        ul_labels_free(&labels);
        ul_labels_free(&read);
    }
    ul_grid_free(&grid);
}

static void what_is_no_label_is_refused(void **state) {
    (void)state;
    ul_grid grid;
    make_grid(0.0, &grid);
    ul_volume volume;
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_F32, &volume, NULL), UL_OK);
    ((float *)volume.samples)[13] = 1.5f;
    const char *path = in_folder("d.nii");
    assert_int_equal(ul_nifti_write(path, &volume, NULL, 0, NULL, NULL), UL_OK);
    ul_labels labels;
    ul_error error = {0};
    assert_int_equal(ul_nifti_read_labels(path, &labels, NULL, &error), UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, "(1, 0, 1) is 1.5"));
    unlink(path);
    ul_volume_free(&volume);
    ul_grid_free(&grid);
}

static void uneven_slices_are_refused(void **state) {
    (void)state;
    ul_grid grid;
    make_grid(0.0, &grid);
    grid.origin_mm[2][2] += 5.0;
    ul_grid_classify(&grid);
    ul_segments none = {0};
    ul_labels labels;
    assert_int_equal(ul_labels_create(&grid, &none, false, &labels, NULL), UL_OK);
    assert_int_equal(
        ul_nifti_write_labels(in_folder("e.nii"), &labels, NULL, 0, NULL, NULL), UL_ERROR_GEOMETRY);
    ul_labels_free(&labels);
    ul_grid_free(&grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_comes_back),
        cmocka_unit_test(a_wide_image_comes_back),
        cmocka_unit_test(slices_scaled_apart_become_floats),
        cmocka_unit_test(labels_come_back),
        cmocka_unit_test(what_is_no_label_is_refused),
        cmocka_unit_test(uneven_slices_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
