#include "jobs/dataset/plan_json.h"

#include "io/base/json.h"
#include "jobs/base/paths.h"

#include <cJSON.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum field_kind {
    FIELD_REAL,
    FIELD_SHARE, /* a real number of 0 to 1: a probability, a part */
    FIELD_COUNT,
    FIELD_WORD
} field_kind;

typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset; /* into ul_training */
    const char *const *words;
} field;

static const char *const loss_words[] = {"dice", "cross_entropy", "dice_ce", "tversky", NULL};
static const char *const optimizer_words[] = {"adam", "adamw", NULL};
static const char *const schedule_words[] = {"constant", "plateau", "cosine", "poly", NULL};

#define REAL(name)                                                                                 \
    { #name, FIELD_REAL, offsetof(ul_training, name), NULL }
#define SHARE(name)                                                                                \
    { #name, FIELD_SHARE, offsetof(ul_training, name), NULL }
#define COUNT(name)                                                                                \
    { #name, FIELD_COUNT, offsetof(ul_training, name), NULL }
#define WORD(name)                                                                                 \
    { #name, FIELD_WORD, offsetof(ul_training, name), name##_words }
#define CHANCE(name)                                                                               \
    { #name, FIELD_SHARE, offsetof(ul_training, augment.name), NULL }
#define CHANGE(name)                                                                               \
    { #name, FIELD_REAL, offsetof(ul_training, augment.name), NULL }

#define DRAWN_CHANCE(name)                                                                         \
    { #name, FIELD_SHARE, offsetof(ul_training, generate.name), NULL }
#define DRAWN(name)                                                                                \
    { #name, FIELD_REAL, offsetof(ul_training, generate.name), NULL }

static const field fields[] = {COUNT(epochs), COUNT(steps), COUNT(batch),
    {"patch_width", FIELD_COUNT, offsetof(ul_training, patch[0]), NULL},
    {"patch_height", FIELD_COUNT, offsetof(ul_training, patch[1]), NULL}, REAL(learning_rate),
    REAL(weight_decay), COUNT(warmup_steps), WORD(loss), REAL(tversky_alpha), REAL(tversky_beta),
    WORD(optimizer), WORD(schedule), COUNT(plateau_epochs), SHARE(average), SHARE(foreground),
    COUNT(validate_every), COUNT(seed)};

static const field changes[] = {CHANCE(flip_x_p), CHANCE(flip_y_p), CHANCE(flip_z_p),
    CHANCE(mirror_p), CHANCE(rotate_p), CHANGE(rotate_degrees), CHANCE(scale_p), CHANGE(scale_low),
    CHANGE(scale_high), CHANGE(stretch), CHANCE(shift_p), CHANGE(shift), CHANCE(elastic_p),
    CHANGE(elastic_px), CHANGE(elastic_spacing_px), CHANCE(gamma_p), CHANGE(gamma_low),
    CHANGE(gamma_high), CHANCE(gamma_invert_p), CHANCE(contrast_p), CHANGE(contrast_low),
    CHANGE(contrast_high), CHANCE(brightness_p), CHANGE(brightness), CHANCE(noise_p), CHANGE(noise),
    CHANCE(blur_p), CHANGE(blur_low), CHANGE(blur_high), CHANCE(invert_p), CHANCE(colour_p),
    CHANGE(colour), CHANCE(shuffle_p), CHANCE(grey_p)};

static const field ranges[] = {DRAWN(rotate_degrees), DRAWN(scale_low), DRAWN(scale_high),
    DRAWN(shear), DRAWN(elastic_mm), DRAWN(elastic_spacing_mm), DRAWN_CHANCE(mirror_p),
    DRAWN_CHANCE(strip_p), DRAWN_CHANCE(strip_some_p), DRAWN_CHANCE(cut_p), DRAWN(mean_low),
    DRAWN(mean_high), DRAWN(sd), DRAWN_CHANCE(sequence_p), DRAWN(relaxation_sd),
    DRAWN_CHANCE(related_p), DRAWN(related_sd), DRAWN_CHANCE(apart_p), DRAWN_CHANCE(faint_p),
    DRAWN_CHANCE(background_p), DRAWN_CHANCE(lesions_p), DRAWN(lesion_mm), DRAWN_CHANCE(thick_p),
    DRAWN(thick_low), DRAWN(thick_high), DRAWN(resolution_low), DRAWN(resolution_high), DRAWN(bias),
    DRAWN(bias_spacing_mm), DRAWN(gamma), DRAWN(noise), DRAWN_CHANCE(rician_p), DRAWN(jitter),
    DRAWN_CHANCE(real_p), {"draws", FIELD_COUNT, offsetof(ul_training, generate.draws), NULL}};

/* Objects in "training" with fields of their own. */
static const struct {
    const char *name;
    const field *list;
    size_t count;
} parts[] = {{"augment", changes, sizeof changes / sizeof *changes},
    {"generate", ranges, sizeof ranges / sizeof *ranges}};

#define PARTS (sizeof parts / sizeof *parts)
#define FIELDS (sizeof fields / sizeof *fields)

/* false where memory ran out. */
static bool write_fields(
    cJSON *object, const field *list, size_t count, const ul_training *training) {
    bool written = object != NULL;
    for (size_t i = 0; written && i < count; i++) {
        const void *at = (const char *)training + list[i].offset;
        if (list[i].kind == FIELD_REAL || list[i].kind == FIELD_SHARE)
            written = cJSON_AddNumberToObject(object, list[i].name, *(const double *)at);
        else if (list[i].kind == FIELD_COUNT)
            written = cJSON_AddNumberToObject(object, list[i].name, (double)*(const size_t *)at);
        else
            written =
                cJSON_AddStringToObject(object, list[i].name, list[i].words[*(const unsigned *)at]);
    }
    return written;
}

/* What a field takes, for messages. */
static const char *wanted(const field *f) {
    switch (f->kind) {
    case FIELD_SHARE:
        return "a number from 0 to 1";
    case FIELD_COUNT:
        return "a whole number from 0 on";
    case FIELD_WORD:
        return "one of the words that docs/training.md lists";
    default:
        return "a number from 0 on";
    }
}

static bool set_field(const field *f, const cJSON *value, ul_training *training) {
    void *at = (char *)training + f->offset;
    if (f->kind == FIELD_WORD) {
        for (unsigned w = 0; cJSON_IsString(value) && f->words[w]; w++)
            if (strcmp(value->valuestring, f->words[w]) == 0) {
                *(unsigned *)at = w;
                return true;
            }
        return false;
    }
    double most = f->kind == FIELD_SHARE ? 1.0 : 1e9;
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0.0 && value->valuedouble <= most))
        return false;
    if (f->kind != FIELD_COUNT) {
        *(double *)at = value->valuedouble;
        return true;
    }
    *(size_t *)at = (size_t)value->valuedouble;
    return (double)*(size_t *)at == value->valuedouble;
}

static bool is_part(const cJSON *value) {
    for (size_t p = 0; p < PARTS; p++)
        if (cJSON_IsObject(value) && strcmp(value->string, parts[p].name) == 0)
            return true;
    return false;
}

static ul_status read_fields(
    const cJSON *object, const field *list, size_t count, ul_training *training, ul_error *error) {
    const cJSON *value;
    cJSON_ArrayForEach(value, object) {
        if (list == fields && is_part(value))
            continue; /* is read by itself */
        const field *found = NULL;
        for (size_t i = 0; i < count; i++)
            if (strcmp(list[i].name, value->string) == 0)
                found = &list[i];
        if (!found)
            return ul_error_set(error, UL_ERROR_INPUT, "no training setting \"%s\"", value->string);
        if (!set_field(found, value, training))
            return ul_json_wrong(value, value->string, wanted(found), UL_ERROR_INPUT, error);
    }
    return UL_OK;
}

/* Puts the members of change into object, objects into objects; false where memory ran out. */
static bool merge(cJSON *object, const cJSON *change) {
    const cJSON *value;
    bool merged = true;
    cJSON_ArrayForEach(value, change) {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(object, value->string);
        if (!merged)
            break;
        if (cJSON_IsObject(value) && cJSON_IsObject(old)) {
            merged = merge(old, value);
        } else {
            cJSON_DeleteItemFromObjectCaseSensitive(object, value->string);
            merged = ul_json_add(object, value->string, cJSON_Duplicate(value, true));
        }
    }
    return merged;
}

static ul_status override_card(ul_card *card, const cJSON *change, ul_error *error) {
    char *text;
    ul_status status = ul_card_write(card, &text, error);
    if (status != UL_OK)
        return status;
    cJSON *json = cJSON_Parse(text);
    free(text);
    text = json && merge(json, change) ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    ul_card changed;
    if (!text)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
    status = ul_card_parse(text, &changed, error);
    free(text);
    if (status != UL_OK)
        return status;
    ul_card_free(card);
    *card = changed;
    return UL_OK;
}

static bool is_count(const cJSON *value) {
    return cJSON_IsNumber(value) && value->valuedouble >= 1.0 && value->valuedouble < 1e9 &&
           value->valuedouble == (double)(size_t)value->valuedouble;
}

/* A key that is misspelt, or whose value is of another kind, would change nothing. */
static ul_status check_parts(const cJSON *json, ul_error *error) {
    const cJSON *value;
    if (!cJSON_IsObject(json))
        return ul_error_set(error, UL_ERROR_INPUT, "is not a JSON object");
    cJSON_ArrayForEach(value, json) {
        if (strcmp(value->string, "version") == 0)
            continue;
        bool channels = strcmp(value->string, "input_channels") == 0;
        if (!channels && strcmp(value->string, "card") != 0 &&
            strcmp(value->string, "training") != 0)
            return ul_error_set(error, UL_ERROR_INPUT,
                "no part \"%s\": a plan has \"card\", \"input_channels\" and \"training\"",
                value->string);
        if (!(channels ? is_count(value) : cJSON_IsObject(value)))
            return ul_json_wrong(value, value->string,
                channels ? "a whole number of at least 1" : "an object", UL_ERROR_INPUT, error);
    }
    return UL_OK;
}

ul_status plan_override(ul_plan *plan, const char *path, ul_error *error) {
    cJSON *json;
    ul_status status = files_read_json(path, &json, error);
    if (status != UL_OK)
        return status;
    status = check_parts(json, error);
    if (status == UL_OK)
        status = ul_json_version(json, UL_ERROR_INPUT, error);
    const cJSON *training = cJSON_GetObjectItem(json, "training");
    const cJSON *card = cJSON_GetObjectItem(json, "card");
    const cJSON *channels = cJSON_GetObjectItem(json, "input_channels");
    if (status == UL_OK && channels)
        plan->input_channels = (size_t)channels->valuedouble;
    if (status == UL_OK)
        status = read_fields(training, fields, FIELDS, &plan->training, error);
    for (size_t p = 0; status == UL_OK && p < PARTS; p++)
        status = read_fields(cJSON_GetObjectItem(training, parts[p].name), parts[p].list,
            parts[p].count, &plan->training, error);
    if (status == UL_OK && card)
        status = override_card(&plan->card, card, error);
    cJSON_Delete(json);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

ul_status ul_plan_write(const ul_plan *plan, char **json, ul_error *error) {
    char *card;
    *json = NULL;
    ul_status status = ul_card_write(&plan->card, &card, error);
    if (status != UL_OK)
        return status;
    cJSON *object = cJSON_CreateObject();
    bool written = cJSON_AddNumberToObject(object, "version", 1) &&
                   ul_json_add(object, "card", cJSON_Parse(card)) &&
                   cJSON_AddNumberToObject(object, "input_channels", (double)plan->input_channels);
    free(card);
    cJSON *training = cJSON_AddObjectToObject(object, "training");
    written = written && write_fields(training, fields, FIELDS, &plan->training);
    for (size_t p = 0; p < PARTS; p++)
        written = written && write_fields(cJSON_AddObjectToObject(training, parts[p].name),
                                 parts[p].list, parts[p].count, &plan->training);
    *json = written ? cJSON_Print(object) : NULL;
    cJSON_Delete(object);
    return *json ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the plan");
}
