/* RLE segments: what encoders may put into them, and what is another picture. */
#include "io/pixels/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

/* Decodes a frame of one segment as 4 x 2 pixels of 8 bits. */
static ul_status decode(const uint8_t *packed, size_t count, uint8_t pixels[8], ul_error *error) {
    uint8_t bytes[256] = {1, 0, 0, 0, 64};
    const dicom_layout layout = {.rows = 2, .columns = 4, .samples = 1, .bits_allocated = 8};
    memcpy(bytes + 64, packed, count);
    const codec_frame frame = {&layout, "1.2.840.10008.1.2.5", bytes, 64 + count};
    codec_output output = {pixels, 8, false};
    return codec_rle_decode(&frame, &output, error);
}

static void packed_pixels_are_read(void **state) {
    (void)state;
    static const uint8_t expected[8] = {1, 2, 3, 7, 7, 7, 7, 7};
    static const struct {
        size_t count;
        uint8_t bytes[24];
    } cases[] = {
        {6, {2, 1, 2, 3, 252, 7}}, {7, {2, 1, 2, 3, 252, 7, 0}}, /* padded to an even length */
        {10, {2, 1, 2, 3, 128, 252, 7, 128, 128, 128}}, /* the code that stands for nothing */
        {18, {2, 1, 2, 3, 252, 7}},                     /* zeros behind */
        {6, {2, 1, 2, 3, 250, 7}},                      /* the last run goes on */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t pixels[8] = {0};
        ul_error error = {0};
        assert_int_equal(decode(cases[i].bytes, cases[i].count, pixels, &error), UL_OK);
        assert_memory_equal(pixels, expected, sizeof expected);
    }
}

/* The high bytes of all pixels come first, in a segment of their own. */
static void samples_of_16_bits_are_put_together(void **state) {
    (void)state;
    uint8_t bytes[96] = {2, 0, 0, 0, 64, 0, 0, 0, 70};
    static const uint8_t high[6] = {3, 1, 2, 3, 4, 0}, low[6] = {3, 0x11, 0x22, 0x33, 0xff, 0};
    memcpy(bytes + 64, high, sizeof high);
    memcpy(bytes + 70, low, sizeof low);
    const dicom_layout layout = {.rows = 2, .columns = 2, .samples = 1, .bits_allocated = 16};
    const codec_frame frame = {&layout, "1.2.840.10008.1.2.5", bytes, 76};
    uint8_t pixels[8];
    codec_output output = {pixels, sizeof pixels, false};
    ul_error error = {0};
    assert_int_equal(codec_rle_decode(&frame, &output, &error), UL_OK);
    static const uint8_t expected[8] = {0x11, 1, 0x22, 2, 0x33, 3, 0xff, 4};
    assert_memory_equal(pixels, expected, sizeof expected);
}

static void other_sizes_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t count;
        uint8_t bytes[12];
        const char *said;
    } cases[] = {
        {5, {2, 1, 2, 3, 252}, "ends before"},
        {4, {2, 1, 2, 3}, "ends before"},
        {4, {7, 1, 2, 3}, "ends before"},
        {8, {2, 1, 2, 3, 252, 7, 255, 7}, "holds more"},
        {0, {0}, "ends before"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t pixels[8];
        ul_error error = {0};
        assert_int_equal(decode(cases[i].bytes, cases[i].count, pixels, &error), UL_ERROR_INPUT);
        assert_non_null(strstr(error.text, cases[i].said));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_pixels_are_read),
        cmocka_unit_test(samples_of_16_bits_are_put_together),
        cmocka_unit_test(other_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
