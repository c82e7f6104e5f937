/* Folders of images and labels where memory runs out: each allocation of io and jobs fails
 * once (failing.h) and is told as what it is. */
#include "support/failing.h"
#include "ulite/evaluate.h"
#include "ulite/png.h"
#include "ulite/train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ulite_folders_XXXXXX", images[64], labels[64];
static const char *const names[] = {"a_0000.hdr", "b_0000.hdr", "c_0000.hdr"};
static const char splits[] = "{\"train\": [\"a\"], \"val\": [\"b.hdr\"], \"test\": [\"c\"]}";

static ul_status open_dataset(ul_error *error) {
    ul_dataset dataset;
    ul_status status = ul_dataset_open(folder, NULL, 1, false, false, &dataset, error);
    assert_int_equal(dataset.count, status == UL_OK ? 3 : 0);
    ul_dataset_free(&dataset);
    return status;
}

static ul_status compare_folders(ul_error *error) {
    const ul_evaluate_options options = {0};
    ul_evaluation evaluation;
    ul_status status = ul_evaluate(labels, labels, &options, NULL, &evaluation, error);
    if (status == UL_OK)
        assert_int_equal(evaluation.cases, 3);
    ul_evaluation_free(&evaluation);
    return status;
}

/* Only where no allocation fails may the job be done. */
static void sweep(ul_status (*job)(ul_error *)) {
    ul_status status = UL_ERROR_LIMIT;
    for (failing_at = 0; status != UL_OK; failing_at++) {
        ul_error error = {0};
        failing_seen = 0;
        failing_on = true;
        status = job(&error);
        failing_on = false;
        if (status != (failing_seen > failing_at ? UL_ERROR_LIMIT : UL_OK) ||
            error.status != status)
            fail_msg("allocation %zu of %zu: %s (%s)", failing_at, failing_seen,
                ul_status_name(status), error.text);
    }
    assert_true(failing_at > 10);
}

static void data_sets(void **state) {
    (void)state;
    sweep(open_dataset);
}

static void evaluations(void **state) {
    (void)state;
    sweep(compare_folders);
}

/* The path of a file in one of the folders. */
static const char *path_of(const char *part, const char *name, const char *ending) {
    static char path[128];
    snprintf(
        path, sizeof path, "%s/%.*s%s", part, (int)strcspn(name, *ending ? "_" : ""), name, ending);
    return path;
}

static int write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    fputs(text, file);
    return fclose(file);
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(images, sizeof images, "%s/images", folder);
    snprintf(labels, sizeof labels, "%s/labelsTr", folder);
    int failed = mkdir(images, 0700) || mkdir(labels, 0700) ||
                 write_file(path_of(folder, "splits.json", ""), splits);
    const ul_grid grid = {.size = {2, 2, 1}};
    const ul_segments none = {0};
    ul_labels drawn;
    failed = failed || ul_labels_create(&grid, &none, false, &drawn, NULL) != UL_OK;
    for (int i = 0; !failed && i < 4; i++)
        drawn.map[i] = i == 1;
    for (int n = 0; !failed && n < 3; n++)
        failed = write_file(path_of(images, names[n], ""), "") ||
                 ul_png_write_labels(path_of(labels, names[n], ".png"), &drawn, NULL) != UL_OK;
    if (!failed)
        ul_labels_free(&drawn);
    return failed;
}

static int tear_down(void **state) {
    (void)state;
    for (int n = 0; n < 3; n++) {
        unlink(path_of(images, names[n], ""));
        unlink(path_of(labels, names[n], ".png"));
    }
    unlink(path_of(folder, "splits.json", ""));
    return rmdir(images) || rmdir(labels) || rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_sets),
        cmocka_unit_test(evaluations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
