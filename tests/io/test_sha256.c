
#include "io/base/sha256.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The examples of FIPS 180-2, appendix B. */
static void known_digests(void **state) {
    (void)state;
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ul_sha256 sha;
        uint8_t digest[32];
        char hex[65];
        ul_sha256_init(&sha);
        ul_sha256_update(&sha, cases[i].text, strlen(cases[i].text));
        ul_sha256_final(&sha, digest);
        ul_sha256_hex(digest, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

static void million_bytes_in_odd_pieces(void **state) {
    (void)state;
    ul_sha256 sha;
    uint8_t digest[32], piece[997];
    char hex[65];
    memset(piece, 'a', sizeof piece);
    ul_sha256_init(&sha);
    for (size_t left = 1000000; left > 0;) {
        size_t take = left < sizeof piece ? left : sizeof piece;
        ul_sha256_update(&sha, piece, take);
        left -= take;
    }
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void file_and_missing_file(void **state) {
    (void)state;
    char path[] = "sha256_XXXXXX", hex[65];
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "abc", 3), 3);
    close(descriptor);
    assert_int_equal(ul_sha256_file(path, hex, NULL), UL_OK);
    unlink(path);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ul_error error = {0};
    assert_int_equal(ul_sha256_file(path, hex, &error), UL_ERROR_INPUT);
    assert_non_null(strstr(error.text, path));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_digests),
        cmocka_unit_test(million_bytes_in_odd_pieces), cmocka_unit_test(file_and_missing_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
