/* Texts cut at whole characters. */
#include "io/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, size_t size_bytes, size_t characters, const char *expected) {
    char target[32];
    memset(target, 'x', sizeof target);
    ul_utf8_clip(target, size_bytes, characters, text);
    assert_string_equal(target, expected);
    assert_int_equal(target[size_bytes], 'x');
}

static void whole_characters_stay(void **state) {
    (void)state;
    check("", 1, 5, "");
    check("abc", 1, 5, "");
    check("abc", 4, 5, "abc");
    check("abc", 3, 5, "ab");
    check("abc", 9, 2, "ab");
    check("\u00e4\u00f6", 4, 9, "\u00e4");
    check("\u00e4\u00f6", 5, 9, "\u00e4\u00f6");
    check("a\u809d\u81d3", 6, 9, "a\u809d");
    check("a\u809d\u81d3", 9, 2, "a\u809d");
    check("\U0001f9e0", 4, 9, "");
    check("\U0001f9e0", 5, 9, "\U0001f9e0");
}

static void other_bytes_are_latin_1(void **state) {
    (void)state;
    check("a\xe4z", 9, 9, "a\u00e4z");
    check("\xe8\x82", 9, 9, "\xc3\xa8\xc2\x82");
    check("\xed\xa0\x80\xff", 7, 9, "\xc3\xad\xc2\xa0\xc2\x80");
    check("\u00e4\xff", 9, 1, "\u00c3");
}

static void what_ends_a_value_is_a_space(void **state) {
    (void)state;
    check("a\\b\nc\177", 9, 9, "a b c ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_characters_stay),
        cmocka_unit_test(other_bytes_are_latin_1),
        cmocka_unit_test(what_ends_a_value_is_a_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
