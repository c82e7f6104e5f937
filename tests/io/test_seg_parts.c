/* The parts that the SEG writer and reader are made of: bits, colours, values, UIDs, texts. */
#include "io/base/uid.h"
#include "io/base/utf8.h"
#include "io/dicom/value.h"
#include "io/pixels/colour.h"
#include "io/seg/bits.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIXELS 331 /* neither a multiple of 8 nor of 64 */

static void bits_come_back_at_any_offset(void **state) {
    (void)state;
    uint16_t map[PIXELS];
    srand(1);
    for (size_t i = 0; i < PIXELS; i++)
        map[i] = (uint16_t)(rand() % 3 + 700);
    for (size_t first = 0; first < 70; first++) {
        uint8_t bits[64] = {0};
        seg_bits_pack(map, PIXELS, 701, bits, first);
        for (size_t at = 0; at < 8 * sizeof bits; at++) {
            bool expected = at >= first && at < first + PIXELS && map[at - first] == 701;
            assert_int_equal(bits[at / 8] >> (at % 8) & 1, expected);
        }
        uint16_t unpacked[PIXELS] = {0};
        uint8_t bytes[PIXELS] = {0};
        assert_int_equal(seg_bits_unpack(bits, first, PIXELS, 9, unpacked), 0);
        seg_bits_unpack_bytes(bits, first, PIXELS, 255, bytes);
        size_t set = 0;
        for (size_t i = 0; i < PIXELS; i++) {
            assert_int_equal(unpacked[i], map[i] == 701 ? 9 : 0);
            assert_int_equal(bytes[i], map[i] == 701 ? 255 : 0);
            set += map[i] == 701;
        }
        assert_int_equal(seg_bits_unpack(bits, first, PIXELS, 9, unpacked), 0); /* its own */
        assert_int_equal(seg_bits_unpack(bits, first, PIXELS, 10, unpacked), set);
    }
}

static void finds_every_number(void **state) {
    (void)state;
    static bool present[65536];
    uint16_t map[PIXELS] = {0};
    map[0] = 3;
    map[PIXELS - 1] = 65535;
    map[100] = 8;
    memset(present, 0, sizeof present);
    seg_bits_present(map, PIXELS, present);
    for (unsigned number = 0; number < 65536; number++)
        assert_int_equal(
            present[number], number == 0 || number == 3 || number == 8 || number == 65535);
}

static void colours_come_back(void **state) {
    (void)state;
    for (unsigned step = 0; step < 1u << 15; step++) {
        /* all of the dark corner, where readers go wrong, then every seventh of the cube */
        uint8_t rgb[3], back[3];
        for (int c = 0; c < 3; c++) {
            unsigned part = step >> (5 * c) & 31;
            rgb[c] = (uint8_t)(part < 16 ? part : 16 + (part - 16) * 239 / 15);
        }
        uint16_t lab[3];
        colour_rgb_to_lab(rgb, lab);
        colour_lab_to_rgb(lab, back);
        assert_memory_equal(rgb, back, 3);
    }
    const uint8_t white[3] = {255, 255, 255}, black[3] = {0, 0, 0};
    uint16_t lab[3];
    colour_rgb_to_lab(white, lab);
    assert_int_equal(lab[0], 65535);
    assert_in_range(lab[1], 0x8080 - 1, 0x8080 + 1);
    assert_in_range(lab[2], 0x8080 - 1, 0x8080 + 1);
    colour_rgb_to_lab(black, lab);
    assert_int_equal(lab[0], 0);
    assert_true(colour_is_dark(lab));
    const uint8_t red[3] = {255, 0, 0};
    colour_rgb_to_lab(red, lab);
    assert_false(colour_is_dark(lab));
}

static void values_are_repaired_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *vr, *value, *clean;
        dicom_value_state state;
    } cases[] = {
        {"DA", "20240229", "20240229", DICOM_VALUE_VALID},
        {"DA", "2004.01.19", "20040119", DICOM_VALUE_REPAIRED},
        {"DA", "20041319", "", DICOM_VALUE_INVALID},
        {"DA", "00000000", "", DICOM_VALUE_INVALID},
        {"DA", "ANON", "", DICOM_VALUE_INVALID},
        {"DA", "", "", DICOM_VALUE_VALID},
        {"TM", "101112.5 ", "101112.5", DICOM_VALUE_VALID},
        {"TM", "10:11:12", "101112", DICOM_VALUE_REPAIRED},
        {"TM", "101112.12345678", "101112.123456", DICOM_VALUE_REPAIRED},
        {"TM", "256060", "", DICOM_VALUE_INVALID},
        {"AS", "045Y", "045Y", DICOM_VALUE_VALID},
        {"AS", "45", "045Y", DICOM_VALUE_REPAIRED},
        {"AS", "old", "", DICOM_VALUE_INVALID},
        {"CS", "CHEST", "CHEST", DICOM_VALUE_VALID},
        {"CS", "Chest", "CHEST", DICOM_VALUE_REPAIRED},
        {"CS", "HEAD-NECK", "", DICOM_VALUE_INVALID},
        {"DS", "1.5", "1.5", DICOM_VALUE_VALID},
        {"DS", "0.12345678901234567", "0.12345678901235", DICOM_VALUE_REPAIRED},
        {"DS", "nan", "", DICOM_VALUE_INVALID},
        {"IS", "12", "12", DICOM_VALUE_VALID},
        {"IS", "12.0", "12", DICOM_VALUE_REPAIRED},
        {"UI", "1.2.03", "1.2.03", DICOM_VALUE_VALID},
        {"UI", "1.2..3", "", DICOM_VALUE_INVALID},
        {"SH", "12345678901234567", "1234567890123456", DICOM_VALUE_REPAIRED},
        {"LO", "a\tb", "a b", DICOM_VALUE_REPAIRED},
        {"LO", "caf\xE9", "caf\xC3\xA9", DICOM_VALUE_REPAIRED},
        {"PN", "A^B^C^D^E^F", "A^B^C^D^E F", DICOM_VALUE_REPAIRED},
        {"PN", "Yamada^Tarou=\xE5\xB1\xB1^\xE5\xA4\xAA", "Yamada^Tarou=\xE5\xB1\xB1^\xE5\xA4\xAA",
            DICOM_VALUE_VALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char clean[DICOM_VALUE_BYTES];
        dicom_value_state got = dicom_value_clean(cases[i].vr, cases[i].value, clean);
        assert_string_equal(clean, cases[i].clean);
        if (got != cases[i].state)
            fail_msg("%s \"%s\": state %d", cases[i].vr, cases[i].value, got);
    }
}

static void decimals_fit_and_come_back(void **state) {
    (void)state;
    static const double numbers[] = {0, -0.0, 1, -1, 0.1, -123.456, 1e-9, 1.0 / 3, -1.0 / 3e5,
        -249.51171875, 123456789.123456789, -1234567890123.456, 1e300, 0.70710678118654752};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[17];
        dicom_value_decimal(numbers[i], text);
        assert_in_range(strlen(text), 1, 16);
        assert_true(fabs(strtod(text, NULL) - numbers[i]) <= fabs(numbers[i]) * 1e-8);
    }
    char text[17];
    dicom_value_decimal(-0.0, text);
    assert_string_equal(text, "0");
    dicom_value_decimal(-2.5, text);
    assert_string_equal(text, "-2.5");
}

static void uids_are_decimal(void **state) {
    (void)state;
    uint8_t digest[32];
    memset(digest, 0xFF, sizeof digest);
    char uid[UID_BYTES], other[UID_BYTES];
    uid_from_digest(digest, uid);
    /* ffffffff-ffff-8fff-bfff-ffffffffffff */
    assert_string_equal(uid, "2.25.340282366920937934553716840013076889599");
    assert_true(uid_usable(uid));
    ul_error error = {0};
    assert_int_equal(uid_random(uid, &error), UL_OK);
    assert_int_equal(uid_random(other, &error), UL_OK);
    assert_string_not_equal(uid, other);
    assert_false(uid_usable(""));
    assert_false(uid_usable("1.2."));
    assert_false(uid_usable("1.2.a"));
}

static void texts_are_cut_between_characters(void **state) {
    (void)state;
    char text[8];
    ul_utf8_clip(text, sizeof text, 3, "\xE5\xB1\xB1\xE5\xB1\xB1\xE5\xB1\xB1");
    assert_string_equal(text, "\xE5\xB1\xB1\xE5\xB1\xB1");
    ul_utf8_clip(text, sizeof text, 2, "abc");
    assert_string_equal(text, "ab");
    assert_false(utf8_valid("\xED\xA0\x80"));
    assert_false(utf8_valid("\xF4\x90\x80\x80"));
    assert_false(utf8_valid("\xE5\xB1"));
}

static void character_sets_become_utf8(void **state) {
    (void)state;
    /* The examples of PS3.5 annexes H, I and K. */
    static const struct {
        const char *charset, *value, *utf8;
    } cases[] = {
        {"", "Adams^John", "Adams^John"},
        {"ISO_IR 100", "Buc^J\xE9r\xF4me", "Buc^J\xC3\xA9r\xC3\xB4me"},
        {"ISO_IR 192", "Wang^\xE5\xB0\x8F", "Wang^\xE5\xB0\x8F"},
        {"\\ISO 2022 IR 87", "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B",
            "Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E="
            "\xE3\x82\x84\xE3\x81\xBE\xE3\x81\xA0"},
        {"ISO 2022 IR 13\\ISO 2022 IR 87", "\xD4\xCF", "\xE3\x83\xA4\xE3\x83\x9E"},
        {"\\ISO 2022 IR 149", "Hong^Gildong=\x1b$)C\xFB\xF3^\x1b$)C\xD1\xCE",
            "Hong^Gildong=\xE6\xB4\xAA^\xE5\x90\x89"},
        {"\\ISO 2022 IR 58", "Zhang=\x1b$)A\xD5\xC5^", "Zhang=\xE5\xBC\xA0^"},
        {"GB18030", "\xCD\xF5", "\xE7\x8E\x8B"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char utf8[256];
        assert_true(charset_to_utf8(cases[i].charset, cases[i].value, utf8, sizeof utf8));
        assert_string_equal(utf8, cases[i].utf8);
    }
    char utf8[8];
    assert_false(charset_to_utf8("ISO_IR 999", "\xE9", utf8, sizeof utf8));
    assert_string_equal(utf8, "\xE9");
    assert_false(charset_to_utf8("ISO_IR 192", "\xE9t", utf8, sizeof utf8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_come_back_at_any_offset),
        cmocka_unit_test(finds_every_number),
        cmocka_unit_test(colours_come_back),
        cmocka_unit_test(values_are_repaired_or_refused),
        cmocka_unit_test(decimals_fit_and_come_back),
        cmocka_unit_test(uids_are_decimal),
        cmocka_unit_test(character_sets_become_utf8),
        cmocka_unit_test(texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
