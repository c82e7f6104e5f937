/* How much of an archive is unpacked, and that nothing of it stays. */
#include "apps/archive/archive.h"
#include "jobs/base/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCK = 512, FILE_BYTES = 10 * BLOCK };

static char scratch[64], path[96], folder[96];

/* A tar file of count files of FILE_BYTES each. */
static void write_tar(int count) {
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    for (int n = 0; n < count; n++) {
        char header[BLOCK] = "", body[FILE_BYTES] = "";
        unsigned sum = 0;
        snprintf(header, 100, "%d.dcm", n);
        snprintf(header + 100, 8, "%07o", 0644);
        snprintf(header + 124, 12, "%011o", FILE_BYTES);
        memset(header + 148, ' ', 8); /* of the checksum itself, while it is taken */
        header[156] = '0';
        memcpy(header + 257,
            "ustar\0"
            "00",
            8);
        for (size_t i = 0; i < BLOCK; i++)
            sum += (unsigned char)header[i];
        snprintf(header + 148, 8, "%06o", sum);
        assert_int_equal(fwrite(header, BLOCK, 1, stream), 1);
        assert_int_equal(fwrite(body, FILE_BYTES, 1, stream), 1);
    }
    static const char end[2 * BLOCK];
    assert_int_equal(fwrite(end, sizeof end, 1, stream), 1);
    assert_int_equal(fclose(stream), 0);
}

static int set_up(void **state) {
    (void)state;
    strcpy(scratch, "ulite-test-XXXXXX");
    if (!mkdtemp(scratch))
        return -1;
    snprintf(path, sizeof path, "%s/a.tar", scratch);
    snprintf(folder, sizeof folder, "%s/unpacked", scratch);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    files_clear(scratch);
    return files_exists(scratch);
}

static void test_bytes(void **state) {
    (void)state;
    ul_error error = {0};
    char *only;
    write_tar(3);
    assert_int_equal(archive_unpack(path, folder, 3 * FILE_BYTES, NULL, &only, &error), UL_OK);
    assert_null(only);
    files_clear(folder);
    assert_false(files_exists(folder));
    assert_int_equal(
        archive_unpack(path, folder, 3 * FILE_BYTES - 1, NULL, &only, &error), UL_ERROR_LIMIT);
    assert_null(only);
    files_clear(folder);
    assert_false(files_exists(folder));
    files_clear(folder); /* what is not there is fine */
}

static void test_only(void **state) {
    (void)state;
    ul_error error = {0};
    char *only, expected[128];
    write_tar(1);
    assert_int_equal(archive_unpack(path, folder, FILE_BYTES, NULL, &only, &error), UL_OK);
    snprintf(expected, sizeof expected, "%s/0.dcm", folder);
    assert_string_equal(only, expected);
    free(only);
    assert_int_equal(
        archive_unpack(path, folder, FILE_BYTES, NULL, &only, &error), UL_ERROR_OUTPUT);
    assert_null(only); /* the folder exists */
}

static bool stop(void *context, const char *stage, size_t done, size_t total) {
    (void)context;
    (void)stage;
    (void)done;
    (void)total;
    return false;
}

static void test_interrupted(void **state) {
    (void)state;
    ul_error error = {0};
    char *only;
    ul_progress progress = {.report = stop};
    write_tar(2);
    assert_int_equal(
        archive_unpack(path, folder, 1 << 20, &progress, &only, &error), UL_ERROR_INTERRUPTED);
    assert_null(only);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
