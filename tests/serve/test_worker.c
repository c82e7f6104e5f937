/* Tasks that end in every way there is. */
#include "jobs/serve/worker.h"

#include "jobs/base/folders.h"
#include "jobs/base/paths.h"
#include "jobs/serve/queue.h"
#include "jobs/serve/sessions.h"
#include "jobs/serve/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const worker_limits limits = {.file_bytes = 1 << 20, .seconds = 1};

static int run(void *context, const char *task) {
    (void)context;
    if (strstr(task, "crash"))
        raise(SIGKILL);
    if (strstr(task, "sleep"))
        sleep(100);
    if (strstr(task, "leave") && fork() == 0)
        sleep(100);
    return strstr(task, "fail") ? UL_ERROR_INPUT : 0;
}

static void test_ends(void **state) {
    static const struct {
        const char *task;
        ul_status status;
    } cases[] = {{"good", UL_OK}, {"crash", UL_ERROR_INTERNAL}, {"fail", UL_ERROR_INPUT},
        {"sleep", UL_ERROR_LIMIT}, {"leave", UL_OK}, {"good", UL_OK}};
    atomic_bool cancel = false;
    worker w;
    (void)state;
    assert_int_equal(worker_open(run, NULL, &limits, &w, NULL), UL_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ul_error error = {0};
        assert_int_equal(worker_run(&w, cases[i].task, &cancel, &error), cases[i].status);
    }
    cancel = true;
    assert_int_equal(worker_run(&w, "sleep", &cancel, NULL), UL_ERROR_INTERRUPTED);
    cancel = false;
    assert_int_equal(worker_run(&w, "good", &cancel, NULL), UL_OK);
    worker_close(&w);
    assert_int_equal(w.process, 0);
}

static int write_much(void *context, const char *task) {
    char name[64];
    (void)context;
    snprintf(name, sizeof name, "%s/file", task);
    signal(SIGXFSZ, SIG_IGN);
    FILE *file = fopen(name, "w");
    if (!file)
        return UL_ERROR_INTERNAL;
    for (int i = 0; i < 3 << 20; i++)
        if (putc('x', file) == EOF)
            return UL_ERROR_OUTPUT;
    return fclose(file) == 0 ? UL_OK : UL_ERROR_OUTPUT;
}

static void test_queue(void **state) {
    char folder[] = "/tmp/ulite-test-XXXXXX", id[TASK_ID_BYTES], *path;
    assert_non_null(mkdtemp(folder));
    const queue_options options = {.limits = limits,
        .workers = 2,
        .most_waiting = 2,
        .most_kept = 3,
        .keep_seconds = 60,
        .folder = folder};
    queue *q;
    task_info info;
    (void)state;
    assert_int_equal(queue_open(&options, write_much, NULL, &q, NULL), UL_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(queue_make(q, id, &path, NULL), UL_OK);
        ul_status status = queue_add(q, id, NULL);
        assert_int_equal(status, i < 3 ? UL_OK : UL_ERROR_LIMIT);
        assert_int_equal(files_exists(path), i < 3);
        free(path);
        if (i < 3) {
            assert_true(queue_wait(q, id, &info));
            assert_int_equal(info.state, TASK_FAILED);
            assert_int_equal(info.error.status, UL_ERROR_OUTPUT);
        }
    }
    assert_false(queue_look(q, id, &info));
    assert_null(queue_path(q, "../../../etc", "passwd"));
    queue_close(q);
    assert_int_equal(rmdir(folder), 0); /* nothing is left */
}

static int run_nothing(void *context, const char *task) {
    (void)context;
    (void)task;
    return 0;
}

/* What was kept for long enough goes by itself, while nobody asks for anything. */
static void test_expiry(void **state) {
    char folder[] = "/tmp/ulite-test-XXXXXX", id[TASK_ID_BYTES], *path;
    assert_non_null(mkdtemp(folder));
    const queue_options options = {.limits = limits,
        .workers = 1,
        .most_waiting = 2,
        .most_kept = 3,
        .keep_seconds = 0,
        .folder = folder};
    queue *q;
    task_info info;
    (void)state;
    assert_int_equal(queue_open(&options, run_nothing, NULL, &q, NULL), UL_OK);
    assert_int_equal(queue_make(q, id, &path, NULL), UL_OK);
    assert_int_equal(queue_add(q, id, NULL), UL_OK);
    queue_wait(q, id, &info); /* unless it is gone by now */
    for (int tries = 0; tries < 300 && files_exists(path); tries++)
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    assert_false(files_exists(path));
    assert_false(queue_look(q, id, &info));
    free(path);
    queue_close(q);
    assert_int_equal(rmdir(folder), 0);
}

static void test_sessions(void **state) {
    char folder[] = "/tmp/ulite-test-XXXXXX", first[SECRET_BYTES], id[SECRET_BYTES], *path;
    sessions *all;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sessions_open(folder, 2, 100, 3600, &all, NULL), UL_OK);
    assert_int_equal(sessions_make(all, 60, first, &path, NULL), UL_OK);
    assert_null(sessions_use(all, first)); /* it is not filled yet */
    sessions_fill(all, first, path);
    path = sessions_use(all, first);
    assert_non_null(path);
    free(path);
    assert_int_equal(sessions_make(all, 60, id, &path, NULL), UL_ERROR_LIMIT); /* both are 120 */
    assert_int_equal(sessions_make(all, 40, id, &path, NULL), UL_OK);
    free(path);
    assert_int_equal(sessions_make(all, 0, id, &path, NULL), UL_ERROR_LIMIT);
    sessions_drop(all, first);
    assert_null(sessions_use(all, first));
    assert_int_equal(sessions_make(all, 60, id, &path, NULL), UL_OK);
    free(path);
    sessions_close(all);
    assert_int_equal(rmdir(folder), 0);
}

static void test_ids(void **state) {
    static const char *const cases[][2] = {{"case 1.nii.gz", "case_1"}, {"a/../b", "a_.._b"},
        {"..", NULL}, {"", NULL}, {".hidden", "hidden"}, {"\xc3\xa9t\xc3\xa9", "t_"},
        {"1.2.840.5", "1.2.840.5"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[STORE_ID_BYTES];
        assert_int_equal(store_id(cases[i][0], id), cases[i][1] != NULL);
        if (cases[i][1])
            assert_string_equal(id, cases[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_queue),
        cmocka_unit_test(test_expiry), cmocka_unit_test(test_sessions), cmocka_unit_test(test_ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
