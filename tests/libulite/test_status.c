#include "ulite/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void first_failure_fills(void **state) {
    (void)state;
    ul_error error = {0};
    assert_int_equal(ul_error_set(&error, UL_ERROR_INPUT, "%d rows", 3), UL_ERROR_INPUT);
    ul_error_set(&error, UL_ERROR_OUTPUT, "later");
    assert_int_equal(error.status, UL_ERROR_INPUT);
    assert_string_equal(error.text, "3 rows");
    ul_error_prefix(&error, "a.dcm");
    assert_string_equal(error.text, "a.dcm: 3 rows");
    assert_int_equal(ul_error_set(NULL, UL_ERROR_LIMIT, "no one listens"), UL_ERROR_LIMIT);
}

/* File names and JSON may hold control characters. */
static void texts_are_one_line(void **state) {
    (void)state;
    ul_error error = {0};
    ul_error_set(&error, UL_ERROR_INPUT, "key \"a\nb\" \x1b[2J\x7f");
    assert_string_equal(error.text, "key \"a\\nb\" \\x1b[2J\\x7f");
    ul_error_prefix(&error, "c\rd");
    assert_string_equal(error.text, "c\\x0dd: key \"a\\nb\" \\x1b[2J\\x7f");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_failure_fills), cmocka_unit_test(texts_are_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
