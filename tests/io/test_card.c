#include "ulite/card.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLASSES                                                                                    \
    "\"classes\": [{\"number\": 1, \"label\": \"Anterior\", \"rgb\": [255, 0, 0]},"                \
    " {\"number\": 2, \"label\": \"Posterior\"}]"

static const char whole[] =
    "{\"name\": \"hippo\", \"task\": \"a task\", \"modality\": \"MR\", \"body_part\": \"BRAIN\","
    " \"fov_mm\": [20, 80], \"planes\": [\"coronal\", \"axial\"], \"channels\": \"neighbours\","
    " \"spacing_mm\": [1, 1.5], \"size\": [64, 96],"
    " \"normalisation\": {\"kind\": \"percentile\", \"over\": \"slice\", \"low\": 1, \"high\": 99},"
    " \"postprocess\": {\"largest_component\": true, \"minimum_mm3\": 12.5},"
    " \"tta\": {\"flip_x\": true}, \"trained\": false, \"provenance\": \"x\", \"licence\": \"y\","
    " \"metrics\": [{\"name\": \"Dice\", \"value\": 0.875}], " CLASSES "}";

static void assert_is_whole(const ul_card *card) {
    assert_string_equal(card->name, "hippo");
    assert_string_equal(card->modality, "MR");
    assert_true(card->fov_mm[1] == 80.0);
    assert_int_equal(card->plane_count, 2);
    assert_int_equal(card->planes[0], UL_PLANE_CORONAL);
    assert_int_equal(card->planes[1], UL_PLANE_AXIAL);
    assert_int_equal(card->channels, UL_CHANNELS_NEIGHBOURS);
    assert_true(card->spacing_mm[1] == 1.5);
    assert_int_equal(card->size[1], 96);
    assert_int_equal(card->normalisation.kind, UL_NORMALISE_PERCENTILE);
    assert_true(card->normalisation.per_slice && card->normalisation.high == 99.0);
    assert_int_equal(card->classes.count, 2);
    assert_string_equal(card->classes.items[1].label, "Posterior");
    assert_true(card->postprocess.largest_component && !card->postprocess.fill_holes);
    assert_true(card->postprocess.minimum_mm3 == 12.5);
    assert_true(card->tta_flip_x && !card->tta_flip_y && !card->trained);
    assert_string_equal(card->licence, "y");
    assert_true(card->metric_count == 1 && card->metrics[0].value == 0.875);
}

static void a_card_comes_back(void **state) {
    (void)state;
    ul_card card;
    ul_error error = {0};
    assert_int_equal(ul_card_parse(whole, &card, &error), UL_OK);
    assert_is_whole(&card);
    char *json;
    assert_int_equal(ul_card_write(&card, &json, NULL), UL_OK);
    ul_card_free(&card);
    assert_int_equal(ul_card_parse(json, &card, &error), UL_OK);
    assert_is_whole(&card);
    ul_card_free(&card);
    free(json);
}

/* Unknown keys at every depth, and known ones whose values go with them. */
static const char annotated[] =
    "{\"classes\":[{\"number\":1,\"label\":\"Left\",\"side\":\"L\",\"name\":\"l\",\"region\":"
    "{\"value\":\"1\",\"scheme\":\"SCT\",\"meaning\":\"Head\",\"since\":\"2020\"}},"
    "{\"number\":2,\"label\":\"Right\",\"side\":\"R\"}],"
    "\"licence\":\"CC0\",\"later\":[1,{\"a\":null}],\"site\":{\"ward\":7},"
    "\"metrics\":[{\"name\":\"Dice\",\"value\":0.5,\"sd\":0.1},{\"name\":\"IoU\",\"value\":0.3,"
    "\"sd\":0.2}],"
    "\"normalisation\":{\"kind\":\"zscore\",\"clip\":5},\"postprocess\":{\"closing_mm\":2},"
    "\"tta\":{\"rotate\":[90]}}";

static void unknown_keys_are_kept(void **state) {
    (void)state;
    static const char *const kept[] = {"\"later\":[1,{\"a\":null}]", "\"site\":{\"ward\":7}",
        "\"side\":\"L\"", "\"name\":\"l\"", "\"side\":\"R\"", "\"since\":\"2020\"", "\"clip\":5",
        "\"closing_mm\":2", "\"rotate\":[90]", "\"sd\":0.1", "\"sd\":0.2"};
    ul_card card;
    char *json, *again;
    assert_int_equal(ul_card_parse(annotated, &card, NULL), UL_OK);
    assert_int_equal(ul_card_write(&card, &json, NULL), UL_OK);
    ul_card_free(&card);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (!strstr(json, kept[i]))
            fail_msg("%s is lost: %s", kept[i], json);
    assert_int_equal(ul_card_parse(json, &card, NULL), UL_OK);
    assert_int_equal(ul_card_write(&card, &again, NULL), UL_OK);
    assert_string_equal(again, json);
    ul_card_free(&card);
    free(json);
    free(again);
}

/* What has changed since the card was read goes first; what is gone takes its unknown keys along.
 */
static void changes_stand_over_the_source(void **state) {
    (void)state;
    static const char *const gone[] = {
        "Left", "\"side\":\"R\"", "region", "since", "CC0", "0.5", "\"sd\":0.1"};
    ul_card card;
    char *json;
    assert_int_equal(ul_card_parse(annotated, &card, NULL), UL_OK);
    strcpy(card.classes.items[0].label, "Sinister");
    memset(&card.classes.items[0].region, 0, sizeof card.classes.items[0].region);
    card.classes.count = 1;
    card.metrics[0].value = 0.75;
    card.normalisation.kind = UL_NORMALISE_NONE;
    card.licence[0] = '\0';
    assert_int_equal(ul_card_write(&card, &json, NULL), UL_OK);
    ul_card_free(&card);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (strstr(json, gone[i]))
            fail_msg("%s is back: %s", gone[i], json);
    assert_non_null(strstr(json, "\"side\":\"L\""));
    assert_non_null(strstr(json, "\"sd\":0.2"));
    assert_int_equal(ul_card_parse(json, &card, NULL), UL_OK);
    assert_string_equal(card.classes.items[0].label, "Sinister");
    assert_int_equal(card.normalisation.kind, UL_NORMALISE_NONE);
    assert_true(card.metrics[0].value == 0.75);
    ul_card_free(&card);
    free(json);
}

static void absent_keys_have_defaults(void **state) {
    (void)state;
    ul_card card;
    assert_int_equal(ul_card_parse("{" CLASSES "}", &card, NULL), UL_OK);
    assert_true(card.trained && card.plane_count == 0 && card.source);
    assert_string_equal(card.classes.items[0].type.source, "DICOM CID 7166");
    assert_int_equal(card.channels, UL_CHANNELS_GREY);
    ul_card_free(&card);
}

#define LOCALISER(text) "{\"localiser\": {" text "}, " CLASSES "}"

static void wrong_values_are_named(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"[]", "model card: is not a JSON object"},
        {"{", "model card: is not valid JSON: line 1, byte 2"},
        {"{" CLASSES "} x", "is not valid JSON"},
        {"{\"modality\": \"MR\", \"modality\": \"CT\", " CLASSES "}",
            ": \"modality\" stands twice"},
        {"{" CLASSES ", " CLASSES "}", ": \"classes\" stands twice"},
        {"{\"normalisation\": {\"kind\": \"none\", \"kind\": \"zscore\"}, " CLASSES "}",
            "model card: \"normalisation\": \"kind\" stands twice"},
        {"{\"site\": [0, {\"a\\n\": 1, \"a\\n\": 1}], " CLASSES "}",
            "\"site\": place 2: \"a\\n\" stands twice"},
        {"{}", "\"classes\" is absent, must be a list"},
        {"{\"modality\": 3, " CLASSES "}", "\"modality\" is 3, must be a text of at most 16 bytes"},
        {"{\"planes\": [\"axail\"], " CLASSES "}",
            "\"planes\" holds \"axail\", must be one of axial, coronal"},
        {"{\"planes\": [\"axial\", \"axial\"], " CLASSES "}", "twice"},
        {"{\"channels\": \"cmyk\", " CLASSES "}",
            "model card: \"channels\" is \"cmyk\", must be one of grey, rgb, neighbours"},
        {"{\"spacing_mm\": [1], " CLASSES "}", "\"spacing_mm\" is [1], must be two numbers"},
        {"{\"spacing_mm\": [1, 0], " CLASSES "}", "\"spacing_mm\""},
        {"{\"size\": [1000000, 5], " CLASSES "}", "\"size\" is [1000000,5], must be two whole"},
        {"{\"size\": [1.5, 2], " CLASSES "}", "\"size\" is [1.5,2]"},
        {"{\"fov_mm\": [9, 2], " CLASSES "}", "\"fov_mm\" is [9,2]"},
        {"{\"normalisation\": {\"kind\": \"window\", \"low\": 5, \"high\": 5}, " CLASSES "}",
            "\"normalisation\": \"low\" is 5, must be below \"high\""},
        {"{\"normalisation\": {\"kind\": \"percentile\", \"high\": 101}, " CLASSES "}",
            "\"normalisation\": \"high\" is 101, must be a percentile"},
        {"{\"normalisation\": {\"kind\": \"foreground\", \"low\": -1, \"high\": 99}, " CLASSES "}",
            "\"normalisation\": \"low\" is -1, must be a percentile"},
        {"{\"neighbour_mm\": -1, " CLASSES "}", "\"neighbour_mm\" is -1, must be at least 0"},
        {"{\"classes\": [{\"number\": 1, \"mirror\": 2}, {\"number\": 2}]}",
            "\"classes\": segment 1: \"mirror\" is 2, which does not name it back"},
        {"{\"classes\": [{\"number\": 1, \"mirror\": 3}]}", "is 3, which is no segment"},
        {"{\"classes\": [{\"number\": 1, \"mirror\": 1}]}", "is 1, the segment itself"},
        {"{\"tta\": {\"flip_x\": 1}, " CLASSES "}",
            "\"tta\": \"flip_x\" is 1, must be true or false"},
        {"{" CLASSES ", \"groups\": [{\"number\": 2, \"classes\": [1]}]}",
            "\"groups\": \"number\" 2 is that of a class"},
        {"{" CLASSES ", \"groups\": [{\"number\": 9, \"classes\": [3]}]}",
            "\"groups\": \"classes\" holds 3, must be numbers of the card's classes"},
        {"{" CLASSES ", \"groups\": [{\"number\": 9}]}", "\"classes\" is absent"},
        {"{\"postprocess\": {\"classes\": [{\"number\": 3}]}, " CLASSES "}",
            "\"postprocess\": \"classes\": \"number\" is 3"},
        {LOCALISER("\"model\": \"a/b\", \"classes\": [\"x\"], \"margin_mm\": 5"),
            "\"localiser\": \"model\" is \"a/b\", must be the name of a bundled model"},
        {LOCALISER("\"classes\": [\"x\"], \"margin_mm\": 5"), "\"model\" is absent"},
        {LOCALISER("\"model\": \"b\", \"classes\": [], \"margin_mm\": 5"),
            "\"localiser\": \"classes\" is [], must be a list of one to eight labels"},
        {LOCALISER("\"model\": \"b\", \"classes\": [\"x\", \"x\"], \"margin_mm\": 5"), "twice"},
        {LOCALISER("\"model\": \"b\", \"classes\": [7], \"margin_mm\": 5"), "holds 7"},
        {LOCALISER("\"model\": \"b\", \"classes\": [\"x\"], \"margin_mm\": -1"),
            "\"margin_mm\" is -1, must be mm, at least 0"},
        {LOCALISER("\"model\": \"b\", \"classes\": [\"x\"], \"margin_mm\": 5, \"axis\": [0, 0, 0]"),
            "\"axis\" is [0,0,0], must be three numbers"},
        {LOCALISER("\"model\": \"b\", \"classes\": [\"x\"], \"margin_mm\": 5"),
            "\"localiser\": needs \"fov_mm\""},
        {"{\"limits\": [{\"number\": 2, \"volume\": 0.5}], " CLASSES "}",
            "\"limits\": \"volume\" is 0.5, must be a factor of at least 1"},
        {"{\"limits\": [{\"number\": 3}], " CLASSES "}", "\"limits\": \"number\" is 3"},
        {"{\"tta\": true, " CLASSES "}", ": \"tta\" is true, must be an object"},
        {"{\"normalisation\": {\"kind\": 1, \"clip\": 5}, " CLASSES "}",
            "\"normalisation\": \"kind\" is 1, must be one of none, unit"},
        {"{\"postprocess\": {\"fill_holes\": \"yes\", \"closing_mm\": 2}, " CLASSES "}",
            "\"postprocess\": \"fill_holes\" is \"yes\""},
        {"{\"metrics\": [{\"name\": \"Dice\", \"value\": \"0.5\", \"sd\": 0.1}], " CLASSES "}",
            "\"metrics\": \"value\" is \"0.5\""},
        {"{\"classes\": [{\"label\": \"x\"}]}",
            "\"classes\": segment at place 1: \"number\" is absent, must be a whole number"},
        {"{\"classes\": [{\"number\": 1, \"region\": {\"since\": \"2020\"}}]}",
            "region: a code needs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ul_card card;
        ul_error error = {0};
        assert_int_equal(ul_card_parse(cases[i][0], &card, &error), UL_ERROR_MODEL);
        if (!strstr(error.text, cases[i][1]))
            fail_msg("\"%s\" does not name %s", error.text, cases[i][1]);
        assert_null(card.classes.items);
    }
}

static void a_card_must_fit_its_network(void **state) {
    (void)state;
    ul_card card;
    assert_int_equal(ul_card_parse("{\"channels\": \"rgb\", " CLASSES "}", &card, NULL), UL_OK);
    assert_int_equal(ul_card_check(&card, 3, 3, NULL), UL_OK);
    assert_int_equal(ul_card_check(&card, 1, 3, NULL), UL_ERROR_MODEL);
    assert_int_equal(ul_card_check(&card, 3, 2, NULL), UL_ERROR_MODEL);
    card.channels = UL_CHANNELS_NEIGHBOURS;
    assert_int_equal(ul_card_check(&card, 2, 3, NULL), UL_ERROR_MODEL);
    ul_card_free(&card);
}

/* What a model of both sides needs; a card of sagittal slices alone cannot have it. */
static void a_card_pairs_its_sides(void **state) {
    (void)state;
    static const char json[] =
        "{\"planes\": [\"sagittal\", \"axial\"], \"channels\": \"neighbours\", \"neighbour_mm\": "
        "1.5, \"normalisation\": {\"kind\": \"foreground\", \"low\": 1, \"high\": 98}, "
        "\"classes\": "
        "[{\"number\": 1}, {\"number\": 2, \"mirror\": 3}, {\"number\": 3, \"mirror\": 2}]}";
    ul_card card;
    char *text;
    ul_error error = {0};
    assert_int_equal(ul_card_parse(json, &card, &error), UL_OK);
    assert_int_equal(ul_card_write(&card, &text, &error), UL_OK);
    ul_card_free(&card);
    assert_int_equal(ul_card_parse(text, &card, &error), UL_OK);
    free(text);
    assert_true(card.neighbour_mm == 1.5 && card.normalisation.high == 98.0);
    assert_int_equal(card.normalisation.kind, UL_NORMALISE_FOREGROUND);
    static const unsigned fold[] = {0, 1, 2, 2, 4}, mirror[] = {0, 1, 3, 2, 4};
    for (unsigned number = 0; number < 5; number++) {
        assert_int_equal(ul_segments_fold(&card.classes, number), fold[number]);
        assert_int_equal(ul_segments_mirror(&card.classes, number), mirror[number]);
    }
    assert_int_equal(ul_card_check(&card, 3, 4, &error), UL_OK);
    card.plane_count = 1;
    assert_int_equal(ul_card_check(&card, 3, 4, &error), UL_ERROR_MODEL);
    assert_non_null(strstr(error.text, "sagittal alone"));
    ul_card_free(&card);
}

/* Rules of one class over those of all, and unions of classes. */
static void a_card_groups_its_classes(void **state) {
    (void)state;
    static const char json[] =
        "{\"postprocess\": {\"minimum_mm3\": 50, \"classes\": [{\"number\": 2, \"minimum_mm3\": 5, "
        "\"largest_component\": true}], \"sides\": true}, \"volumes\": [{\"number\": 2, "
        "\"low_ml\": "
        "1.5, \"high_ml\": 3}], \"limits\": [{\"number\": 1, \"bits\": 0.5}, {\"number\": 2, "
        "\"volume\": 2, \"border\": 0.02}], \"dark_surroundings\": true, " CLASSES
        ", \"groups\": [{\"number\": 9, \"label\": \"All\", \"classes\": [1, 2], \"since\": 3}]}";
    ul_card card;
    char *text;
    ul_error error = {0};
    assert_int_equal(ul_card_parse(json, &card, &error), UL_OK);
    assert_int_equal(ul_card_write(&card, &text, &error), UL_OK);
    ul_card_free(&card);
    assert_non_null(strstr(text, "\"since\":3"));
    assert_int_equal(ul_card_parse(text, &card, &error), UL_OK);
    free(text);
    assert_true(card.class_rules[0].minimum_mm3 == 50.0 && !card.class_rules[0].largest_component);
    assert_true(card.class_rules[1].minimum_mm3 == 5.0 && card.class_rules[1].largest_component);
    assert_true(card.settle_sides && card.dark_surroundings && isnan(card.volumes_ml[0][0]));
    assert_true(card.volumes_ml[1][0] == 1.5 && card.volumes_ml[1][1] == 3.0);
    assert_true(card.limits[0].volume == 1.5 && card.limits[0].bits == 0.5);
    assert_true(card.limits[1].volume == 2.0 && card.limits[1].bits == 1.25);
    assert_true(card.limits[0].border == 0.002 && card.limits[1].border == 0.02);
    assert_int_equal(card.groups.count, 1);
    assert_string_equal(card.groups.items[0].label, "All");
    assert_true(!card.in_group[0] && card.in_group[1] && card.in_group[2] && !card.in_group[3]);
    ul_card_free(&card);
}

/* What finds a model's part of a larger image. */
static void a_card_has_a_localiser(void **state) {
    (void)state;
    static const char json[] =
        "{\"fov_mm\": [20, 80], \"localiser\": {\"model\": \"brain\", \"classes\": [\"left x\", "
        "\"right x\"], \"margin_mm\": 5, \"axis\": [0, -0.9, 0.25], \"since\": 3}, " CLASSES "}";
    ul_card card;
    char *text;
    ul_error error = {0};
    assert_int_equal(ul_card_parse(json, &card, &error), UL_OK);
    assert_int_equal(ul_card_write(&card, &text, &error), UL_OK);
    ul_card_free(&card);
    assert_non_null(strstr(text, "\"since\":3"));
    assert_int_equal(ul_card_parse(text, &card, &error), UL_OK);
    free(text);
    assert_string_equal(card.localiser.model, "brain");
    assert_int_equal(card.localiser.class_count, 2);
    assert_string_equal(card.localiser.classes[1], "right x");
    assert_true(card.localiser.margin_mm == 5.0 && card.localiser.axis[2] == 0.25);
    ul_card_free(&card);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_comes_back),
        cmocka_unit_test(a_card_pairs_its_sides),
        cmocka_unit_test(a_card_has_a_localiser),
        cmocka_unit_test(a_card_groups_its_classes),
        cmocka_unit_test(unknown_keys_are_kept),
        cmocka_unit_test(changes_stand_over_the_source),
        cmocka_unit_test(absent_keys_have_defaults),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(a_card_must_fit_its_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
