/* JSON of the program where memory runs out: each allocation fails once, and no text is made of a
 * value that lacks something. */
#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "support/failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Nothing is printed here. */
void console_called(const char *text, char *called, size_t bytes) {
    snprintf(called, bytes, "%s", text);
}

void console_print(const char *text) {
    (void)text;
}

void console_flush(void) {
}

void console_lost(int why) {
    (void)why;
}

console console_settings;

static cJSON *make(void) {
    cJSON *value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "name", "a");
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(value, "inner"), "n", 1);
    cJSON_AddNullToObject(value, "nothing");
    return value;
}

static void test_every_allocation(void **state) {
    (void)state;
    for (failing_at = 0;; failing_at++) {
        json_out_prepare();
        ul_error error = {0};
        char *text;
        failing_seen = 0;
        failing_on = true;
        ul_status status = json_out_text(make(), false, &text, &error);
        failing_on = false;
        if (failing_seen <= failing_at) {
            assert_int_equal(status, UL_OK);
            assert_string_equal(text, "{\"name\":\"a\",\"inner\":{\"n\":1},\"nothing\":null}");
            free(text);
            break;
        }
        assert_int_equal(status, UL_ERROR_LIMIT);
        assert_int_equal(error.status, UL_ERROR_LIMIT);
        assert_null(text);
        assert_int_equal(json_out_text(make(), false, &text, &error), UL_OK); /* the next one */
        free(text);
    }
    assert_true(failing_at > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
