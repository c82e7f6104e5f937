#include "ulite/card.h"

#include "io/base/json.h"
#include "io/base/uid.h"
#include "io/card/card_parts.h"
#include "io/card/segments_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words for enumerators, in their order. */
static const char *const plane_words[] = {"axial", "coronal", "sagittal", NULL};
static const char *const channel_words[] = {"grey", "rgb", "neighbours", NULL};
static const char *const normalisation_words[] = {
    "none", "unit", "window", "percentile", "zscore", "foreground", NULL};
static const char *const scope_words[] = {"volume", "slice", NULL};

void ul_card_init(ul_card *card) {
    memset(card, 0, sizeof *card);
    card->trained = true;
}

void ul_card_free(ul_card *card) {
    ul_segments_free(&card->classes);
    ul_segments_free(&card->groups);
    free(card->class_rules);
    free(card->volumes_ml);
    free(card->limits);
    free(card->in_group);
    free(card->provenance);
    free(card->licence);
    free(card->metrics);
    free(card->source);
    memset(card, 0, sizeof *card);
}

static ul_status wrong(const cJSON *value, const char *key, const char *expected, ul_error *error) {
    return ul_json_wrong(value, key, expected, UL_ERROR_MODEL, error);
}

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
}

/* Each reader leaves its target alone where the key is absent. */
static const cJSON *member(const cJSON *object, const char *key) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return value && !cJSON_IsNull(value) ? value : NULL;
}

ul_status card_read_text(
    const cJSON *object, const char *key, char *text, size_t size_bytes, ul_error *error) {
    const cJSON *value = member(object, key);
    if (!value)
        return UL_OK;
    if (!cJSON_IsString(value) || strlen(value->valuestring) >= size_bytes) {
        char expected[64];
        snprintf(expected, sizeof expected, "a text of at most %zu bytes", size_bytes - 1);
        return wrong(value, key, expected, error);
    }
    memcpy(text, value->valuestring, strlen(value->valuestring) + 1);
    return UL_OK;
}

static ul_status read_long_text(
    const cJSON *object, const char *key, char **text, ul_error *error) {
    const cJSON *value = member(object, key);
    if (!value)
        return UL_OK;
    if (!cJSON_IsString(value))
        return wrong(value, key, "a text", error);
    *text = strdup(value->valuestring);
    return *text ? UL_OK : no_memory(error);
}

static ul_status read_flag(const cJSON *object, const char *key, bool *flag, ul_error *error) {
    const cJSON *value = member(object, key);
    if (!value)
        return UL_OK;
    if (!cJSON_IsBool(value))
        return wrong(value, key, "true or false", error);
    *flag = cJSON_IsTrue(value);
    return UL_OK;
}

static ul_status read_number(
    const cJSON *object, const char *key, double *number, ul_error *error) {
    const cJSON *value = member(object, key);
    if (!value)
        return UL_OK;
    if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble))
        return wrong(value, key, "a number", error);
    *number = value->valuedouble;
    return UL_OK;
}

/* Two numbers of at least 0. */
static ul_status read_pair(const cJSON *object, const char *key, double pair[2], ul_error *error) {
    const cJSON *value = member(object, key);
    if (!value)
        return UL_OK;
    for (int i = 0; i < 2; i++) {
        const cJSON *item = cJSON_GetArrayItem(value, i);
        if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != 2 || !cJSON_IsNumber(item) ||
            !isfinite(item->valuedouble) || item->valuedouble < 0.0)
            return wrong(value, key, "two numbers of at least 0", error);
        pair[i] = item->valuedouble;
    }
    return UL_OK;
}

static ul_status word_of(
    const cJSON *value, const char *key, const char *const *words, int *found, ul_error *error) {
    char expected[128] = "one of";
    for (int i = 0; words[i]; i++) {
        if (cJSON_IsString(value) && strcmp(value->valuestring, words[i]) == 0) {
            *found = i;
            return UL_OK;
        }
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s %s", i ? "," : "", words[i]);
    }
    return wrong(value, key, expected, error);
}

static ul_status read_word(
    const cJSON *object, const char *key, const char *const *words, int *found, ul_error *error) {
    const cJSON *value = member(object, key);
    return value ? word_of(value, key, words, found, error) : UL_OK;
}

static ul_status read_planes(const cJSON *object, ul_card *card, ul_error *error) {
    const cJSON *value = member(object, "planes"), *item;
    if (!value)
        return UL_OK;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > 3)
        return wrong(value, "planes", "a list of at most three planes", error);
    cJSON_ArrayForEach(item, value) {
        int plane = 0;
        ul_status status = word_of(item, "planes", plane_words, &plane, error);
        if (status != UL_OK)
            return status;
        for (size_t i = 0; i < card->plane_count; i++)
            if (card->planes[i] == (ul_plane)plane)
                return wrong(value, "planes", "a list in which no plane stands twice", error);
        card->planes[card->plane_count++] = (ul_plane)plane;
    }
    return UL_OK;
}

/* Reads the object under a key of the card, where there is one. */
static ul_status read_part(const cJSON *whole, const char *key,
    ul_status (*read)(const cJSON *, ul_card *, ul_error *), ul_card *card, ul_error *error) {
    const cJSON *object = member(whole, key);
    if (!object)
        return UL_OK;
    if (!cJSON_IsObject(object))
        return wrong(object, key, "an object", error);
    ul_status status = read(object, card, error);
    if (status != UL_OK)
        ul_error_prefix(error, "\"%s\"", key);
    return status;
}

static ul_status read_normalisation(const cJSON *object, ul_card *card, ul_error *error) {
    ul_normalisation *normalisation = &card->normalisation;
    int kind = UL_NORMALISE_NONE, scope = 0;
    ul_status status = read_word(object, "kind", normalisation_words, &kind, error);
    if (status == UL_OK)
        status = read_word(object, "over", scope_words, &scope, error);
    if (status == UL_OK)
        status = read_number(object, "low", &normalisation->low, error);
    if (status == UL_OK)
        status = read_number(object, "high", &normalisation->high, error);
    normalisation->kind = (ul_normalisation_kind)kind;
    normalisation->per_slice = scope == 1;
    if (status != UL_OK || kind == UL_NORMALISE_NONE || kind == UL_NORMALISE_ZSCORE)
        return status;
    bool percentile = kind == UL_NORMALISE_PERCENTILE || kind == UL_NORMALISE_FOREGROUND;
    if (percentile && normalisation->low < 0.0)
        return wrong(member(object, "low"), "low", "a percentile from 0 to 100", error);
    if (percentile && normalisation->high > 100.0)
        return wrong(member(object, "high"), "high", "a percentile from 0 to 100", error);
    if (!(normalisation->low < normalisation->high))
        return wrong(member(object, "low"), "low", "below \"high\"", error);
    return UL_OK;
}

ul_status card_read_rules(const cJSON *object, ul_postprocess *rules, ul_error *error) {
    ul_status status = read_flag(object, "largest_component", &rules->largest_component, error);
    if (status == UL_OK)
        status = read_flag(object, "fill_holes", &rules->fill_holes, error);
    if (status == UL_OK)
        status = read_number(object, "minimum_mm3", &rules->minimum_mm3, error);
    if (status == UL_OK && rules->minimum_mm3 < 0.0)
        return wrong(member(object, "minimum_mm3"), "minimum_mm3", "at least 0", error);
    return status;
}

static ul_status read_postprocess(const cJSON *object, ul_card *card, ul_error *error) {
    ul_status status = read_flag(object, "sides", &card->settle_sides, error);
    return status == UL_OK ? card_read_rules(object, &card->postprocess, error) : status;
}

static ul_status read_tta(const cJSON *object, ul_card *card, ul_error *error) {
    ul_status status = read_flag(object, "flip_x", &card->tta_flip_x, error);
    if (status == UL_OK)
        status = read_flag(object, "flip_y", &card->tta_flip_y, error);
    if (status == UL_OK)
        status = read_flag(object, "default", &card->tta_default, error);
    return status;
}

static ul_status read_classes(const cJSON *object, ul_segments *classes, ul_error *error) {
    const cJSON *value = member(object, "classes");
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) == 0)
        return wrong(value, "classes", "a list of at least one class", error);
    ul_error inner = {0};
    ul_status status = segments_from_json(value, classes, &inner);
    if (status == UL_ERROR_INPUT) /* the form of a segments file; here it came with a model */
        status = UL_ERROR_MODEL;
    return status == UL_OK ? UL_OK : ul_error_set(error, status, "\"classes\": %s", inner.text);
}

static ul_status read_metric(const cJSON *object, ul_metric *metric, ul_error *error) {
    if (!cJSON_IsObject(object))
        return wrong(object, "metrics", "a list of objects with \"name\" and \"value\"", error);
    ul_status status = card_read_text(object, "name", metric->name, sizeof metric->name, error);
    if (status == UL_OK)
        status = read_number(object, "value", &metric->value, error);
    if (status != UL_OK)
        ul_error_prefix(error, "\"metrics\"");
    return status;
}

static ul_status read_metrics(const cJSON *object, ul_card *card, ul_error *error) {
    const cJSON *value = member(object, "metrics"), *item;
    if (!value)
        return UL_OK;
    if (!cJSON_IsArray(value))
        return wrong(value, "metrics", "a list", error);
    card->metrics = calloc((size_t)cJSON_GetArraySize(value) + 1, sizeof *card->metrics);
    if (!card->metrics)
        return no_memory(error);
    cJSON_ArrayForEach(item, value) {
        ul_status status = read_metric(item, &card->metrics[card->metric_count++], error);
        if (status != UL_OK)
            return status;
    }
    return UL_OK;
}

static ul_status read_size(const cJSON *object, size_t size[2], ul_error *error) {
    double pair[2] = {0.0, 0.0};
    ul_status status = read_pair(object, "size", pair, error);
    for (int i = 0; i < 2 && status == UL_OK; i++) {
        if (pair[i] > UL_SLICE_MAX || pair[i] != floor(pair[i]))
            return wrong(member(object, "size"), "size", "two whole numbers up to 16384", error);
        size[i] = (size_t)pair[i];
    }
    if (status == UL_OK && (size[0] == 0) != (size[1] == 0))
        return wrong(member(object, "size"), "size", "width and height, or 0 and 0", error);
    return status;
}

static ul_status read_texts(const cJSON *object, ul_card *card, ul_error *error) {
    ul_status status = card_read_text(object, "name", card->name, sizeof card->name, error);
    if (status == UL_OK)
        status = card_read_text(object, "task", card->task, sizeof card->task, error);
    if (status == UL_OK)
        status = card_read_text(object, "modality", card->modality, sizeof card->modality, error);
    if (status == UL_OK)
        status =
            card_read_text(object, "body_part", card->body_part, sizeof card->body_part, error);
    if (status == UL_OK)
        status = read_long_text(object, "provenance", &card->provenance, error);
    if (status == UL_OK)
        status = read_long_text(object, "licence", &card->licence, error);
    if (status == UL_OK)
        status = read_flag(object, "trained", &card->trained, error);
    return status;
}

static ul_status read_geometry(const cJSON *object, ul_card *card, ul_error *error) {
    ul_status status = read_planes(object, card, error);
    if (status == UL_OK)
        status = read_pair(object, "fov_mm", card->fov_mm, error);
    if (status == UL_OK && card->fov_mm[1] < card->fov_mm[0])
        return wrong(
            member(object, "fov_mm"), "fov_mm", "the smallest and the largest extent", error);
    if (status == UL_OK)
        status = read_pair(object, "spacing_mm", card->spacing_mm, error);
    if (status == UL_OK && (card->spacing_mm[0] == 0.0) != (card->spacing_mm[1] == 0.0))
        return wrong(member(object, "spacing_mm"), "spacing_mm",
            "the spacing along columns and rows, or 0 and 0", error);
    if (status == UL_OK)
        status = read_size(object, card->size, error);
    return status;
}

static ul_status read_card(const cJSON *object, ul_card *card, ul_error *error) {
    if (!cJSON_IsObject(object))
        return ul_error_set(error, UL_ERROR_MODEL, "is not a JSON object");
    int channels = UL_CHANNELS_GREY;
    ul_status status = read_texts(object, card, error);
    if (status == UL_OK)
        status = read_geometry(object, card, error);
    if (status == UL_OK)
        status = read_word(object, "channels", channel_words, &channels, error);
    card->channels = (ul_channels)channels;
    if (status == UL_OK)
        status = read_number(object, "neighbour_mm", &card->neighbour_mm, error);
    if (status == UL_OK && card->neighbour_mm < 0.0)
        status = wrong(member(object, "neighbour_mm"), "neighbour_mm", "at least 0", error);
    if (status == UL_OK)
        status = read_part(object, "normalisation", read_normalisation, card, error);
    if (status == UL_OK)
        status = read_classes(object, &card->classes, error);
    if (status == UL_OK)
        status = read_part(object, "postprocess", read_postprocess, card, error);
    if (status == UL_OK)
        status = card_read_class_rules(object, card, error);
    if (status == UL_OK)
        status = card_read_volumes(object, card, error);
    if (status == UL_OK)
        status = card_read_limits(object, card, error);
    if (status == UL_OK)
        status = card_read_groups(object, card, error);
    if (status == UL_OK)
        status = read_part(object, "localiser", card_read_localiser, card, error);
    if (status == UL_OK)
        status = read_part(object, "tta", read_tta, card, error);
    if (status == UL_OK)
        status = read_metrics(object, card, error);
    return status;
}

ul_status ul_card_parse(const char *json, ul_card *card, ul_error *error) {
    ul_card_init(card);
    cJSON *object;
    ul_status status = ul_json_parse(json, UL_ERROR_MODEL, &object, error);
    if (status == UL_OK)
        status = ul_json_version(object, UL_ERROR_MODEL, error);
    if (status == UL_OK)
        status = read_card(object, card, error);
    cJSON_Delete(object);
    if (status == UL_OK && !(card->source = strdup(json)))
        status = no_memory(error);
    if (status != UL_OK) {
        ul_card_free(card);
        ul_error_prefix(error, "model card");
    }
    return status;
}

ul_status ul_card_read(const ul_model *model, ul_card *card, ul_error *error) {
    const char *json = ul_model_metadata(model, "ulite");
    memset(card, 0, sizeof *card);
    if (!json)
        return ul_error_set(error, UL_ERROR_MODEL,
            "the model has no card (key \"ulite\" of its metadata): bare weights do not say what "
            "they were made for");
    ul_status status = ul_card_parse(json, card, error);
    const ul_model_shape *shape = ul_model_get_shape(model);
    if (status == UL_OK)
        status = ul_card_check(card, shape->input_channels, shape->classes, error);
    if (status != UL_OK)
        ul_card_free(card);
    return status;
}

void ul_model_hash(const ul_model *model, char hash[UL_HASH_BYTES]) {
    size_t size;
    const void *bytes = ul_model_bytes(model, &size);
    hash[0] = '\0';
    if (!bytes)
        return;
    ul_sha256 sha;
    uint8_t digest[32];
    ul_sha256_init(&sha);
    ul_sha256_update(&sha, bytes, size);
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hash);
}

/* Sagittal slices alone cannot tell a class from its mirror partner. */
static ul_status check_sides(const ul_card *card, ul_error *error) {
    bool sagittal = card->plane_count == 1 && card->planes[0] == UL_PLANE_SAGITTAL;
    for (size_t i = 0; sagittal && i < card->classes.count; i++)
        if (card->classes.items[i].mirror)
            return ul_error_set(error, UL_ERROR_MODEL,
                "model card: class %u has a \"mirror\", but \"planes\" has sagittal alone, which "
                "cannot tell left from right: add axial or coronal",
                card->classes.items[i].number);
    return UL_OK;
}

ul_status ul_card_check(
    const ul_card *card, size_t input_channels, size_t classes, ul_error *error) {
    if (card->channels == UL_CHANNELS_RGB && input_channels != 3)
        return ul_error_set(error, UL_ERROR_MODEL,
            "model card: \"channels\" is rgb, but the network takes %zu", input_channels);
    if (card->channels == UL_CHANNELS_NEIGHBOURS && input_channels % 2 == 0)
        return ul_error_set(error, UL_ERROR_MODEL,
            "model card: \"channels\" is neighbours, which needs an odd number; the network takes "
            "%zu",
            input_channels);
    unsigned last = classes == 1 ? 1u : (unsigned)classes - 1u;
    for (size_t i = 0; i < card->classes.count; i++) {
        unsigned number = card->classes.items[i].number;
        if (number < 1 || number > last)
            return ul_error_set(error, UL_ERROR_MODEL,
                "model card: class number %u, but a network of %zu outputs has classes 1 to %u",
                number, classes, last);
    }
    return check_sides(card, error);
}

/* Writers give false where memory ran out. */
static bool add_text(cJSON *object, const char *key, const char *text) {
    return !text || !*text || cJSON_AddStringToObject(object, key, text);
}

static bool add_pair(cJSON *object, const char *key, double first, double second) {
    const double pair[2] = {first, second};
    return (first == 0.0 && second == 0.0) ||
           ul_json_add(object, key, cJSON_CreateDoubleArray(pair, 2));
}

static bool add_planes(cJSON *object, const ul_card *card) {
    const char *words[3];
    for (size_t i = 0; i < card->plane_count; i++)
        words[i] = plane_words[card->planes[i]];
    return ul_json_add(object, "planes", cJSON_CreateStringArray(words, (int)card->plane_count));
}

static bool add_normalisation(cJSON *object, const ul_normalisation *normalisation) {
    bool measured = normalisation->kind == UL_NORMALISE_PERCENTILE ||
                    normalisation->kind == UL_NORMALISE_FOREGROUND ||
                    normalisation->kind == UL_NORMALISE_ZSCORE;
    bool bounded = normalisation->low < normalisation->high;
    cJSON *item = cJSON_AddObjectToObject(object, "normalisation");
    return item && add_text(item, "kind", normalisation_words[normalisation->kind]) &&
           (!measured || add_text(item, "over", scope_words[normalisation->per_slice])) &&
           (!bounded || (cJSON_AddNumberToObject(item, "low", normalisation->low) &&
                            cJSON_AddNumberToObject(item, "high", normalisation->high)));
}

bool card_add_rules(cJSON *object, const ul_postprocess *rules) {
    return cJSON_AddBoolToObject(object, "largest_component", rules->largest_component) &&
           cJSON_AddBoolToObject(object, "fill_holes", rules->fill_holes) &&
           cJSON_AddNumberToObject(object, "minimum_mm3", rules->minimum_mm3);
}

static bool add_rules(cJSON *object, const ul_card *card) {
    cJSON *rules = cJSON_AddObjectToObject(object, "postprocess");
    cJSON *tta = cJSON_AddObjectToObject(object, "tta");
    return rules && tta && card_add_rules(rules, &card->postprocess) &&
           cJSON_AddBoolToObject(rules, "sides", card->settle_sides) &&
           card_add_class_rules(rules, card) &&
           cJSON_AddBoolToObject(tta, "flip_x", card->tta_flip_x) &&
           cJSON_AddBoolToObject(tta, "flip_y", card->tta_flip_y) &&
           cJSON_AddBoolToObject(tta, "default", card->tta_default) &&
           cJSON_AddBoolToObject(object, "trained", card->trained);
}

static bool add_metrics(cJSON *object, const ul_card *card) {
    cJSON *list = cJSON_AddArrayToObject(object, "metrics");
    bool added = list != NULL;
    for (size_t i = 0; added && i < card->metric_count; i++) {
        cJSON *item = cJSON_CreateObject();
        added = cJSON_AddItemToArray(list, item) &&
                cJSON_AddStringToObject(item, "name", card->metrics[i].name) &&
                cJSON_AddNumberToObject(item, "value", card->metrics[i].value);
    }
    return added;
}

/* What this version knows of a card, as JSON. What it leaves out stands for a default. NULL where
 * memory ran out. */
static cJSON *known_json(const ul_card *card) {
    cJSON *object = cJSON_CreateObject();
    if (object && cJSON_AddNumberToObject(object, "version", 1) &&
        add_text(object, "name", card->name) && add_text(object, "task", card->task) &&
        add_text(object, "modality", card->modality) &&
        add_text(object, "body_part", card->body_part) &&
        add_pair(object, "fov_mm", card->fov_mm[0], card->fov_mm[1]) &&
        card_add_localiser(object, card) && add_planes(object, card) &&
        add_text(object, "channels", channel_words[card->channels]) &&
        (card->neighbour_mm == 0.0 ||
            cJSON_AddNumberToObject(object, "neighbour_mm", card->neighbour_mm)) &&
        add_pair(object, "spacing_mm", card->spacing_mm[0], card->spacing_mm[1]) &&
        add_pair(object, "size", (double)card->size[0], (double)card->size[1]) &&
        add_normalisation(object, &card->normalisation) &&
        ul_json_add(object, "classes", segments_to_json(&card->classes)) &&
        card_add_groups(object, card) && add_rules(object, card) &&
        card_add_volumes(object, card) && card_add_limits(object, card) &&
        add_text(object, "provenance", card->provenance) &&
        add_text(object, "licence", card->licence) && add_metrics(object, card))
        return object;
    cJSON_Delete(object);
    return NULL;
}

/* The item of a list that agrees with another in what tells items apart: classes in their number,
 * metrics in name and value, since one that was measured anew is another. */
static cJSON *find_item(const cJSON *list, const cJSON *other) {
    static const char *const keys[] = {"number", "name", "value"};
    cJSON *item;
    cJSON_ArrayForEach(item, list) {
        bool same = cJSON_IsObject(item);
        for (size_t i = 0; same && i < sizeof keys / sizeof keys[0]; i++) {
            const cJSON *mine = cJSON_GetObjectItemCaseSensitive(item, keys[i]);
            const cJSON *its = cJSON_GetObjectItemCaseSensitive(other, keys[i]);
            same = !mine || !its || cJSON_Compare(mine, its, true);
        }
        if (same)
            return item;
    }
    return NULL;
}

static bool add_unknown(cJSON *object, const cJSON *source, const cJSON *known);

static bool add_unknown_of_items(cJSON *list, const cJSON *source, const cJSON *known) {
    bool added = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, source) {
        cJSON *same = find_item(list, item);
        added = added && (!same || add_unknown(same, item, find_item(known, item)));
    }
    return added;
}

/* Adds to object what source has beyond known, which is source as this version writes it. A key
 * that is known and that object has no more is gone for good. */
static bool add_unknown(cJSON *object, const cJSON *source, const cJSON *known) {
    bool added = true;
    const cJSON *value;
    cJSON_ArrayForEach(value, source) {
        cJSON *target = cJSON_GetObjectItemCaseSensitive(object, value->string);
        const cJSON *written = cJSON_GetObjectItemCaseSensitive(known, value->string);
        if (!added)
            break;
        if (!target && !written)
            added = ul_json_add(object, value->string, cJSON_Duplicate(value, true));
        else if (cJSON_IsObject(target) && cJSON_IsObject(value))
            added = add_unknown(target, value, written);
        else if (cJSON_IsArray(target) && cJSON_IsArray(value))
            added = add_unknown_of_items(target, value, written);
    }
    return added;
}

static ul_status keep_unknown(cJSON *object, const char *source, ul_error *error) {
    ul_card read;
    ul_status status = ul_card_parse(source, &read, error);
    if (status != UL_OK)
        return status;
    cJSON *whole, *known = known_json(&read);
    status = ul_json_parse(source, UL_ERROR_MODEL, &whole, error);
    if (status == UL_OK && !(known && add_unknown(object, whole, known)))
        status = no_memory(error);
    cJSON_Delete(whole);
    cJSON_Delete(known);
    ul_card_free(&read);
    return status;
}

ul_status ul_card_write(const ul_card *card, char **json, ul_error *error) {
    *json = NULL;
    cJSON *object = known_json(card);
    ul_status status = object ? UL_OK : no_memory(error);
    if (status == UL_OK && card->source)
        status = keep_unknown(object, card->source, error);
    if (status == UL_OK && !(*json = cJSON_PrintUnformatted(object)))
        status = no_memory(error);
    cJSON_Delete(object);
    return status;
}
