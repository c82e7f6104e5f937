/* Forms, whole and broken. */
#include "io/http/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char type[] = "multipart/form-data; boundary=----------lImIt_of_THE_fIle_eW_$";
#define LINE "------------lImIt_of_THE_fIle_eW_$"

static ul_status parse(const char *body, size_t size, form_part **parts, size_t *count) {
    ul_error error = {0};
    char *exact = malloc(size + !size); /* a sanitizer sees what is read past it */
    memcpy(exact, body, size);
    ul_status status = multipart_parse(type, exact, size, 8, parts, count, &error);
    assert_int_equal(status, error.status);
    for (size_t i = 0; i < *count; i++) { /* on the caller's own body */
        assert_true((*parts)[i].data >= exact && (*parts)[i].data <= exact + size);
        (*parts)[i].data = body + ((*parts)[i].data - exact);
    }
    free(exact);
    return status;
}

static void test_fields_and_files(void **state) {
    static const char body[] =
        LINE "\r\nContent-Disposition: form-data; name=\"params\"\r\n\r\n{\"a\": 1}\r\n" LINE
             "\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a;name=b "
             "\\\"x\\\".nii.gz\"\r\n"
             "Content-Type: application/octet-stream\r\n\r\n\r\n\0--\r\n\r\n" LINE
             "\r\ncontent-disposition: form-data; filename=c; name=empty\r\n\r\n\r\n" LINE "--\r\n";
    form_part *parts;
    size_t count;
    (void)state;
    assert_int_equal(parse(body, sizeof body - 1, &parts, &count), UL_OK);
    assert_int_equal(count, 3);
    assert_string_equal(parts[0].name, "params");
    assert_string_equal(parts[0].filename, "");
    assert_int_equal(parts[0].size, 8);
    assert_memory_equal(parts[0].data, "{\"a\": 1}", 8);
    assert_string_equal(parts[1].filename, "a;name=b \"x\".nii.gz");
    assert_int_equal(parts[1].size, 7);
    assert_memory_equal(parts[1].data, "\r\n\0--\r\n", 7);
    assert_string_equal(parts[2].filename, "c");
    assert_int_equal(parts[2].size, 0);
    assert_ptr_equal(multipart_find(parts, count, "empty"), &parts[2]);
    assert_null(multipart_find(parts, count, "none"));
    free(parts);
}

static void test_empty(void **state) {
    ul_error error = {0};
    form_part *parts;
    size_t count;
    (void)state;
    assert_int_equal(multipart_parse(type, NULL, 0, 8, &parts, &count, &error), UL_ERROR_INPUT);
    assert_null(parts);
}

/* Cut anywhere, a form is refused. */
static void test_cut(void **state) {
    static const char body[] =
        LINE "\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nvalue\r\n" LINE "--\r\n";
    (void)state;
    for (size_t size = 0; size < sizeof body - 1; size++) {
        form_part *parts;
        size_t count;
        bool whole = size >= sizeof body - 3; /* but for the last line end */
        assert_int_equal(parse(body, size, &parts, &count), whole ? UL_OK : UL_ERROR_INPUT);
        free(parts);
    }
}

static void test_refused(void **state) {
    static const char *const types[] = {NULL, "", "text/plain", "multipart/form-data",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"x",
        "multipart/form-data; boundary="
        "0123456789012345678901234567890123456789012345678901234567890123456789012345"};
    char many[4096] = "";
    form_part *parts;
    size_t count;
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        assert_int_equal(
            multipart_parse(types[i], "x", 1, 8, &parts, &count, NULL), UL_ERROR_INPUT);
    for (int i = 0; i < 9; i++)
        strcat(many, LINE "\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n");
    strcat(many, LINE "--");
    assert_int_equal(parse(many, strlen(many), &parts, &count), UL_ERROR_LIMIT);
    assert_null(parts);
    static const char unnamed[] = LINE "\r\nContent-Type: x\r\n\r\n1\r\n" LINE "--";
    assert_int_equal(parse(unnamed, sizeof unnamed - 1, &parts, &count), UL_ERROR_INPUT);
}

/* Parts without names, as of DICOMweb: as they come, and refused in a form. */
static void test_related(void **state) {
    static const char body[] = "--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--b--";
    form_part *parts;
    size_t count;
    (void)state;
    assert_int_equal(
        multipart_parse("multipart/related; type=\"application/dicom; boundary=x\"; boundary=b",
            body, sizeof body - 1, 8, &parts, &count, NULL),
        UL_OK);
    assert_int_equal(count, 1);
    assert_memory_equal(parts[0].data, "DICM", 4);
    assert_int_equal(parts[0].size, 4);
    free(parts);
    assert_int_equal(multipart_parse("multipart/form-data; boundary=b", body, sizeof body - 1, 8,
                         &parts, &count, NULL),
        UL_ERROR_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields_and_files),
        cmocka_unit_test(test_empty), cmocka_unit_test(test_cut), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_related)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
