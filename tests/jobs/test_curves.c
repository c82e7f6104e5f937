/* The curves of a training run, whatever lies in the file that they are added to. */
#include "jobs/train/curves.h"
#include "ulite/view.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char csv[] = "/tmp/ulite_curves_XXXXXX", svg[sizeof csv + 4], pdf[sizeof csv + 4];

static int begin(void **state) {
    (void)state;
    strcpy(csv + sizeof csv - 7, "XXXXXX");
    int file = mkstemp(csv);
    snprintf(svg, sizeof svg, "%s.svg", csv);
    snprintf(pdf, sizeof pdf, "%s.pdf", csv);
    return file < 0 || close(file) != 0;
}

static int end(void **state) {
    (void)state;
    unlink(svg);
    unlink(pdf);
    return unlink(csv);
}

/* Makes the file hold a text, followed by blank lines. */
static void put(const char *text, size_t blank) {
    FILE *file = fopen(csv, "w");
    assert_non_null(file);
    fputs(text, file);
    for (size_t i = 0; i < blank; i++)
        fputc('\n', file);
    assert_int_equal(fclose(file), 0);
}

static void expect(const char *text) {
    char found[512] = "";
    FILE *file = fopen(csv, "r");
    assert_non_null(file);
    assert_true(fread(found, 1, sizeof found - 1, file) > 0);
    fclose(file);
    assert_string_equal(found, text);
}

/* What the file becomes that held before, followed by blank lines. */
static void check(const char *before, size_t blank, const char *expected) {
    put(before, blank);
    const ul_epoch epoch = {.epoch = 3, .rate = 0.25, .loss = 0.5, .dice = 0.75, .seconds = 9};
    ul_error error = {0};
    assert_int_equal(curves_add(csv, svg, pdf, &epoch, &error), UL_OK);
    expect(expected);
}

#define HEADER "epoch,rate,loss,val_dice,seconds\n"
#define LAST "3,0.25,0.5,0.7500,9.0\n"

static void an_epoch_takes_the_place_of_its_like(void **state) {
    (void)state;
    check("", 0, HEADER LAST);
    check(HEADER "1,1,0.9,,2\n2,1,0.8,,3\n3,1,0.7,,4\n4,1,0.6,,5\n", 0,
        HEADER "1,1,0.9,,2\n2,1,0.8,,3\n" LAST);
    check(HEADER "1,1,0.9,,2\n2,1,0.8,,3", 0, HEADER "1,1,0.9,,2\n2,1,0.8,,3\n" LAST);
}

static void lines_of_no_epoch_are_left_out(void **state) {
    (void)state;
    check(HEADER "1,1,0.9,,2\n", 20000, HEADER "1,1,0.9,,2\n" LAST);
    check(HEADER "1,1,0.9,,2\n,\nnote\n2\n\n", 1, HEADER "1,1,0.9,,2\n2\n" LAST);
}

/* What the file becomes where two classes are named; "a,b" needs quotes. */
static void classes_have_columns(void **state) {
    (void)state;
    ul_segment items[2];
    ul_segment_init(&items[0], 1);
    ul_segment_init(&items[1], 2);
    strcpy(items[0].label, "a,b");
    strcpy(items[1].label, "c\n7");
    const ul_segments classes = {2, items};
    const double dice[2] = {0.5, NAN};
    const ul_epoch epoch = {.epoch = 3,
        .rate = 0.25,
        .loss = 0.5,
        .dice = 0.75,
        .seconds = 9,
        .classes = &classes,
        .class_dice = dice};
    put(HEADER "1,1,0.9,,2\n2,1,0.8,0.5,3,0.25,0.75\n", 0);
    ul_error error = {0};
    assert_int_equal(curves_add(csv, svg, pdf, &epoch, &error), UL_OK);
    expect("epoch,rate,loss,val_dice,seconds,\"val_dice a,b\",val_dice c 7\n"
           "1,1,0.9,,2,,\n2,1,0.8,0.5,3,0.25,0.75\n3,0.25,0.5,0.7500,9.0,0.5000,\n");
}

/* Both pictures are there, of their kinds, and the same epoch gives the same bytes. */
static void curves_are_drawn(void **state) {
    (void)state;
    static const char *const begins[2] = {"<?xml", "%PDF-1."};
    const char *const paths[2] = {svg, pdf};
    char first[2][20000] = {{0}}, again[20000];
    if (!ul_view_draws())
        skip();
    for (int round = 0; round < 2; round++) {
        check(HEADER "1,1,0.9,,2\n2,1,0.8,0.5,3\n", 0, HEADER "1,1,0.9,,2\n2,1,0.8,0.5,3\n" LAST);
        for (int n = 0; n < 2; n++) {
            FILE *file = fopen(paths[n], "rb");
            assert_non_null(file);
            memset(again, 0, sizeof again);
            assert_true(fread(round ? again : first[n], 1, sizeof again, file) > 1000);
            fclose(file);
            assert_memory_equal(first[n], begins[n], strlen(begins[n]));
            if (round)
                assert_memory_equal(first[n], again, sizeof again);
        }
    }
}

/* A class that an epoch has no Dice of is no point, whatever follows on the next line. */
static void empty_fields_are_no_points(void **state) {
    (void)state;
    ul_segment items[2];
    ul_segment_init(&items[0], 1);
    ul_segment_init(&items[1], 2);
    const ul_segments classes = {2, items};
    const double dice[2] = {0.5, 0.75};
    const ul_epoch epoch = {.epoch = 3, .dice = 0.75, .classes = &classes, .class_dice = dice};
    static const char *const before[2] = {HEADER "1,1,0.9,,2,,\n2,1,0.8,0.5,3,0.25,\n",
        HEADER "1,1,0.9,,2,nan,nan\n2,1,0.8,0.5,3,0.25,nan\n"};
    char drawn[2][20000] = {{0}};
    if (!ul_view_draws())
        skip();
    for (int n = 0; n < 2; n++) {
        put(before[n], 0);
        ul_error error = {0};
        assert_int_equal(curves_add(csv, svg, pdf, &epoch, &error), UL_OK);
        FILE *file = fopen(svg, "rb");
        assert_non_null(file);
        assert_true(fread(drawn[n], 1, sizeof drawn[n], file) > 1000);
        fclose(file);
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_epoch_takes_the_place_of_its_like, begin, end),
        cmocka_unit_test_setup_teardown(lines_of_no_epoch_are_left_out, begin, end),
        cmocka_unit_test_setup_teardown(classes_have_columns, begin, end),
        cmocka_unit_test_setup_teardown(curves_are_drawn, begin, end),
        cmocka_unit_test_setup_teardown(empty_fields_are_no_points, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
