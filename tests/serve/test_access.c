/* Who may ask. */
#include "io/http/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_access(void **state) {
    static const char *const origins[] = {"http://viewer.example:3000"};
    const http_options options = {
        .token = "secret-secret-16", .origins = origins, .origin_count = 1, .host = "ai.example"};
    static const struct {
        unsigned status;
        const char *authorization, *host, *origin;
        bool open;
    } cases[] = {
        {0, "Bearer secret-secret-16", "127.0.0.1:8000", NULL, false},
        {0, "bearer secret-secret-16", "localhost", NULL, false},
        {0, "Bearer secret-secret-16", "ai.example:443", "https://ai.example:443", false},
        {0, "Bearer secret-secret-16", "[::1]:8000", "http://viewer.example:3000", false},
        {0, NULL, "localhost", NULL, true},
        {401, NULL, "localhost", NULL, false},
        {401, "Bearer secret-secret-1", "localhost", NULL, false},
        {401, "Bearer secret-secret-166", "localhost", NULL, false},
        {401, "Basic secret-secret-16", "localhost", NULL, false},
        {403, "Bearer secret-secret-16", "rebound.example", NULL, false},
        {403, "Bearer secret-secret-16", NULL, NULL, false},
        {403, "Bearer secret-secret-16", "[::1", NULL, false},
        {403, "Bearer secret-secret-16", "localhost", "http://evil.example", false},
        {403, NULL, "localhost", "http://evil.example", true},
        {403, NULL, "localhost", "null", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(access_check(&options, cases[i].authorization, cases[i].host,
                             cases[i].origin, cases[i].open),
            cases[i].status);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_access)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
