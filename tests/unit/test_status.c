#include "ulite/status.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(first_failure_fills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
