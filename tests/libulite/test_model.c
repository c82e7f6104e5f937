#include "ulite/model.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const ul_model_shape paper = {3, 1, {16, 32, 64, 128, 256, 512}, 128, 0};
static const ul_model_shape odd = {5, 4, {3, 1, 7, 2, 9, 6}, 2, 0};

static const char *corpus_path(const char *name) {
    static char path[4096];
    const char *source = getenv("ULITE_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/model/%s", source ? source : ".", name);
    return path;
}

/* A name in the build's temporary folder; each call overwrites the last. */
static const char *temporary_path(const char *name) {
    static char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/ulite_test_model.%ld.%s", folder ? folder : "/tmp",
        (long)getpid(), name);
    return path;
}

static void hostile_files_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *file, *text;
    } cases[] = {
        {"nan_weight", "tensor e3.pw.weight holds nan at element 0"},
        {"infinite_weight_f16", "tensor d1.pw2.bias holds inf"},
        {"negative_variance", "tensor e1.bn.running_var holds -1"},
        {"missing_tensor", "tensor conv_out.bias is missing"},
        {"missing_first_tensor", "tensor conv_in.weight is missing"},
        {"stranger", "tensor x is not one of a U-Lite network"},
        {"wrong_shape", "tensor e1.bn.weight has the shape [1, 1], expected [1]"},
        {"wrong_dtype", "tensor e1.bn.weight has the dtype I32, expected F32, F16 or BF16"},
        {"empty_file", "the file is empty"},
        {"short_length", "the file has 3 bytes"},
        {"huge_length", "it claims a header of 18446744073709551615 bytes and has 16"},
        {"length_past_end", "it claims a header of 64 bytes"},
        {"no_tensors", "holds no tensors"},
        {"array_header", "expected {, got '[' at byte 0"},
        {"nested_header", "expected {, got '[' at byte 0"},
        {"nested_objects", "tensor a: an unknown key \"a\""},
        {"overlap", "tensor b overlaps a by 4 bytes"},
        {"gap", "tensor b leaves a gap after a by 4 bytes"},
        {"trailing_bytes", "1 bytes follow the last tensor"},
        {"same_name", "tensor a stands twice"},
        {"backward_offsets", "tensor a: data_offsets [8, 0]: expected the first not"},
        {"negative_offset", "tensor a: data_offsets: expected an unsigned integer, got '-4'"},
        {"float_offset", "tensor a: data_offsets: expected an unsigned integer, got '4.5'"},
        {"offset_past_end", "tensor a: data_offsets [0, 16], but the file has 8 bytes of data"},
        {"offset_overflow", "expected an integer below 2^64, got '18446744073709551616'"},
        {"shape_overflow", "tensor a: the shape [4294967296, 4294967296, 4] is too large"},
        {"negative_shape", "tensor a: shape: expected an unsigned integer, got '-2' at byte 29"},
        {"float_shape", "tensor a: shape: expected an unsigned integer, got '2.0'"},
        {"string_shape", "tensor a: shape: expected [, got '\"2\"'"},
        {"rank_nine", "tensor a: shape: more than 8 numbers"},
        {"unknown_dtype", "tensor a: dtype \"F8_E4M3\""},
        {"number_dtype", "tensor a: dtype: expected a string, got '5'"},
        {"null_entry", "tensor a: header entry: expected {, got 'null'"},
        {"unknown_key", "tensor a: an unknown key \"x\""},
        {"missing_key", "tensor a: no data_offsets"},
        {"second_key", "tensor a: a second \"dtype\""},
        {"one_offset", "tensor a: 1 data_offsets, expected 2"},
        {"metadata_number", "__metadata__: key \"a\": value: expected a string, got '1'"},
        {"metadata_null", "__metadata__: expected {, got 'null'"},
        {"metadata_same_key", "__metadata__: the key \"ulite\" stands twice"},
        {"metadata_twice", "__metadata__ stands twice"},
        {"nul_escape", "expected a valid escape, got '\\u0000'"},
        {"lone_surrogate", "expected a valid escape, got '\\ud800'"},
        {"bad_utf8", "expected UTF-8 without control characters, got '\\xc0\\xaf'"},
        {"open_string", "expected the end of a string, got nothing more"},
        {"newline_in_name", "control characters"},
        {"trailing_comma", "expected a string, got '}'"},
        {"text_after", "expected the end of the header, got 'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ul_error error = {0};
        ul_model *model = (ul_model *)&error;
        const char *path = corpus_path(cases[i].file);
        assert_int_equal(ul_model_open(path, &model, &error), UL_ERROR_MODEL);
        assert_null(model);
        if (!strstr(error.text, cases[i].text) || strncmp(error.text, path, strlen(path)) != 0)
            fail_msg("%s: the text is \"%s\", expected \"%s\" in it", cases[i].file, error.text,
                cases[i].text);
    }
}

static void unreadable_paths_are_input_errors(void **state) {
    (void)state;
    ul_model *model;
    ul_error error = {0};
    assert_int_equal(ul_model_open("/nonexistent/model", &model, &error), UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, "/nonexistent/model"));
    assert_int_equal(ul_model_open("/", &model, NULL), UL_ERROR_INPUT);
    assert_null(model);
    ul_model_close(NULL);
}

static void half_types_convert_exactly(void **state) {
    (void)state;
    static const char *const names[] = {"valid_f32", "valid_f16", "valid_bf16"};
    for (int i = 0; i < 3; i++) {
        ul_model *model;
        ul_error error = {0};
        assert_int_equal(ul_model_open(corpus_path(names[i]), &model, &error), UL_OK);
        ul_tensor tensor;
        for (size_t j = 0; ul_model_tensor_at(model, j, &tensor); j++)
            assert_true(tensor.data[0] == 0.5f);
        ul_model_close(model);
    }
}

static void shape_and_order_are_the_papers(void **state) {
    (void)state;
    ul_model *model;
    assert_int_equal(ul_model_create(&paper, 1, &model, NULL), UL_OK);
    assert_int_equal(ul_model_get_shape(model)->parameters, 878417);
    ul_tensor tensor;
    assert_true(ul_model_tensor_at(model, 0, &tensor));
    assert_string_equal(tensor.name, "conv_in.weight");
    assert_true(ul_model_tensor_at(model, 133, &tensor));
    assert_string_equal(tensor.name, "conv_out.bias");
    assert_false(ul_model_tensor_at(model, 134, &tensor));
    assert_true(ul_model_tensor(model, "d5.pw.weight", &tensor));
    const size_t expected[] = {256, 768, 1, 1};
    assert_memory_equal(tensor.shape, expected, sizeof expected);
    assert_false(ul_model_tensor(model, "d6.pw.weight", &tensor));
    ul_model_close(model);
}

static void initialisation_is_bounded_and_seeded(void **state) {
    (void)state;
    ul_model *model, *same, *other;
    assert_int_equal(ul_model_create(&paper, 5, &model, NULL), UL_OK);
    assert_int_equal(ul_model_create(&paper, 5, &same, NULL), UL_OK);
    assert_int_equal(ul_model_create(&paper, 6, &other, NULL), UL_OK);
    ul_tensor a, b, c;
    assert_true(ul_model_tensor(model, "b5.pw2.weight", &a));
    ul_model_tensor(same, "b5.pw2.weight", &b);
    ul_model_tensor(other, "b5.pw2.weight", &c);
    assert_memory_equal(a.data, b.data, 512 * 512 * sizeof(float));
    assert_memory_not_equal(a.data, c.data, 512 * 512 * sizeof(float));
    double bound = 1 / sqrt(512), sum = 0, squares = 0;
    for (size_t i = 0; i < 512 * 512; i++) {
        assert_true(fabs((double)a.data[i]) <= bound);
        sum += (double)a.data[i];
        squares += (double)a.data[i] * (double)a.data[i];
    }
    assert_true(fabs(sum / (512 * 512)) < bound / 100);
    assert_true(fabs(squares / (512 * 512) / (bound * bound / 3) - 1) < 0.01); /* variance b^2/3 */
    ul_model_tensor(model, "d1.bn.running_var", &a);
    assert_true(a.data[15] == 1);
    ul_model_close(model);
    ul_model_close(same);
    ul_model_close(other);
}

static void impossible_shapes_are_refused(void **state) {
    (void)state;
    ul_model_shape shape = odd;
    ul_model *model;
    ul_error error = {0};
    shape.classes = 0;
    assert_int_equal(ul_model_create(&shape, 0, &model, &error), UL_ERROR_USAGE);
    assert_null(model);
    shape = odd;
    shape.width[3] = SIZE_MAX / 2;
    assert_int_equal(ul_model_create(&shape, 0, &model, NULL), UL_ERROR_USAGE);
}

static void assert_same_weights(const ul_model *a, const ul_model *b) {
    ul_tensor left, right;
    for (size_t i = 0; ul_model_tensor_at(a, i, &left); i++) {
        assert_true(ul_model_tensor_at(b, i, &right));
        assert_string_equal(left.name, right.name);
        assert_memory_equal(left.shape, right.shape, sizeof left.shape);
        size_t count = 1;
        for (size_t j = 0; j < left.rank; j++)
            count *= left.shape[j];
        assert_memory_equal(left.data, right.data, count * sizeof(float));
    }
}

static void saved_models_open_the_same(void **state) {
    (void)state;
    static const ul_metadata metadata[] = {
        {"ulite", "{\"name\": \"x\\y\"}\n\x01"}, {"b", "\xC3\xA9"}, {"a", ""}};
    ul_model *model, *opened;
    const char *path = temporary_path("saved");
    assert_int_equal(ul_model_create(&odd, 9, &model, NULL), UL_OK);
    ul_error error = {0};
    assert_int_equal(ul_model_save(model, path, metadata, 3, &error), UL_OK);
    assert_int_equal(ul_model_open(path, &opened, &error), UL_OK);
    assert_memory_equal(
        ul_model_get_shape(model), ul_model_get_shape(opened), sizeof(ul_model_shape));
    assert_same_weights(model, opened);
    for (size_t i = 0; i < 3; i++) {
        const char *key, *value;
        assert_true(ul_model_metadata_at(opened, i, &key, &value));
        assert_string_equal(key, metadata[i].key);
        assert_string_equal(value, metadata[i].value);
    }
    assert_string_equal(ul_model_metadata(opened, "ulite"), metadata[0].value);
    assert_null(ul_model_metadata(opened, "c"));
    assert_null(ul_model_metadata(model, "ulite"));
    /* An open model survives its file being replaced. */
    assert_int_equal(ul_model_save(opened, path, NULL, 0, &error), UL_OK);
    assert_same_weights(model, opened);
    ul_model_close(model);
    ul_model_close(opened);
    unlink(path);
}

static void metadata_that_could_not_be_read_are_not_written(void **state) {
    (void)state;
    static const ul_metadata twice[] = {{"ulite", "1"}, {"b", ""}, {"ulite", "2"}};
    static const ul_metadata latin = {"ulite", "na\xEFve"};
    const char *path = temporary_path("unwritten");
    ul_model *model;
    ul_error error = {0};
    assert_int_equal(ul_model_create(&odd, 9, &model, NULL), UL_OK);
    assert_int_equal(ul_model_save(model, path, twice, 3, &error), UL_ERROR_USAGE);
    assert_non_null(strstr(error.text, "the key \"ulite\" twice"));
    assert_int_equal(ul_model_save(model, path, &latin, 1, NULL), UL_ERROR_USAGE);
    assert_int_not_equal(access(path, F_OK), 0);
    ul_model_close(model);
}

static void adapting_keeps_what_fits(void **state) {
    (void)state;
    ul_model *source, *model, *fresh;
    ul_model_shape wanted = odd;
    wanted.classes = 2;
    assert_int_equal(ul_model_create(&odd, 1, &source, NULL), UL_OK);
    assert_int_equal(ul_model_adapt(source, &wanted, 2, &model, NULL), UL_OK);
    assert_int_equal(ul_model_create(&wanted, 2, &fresh, NULL), UL_OK);
    ul_tensor a, b;
    ul_model_tensor(source, "d1.pw2.weight", &a);
    ul_model_tensor(model, "d1.pw2.weight", &b);
    assert_memory_equal(a.data, b.data, 9 * sizeof(float));
    ul_model_tensor(fresh, "conv_out.weight", &a);
    ul_model_tensor(model, "conv_out.weight", &b);
    assert_memory_equal(a.data, b.data, 6 * sizeof(float));
    ul_model_close(source);
    ul_model_close(model);
    ul_model_close(fresh);
}

static void failed_saves_leave_nothing(void **state) {
    (void)state;
    ul_model *model;
    ul_error error = {0};
    assert_int_equal(ul_model_create(&odd, 1, &model, NULL), UL_OK);
    assert_int_equal(ul_model_save(model, "/dev/null/model", NULL, 0, &error), UL_ERROR_OUTPUT);
    assert_non_null(strstr(error.text, "/dev/null/model"));

    char folder[4096], path[4200];
    snprintf(folder, sizeof folder, "%s", temporary_path("full"));
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/model", folder);
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 1000; /* a full disk, as far as write() tells */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    memset(&error, 0, sizeof error);
    ul_status status = ul_model_save(model, path, NULL, 0, &error);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(status, UL_ERROR_OUTPUT);
    assert_int_equal(rmdir(folder), 0); /* fails if a file is left in it */
    ul_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_files_are_refused_by_name),
        cmocka_unit_test(unreadable_paths_are_input_errors),
        cmocka_unit_test(half_types_convert_exactly),
        cmocka_unit_test(shape_and_order_are_the_papers),
        cmocka_unit_test(initialisation_is_bounded_and_seeded),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(saved_models_open_the_same),
        cmocka_unit_test(metadata_that_could_not_be_read_are_not_written),
        cmocka_unit_test(adapting_keeps_what_fits),
        cmocka_unit_test(failed_saves_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
