/* Looking through folders. */
#include "ulite/dicom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Says stop at the stage of which context is the name. */
static bool stop_at(void *context, const char *stage, size_t done, size_t total) {
    (void)done, (void)total;
    return strcmp(stage, context) != 0;
}

static void listing_can_be_interrupted(void **state) {
    (void)state;
    const char *source = getenv("ULITE_SOURCE_DIR");
    assert_non_null(source);
    const ul_progress progress = {stop_at, "listing"};
    ul_error error = {0};
    ul_catalog *catalog;
    assert_int_equal(
        ul_catalog_open(&source, 1, false, 0, &progress, &catalog, &error), UL_ERROR_INTERRUPTED);
    assert_null(catalog);
    assert_string_equal(error.text, "interrupted while listing");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(listing_can_be_interrupted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
