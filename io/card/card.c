#include "ulite/card.h"
#include "io/base/sha256.h"

#include "io/base/json.h"
#include "io/card/card_fields.h"

#include <stdlib.h>
#include <string.h>

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

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
}

ul_status ul_card_parse(const char *json, ul_card *card, ul_error *error) {
    ul_card_init(card);
    cJSON *object;
    ul_status status = ul_json_parse(json, UL_ERROR_MODEL, &object, error);
    if (status == UL_OK)
        status = ul_json_read_fields(object, &card_table, card, error);
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

bool ul_card_tells_sides(const ul_card *card) {
    return card->plane_count != 1 || card->planes[0] != UL_PLANE_SAGITTAL;
}

static ul_status check_sides(const ul_card *card, ul_error *error) {
    for (size_t i = 0; !ul_card_tells_sides(card) && i < card->classes.count; i++)
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

/* What this version knows of a card, as JSON. What it leaves out stands for a default. NULL where
 * memory ran out. */
static cJSON *known_json(const ul_card *card) {
    cJSON *object = cJSON_CreateObject();
    if (ul_json_write_fields(object, &card_table, card))
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
