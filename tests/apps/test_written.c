/* The files of one run: all are put in place, or none, and an older one has its name until the new
 * one is whole, whether the file system knows links or not. */
#include "apps/base/console.h"
#include "apps/base/written.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 3 };

static char folder[64], paths[FILES][128];
static bool links;
static size_t placed;

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);

int __wrap_link(const char *from, const char *to) {
    if (links)
        return __real_link(from, to);
    errno = EPERM; /* as exFAT has it */
    return -1;
}

void console_line(FILE *stream, const char *format, ...) {
    (void)stream;
    fail_msg("%s", format);
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ulite-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    for (size_t n = 0; n < FILES; n++)
        snprintf(paths[n], sizeof paths[n], "%s/%zu.txt", folder, n);
    placed = 0;
    return 0;
}

/* Fails where a hidden file is left. */
static int remove_folder(void **state) {
    (void)state;
    for (size_t n = 0; n < FILES; n++)
        unlink(paths[n]);
    return rmdir(folder);
}

static void put(const char *path, const char *text) {
    assert_int_equal(ul_output_write(path, text, strlen(text), NULL), UL_OK);
}

static void assert_holds(const char *path, const char *text) {
    char read[16] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(read, 1, sizeof read - 1, file), strlen(text));
    fclose(file);
    assert_string_equal(read, text);
}

static void count(const char *path) {
    assert_string_equal(path, paths[placed++]);
}

/* Writes all of them, the first two over older ones, which stay meanwhile. */
static void write_all(written_files *written) {
    put(paths[0], "old");
    put(paths[1], "old");
    for (size_t n = 0; n < FILES; n++) {
        const char *temporary;
        assert_int_equal(written_next(written, paths[n], &temporary, NULL), UL_OK);
        put(temporary, "new");
        assert_holds(paths[0], "old");
        assert_holds(paths[1], "old");
    }
    assert_int_equal(access(paths[2], F_OK), -1);
}

static void a_run_puts_all_in_place(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        written_files written = {0};
        links = round == 0;
        placed = 0;
        write_all(&written);
        assert_int_equal(written_end(&written, UL_OK, count, NULL), UL_OK);
        assert_int_equal(placed, FILES);
        for (size_t n = 0; n < FILES; n++)
            assert_holds(paths[n], "new");
        unlink(paths[2]);
    }
}

static void a_failed_run_puts_none(void **state) {
    (void)state;
    written_files written = {0};
    ul_error error = {0};
    links = false;
    write_all(&written);
    ul_error_set(&error, UL_ERROR_OUTPUT, "%s: torn", written.files[1].fresh.temporary);
    assert_int_equal(written_end(&written, error.status, count, &error), UL_ERROR_OUTPUT);
    assert_int_equal(placed, 0);
    assert_non_null(strstr(error.text, "/1.txt: torn"));
    assert_null(strstr(error.text, ".ulite-"));
    assert_holds(paths[0], "old");
    assert_holds(paths[1], "old");
    assert_int_equal(access(paths[2], F_OK), -1);
}

/* The last one cannot get its name: a folder has it by then. */
static void older_files_come_back(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        written_files written = {0};
        ul_error error = {0};
        links = round == 0;
        write_all(&written);
        assert_int_equal(mkdir(paths[2], 0777), 0);
        assert_int_equal(written_end(&written, UL_OK, count, &error), UL_ERROR_OUTPUT);
        assert_int_equal(rmdir(paths[2]), 0);
        assert_non_null(strstr(error.text, "/2.txt: cannot be written"));
        assert_int_equal(placed, 0);
        assert_holds(paths[0], "old");
        assert_holds(paths[1], "old");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_puts_all_in_place, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_failed_run_puts_none, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(older_files_come_back, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
