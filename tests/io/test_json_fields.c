/* Tables of fields: each kind is read, written and refused. */
#include "io/base/json_fields.h"

#include "io/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct part {
    char name[5];
    double share;
} part;

typedef struct whole {
    char text[5], dicom[17];
    char *owned;
    const char *borrowed;
    bool flag;
    double number, pair[2];
    size_t count;
    unsigned port;
    uint8_t rgb[3];
    unsigned word;
    part part, parts[2];
    size_t part_count;
} whole;

static const char *const words[] = {"one", "two", NULL};

static const json_field part_fields[] = {{JSON_FIELD(part, name, JSON_TEXT)},
    {JSON_FIELD(part, share, JSON_NUMBER), .high = 1, .flags = JSON_NEEDED}, {0}};
static const json_table part_table = {
    .fields = part_fields, .wrong = UL_ERROR_INPUT, .unknown = {"", " is no key of a part"}};

static ul_status read_parts(const cJSON *list, const json_field *f, void *thing, ul_error *error) {
    whole *w = thing;
    return ul_json_read_list(list, f, w->parts, sizeof *w->parts, &w->part_count, error);
}

static bool add_parts(cJSON *object, const json_field *f, const void *thing) {
    const whole *w = thing;
    cJSON *list = cJSON_AddArrayToObject(object, f->name);
    bool added = true;
    for (size_t i = 0; added && i < w->part_count; i++)
        added = ul_json_write_item(list, f->table, &w->parts[i]);
    return added;
}

static bool has_word(const void *thing) {
    return ((const whole *)thing)->flag;
}

static const json_field whole_fields[] = {JSON_VERSION_FIELD, {JSON_FIELD(whole, text, JSON_TEXT)},
    {JSON_FIELD(whole, dicom, JSON_DICOM_TEXT), .high = 4, .flags = JSON_SPARSE},
    {JSON_FIELD(whole, owned, JSON_OWNED), .flags = JSON_SPARSE},
    {JSON_FIELD(whole, borrowed, JSON_BORROWED), .low = 1, .flags = JSON_SPARSE},
    {JSON_FIELD(whole, flag, JSON_FLAG)},
    {JSON_FIELD(whole, number, JSON_NUMBER), .low = -2, .high = INFINITY},
    {JSON_FIELD(whole, pair, JSON_NUMBER), .count = 2, .high = 9, .flags = JSON_SPARSE,
        .expected = "a pair"},
    {JSON_FIELD(whole, count, JSON_WHOLE), .high = 1e9},
    {JSON_FIELD(whole, port, JSON_WHOLE), .low = 1, .high = 65535, .flags = JSON_SPARSE},
    {JSON_FIELD(whole, rgb, JSON_WHOLE), .count = 3, .high = 255, .expected = "a colour"},
    {JSON_FIELD(whole, word, JSON_WORD), .words = words, .when = has_word},
    {JSON_FIELD(whole, part, JSON_OBJECT), .table = &part_table, .flags = JSON_NAMED | JSON_SPARSE},
    {.name = "parts",
        .table = &part_table,
        .flags = JSON_NAMED,
        .expected = "a list of parts",
        .read = read_parts,
        .write = add_parts},
    {.name = "comment", .kind = JSON_ANY}, {0}};

static ul_status check_whole(const cJSON *object, void *thing, ul_error *error) {
    const whole *w = thing;
    (void)object;
    return w->count != 13 ? UL_OK : ul_error_set(error, UL_ERROR_USAGE, "13 is not liked");
}

static const json_table whole_table = {.fields = whole_fields,
    .wrong = UL_ERROR_MODEL,
    .no_object = "is no object",
    .check = check_whole};

static ul_status read(const char *text, whole *w, cJSON **json, ul_error *error) {
    *w = (whole){.number = 7};
    *error = (ul_error){0};
    assert_int_equal(ul_json_parse(text, UL_ERROR_INPUT, json, error), UL_OK);
    return ul_json_read_fields(*json, &whole_table, w, error);
}

static void what_is_written_is_read(void **state) {
    static const char *const texts[] = {
        "{\"version\":1,\"text\":\"abcd\",\"dicom\":\"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\",\"owned\":"
        "\"o\","
        "\"borrowed\":\"b\",\"flag\":true,\"number\":-1.5,\"pair\":[0,2.5],\"count\":1000000000,"
        "\"port\":65535,\"rgb\":[1,0,255],\"word\":\"two\",\"part\":{\"name\":\"p\",\"share\":1},"
        "\"parts\":[{\"name\":\"\",\"share\":0},{\"name\":\"q\",\"share\":0.5}]}",
        "{\"version\":1,\"text\":\"\",\"flag\":false,\"number\":7,\"count\":0,\"rgb\":[0,0,0],"
        "\"parts\":[]}"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        whole w;
        ul_error error;
        cJSON *json, *object = cJSON_CreateObject();
        if (read(texts[i], &w, &json, &error) != UL_OK)
            fail_msg("%s", error.text);
        assert_true(ul_json_write_fields(object, &whole_table, &w));
        char *text = cJSON_PrintUnformatted(object);
        assert_string_equal(text, texts[i]);
        free(text);
        free(w.owned);
        cJSON_Delete(object);
        cJSON_Delete(json);
    }
}

static void absent_and_null_change_nothing(void **state) {
    whole w;
    ul_error error;
    cJSON *json;
    (void)state;
    assert_int_equal(read("{\"number\": null, \"part\": null, \"unknown\": 1, \"comment\": []}", &w,
                         &json, &error),
        UL_OK);
    assert_true(w.number == 7);
    assert_false(ul_json_write_fields(NULL, &whole_table, &w));
    cJSON_Delete(json);
}

static void what_is_wrong_is_refused(void **state) {
    static const struct {
        const char *text, *said;
        ul_status status;
    } cases[] = {{"[]", "is no object", UL_ERROR_MODEL},
        {"{\"version\": null}", "\"version\" is null, must be 1", UL_ERROR_MODEL},
        {"{\"text\": \"abcde\"}", "\"text\" is \"abcde\", must be a text of at most 4 bytes",
            UL_ERROR_MODEL},
        {"{\"dicom\": \"abcde\"}", "\"dicom\" has 5 characters, at most 4 are allowed",
            UL_ERROR_MODEL},
        {"{\"dicom\": \"\\n\"}",
            "\"dicom\" holds a control character or a backslash, which DICOM cannot store",
            UL_ERROR_MODEL},
        {"{\"dicom\": {}}", "\"dicom\" is {}, must be a text", UL_ERROR_MODEL},
        {"{\"owned\": 1}", "\"owned\" is 1, must be a text", UL_ERROR_MODEL},
        {"{\"borrowed\": \"\"}", "\"borrowed\" is \"\", must be a text", UL_ERROR_MODEL},
        {"{\"flag\": 1}", "\"flag\" is 1, must be true or false", UL_ERROR_MODEL},
        {"{\"number\": \"x\"}", "\"number\" is \"x\", must be a number", UL_ERROR_MODEL},
        {"{\"number\": 1e999}", "\"number\" is null, must be a number", UL_ERROR_MODEL},
        {"{\"number\": -3}", "\"number\" is -3, must be at least -2", UL_ERROR_MODEL},
        {"{\"pair\": [1]}", "\"pair\" is [1], must be a pair", UL_ERROR_MODEL},
        {"{\"pair\": [1, 10]}", "\"pair\" is [1,10], must be a pair", UL_ERROR_MODEL},
        {"{\"count\": 1.5}", "\"count\" is 1.5, must be a whole number from 0 to 1e+09",
            UL_ERROR_MODEL},
        {"{\"port\": 0}", "\"port\" is 0, must be a whole number from 1 to 65535", UL_ERROR_MODEL},
        {"{\"rgb\": [1, 2, 256]}", "\"rgb\" is [1,2,256], must be a colour", UL_ERROR_MODEL},
        {"{\"word\": \"three\"}", "\"word\" is \"three\", must be one of one, two", UL_ERROR_MODEL},
        {"{\"part\": 1}", "\"part\" is 1, must be an object", UL_ERROR_MODEL},
        {"{\"part\": {}}", "\"part\": \"share\" is absent, must be a number from 0 to 1",
            UL_ERROR_INPUT},
        {"{\"part\": {\"share\": 1, \"name\": null}}",
            "\"part\": \"name\" is null, must be a text of at most 4 bytes", UL_ERROR_INPUT},
        {"{\"part\": {\"share\": 1, \"age\": 1}}", "\"part\": \"age\" is no key of a part",
            UL_ERROR_INPUT},
        {"{\"parts\": 1}", "\"parts\" is 1, must be a list of parts", UL_ERROR_INPUT},
        {"{\"parts\": [1]}", "\"parts\" holds 1, must be a list of parts", UL_ERROR_INPUT},
        {"{\"parts\": [{\"share\": 2}]}", "\"parts\": \"share\" is 2, must be a number from 0 to 1",
            UL_ERROR_INPUT},
        {"{\"count\": 13}", "13 is not liked", UL_ERROR_USAGE}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        whole w;
        ul_error error;
        cJSON *json;
        assert_int_equal(read(cases[i].text, &w, &json, &error), cases[i].status);
        assert_string_equal(error.text, cases[i].said);
        cJSON_Delete(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(absent_and_null_change_nothing),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
