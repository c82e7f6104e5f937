#include "io/card/card_parts.h"

#include "io/base/json.h"
#include "io/card/segments_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ul_status wrong(const cJSON *value, const char *key, const char *expected, ul_error *error) {
    return ul_json_wrong(value, key, expected, UL_ERROR_MODEL, error);
}

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
}

/* The number of a class of the card, by a JSON number. */
static bool is_class(const cJSON *value, const ul_card *card) {
    return cJSON_IsNumber(value) && value->valuedouble == value->valueint && value->valueint > 0 &&
           value->valueint < UL_CARD_CLASSES &&
           ul_segments_find(&card->classes, (unsigned)value->valueint);
}

static ul_status read_members(
    const cJSON *group, const ul_card *card, bool *members, ul_error *error) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(group, "classes"), *item;
    if (!cJSON_IsArray(list) || !list->child)
        return wrong(list, "classes", "a list of at least one class number", error);
    cJSON_ArrayForEach(item, list) {
        if (!is_class(item, card))
            return wrong(item, "classes", "numbers of the card's classes", error);
        members[item->valueint] = true;
    }
    return UL_OK;
}

ul_status card_read_groups(const cJSON *object, ul_card *card, ul_error *error) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, "groups");
    if (!value || cJSON_IsNull(value))
        return UL_OK;
    ul_error inner = {0};
    ul_status status = segments_from_json(value, &card->groups, &inner);
    size_t count = card->groups.count;
    if (status == UL_OK &&
        !(card->in_group = calloc(count * UL_CARD_CLASSES, sizeof *card->in_group)))
        return no_memory(error);
    for (size_t g = 0; status == UL_OK && g < count; g++) {
        if (ul_segments_find(&card->classes, card->groups.items[g].number))
            status = ul_error_set(&inner, UL_ERROR_MODEL, "\"number\" %u is that of a class",
                card->groups.items[g].number);
        else
            status = read_members(cJSON_GetArrayItem(value, (int)g), card,
                card->in_group + g * UL_CARD_CLASSES, &inner);
    }
    if (status == UL_OK)
        return UL_OK;
    return ul_error_set(
        error, status == UL_ERROR_INPUT ? UL_ERROR_MODEL : status, "\"groups\": %s", inner.text);
}

/* The place of the class that an item's "number" names. */
static ul_status find_class(
    const cJSON *item, const ul_card *card, size_t *place, ul_error *error) {
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(item, "number");
    if (!is_class(number, card))
        return wrong(number, "number", "that of a class of the card", error);
    *place = (size_t)(ul_segments_find(&card->classes, (unsigned)number->valueint) -
                      card->classes.items);
    return UL_OK;
}

static ul_status read_class_rule(const cJSON *item, ul_card *card, ul_error *error) {
    size_t n;
    ul_status status = find_class(item, card, &n, error);
    return status == UL_OK ? card_read_rules(item, &card->class_rules[n], error) : status;
}

ul_status card_read_class_rules(const cJSON *object, ul_card *card, ul_error *error) {
    const cJSON *rules = cJSON_GetObjectItemCaseSensitive(object, "postprocess");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(rules, "classes"), *item;
    if (!list || cJSON_IsNull(list))
        return UL_OK;
    if (!cJSON_IsArray(list))
        return wrong(list, "classes", "a list of objects with \"number\"", error);
    card->class_rules = malloc(card->classes.count * sizeof *card->class_rules);
    if (!card->class_rules)
        return no_memory(error);
    for (size_t n = 0; n < card->classes.count; n++)
        card->class_rules[n] = card->postprocess;
    ul_status status = UL_OK;
    cJSON_ArrayForEach(item, list) {
        if (status == UL_OK)
            status = read_class_rule(item, card, error);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "\"postprocess\": \"classes\"");
    return status;
}

static ul_status read_volume(const cJSON *item, ul_card *card, ul_error *error) {
    static const char *const keys[2] = {"low_ml", "high_ml"};
    size_t n;
    ul_status status = find_class(item, card, &n, error);
    for (int end = 0; status == UL_OK && end < 2; end++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, keys[end]);
        double least = end ? card->volumes_ml[n][0] : 0.0;
        if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble) || value->valuedouble < least)
            return wrong(
                value, keys[end], "mL, at least 0, \"low_ml\" not above \"high_ml\"", error);
        card->volumes_ml[n][end] = value->valuedouble;
    }
    return status;
}

ul_status card_read_volumes(const cJSON *object, ul_card *card, ul_error *error) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "volumes"), *item;
    if (!list || cJSON_IsNull(list))
        return UL_OK;
    if (!cJSON_IsArray(list))
        return wrong(list, "volumes", "a list of objects with \"number\"", error);
    card->volumes_ml = malloc(card->classes.count * sizeof *card->volumes_ml);
    if (!card->volumes_ml)
        return no_memory(error);
    for (size_t n = 0; n < card->classes.count; n++)
        card->volumes_ml[n][0] = card->volumes_ml[n][1] = NAN;
    ul_status status = UL_OK;
    cJSON_ArrayForEach(item, list) {
        if (status == UL_OK)
            status = read_volume(item, card, error);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "\"volumes\"");
    return status;
}

static ul_status read_limit(const cJSON *item, ul_card *card, ul_error *error) {
    size_t n;
    ul_status status = find_class(item, card, &n, error);
    if (status != UL_OK)
        return status;
    ul_limits *own = &card->limits[n];
    const struct {
        const char *key, *expected;
        double least, *target;
    } keys[] = {{"volume", "a factor of at least 1", 1.0, &own->volume},
        {"bits", "bits, at least 0", 0.0, &own->bits},
        {"border", "a share, at least 0", 0.0, &own->border}};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, keys[k].key);
        if (!value || cJSON_IsNull(value))
            continue;
        if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble) ||
            value->valuedouble < keys[k].least)
            return wrong(value, keys[k].key, keys[k].expected, error);
        *keys[k].target = value->valuedouble;
    }
    return UL_OK;
}

ul_status card_read_limits(const cJSON *object, ul_card *card, ul_error *error) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "limits"), *item;
    if (!list || cJSON_IsNull(list))
        return UL_OK;
    if (!cJSON_IsArray(list))
        return wrong(list, "limits", "a list of objects with \"number\"", error);
    card->limits = malloc(card->classes.count * sizeof *card->limits);
    if (!card->limits)
        return no_memory(error);
    for (size_t n = 0; n < card->classes.count; n++)
        card->limits[n] = (ul_limits)UL_LIMITS_DEFAULT;
    ul_status status = UL_OK;
    cJSON_ArrayForEach(item, list) {
        if (status == UL_OK)
            status = read_limit(item, card, error);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "\"limits\"");
    return status;
}

bool card_add_limits(cJSON *object, const ul_card *card) {
    if (!card->limits)
        return true;
    cJSON *list = cJSON_AddArrayToObject(object, "limits");
    bool added = list != NULL;
    for (size_t n = 0; added && n < card->classes.count; n++) {
        cJSON *item = cJSON_CreateObject();
        added = cJSON_AddItemToArray(list, item) &&
                cJSON_AddNumberToObject(item, "number", card->classes.items[n].number) &&
                cJSON_AddNumberToObject(item, "volume", card->limits[n].volume) &&
                cJSON_AddNumberToObject(item, "bits", card->limits[n].bits) &&
                cJSON_AddNumberToObject(item, "border", card->limits[n].border);
    }
    return added;
}

bool card_add_volumes(cJSON *object, const ul_card *card) {
    if (!card->volumes_ml)
        return true;
    cJSON *list = cJSON_AddArrayToObject(object, "volumes");
    bool added = list != NULL;
    for (size_t n = 0; added && n < card->classes.count; n++) {
        if (!(card->volumes_ml[n][0] <= card->volumes_ml[n][1]))
            continue;
        cJSON *item = cJSON_CreateObject();
        added = cJSON_AddItemToArray(list, item) &&
                cJSON_AddNumberToObject(item, "number", card->classes.items[n].number) &&
                cJSON_AddNumberToObject(item, "low_ml", card->volumes_ml[n][0]) &&
                cJSON_AddNumberToObject(item, "high_ml", card->volumes_ml[n][1]);
    }
    return added;
}

bool card_add_groups(cJSON *object, const ul_card *card) {
    if (card->groups.count == 0)
        return true;
    cJSON *array = segments_to_json(&card->groups);
    bool added = ul_json_add(object, "groups", array);
    for (size_t g = 0; added && g < card->groups.count; g++) {
        cJSON *list = cJSON_AddArrayToObject(cJSON_GetArrayItem(array, (int)g), "classes");
        added = list != NULL;
        for (int c = 0; added && c < UL_CARD_CLASSES; c++)
            if (card->in_group[g * UL_CARD_CLASSES + (size_t)c])
                added = cJSON_AddItemToArray(list, cJSON_CreateNumber(c));
    }
    return added;
}

bool card_add_class_rules(cJSON *postprocess, const ul_card *card) {
    cJSON *list = NULL;
    bool added = true;
    for (size_t n = 0; added && card->class_rules && n < card->classes.count; n++) {
        const ul_postprocess *own = &card->class_rules[n], *all = &card->postprocess;
        if (own->largest_component == all->largest_component &&
            own->fill_holes == all->fill_holes && own->minimum_mm3 == all->minimum_mm3)
            continue;
        if (!list)
            list = cJSON_AddArrayToObject(postprocess, "classes");
        cJSON *item = cJSON_CreateObject();
        added = list && cJSON_AddItemToArray(list, item) &&
                cJSON_AddNumberToObject(item, "number", card->classes.items[n].number) &&
                card_add_rules(item, own);
    }
    return added;
}

static ul_status read_found(const cJSON *list, ul_localiser *localiser, ul_error *error) {
    static const char expected[] = "a list of one to eight labels of the other model's classes";
    const cJSON *item;
    int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (count < 1 || count > UL_LOCALISER_CLASSES)
        return wrong(list, "classes", expected, error);
    cJSON_ArrayForEach(item, list) {
        if (!cJSON_IsString(item) || !*item->valuestring ||
            strlen(item->valuestring) >= UL_TEXT_BYTES)
            return wrong(item, "classes", expected, error);
        for (size_t n = 0; n < localiser->class_count; n++)
            if (strcmp(localiser->classes[n], item->valuestring) == 0)
                return wrong(list, "classes", "a list in which no label stands twice", error);
        strcpy(localiser->classes[localiser->class_count++], item->valuestring);
    }
    return UL_OK;
}

static ul_status read_axis(const cJSON *list, ul_localiser *localiser, ul_error *error) {
    static const char expected[] = "three numbers, one of them not 0";
    double length = 0.0;
    if (!list || cJSON_IsNull(list))
        return UL_OK;
    for (int c = 0; c < 3; c++) {
        const cJSON *item = cJSON_GetArrayItem(list, c);
        if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 3 || !cJSON_IsNumber(item) ||
            !(fabs(item->valuedouble) < 1e6))
            return wrong(list, "axis", expected, error);
        localiser->axis[c] = item->valuedouble;
        length += fabs(item->valuedouble);
    }
    return length > 0.0 ? UL_OK : wrong(list, "axis", expected, error);
}

ul_status card_read_localiser(const cJSON *object, ul_card *card, ul_error *error) {
    ul_localiser *localiser = &card->localiser;
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(object, "model");
    const cJSON *margin = cJSON_GetObjectItemCaseSensitive(object, "margin_mm");
    ul_status status =
        card_read_text(object, "model", localiser->model, sizeof localiser->model, error);
    if (status == UL_OK && (!*localiser->model || strchr(localiser->model, '/')))
        return wrong(model, "model", "the name of a bundled model", error);
    if (status == UL_OK)
        status = read_found(cJSON_GetObjectItemCaseSensitive(object, "classes"), localiser, error);
    if (status != UL_OK)
        return status;
    if (!cJSON_IsNumber(margin) || !isfinite(margin->valuedouble) || margin->valuedouble < 0.0)
        return wrong(margin, "margin_mm", "mm, at least 0", error);
    localiser->margin_mm = margin->valuedouble;
    status = read_axis(cJSON_GetObjectItemCaseSensitive(object, "axis"), localiser, error);
    if (status == UL_OK && card->fov_mm[1] == 0.0)
        return ul_error_set(error, UL_ERROR_MODEL,
            "needs \"fov_mm\" beside it, which says what is too large for the model");
    return status;
}

bool card_add_localiser(cJSON *object, const ul_card *card) {
    const ul_localiser *localiser = &card->localiser;
    if (!*localiser->model)
        return true;
    cJSON *item = cJSON_AddObjectToObject(object, "localiser");
    const char *labels[UL_LOCALISER_CLASSES];
    const double *axis = localiser->axis;
    bool turns = axis[0] != 0.0 || axis[1] != 0.0 || axis[2] != 0.0;
    for (size_t n = 0; n < localiser->class_count; n++)
        labels[n] = localiser->classes[n];
    return item && cJSON_AddStringToObject(item, "model", localiser->model) &&
           ul_json_add(
               item, "classes", cJSON_CreateStringArray(labels, (int)localiser->class_count)) &&
           cJSON_AddNumberToObject(item, "margin_mm", localiser->margin_mm) &&
           (!turns || ul_json_add(item, "axis", cJSON_CreateDoubleArray(axis, 3)));
}
