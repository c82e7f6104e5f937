/* Cards, segments and plans where memory runs out: each allocation fails once, cJSON's through its
 * hooks, those of io and jobs by failing.h. */
#include "jobs/dataset/plan_json.h"
#include "support/failing.h"

#include <cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Unknown keys at every depth, and every kind of known ones. */
static const char card_json[] =
    "{\"name\":\"n\",\"modality\":\"CT\",\"planes\":[\"axial\",\"coronal\"],\"spacing_mm\":[1,1],"
    "\"normalisation\":{\"kind\":\"percentile\",\"low\":1,\"high\":99,\"clip\":5},"
    "\"classes\":[{\"number\":1,\"label\":\"L\",\"side\":\"L\",\"region\":{\"value\":\"1\","
    "\"scheme\":\"SCT\",\"meaning\":\"Head\",\"since\":\"2020\"}}],\"provenance\":\"p\","
    "\"licence\":\"l\",\"metrics\":[{\"name\":\"Dice\",\"value\":0.5,\"sd\":0.1}],"
    "\"site\":{\"ward\":[7]}}";

static ul_card card;
static ul_plan plan;
static char *whole; /* what a job writes where memory suffices */
static char path[] = "/tmp/ulite_json_XXXXXX";

static ul_status written(ul_status status, char *json) {
    if (status != UL_OK)
        assert_null(json);
    else if (!whole)
        whole = json;
    else
        assert_string_equal(json, whole);
    if (json != whole)
        free(json);
    return status;
}

static ul_status parse_card(ul_error *error) {
    ul_card parsed;
    ul_status status = ul_card_parse(card_json, &parsed, error);
    assert_true((status == UL_OK) == (parsed.source != NULL));
    ul_card_free(&parsed);
    return status;
}

static ul_status write_card(ul_error *error) {
    char *json;
    ul_status status = ul_card_write(&card, &json, error);
    return written(status, json);
}

static ul_status write_plan(ul_error *error) {
    char *json;
    ul_status status = ul_plan_write(&plan, &json, error);
    return written(status, json);
}

static ul_status override_plan(ul_error *error) {
    ul_plan changed = plan;
    failing_on = false; /* the copy that is to be changed is the test's own */
    assert_int_equal(ul_card_parse(card_json, &changed.card, NULL), UL_OK);
    failing_on = true;
    ul_status status = plan_override(&changed, path, error);
    if (status == UL_OK)
        assert_string_equal(changed.card.name, "other");
    ul_plan_free(&changed);
    return status;
}

static ul_status write_segments(ul_error *error) {
    return ul_segments_write(path, &card.classes, error);
}

static ul_status read_segments(ul_error *error) {
    ul_segments read;
    ul_status status = ul_segments_read(path, &read, error);
    assert_int_equal(read.count, status == UL_OK ? 1 : 0);
    ul_segments_free(&read);
    return status;
}

/* Only where no allocation fails may the job be done; one that writes a file may be done without
 * the last two, which remove what killed runs left in the folder and flush it. */
static void sweep(const char *name, ul_status (*job)(ul_error *)) {
    const size_t spare = job == write_segments ? 2 : 0;
    bool whole_run = false;
    for (failing_at = 0; !whole_run; failing_at++) {
        ul_error error = {0};
        failing_seen = 0;
        failing_on = true;
        ul_status status = job(&error);
        failing_on = false;
        whole_run = failing_seen <= failing_at;
        bool done = whole_run || (status == UL_OK && failing_at + spare >= failing_seen);
        if (status != (done ? UL_OK : UL_ERROR_LIMIT) || error.status != status)
            fail_msg("%s, allocation %zu of %zu: %s (%s)", name, failing_at, failing_seen,
                ul_status_name(status), error.text);
    }
    assert_true(failing_at > 10);
    free(whole);
    whole = NULL;
}

static void cards(void **state) {
    (void)state;
    sweep("parse a card", parse_card);
    sweep("write a card", write_card);
}

static void segments(void **state) {
    (void)state;
    sweep("write segments", write_segments);
    sweep("read segments", read_segments);
}

static void plans(void **state) {
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(
        "{\"card\": {\"name\": \"other\", \"site\": {\"bed\": [1]}}, \"training\": {\"batch\": 2}}",
        file);
    assert_int_equal(fclose(file), 0);
    sweep("write a plan", write_plan);
    sweep("override a plan", override_plan);
}

static int set_up(void **state) {
    (void)state;
    cJSON_Hooks hooks = {malloc, free};
    cJSON_InitHooks(&hooks);
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0)
        return -1;
    return ul_card_parse(card_json, &card, NULL) || ul_card_parse(card_json, &plan.card, NULL);
}

static int tear_down(void **state) {
    (void)state;
    ul_card_free(&card);
    ul_plan_free(&plan);
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cards),
        cmocka_unit_test(segments),
        cmocka_unit_test(plans),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
