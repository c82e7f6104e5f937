/* The memory limit of readers. */
#include "libulite/base/resources.h"
#include "ulite/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void sizes_are_parsed(void **state) {
    (void)state;
    uint64_t bytes = 0;
    assert_true(ul_memory_parse("123", &bytes) && bytes == 123);
    assert_true(ul_memory_parse("1K", &bytes) && bytes == 1024);
    assert_true(ul_memory_parse("1.5G", &bytes) && bytes == (uint64_t)3 << 29);
    assert_true(ul_memory_parse("2T", &bytes) && bytes == (uint64_t)2 << 40);
    static const char *const wrong[] = {
        "", "0", "-1", "x", "1X", "1KB", "nan", "inf", "1e30", "0.1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(ul_memory_parse(wrong[i], &bytes));
}

static void default_serves(void **state) {
    (void)state;
    unsetenv("ULITE_MAX_MEMORY");
    assert_true(ul_memory_limit() > (uint64_t)1 << 28);
    assert_true(ul_memory_fits(1 << 20));
}

static void more_is_refused(void **state) {
    (void)state;
    ul_error error = {0};
    ul_memory_set_limit((uint64_t)256 << 20);
    assert_int_equal(ul_memory_ask((uint64_t)100 << 20, &error, "%d frames", 3), UL_OK);
    const ul_grid grid = {.size = {1024, 1024, 1024}};
    ul_volume volume;
    assert_int_equal(ul_volume_create(&grid, 1, UL_SAMPLE_U8, &volume, &error), UL_ERROR_LIMIT);
    assert_null(volume.samples);
    assert_non_null(strstr(error.text, "a volume of 1024 x 1024 x 1024: 1024 MiB are needed"));
    assert_non_null(strstr(error.text, "limit is 256 MiB"));
    ul_memory_set_limit(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_are_parsed),
        cmocka_unit_test(default_serves), cmocka_unit_test(more_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
