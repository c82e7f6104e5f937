#include "io/base/json.h"

#include <cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void json_is_read(void **state) {
    (void)state;
    static const char *const texts[] = {"0", "-0.5e+3", " [ 1 , 2E-1,\t{} ] \r\n", "[]", "{ }",
        "\xEF\xBB\xBF{\"a\": null}", "\"\\u00e9 \\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\xC3\xA9\"", "{\"a\": {\"a\": true}, \"A\": [{\"a\": false}, {\"a\": \"\"}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cJSON *json;
        ul_error error = {0};
        if (ul_json_parse(texts[i], UL_ERROR_INPUT, &json, &error) != UL_OK)
            fail_msg("%s: %s", texts[i], error.text);
        assert_non_null(json);
        cJSON_Delete(json);
    }
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"", "line 1, byte 1"},
        {"{} x", "line 1, byte 4"},
        {"{}{}", "line 1, byte 3"},
        {"{\n  \"a\": 1,\n}", "line 3, byte"},
        {"[1 2]", "line 1, byte 4"},
        {"[1,", "line 1, byte 4"},
        {"{\"a\" 1}", "line 1, byte 6"},
        {"{a: 1}", "line 1, byte"},
        {"nul", "line 1, byte 1"},
        {"NaN", "line 1, byte 1"},
        {"\"open", "line 1, byte"},
        {"\"\\x\"", "line 1, byte 2"},
        {"\"\\u12\"", "line 1, byte 2"},
        {"\"\\udc00\"", "line 1, byte 2"},
        {"\"\\ud800x\"", "line 1, byte"},
        {"\"caf\xE9\"", "not UTF-8"},
        {"[{\"key\": 1, \"key\": 2}]", "place 1: \"key\" stands twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *json;
        ul_error error = {0};
        assert_int_equal(
            ul_json_parse(cases[i].text, UL_ERROR_MODEL, &json, &error), UL_ERROR_MODEL);
        assert_null(json);
        if (!strstr(error.text, cases[i].fault))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, error.text, cases[i].fault);
    }
}

static void levels_are_limited(void **state) {
    (void)state;
    char text[5000] = "";
    memset(text, '[', 2400);
    cJSON *json;
    ul_error error = {0};
    assert_int_equal(ul_json_parse(text, UL_ERROR_INPUT, &json, &error), UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, "line 1, byte 1001"));
}

/* Looking for equal keys takes no time that grows with their square. */
static void many_keys_take_no_time(void **state) {
    (void)state;
    enum { KEYS = 300000, ROOM = 16 };
    char *text = malloc(KEYS * ROOM + 2), *end = text;
    assert_non_null(text);
    for (int i = 0; i < KEYS; i++)
        end += sprintf(end, "%c\"%d\":0", i ? ',' : '{', i);
    strcpy(end, "}");
    cJSON *json;
    assert_int_equal(ul_json_parse(text, UL_ERROR_INPUT, &json, NULL), UL_OK);
    assert_int_equal(cJSON_GetArraySize(json), KEYS);
    cJSON_Delete(json);
    strcpy(end, ",\"7\":1}");
    assert_int_equal(ul_json_parse(text, UL_ERROR_INPUT, &json, NULL), UL_ERROR_INPUT);
    free(text);
}

static void values_are_told(void **state) {
    (void)state;
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cJSON *object = cJSON_CreateObject();
    assert_true(ul_json_add(object, "long", cJSON_CreateString(text)));
    assert_true(ul_json_add(object, "short", cJSON_CreateString("a\nb")));
    assert_false(ul_json_add(NULL, "lost", cJSON_CreateObject()));
    assert_false(ul_json_add(object, "none", NULL));
    static const char *const said[] = {
        "\"key\" is a text of 399 bytes, must be x", "\"key\" is \"a\\nb\", must be x"};
    for (int i = 0; i < 2; i++) {
        ul_error error = {0};
        ul_json_wrong(cJSON_GetArrayItem(object, i), "key", "x", UL_ERROR_INPUT, &error);
        assert_string_equal(error.text, said[i]);
    }
    cJSON_Delete(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(levels_are_limited),
        cmocka_unit_test(many_keys_take_no_time),
        cmocka_unit_test(values_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
