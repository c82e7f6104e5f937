/* Files that appear whole: alone, in threads, and beside what others have put in the folder. */
#include "libulite/base/output.h"
#include "ulite/model.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_BYTES 128

static char folder[PATH_BYTES];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ulite-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a file is left in it */
}

static void path_in_folder(char path[PATH_BYTES], const char *name) {
    snprintf(path, PATH_BYTES, "%.40s/%s", folder, name);
}

static void assert_holds(const char *path, const char *text) {
    char read[16] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(read, 1, sizeof read - 1, file), strlen(text));
    fclose(file);
    assert_string_equal(read, text);
}

static void an_output_appears_whole(void **state) {
    (void)state;
    char path[PATH_BYTES], below[PATH_BYTES];
    path_in_folder(path, "a.txt");
    ul_output output;
    assert_int_equal(ul_output_begin(path, &output, NULL), UL_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access(output.temporary, F_OK), 0);
    ul_output_abandon(&output);
    assert_int_equal(ul_output_write(path, "one", 3, NULL), UL_OK);
    assert_int_equal(ul_output_write(path, "four", 4, NULL), UL_OK);
    path_in_folder(below, "a.txt/b.txt");
    ul_error error = {0};
    assert_int_equal(ul_output_check(below, &error), UL_ERROR_OUTPUT);
    assert_non_null(strstr(error.text, below));
    assert_int_equal(ul_output_check(folder, NULL), UL_ERROR_OUTPUT);
    assert_int_equal(unlink(path), 0);
}

/* Symbolic links where the output and its temporary files are to be. */
static void links_are_not_followed(void **state) {
    (void)state;
    char path[PATH_BYTES], stranger[PATH_BYTES], planted[2][PATH_BYTES];
    path_in_folder(path, "model");
    path_in_folder(stranger, "stranger");
    assert_int_equal(ul_output_write(stranger, "theirs", 6, NULL), UL_OK);
    assert_int_equal(symlink(stranger, path), 0);
    for (int attempt = 0; attempt < 2; attempt++) {
        snprintf(planted[attempt], PATH_BYTES, "%.40s/.ulite-%lx-%d.model", folder,
            (unsigned long)getpid(), attempt);
        assert_int_equal(symlink(stranger, planted[attempt]), 0);
    }
    const ul_model_shape shape = {1, 1, {1, 1, 1, 1, 1, 1}, 1, 0};
    ul_model *model, *opened;
    assert_int_equal(ul_model_create(&shape, 1, &model, NULL), UL_OK);
    assert_int_equal(ul_model_save(model, path, NULL, 0, NULL), UL_OK);
    assert_holds(stranger, "theirs");
    assert_int_equal(ul_model_open(path, &opened, NULL), UL_OK);
    ul_model_close(opened);
    ul_model_close(model);
    struct stat about;
    assert_int_equal(lstat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode));
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_int_equal(lstat(planted[attempt], &about), 0);
        assert_true(S_ISLNK(about.st_mode));
        unlink(planted[attempt]);
    }
    unlink(path);
    unlink(stranger);
}

/* --- Temporary names ------------------------------------------------------------------------ */

static void temporary_names_are_known(void **state) {
    (void)state;
    static const char *const names[] = {
        ".ulite-1f-0.a.dcm", "x/y/.ulite-c0ffee-12.a", ".3039-0.out.dcm"};
    static const char *const others[] = {"a.dcm", ".ulite-1f-0.", ".ulite-1f.dcm", ".ulite",
        ".hidden", "", ".2024-01.dcm", ".0f-1.dcm", "ulite-1f-0.a.dcm", "x.ulite-1f-0.a/b.dcm",
        ".-0.a", ".1f-1234.a"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        assert_true(ul_output_is_temporary(names[n]));
    for (size_t n = 0; n < sizeof others / sizeof others[0]; n++)
        assert_false(ul_output_is_temporary(others[n]));
}

static void touch(const char *path) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

/* What a killed run left goes with the next output, a running one's stays, and so does what only
 * looks alike. */
static void stale_files_are_cleared(void **state) {
    (void)state;
    char path[PATH_BYTES], stale[PATH_BYTES], alike[PATH_BYTES];
    path_in_folder(path, "a.txt");
    path_in_folder(stale, ".ulite-1f-0.b.txt");
    path_in_folder(alike, ".1f-0.b.txt");
    touch(stale);
    touch(alike);
    ul_output running, other;
    assert_int_equal(ul_output_begin(path, &running, NULL), UL_OK);
    assert_int_equal(access(stale, F_OK), -1);
    assert_int_equal(access(alike, F_OK), 0);
    assert_int_equal(ul_output_begin(path, &other, NULL), UL_OK);
    ul_output_clear(running.temporary);
    ul_output_clear(path);
    assert_int_equal(access(running.temporary, F_OK), 0);
    ul_output_abandon(&other);
    assert_int_equal(ul_output_commit(&running, NULL), UL_OK);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    unlink(alike);
}

/* A whole file handed to what writes by a name. */
static void an_output_can_be_handed_on(void **state) {
    (void)state;
    char path[PATH_BYTES];
    path_in_folder(path, "a.txt");
    ul_output output;
    assert_int_equal(ul_output_begin(path, &output, NULL), UL_OK);
    assert_int_equal(ul_output_write(output.temporary, "new", 3, NULL), UL_OK);
    assert_holds(output.temporary, "new");
    assert_int_equal(access(path, F_OK), -1);
    ul_output_clear(output.temporary); /* still locked */
    assert_int_equal(ul_output_commit(&output, NULL), UL_OK);
    assert_holds(path, "new");
    unlink(path);
}

static void long_names_have_room(void **state) {
    (void)state;
    char name[256], path[512];
    memset(name, 'n', 251);
    snprintf(name + 251, 5, ".dcm");
    snprintf(path, sizeof path, "%.40s/%s", folder, name);
    ul_output output;
    assert_int_equal(ul_output_begin(path, &output, NULL), UL_OK);
    assert_string_equal(output.temporary + strlen(output.temporary) - 4, ".dcm");
    assert_int_equal(ul_output_commit(&output, NULL), UL_OK);
    unlink(path);
}

/* --- What the disk is told ------------------------------------------------------------------- */

static char calls[64]; /* 'f' a file and 'd' a folder is synced, 'r' a file renamed */
static bool links = true;

int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);

int __wrap_fsync(int descriptor) {
    struct stat info;
    if (fstat(descriptor, &info) == 0 && strlen(calls) + 1 < sizeof calls)
        strcat(calls, S_ISDIR(info.st_mode) ? "d" : "f");
    return __real_fsync(descriptor);
}

int __wrap_rename(const char *from, const char *to) {
    if (strlen(calls) + 1 < sizeof calls)
        strcat(calls, "r");
    return __real_rename(from, to);
}

int __wrap_link(const char *from, const char *to) {
    if (links)
        return __real_link(from, to);
    errno = EPERM; /* as exFAT has it */
    return -1;
}

/* The bytes are on the disk before the name leads to them, the name before the call returns. */
static void a_rename_lasts(void **state) {
    (void)state;
    char path[PATH_BYTES];
    path_in_folder(path, "a.txt");
    calls[0] = '\0';
    assert_int_equal(ul_output_write(path, "one", 3, NULL), UL_OK);
    assert_string_equal(calls, "frd");
    unlink(path);
}

static void older_files_are_set_aside(void **state) {
    (void)state;
    char path[PATH_BYTES], *aside;
    path_in_folder(path, "a.txt");
    assert_int_equal(ul_output_set_aside(path, &aside, NULL), UL_OK);
    assert_null(aside);
    for (int round = 0; round < 2; round++) {
        links = round == 0;
        assert_int_equal(ul_output_write(path, "old", 3, NULL), UL_OK);
        assert_int_equal(ul_output_set_aside(path, &aside, NULL), UL_OK);
        assert_int_equal(access(path, F_OK), links ? 0 : -1);
        assert_true(ul_output_is_temporary(aside));
        ul_output_clear(aside); /* it may be all there is */
        assert_holds(aside, "old");
        unlink(aside);
        free(aside);
        unlink(path);
    }
    links = true;
}

/* --- Threads that save to one path ----------------------------------------------------------- */

enum { THREADS = 4, SAVES = 20 };

typedef struct saver {
    pthread_t thread;
    const char *path;
    uint64_t seed;
    bool whole;
} saver;

/* Whether all weights are those of one seed. */
static bool made_by_one(const ul_model *opened, const ul_model_shape *shape) {
    bool found = false;
    for (uint64_t seed = 0; seed < THREADS && !found; seed++) {
        ul_model *model;
        if (ul_model_create(shape, seed, &model, NULL) != UL_OK)
            return false;
        ul_tensor tensor, expected;
        found = true;
        for (size_t i = 0; found && ul_model_tensor_at(opened, i, &tensor); i++) {
            size_t count = 1;
            for (size_t j = 0; j < tensor.rank; j++)
                count *= tensor.shape[j];
            found = ul_model_tensor_at(model, i, &expected) &&
                    memcmp(tensor.data, expected.data, count * sizeof(float)) == 0;
        }
        ul_model_close(model);
    }
    return found;
}

static void *save_often(void *argument) {
    static const ul_model_shape shape = {3, 1, {16, 32, 64, 64, 64, 64}, 16, 0};
    saver *s = argument;
    ul_model *model, *opened;
    s->whole = ul_model_create(&shape, s->seed, &model, NULL) == UL_OK;
    for (int i = 0; s->whole && i < SAVES; i++) {
        s->whole = ul_model_save(model, s->path, NULL, 0, NULL) == UL_OK &&
                   ul_model_open(s->path, &opened, NULL) == UL_OK;
        if (!s->whole)
            break;
        s->whole = made_by_one(opened, &shape);
        ul_model_close(opened);
    }
    ul_model_close(model);
    return NULL;
}

static void threads_do_not_mix(void **state) {
    (void)state;
    char path[PATH_BYTES];
    path_in_folder(path, "model");
    saver savers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        savers[i] = (saver){.path = path, .seed = i};
        assert_int_equal(pthread_create(&savers[i].thread, NULL, save_often, &savers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(savers[i].thread, NULL);
    for (size_t i = 0; i < THREADS; i++)
        assert_true(savers[i].whole);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_output_appears_whole, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(links_are_not_followed, make_folder, remove_folder),
        cmocka_unit_test(temporary_names_are_known),
        cmocka_unit_test_setup_teardown(stale_files_are_cleared, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_output_can_be_handed_on, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(long_names_have_room, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_rename_lasts, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(older_files_are_set_aside, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(threads_do_not_mix, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
