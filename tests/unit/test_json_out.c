/* JSON of the program where memory runs out: each allocation fails once, and no text is made of a
 * value that lacks something. */
#include "json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool counting;
static size_t calls, failing;

/* Names that the linker's --wrap asks for. */
void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

void *__wrap_malloc(size_t bytes) {
    return counting && calls++ == failing ? NULL : __real_malloc(bytes);
}

static cJSON *make(void) {
    cJSON *value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "name", "a");
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(value, "inner"), "n", 1);
    cJSON_AddNullToObject(value, "nothing");
    return value;
}

static void test_every_allocation(void **state) {
    (void)state;
    for (failing = 0;; failing++) {
        json_out_prepare();
        ul_error error = {0};
        char *text;
        calls = 0;
        counting = true;
        ul_status status = json_out_text(make(), false, &text, &error);
        counting = false;
        if (calls <= failing) {
            assert_int_equal(status, UL_OK);
            assert_string_equal(text, "{\"name\":\"a\",\"inner\":{\"n\":1},\"nothing\":null}");
            free(text);
            break;
        }
        assert_int_equal(status, UL_ERROR_LIMIT);
        assert_int_equal(error.status, UL_ERROR_LIMIT);
        assert_null(text);
    }
    assert_true(failing > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
