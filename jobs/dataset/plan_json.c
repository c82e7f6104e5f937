#include "jobs/dataset/plan_json.h"

#include "io/base/json.h"
#include "io/base/json_fields.h"

#include <cJSON.h>
#include <stdlib.h>

static const char *const loss_words[] = {"dice", "cross_entropy", "dice_ce", "tversky", NULL};
static const char *const optimizer_words[] = {"adam", "adamw", NULL};
static const char *const schedule_words[] = {"constant", "plateau", "cosine", "poly", NULL};

#define REAL_AT(key, member)                                                                       \
    {                                                                                              \
        .name = #key, JSON_AT(ul_training, member), .kind = JSON_NUMBER, .high = 1e9,              \
        .expected = "a number from 0 on"                                                           \
    }
#define SHARE_AT(key, member)                                                                      \
    { .name = #key, JSON_AT(ul_training, member), .kind = JSON_NUMBER, .high = 1 }
#define COUNT_AT(key, member)                                                                      \
    {                                                                                              \
        .name = #key, JSON_AT(ul_training, member), .kind = JSON_WHOLE, .high = 1e9,               \
        .expected = "a whole number from 0 on"                                                     \
    }
#define REAL(member) REAL_AT(member, member)
#define SHARE(member) SHARE_AT(member, member)
#define COUNT(member) COUNT_AT(member, member)
#define WORD(member)                                                                               \
    {                                                                                              \
        JSON_FIELD(ul_training, member, JSON_WORD),                                                \
            .words = member##_words, .expected = "one of the words that docs/training.md lists"    \
    }
#define CHANCE(member) SHARE_AT(member, augment.member)
#define CHANGE(member) REAL_AT(member, augment.member)
#define DRAWN_CHANCE(member) SHARE_AT(member, generate.member)
#define DRAWN(member) REAL_AT(member, generate.member)
#define DRAWN_AT_MOST(member, most)                                                                \
    { .name = #member, JSON_AT(ul_training, generate.member), .kind = JSON_NUMBER, .high = most }
#define TABLE(name)                                                                                \
    static const json_table name##_table = {                                                       \
        .fields = name, .wrong = UL_ERROR_INPUT, .unknown = {"no training setting ", ""}}

static const json_field changes[] = {CHANCE(flip_x_p), CHANCE(flip_y_p), CHANCE(flip_z_p),
    CHANCE(mirror_p), CHANCE(rotate_p), CHANGE(rotate_degrees), CHANCE(scale_p), CHANGE(scale_low),
    CHANGE(scale_high), CHANGE(stretch), CHANCE(shift_p), CHANGE(shift), CHANCE(elastic_p),
    CHANGE(elastic_px), CHANGE(elastic_spacing_px), CHANCE(gamma_p), CHANGE(gamma_low),
    CHANGE(gamma_high), CHANCE(gamma_invert_p), CHANCE(contrast_p), CHANGE(contrast_low),
    CHANGE(contrast_high), CHANCE(brightness_p), CHANGE(brightness), CHANCE(noise_p), CHANGE(noise),
    CHANCE(blur_p), CHANGE(blur_low), CHANGE(blur_high), CHANCE(invert_p), CHANCE(colour_p),
    CHANGE(colour), CHANCE(shuffle_p), CHANCE(grey_p), {0}};
TABLE(changes);

static const json_field ranges[] = {DRAWN(rotate_degrees), DRAWN(scale_low), DRAWN(scale_high),
    DRAWN(shear), DRAWN(elastic_mm), DRAWN(elastic_spacing_mm), DRAWN_AT_MOST(shrink_mm, 5),
    DRAWN_AT_MOST(grow_mm, 5), DRAWN_CHANCE(mirror_p), DRAWN_CHANCE(strip_p),
    DRAWN_CHANCE(strip_some_p), DRAWN_CHANCE(cut_p), DRAWN(mean_low), DRAWN(mean_high), DRAWN(sd),
    DRAWN_CHANCE(sequence_p), DRAWN(relaxation_sd), DRAWN_CHANCE(related_p), DRAWN(related_sd),
    DRAWN_CHANCE(apart_p), DRAWN_CHANCE(faint_p), DRAWN_CHANCE(background_p),
    DRAWN_CHANCE(lesions_p), DRAWN(lesion_mm), DRAWN_CHANCE(thick_p), DRAWN(thick_low),
    DRAWN(thick_high), DRAWN(resolution_low), DRAWN(resolution_high), DRAWN(bias),
    DRAWN(bias_spacing_mm), DRAWN(gamma), DRAWN(noise), DRAWN_CHANCE(rician_p), DRAWN(jitter),
    DRAWN_CHANCE(real_p), COUNT_AT(draws, generate.draws), {0}};
TABLE(ranges);

static const json_field settings[] = {COUNT(epochs), COUNT(steps), COUNT(batch),
    COUNT_AT(patch_width, patch[0]), COUNT_AT(patch_height, patch[1]), REAL(learning_rate),
    REAL(weight_decay), COUNT(warmup_steps), WORD(loss), REAL(tversky_alpha), REAL(tversky_beta),
    WORD(optimizer), WORD(schedule), COUNT(plateau_epochs), SHARE(average), SHARE(foreground),
    COUNT(validate_every), COUNT(seed),
    {.name = "augment", .kind = JSON_OBJECT, .table = &changes_table},
    {.name = "generate", .kind = JSON_OBJECT, .table = &ranges_table}, {0}};
TABLE(settings);

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

/* NULL where memory ran out. */
static cJSON *card_json(const ul_card *card) {
    char *text;
    ul_error error;
    cJSON *json = ul_card_write(card, &text, &error) == UL_OK ? cJSON_Parse(text) : NULL;
    free(text);
    return json;
}

static ul_status read_card(const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    ul_card *card = &((ul_plan *)thing)->card, changed;
    if (!cJSON_IsObject(value))
        return ul_json_wrong(value, f->name, "an object", UL_ERROR_INPUT, error);
    cJSON *json = card_json(card);
    char *text = json && merge(json, value) ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (!text)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
    ul_status status = ul_card_parse(text, &changed, error);
    free(text);
    if (status == UL_OK) {
        ul_card_free(card);
        *card = changed;
    }
    return status;
}

static bool add_card(cJSON *object, const json_field *f, const void *plan) {
    return ul_json_add(object, f->name, card_json(&((const ul_plan *)plan)->card));
}

static const json_field parts[] = {JSON_VERSION_FIELD,
    {.name = "card", .read = read_card, .write = add_card},
    {JSON_FIELD(ul_plan, input_channels, JSON_WHOLE), .low = 1, .high = 999999999,
        .expected = "a whole number of at least 1"},
    {JSON_FIELD(ul_plan, training, JSON_OBJECT), .table = &settings_table}, {0}};
static const json_table plan_table = {.fields = parts,
    .wrong = UL_ERROR_INPUT,
    .no_object = "is not a JSON object",
    .unknown = {"no part ", ": a plan has \"card\", \"input_channels\" and \"training\""}};

ul_status plan_override(ul_plan *plan, const char *path, ul_error *error) {
    cJSON *json;
    ul_status status = ul_json_read(path, &json, error);
    if (status != UL_OK)
        return status;
    status = ul_json_read_fields(json, &plan_table, plan, error);
    cJSON_Delete(json);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

ul_status ul_plan_write(const ul_plan *plan, char **json, ul_error *error) {
    cJSON *object = cJSON_CreateObject();
    *json = ul_json_write_fields(object, &plan_table, plan) ? cJSON_Print(object) : NULL;
    cJSON_Delete(object);
    return *json ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the plan");
}
