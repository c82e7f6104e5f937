#include "ulite/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static ul_status read_json(const char *json, ul_segments *segments, ul_error *error) {
    char path[] = "/tmp/ulite_segments_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, json, strlen(json)), (ssize_t)strlen(json));
    close(descriptor);
    memset(error, 0, sizeof *error);
    ul_status status = ul_segments_read(path, segments, error);
    unlink(path);
    return status;
}

static void reads_our_form(void **state) {
    (void)state;
    ul_segments segments;
    ul_error error;
    assert_int_equal(
        read_json("{\"segments\": [{\"number\": 7, \"label\": \"H\xC3\xA9patique\","
                  "\"description\": \"all of it\","
                  "\"category\": {\"value\": \"123037004\", \"scheme\": \"SCT\","
                  "\"meaning\": \"Anatomical Structure\"},"
                  "\"type\": {\"value\": \"10200004\", \"scheme\": \"SCT\","
                  "\"meaning\": \"Liver\", \"source\": \"DICOM CID 7151\"}, \"rgb\": [1, 2, 3],"
                  "\"algorithm_type\": \"MANUAL\", \"tracking_id\": \"lesion\","
                  "\"tracking_uid\": \"2.25.1\"},{\"number\": 2}]}",
            &segments, &error),
        UL_OK);
    assert_int_equal(segments.count, 2);
    const ul_segment *liver = ul_segments_find(&segments, 7);
    assert_non_null(liver);
    assert_string_equal(liver->label, "H\xC3\xA9patique");
    assert_string_equal(liver->description, "all of it");
    assert_string_equal(liver->category.meaning, "Anatomical Structure");
    assert_string_equal(liver->type.value, "10200004");
    assert_int_equal(liver->rgb[2], 3);
    assert_string_equal(liver->algorithm_type, "MANUAL");
    assert_string_equal(liver->tracking_uid, "2.25.1");
    const ul_segment *plain = ul_segments_find(&segments, 2);
    assert_string_equal(plain->label, "Segment 2");
    assert_string_equal(plain->type.value, "85756007");
    assert_string_equal(plain->algorithm_type, "AUTOMATIC");
    assert_true(memcmp(plain->rgb, liver->rgb, 3) != 0);
    assert_null(ul_segments_find(&segments, 1));

    ul_segments copy;
    assert_int_equal(ul_segments_copy(&segments, &copy, &error), UL_OK);
    ul_segments_free(&segments);
    assert_null(segments.items);
    assert_string_equal(ul_segments_find(&copy, 7)->type.meaning, "Liver");
    assert_string_equal(ul_segments_find(&copy, 7)->type.source, "DICOM CID 7151");
    ul_segments_free(&copy);
}

static void reads_dcmqi_form(void **state) {
    (void)state;
    ul_segments segments;
    ul_error error;
    assert_int_equal(
        read_json("{\"ContentCreatorName\": \"Reader1\", \"segmentAttributes\": [[{\"labelID\": 1,"
                  "\"SegmentDescription\": \"Liver Segmentation\","
                  "\"SegmentAlgorithmType\": \"SEMIAUTOMATIC\","
                  "\"SegmentAlgorithmName\": \"SlicerEditor\","
                  "\"SegmentedPropertyCategoryCodeSequence\": {\"CodeValue\": \"T-D0050\","
                  "\"CodingSchemeDesignator\": \"SRT\", \"CodeMeaning\": \"Tissue\"},"
                  "\"SegmentedPropertyTypeCodeSequence\": {\"CodeValue\": \"T-62000\","
                  "\"CodingSchemeDesignator\": \"SRT\", \"CodeMeaning\": \"Liver\"},"
                  "\"recommendedDisplayRGBValue\": [221, 130, 101]}],"
                  "[{\"labelID\": 3, \"SegmentLabel\": \"Third\"}]]}",
            &segments, &error),
        UL_OK);
    assert_int_equal(segments.count, 2);
    assert_string_equal(segments.items[0].label, "Liver");
    assert_string_equal(segments.items[0].description, "Liver Segmentation");
    assert_string_equal(segments.items[0].type.scheme, "SRT");
    assert_string_equal(segments.items[0].algorithm_name, "SlicerEditor");
    assert_int_equal(segments.items[0].rgb[0], 221);
    assert_string_equal(segments.items[1].label, "Third");
    ul_segments_free(&segments);
}

static void written_segments_come_back(void **state) {
    (void)state;
    ul_segment items[2];
    ul_segment_init(&items[0], 5);
    ul_segment_init(&items[1], 300);
    items[1].region = (ul_code){"10200004", "SCT", "Liver", "DICOM CID 7151"};
    snprintf(items[1].label, sizeof items[1].label, "Leber \xC3\xA4 \"1\"");
    snprintf(items[1].tracking_id, sizeof items[1].tracking_id, "x");
    snprintf(items[1].tracking_uid, sizeof items[1].tracking_uid, "2.25.7");
    ul_segments segments = {2, items}, back;
    ul_error error = {0};
    char path[] = "/tmp/ulite_segments_XXXXXX";
    close(mkstemp(path));
    assert_int_equal(ul_segments_write(path, &segments, &error), UL_OK);
    assert_int_equal(ul_segments_read(path, &back, &error), UL_OK);
    unlink(path);
    assert_int_equal(back.count, 2);
    assert_memory_equal(&back.items[0], &items[0], sizeof items[0]);
    assert_memory_equal(&back.items[1], &items[1], sizeof items[1]);
    ul_segments_free(&back);
}

static void refuses_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"[1, 2", "not valid JSON"},
        {"{\"segments\": [{\"number\": 1}]} x", "not valid JSON"},
        {"{\"segments\": [{\"number\": 1, \"number\": 2}]}",
            "\"segments\": place 1: \"number\" stands twice"},
        {"{}", "neither \"segments\""},
        {"{\"segments\": []}", "at least one"},
        {"{\"segments\": [3]}", "must be an object"},
        {"{\"segments\": [{\"label\": \"x\"}]}", "\"number\""},
        {"{\"segments\": [{\"number\": 0}]}",
            "\"number\" is 0, must be a whole number, 1 to 65535"},
        {"{\"segments\": [{\"number\": 1.5}]}", "1 to 65535"},
        {"{\"segments\": [{\"number\": 65536}]}", "1 to 65535"},
        {"{\"segments\": [{\"number\": 1}, {\"number\": 1}]}", "place 2: \"number\" 1 is taken"},
        {"{\"segments\": [{\"number\": 1, \"label\": \"\"}]}", "is empty"},
        {"{\"segments\": [{\"number\": 1, \"label\": \"a\\\\b\"}]}", "backslash"},
        {"{\"segments\": [{\"number\": 1, \"label\": 2}]}", "must be a text"},
        {"{\"segments\": [{\"number\": 1, \"label\": \"\xC0\xAF\"}]}", "UTF-8"},
        {"{\"segments\": [{\"number\": 1, \"label\": \"01234567890123456789012345678901234567890123"
         "45678901234567890123456789\"}]}",
            "at most 64"},
        {"{\"segments\": [{\"number\": 1, \"rgb\": [1, 2]}]}", "three whole numbers"},
        {"{\"segments\": [{\"number\": 1, \"rgb\": [1, 2, 256]}]}", "three whole numbers"},
        {"{\"segments\": [{\"number\": 1, \"type\": {\"value\": \"1\"}}]}", "a code needs"},
        {"{\"segments\": [{\"number\": 1, \"algorithm_type\": \"MAGIC\"}]}", "must be AUTOMATIC"},
        {"{\"segments\": [{\"number\": 1, \"tracking_id\": \"x\"}]}", "come together"},
        {"{\"segmentAttributes\": {}}", "array of arrays"},
        {"{\"segmentAttributes\": [[{\"labelID\": 1}], [{\"labelID\": 1}]]}", "is taken"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ul_segments segments;
        ul_error error;
        assert_int_equal(read_json(cases[i].json, &segments, &error), UL_ERROR_INPUT);
        if (!strstr(error.text, cases[i].text))
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].text);
        assert_null(segments.items);
        assert_int_equal(segments.count, 0);
    }
    ul_segments segments;
    ul_error error = {0};
    assert_int_equal(ul_segments_read("/nowhere/x.json", &segments, &error), UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, "/nowhere/x.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_our_form),
        cmocka_unit_test(reads_dcmqi_form),
        cmocka_unit_test(written_segments_come_back),
        cmocka_unit_test(refuses_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
