/* The spool of a node: what moves where, and what is found after a kill between two steps. */
#include "io/base/sha256.h"
#include "jobs/base/paths.h"
#include "jobs/node/outbox.h"
#include "jobs/node/spool.h"
#include "libulite/base/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cJSON.h>
#include <cmocka.h>

static char folder[64];
static node_spool spool;

static int set_up(void **state) {
    ul_error error = {0};
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ulite-spool-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(spool_open(folder, &spool, &error), UL_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    spool_close(&spool);
    files_clear(folder);
    return 0;
}

static void put(const char *study, const char *series, const char *instance) {
    char path[SPOOL_PATH_BYTES];
    ul_error error = {0};
    spool_path(&spool, "incoming", "1", NULL, path);
    assert_int_equal(ul_output_write(path, "x", 1, &error), UL_OK);
    assert_int_equal(spool_put(&spool, path, study, series, instance, &error), UL_OK);
    assert_false(files_exists(path));
}

static size_t count(const char *where, const char *study) {
    char path[SPOOL_PATH_BYTES], key[SPOOL_KEY_BYTES];
    name_list series, files;
    ul_error error = {0};
    size_t found = 0;
    spool_study_key(study, key);
    spool_path(&spool, where, key, NULL, path);
    if (!files_exists(path))
        return 0;
    assert_int_equal(files_list(path, &series, &error), UL_OK);
    for (size_t s = 0; s < series.count; s++) {
        spool_path(&spool, where, key, series.names[s], path);
        assert_int_equal(files_list(path, &files, &error), UL_OK);
        found += files.count;
        files_free(&files);
    }
    files_free(&series);
    return found;
}

static bool busy(void *context, const char *study) {
    char key[SPOOL_KEY_BYTES];
    spool_study_key(context, key);
    return strcmp(key, study) == 0;
}

static void test_studies(void **state) {
    char study[SPOOL_KEY_BYTES], first[SPOOL_KEY_BYTES];
    ul_error error = {0};
    (void)state;
    put("1.1", "1.1.1", "1");
    put("1.1", "1.1.1", "1"); /* again */
    put("1.1", "1.1.2", "2");
    put("1.2", "1.2.1", "3");
    spool_study_key("1.1", first);
    assert_false(spool_take(&spool, 60, busy, "", study)); /* not quiet for so long */
    assert_true(spool_take(&spool, 0, busy, "1.2", study));
    assert_string_equal(study, first);
    assert_false(spool_take(&spool, 0, busy, "1.2", study)); /* being received */
    assert_int_equal(count("work", "1.1"), 2);
    assert_true(spool_work(&spool, study));
    assert_string_equal(study, first);
    put("1.1", "1.1.2", "4"); /* while it is segmented */
    assert_false(spool_take(&spool, 0, busy, "1.2", study));
    assert_int_equal(spool_finish(&spool, first, &error), UL_OK);
    assert_int_equal(count("done", "1.1"), 2);
    assert_true(spool_take(&spool, 0, busy, "1.2", study)); /* with what was done before */
    assert_int_equal(count("work", "1.1"), 3);
    assert_int_equal(count("done", "1.1"), 0);
    assert_int_equal(spool_finish(&spool, first, &error), UL_OK);
    spool_expire(&spool, 3600, 3600);
    assert_int_equal(count("done", "1.1"), 3);
    spool_expire(&spool, -1, 3600);
    assert_int_equal(count("done", "1.1"), 0);
    assert_int_equal(count("new", "1.2"), 1);
}

/* What was done before and cannot be moved is not lost: the study waits. */
static void test_no_room(void **state) {
    char path[SPOOL_PATH_BYTES], study[SPOOL_KEY_BYTES], series[SPOOL_KEY_BYTES];
    ul_error error = {0};
    (void)state;
    put("1.1", "1.1.1", "1");
    assert_true(spool_take(&spool, 0, busy, "", study));
    assert_int_equal(spool_finish(&spool, study, &error), UL_OK);
    put("1.1", "1.1.2", "2");
    ul_sha256_name("series", "1.1.1", series);
    spool_path(&spool, "new", study, series, path);
    assert_int_equal(ul_output_write(path, "in the way", 10, &error), UL_OK);
    assert_false(spool_take(&spool, 0, busy, "", study));
    assert_int_equal(count("done", "1.1"), 1);
    unlink(path);
    assert_true(spool_take(&spool, 0, busy, "", study));
    assert_int_equal(count("work", "1.1"), 2);
    assert_int_equal(count("done", "1.1"), 0);
}

static void test_crashes(void **state) {
    ul_error error = {0};
    char key[SPOOL_KEY_BYTES], study[SPOOL_KEY_BYTES];
    (void)state;
    put("1.1", "1.1.1", "1");
    assert_true(spool_take(&spool, 0, busy, "", study));
    spool_study_key("1.1", key);
    assert_int_equal(spool_crashed(&spool, key), 1);
    assert_int_equal(spool_crashed(&spool, key), 2);
    assert_int_equal(spool_finish(&spool, key, &error), UL_OK);
    assert_int_equal(spool_crashed(&spool, key), 1); /* counted anew */
}

static void test_start(void **state) {
    char path[SPOOL_PATH_BYTES];
    ul_error error = {0};
    node_spool other;
    (void)state;
    put("1.1", "1.1.1", "1");
    spool_path(&spool, "incoming", "9-1", NULL, path);
    assert_int_equal(ul_output_write(path, "half", 4, &error), UL_OK);
    spool_path(&spool, "incoming", "99-1", NULL, path);
    assert_int_equal(ul_output_write(path, "half", 4, &error), UL_OK);
    spool_drop(&spool, "9-");
    assert_true(files_exists(path));
    assert_int_equal(result_begin(&spool, "r", path, &error), UL_OK);
    assert_int_equal(spool_open(folder, &other, &error), UL_ERROR_OUTPUT);
    spool_close(&other);
    spool_close(&spool);
    error = (ul_error){0};
    assert_int_equal(spool_open(folder, &spool, &error), UL_OK);
    spool_path(&spool, "incoming", "99-1", NULL, path);
    assert_false(files_exists(path));
    spool_path(&spool, "making", "r", NULL, path);
    assert_false(files_exists(path));
    assert_int_equal(count("new", "1.1"), 1);
}

static void post(const char *name) {
    static const char *const peers[] = {"a", "b"};
    char path[SPOOL_PATH_BYTES];
    ul_error error = {0};
    cJSON *record = cJSON_CreateObject();
    assert_int_equal(result_begin(&spool, name, path, &error), UL_OK);
    assert_int_equal(ul_output_write(path, "seg", 3, &error), UL_OK);
    assert_false(result_known(&spool, name));
    assert_int_equal(result_post(&spool, name, peers, 2, record, &error), UL_OK);
    assert_true(result_known(&spool, name));
    cJSON_Delete(record);
}

static void test_outbox(void **state) {
    name_list names;
    ul_error error = {0};
    spool_counts counts;
    (void)state;
    post("r1");
    post("r2");
    assert_int_equal(outbox_list(&spool, "a", 10, &names, &error), UL_OK);
    assert_int_equal(names.count, 2);
    files_free(&names);
    outbox_sent(&spool, "r1", "a");
    assert_int_equal(outbox_list(&spool, "a", 10, &names, &error), UL_OK);
    assert_int_equal(names.count, 1);
    assert_string_equal(names.names[0], "r2");
    files_free(&names);
    outbox_sent(&spool, "r1", "b");
    assert_true(result_known(&spool, "r1")); /* by its record */
    spool_count(&spool, &counts);
    assert_int_equal(counts.sending, 1);
    assert_false(outbox_refused(&spool, "r2", "a", 2));
    assert_true(outbox_refused(&spool, "r2", "a", 2));
    assert_false(outbox_any(&spool, "a"));
    outbox_sent(&spool, "r2", "b");
    spool_count(&spool, &counts);
    assert_int_equal(counts.sending, 1); /* not lost */
    outbox_recover(&spool);
    assert_true(outbox_any(&spool, "a"));
    assert_false(outbox_any(&spool, "b"));
    outbox_sent(&spool, "r2", "a");
    spool_count(&spool, &counts);
    assert_int_equal(counts.sending, 0);
    assert_true(result_known(&spool, "r2"));
}

/* Killed after the last peer took it, before its record was moved: the next start ends it. */
static void test_recover(void **state) {
    char path[SPOOL_PATH_BYTES];
    spool_counts counts;
    (void)state;
    post("r");
    spool_path(&spool, "outbox", "r", "to-a", path);
    unlink(path);
    spool_path(&spool, "outbox", "r", "to-b", path);
    unlink(path);
    outbox_recover(&spool);
    spool_count(&spool, &counts);
    assert_int_equal(counts.sending, 0);
    assert_true(result_known(&spool, "r"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_studies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crashes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recover, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
