#include "io/card/card_fields.h"

#include "io/base/json.h"
#include "io/card/segments_json.h"
#include "ulite/card.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ul_status wrong(const cJSON *value, const char *key, const char *expected, ul_error *error) {
    return ul_json_wrong(value, key, expected, UL_ERROR_MODEL, error);
}

/* Fails on what an object holds under a key. */
static ul_status wrong_key(
    const cJSON *object, const char *key, const char *expected, ul_error *error) {
    return wrong(cJSON_GetObjectItemCaseSensitive(object, key), key, expected, error);
}

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
}

#define FIELD(type, member, what) JSON_FIELD(type, member, what)
#define NUMBER(type, member) JSON_FIELD(type, member, JSON_NUMBER), .high = INFINITY
#define TABLE(name, ...)                                                                           \
    static const json_table name##_table = {                                                       \
        .fields = name##_fields, .wrong = UL_ERROR_MODEL, __VA_ARGS__}

/* --- The normalisation ------------------------------------------------------------------------ */

static const char *const normalisation_words[] = {
    "none", "unit", "window", "percentile", "zscore", "foreground", NULL};
static const char *const scope_words[] = {"volume", "slice", NULL};

static bool is_percentile(const ul_normalisation *n) {
    return n->kind == UL_NORMALISE_PERCENTILE || n->kind == UL_NORMALISE_FOREGROUND;
}

static bool is_measured(const void *thing) {
    const ul_normalisation *n = thing;
    return is_percentile(n) || n->kind == UL_NORMALISE_ZSCORE;
}

static bool is_bounded(const void *thing) {
    const ul_normalisation *n = thing;
    return n->low < n->high;
}

static ul_status check_normalisation(const cJSON *object, void *thing, ul_error *error) {
    const ul_normalisation *n = thing;
    if (n->kind == UL_NORMALISE_NONE || n->kind == UL_NORMALISE_ZSCORE)
        return UL_OK;
    if (is_percentile(n) && n->low < 0.0)
        return wrong_key(object, "low", "a percentile from 0 to 100", error);
    if (is_percentile(n) && n->high > 100.0)
        return wrong_key(object, "high", "a percentile from 0 to 100", error);
    return is_bounded(n) ? UL_OK : wrong_key(object, "low", "below \"high\"", error);
}

static const json_field normalisation_fields[] = {
    {FIELD(ul_normalisation, kind, JSON_WORD), .words = normalisation_words},
    {.name = "over",
        .kind = JSON_WORD,
        JSON_AT(ul_normalisation, per_slice),
        .words = scope_words,
        .when = is_measured},
    {NUMBER(ul_normalisation, low), .low = -INFINITY, .when = is_bounded},
    {NUMBER(ul_normalisation, high), .low = -INFINITY, .when = is_bounded}, {0}};
TABLE(normalisation, .check = check_normalisation);

/* --- Lists of objects by "number", that of a class of the card -------------------------------- */

static bool is_class(const cJSON *value, const ul_card *card) {
    return cJSON_IsNumber(value) && value->valuedouble == value->valueint && value->valueint > 0 &&
           value->valueint < UL_CARD_CLASSES &&
           ul_segments_find(&card->classes, (unsigned)value->valueint);
}

#define VOLUMES "mL, at least 0, \"low_ml\" not above \"high_ml\""

static ul_status check_volumes(const cJSON *object, void *thing, ul_error *error) {
    const double *ml = thing;
    return ml[0] <= ml[1] ? UL_OK : wrong_key(object, "high_ml", VOLUMES, error);
}

static const json_field volumes_fields[] = {{.name = "low_ml",
                                                .kind = JSON_NUMBER,
                                                .high = INFINITY,
                                                .flags = JSON_NEEDED,
                                                .expected = VOLUMES},
    {.name = "high_ml",
        .kind = JSON_NUMBER,
        .offset = sizeof(double),
        .high = INFINITY,
        .flags = JSON_NEEDED,
        .expected = VOLUMES},
    {0}};
TABLE(volumes, .check = check_volumes);

static const json_field limits_fields[] = {
    {NUMBER(ul_limits, volume), .low = 1.0, .expected = "a factor of at least 1"},
    {NUMBER(ul_limits, bits), .expected = "bits, at least 0"},
    {NUMBER(ul_limits, border), .expected = "a share, at least 0"}, {0}};
TABLE(limits, .check = NULL);

#define RULES(type, rules)                                                                         \
    {.name = "largest_component", .kind = JSON_FLAG, JSON_AT(type, rules largest_component)},      \
        {.name = "fill_holes", .kind = JSON_FLAG, JSON_AT(type, rules fill_holes)}, {              \
        .name = "minimum_mm3", .kind = JSON_NUMBER, JSON_AT(type, rules minimum_mm3),              \
        .high = INFINITY                                                                           \
    }

static const json_field rules_fields[] = {RULES(ul_postprocess, ), {0}};
TABLE(rules, .check = NULL);

/* What a class gets that the list does not name. */
static const void *usual_item(const json_field *f, const ul_card *card) {
    static const double no_volumes[2] = {NAN, NAN};
    static const ul_limits limits = UL_LIMITS_DEFAULT;
    return f->table == &volumes_table  ? (const void *)no_volumes
           : f->table == &limits_table ? (const void *)&limits
                                       : &card->postprocess;
}

/* Whether the list names the n-th class. */
static bool is_told(const json_field *f, const ul_card *card, size_t n) {
    if (f->table == &volumes_table)
        return card->volumes_ml[n][0] <= card->volumes_ml[n][1];
    if (f->table == &limits_table)
        return true;
    const ul_postprocess *own = &card->class_rules[n], *all = &card->postprocess;
    return own->largest_component != all->largest_component || own->fill_holes != all->fill_holes ||
           own->minimum_mm3 != all->minimum_mm3;
}

/* Reads a list into an array of items of f->size by class, whose pointer is the field's member. */
static ul_status read_by_class(
    const cJSON *list, const json_field *f, void *thing, ul_error *error) {
    ul_card *card = thing;
    if (!cJSON_IsArray(list))
        return wrong(list, f->name, "a list of objects with \"number\"", error);
    char *items = malloc(card->classes.count * f->size);
    if (!items)
        return no_memory(error);
    memcpy((char *)card + f->offset, &items, sizeof items);
    for (size_t n = 0; n < card->classes.count; n++)
        memcpy(items + n * f->size, usual_item(f, card), f->size);
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        const cJSON *number = cJSON_GetObjectItemCaseSensitive(item, "number");
        ul_status status = UL_OK;
        if (!is_class(number, card))
            status = wrong(number, "number", "that of a class of the card", error);
        for (size_t n = 0; status == UL_OK && n < card->classes.count; n++)
            if (card->classes.items[n].number == (unsigned)number->valueint)
                status = ul_json_read_fields(item, f->table, items + n * f->size, error);
        if (status != UL_OK) {
            ul_error_prefix(error, "\"%s\"", f->name);
            return status;
        }
    }
    return UL_OK;
}

static bool add_by_class(cJSON *object, const json_field *f, const void *thing) {
    const ul_card *card = thing;
    const char *items;
    cJSON *list = NULL;
    bool added = true;
    memcpy(&items, (const char *)card + f->offset, sizeof items);
    for (size_t n = 0; added && items && n < card->classes.count; n++) {
        if (!is_told(f, card, n))
            continue;
        if (!list)
            list = cJSON_AddArrayToObject(object, f->name);
        cJSON *item = list ? cJSON_CreateObject() : NULL;
        added = cJSON_AddItemToArray(list, item) &&
                cJSON_AddNumberToObject(item, "number", card->classes.items[n].number) &&
                ul_json_write_fields(item, f->table, items + n * f->size);
    }
    return added;
}

#define BY_CLASS(key, member, form)                                                                \
    .name = key, .offset = offsetof(ul_card, member), .size = sizeof *((ul_card *)0)->member,      \
    .table = &form##_table, .read = read_by_class, .write = add_by_class

/* --- What is done with the result ------------------------------------------------------------- */

static const json_field postprocess_fields[] = {RULES(ul_card, postprocess.),
    {.name = "sides", .kind = JSON_FLAG, JSON_AT(ul_card, settle_sides)},
    {BY_CLASS("classes", class_rules, rules)}, {0}};
TABLE(postprocess, .check = NULL);

static const json_field tta_fields[] = {
    {.name = "flip_x", .kind = JSON_FLAG, JSON_AT(ul_card, tta_flip_x)},
    {.name = "flip_y", .kind = JSON_FLAG, JSON_AT(ul_card, tta_flip_y)},
    {.name = "default", .kind = JSON_FLAG, JSON_AT(ul_card, tta_default)}, {0}};
TABLE(tta, .check = NULL);

/* --- The localiser ---------------------------------------------------------------------------- */

static ul_status read_found(const cJSON *list, const json_field *f, void *thing, ul_error *error) {
    static const char expected[] = "a list of one to eight labels of the other model's classes";
    ul_localiser *localiser = thing;
    const cJSON *item;
    int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (count < 1 || count > UL_LOCALISER_CLASSES)
        return wrong(list, f->name, expected, error);
    cJSON_ArrayForEach(item, list) {
        if (!cJSON_IsString(item) || !*item->valuestring ||
            strlen(item->valuestring) >= UL_TEXT_BYTES)
            return wrong(item, f->name, expected, error);
        for (size_t n = 0; n < localiser->class_count; n++)
            if (strcmp(localiser->classes[n], item->valuestring) == 0)
                return wrong(list, f->name, "a list in which no label stands twice", error);
        strcpy(localiser->classes[localiser->class_count++], item->valuestring);
    }
    return UL_OK;
}

static bool add_found(cJSON *object, const json_field *f, const void *thing) {
    const ul_localiser *localiser = thing;
    const char *labels[UL_LOCALISER_CLASSES];
    for (size_t n = 0; n < localiser->class_count; n++)
        labels[n] = localiser->classes[n];
    return ul_json_add(
        object, f->name, cJSON_CreateStringArray(labels, (int)localiser->class_count));
}

#define AXIS "three numbers, one of them not 0"

static ul_status check_localiser(const cJSON *object, void *thing, ul_error *error) {
    const ul_localiser *localiser = thing;
    const double *axis = localiser->axis;
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(object, "axis");
    if (!*localiser->model || strchr(localiser->model, '/'))
        return wrong_key(object, "model", "the name of a bundled model", error);
    if (cJSON_IsArray(given) && axis[0] == 0.0 && axis[1] == 0.0 && axis[2] == 0.0)
        return wrong(given, "axis", AXIS, error);
    return UL_OK;
}

static const json_field localiser_fields[] = {{FIELD(ul_localiser, model, JSON_TEXT)},
    {.name = "classes", .flags = JSON_NEEDED, .read = read_found, .write = add_found},
    {NUMBER(ul_localiser, margin_mm), .flags = JSON_NEEDED, .expected = "mm, at least 0"},
    {FIELD(ul_localiser, axis, JSON_NUMBER), .count = 3, .low = -999999, .high = 999999,
        .flags = JSON_SPARSE, .expected = AXIS},
    {0}};
TABLE(localiser, .check = check_localiser);

/* --- Classes, groups and planes --------------------------------------------------------------- */

/* Segments with the errors of a card. */
static ul_status fail_segments(const char *key, const ul_error *inner, ul_error *error) {
    ul_status status = inner->status == UL_ERROR_INPUT ? UL_ERROR_MODEL : inner->status;
    return ul_error_set(error, status, "\"%s\": %s", key, inner->text);
}

static ul_status read_classes(
    const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    ul_card *card = thing;
    ul_error inner = {0};
    if (!cJSON_IsArray(value) || !value->child)
        return wrong(value, f->name, "a list of at least one class", error);
    if (segments_from_json(value, &card->classes, &inner) == UL_OK)
        return UL_OK;
    return fail_segments(f->name, &inner, error);
}

static bool add_classes(cJSON *object, const json_field *f, const void *thing) {
    return ul_json_add(object, f->name, segments_to_json(&((const ul_card *)thing)->classes));
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

static ul_status read_groups(
    const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    ul_card *card = thing;
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
    return status == UL_OK ? UL_OK : fail_segments(f->name, &inner, error);
}

static bool add_groups(cJSON *object, const json_field *f, const void *thing) {
    const ul_card *card = thing;
    if (card->groups.count == 0)
        return true;
    cJSON *array = segments_to_json(&card->groups);
    bool added = ul_json_add(object, f->name, array);
    for (size_t g = 0; added && g < card->groups.count; g++) {
        cJSON *list = cJSON_AddArrayToObject(cJSON_GetArrayItem(array, (int)g), "classes");
        added = list != NULL;
        for (int c = 0; added && c < UL_CARD_CLASSES; c++)
            if (card->in_group[g * UL_CARD_CLASSES + (size_t)c])
                added = cJSON_AddItemToArray(list, cJSON_CreateNumber(c));
    }
    return added;
}

static ul_status read_planes(
    const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    ul_card *card = thing;
    const cJSON *item;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > 3)
        return wrong(value, f->name, "a list of at most three planes", error);
    cJSON_ArrayForEach(item, value) {
        ul_plane *plane = &card->planes[card->plane_count];
        ul_status status = ul_json_read_value(item, f, plane, UL_ERROR_MODEL, error);
        if (status != UL_OK)
            return status;
        for (size_t i = 0; i < card->plane_count; i++)
            if (card->planes[i] == *plane)
                return wrong(value, f->name, "a list in which no plane stands twice", error);
        card->plane_count++;
    }
    return UL_OK;
}

static bool add_planes(cJSON *object, const json_field *f, const void *thing) {
    const ul_card *card = thing;
    const char *words[3];
    for (size_t i = 0; i < card->plane_count; i++)
        words[i] = f->words[card->planes[i]];
    return ul_json_add(object, f->name, cJSON_CreateStringArray(words, (int)card->plane_count));
}

/* --- Metrics ---------------------------------------------------------------------------------- */

static const json_field metric_fields[] = {
    {FIELD(ul_metric, name, JSON_TEXT)}, {NUMBER(ul_metric, value), .low = -INFINITY}, {0}};
TABLE(metric, .check = NULL);

static ul_status read_metrics(
    const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    ul_card *card = thing;
    size_t room = (size_t)cJSON_GetArraySize(value) + 1;
    card->metrics = calloc(room, sizeof *card->metrics);
    if (!card->metrics)
        return no_memory(error);
    return ul_json_read_list(
        value, f, card->metrics, sizeof *card->metrics, &card->metric_count, error);
}

static bool add_metrics(cJSON *object, const json_field *f, const void *thing) {
    const ul_card *card = thing;
    cJSON *list = cJSON_AddArrayToObject(object, f->name);
    bool added = list != NULL;
    for (size_t i = 0; added && i < card->metric_count; i++)
        added = ul_json_write_item(list, f->table, &card->metrics[i]);
    return added;
}

/* --- The card --------------------------------------------------------------------------------- */

static const char *const plane_words[] = {"axial", "coronal", "sagittal", NULL};
static const char *const channel_words[] = {"grey", "rgb", "neighbours", NULL};

static ul_status check_card(const cJSON *object, void *thing, ul_error *error) {
    const ul_card *card = thing;
    if (card->fov_mm[1] < card->fov_mm[0])
        return wrong_key(object, "fov_mm", "the smallest and the largest extent", error);
    if ((card->spacing_mm[0] == 0.0) != (card->spacing_mm[1] == 0.0))
        return wrong_key(
            object, "spacing_mm", "the spacing along columns and rows, or 0 and 0", error);
    if ((card->size[0] == 0) != (card->size[1] == 0))
        return wrong_key(object, "size", "width and height, or 0 and 0", error);
    if (*card->localiser.model && card->fov_mm[1] == 0.0)
        return ul_error_set(error, UL_ERROR_MODEL,
            "\"localiser\": needs \"fov_mm\" beside it, which says what is too large for the "
            "model");
    return UL_OK;
}

#define TEXT(member) JSON_FIELD(ul_card, member, JSON_TEXT), .flags = JSON_SPARSE
#define LONG_TEXT(member) JSON_FIELD(ul_card, member, JSON_OWNED), .flags = JSON_SPARSE
#define PAIR(member)                                                                               \
    NUMBER(ul_card, member), .count = 2, .flags = JSON_SPARSE,                                     \
                             .expected = "two numbers of at least 0"
#define OBJECT(key, place)                                                                         \
    .name = #key, .kind = JSON_OBJECT, .offset = (place), .table = &key##_table
#define LIST(key) .name = #key, .read = read_##key, .write = add_##key

static const json_field card_fields[] = {JSON_VERSION_FIELD, {TEXT(name)}, {TEXT(task)},
    {TEXT(modality)}, {TEXT(body_part)}, {PAIR(fov_mm)},
    {OBJECT(localiser, offsetof(ul_card, localiser)), .flags = JSON_NAMED | JSON_SPARSE},
    {LIST(planes), .kind = JSON_WORD, .size = sizeof(ul_plane), .words = plane_words},
    {FIELD(ul_card, channels, JSON_WORD), .words = channel_words},
    {NUMBER(ul_card, neighbour_mm), .flags = JSON_SPARSE}, {PAIR(spacing_mm)},
    {FIELD(ul_card, size, JSON_WHOLE), .count = 2, .high = UL_SLICE_MAX, .flags = JSON_SPARSE,
        .expected = "two whole numbers up to 16384"},
    {OBJECT(normalisation, offsetof(ul_card, normalisation)), .flags = JSON_NAMED},
    {FIELD(ul_card, dark_surroundings, JSON_FLAG), .flags = JSON_SPARSE},
    {LIST(classes), .flags = JSON_NEEDED}, {LIST(groups)},
    {OBJECT(postprocess, 0), .flags = JSON_NAMED}, {OBJECT(tta, 0), .flags = JSON_NAMED},
    {FIELD(ul_card, trained, JSON_FLAG)}, {BY_CLASS("volumes", volumes_ml, volumes)},
    {BY_CLASS("limits", limits, limits)}, {LONG_TEXT(provenance)}, {LONG_TEXT(licence)},
    {LIST(metrics), .table = &metric_table, .flags = JSON_NAMED,
        .expected = "a list of objects with \"name\" and \"value\""},
    {0}};
const json_table card_table = {.fields = card_fields,
    .wrong = UL_ERROR_MODEL,
    .no_object = "is not a JSON object",
    .check = check_card};
