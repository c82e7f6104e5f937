#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/info/info.h"
#include "io/base/json.h"
#include "ulite/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_SHOWN 200 /* bytes of metadata */

/* The card as it is written; NULL where it is no JSON that is read. */
static cJSON *card_of(const ul_model *model) {
    cJSON *card = NULL;
    const char *text = ul_model_metadata(model, "ulite");
    if (text)
        ul_json_parse(text, UL_ERROR_MODEL, &card, NULL);
    return card;
}

/* --- For programs ---------------------------------------------------------------------------- */

static cJSON *shape_json(const ul_model_shape *shape) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "input_channels", (double)shape->input_channels);
    cJSON_AddNumberToObject(object, "classes", (double)shape->classes);
    cJSON *widths = cJSON_AddArrayToObject(object, "widths");
    for (int i = 0; i < UL_STAGES; i++)
        cJSON_AddItemToArray(widths, cJSON_CreateNumber((double)shape->width[i]));
    cJSON_AddNumberToObject(object, "bottleneck", (double)shape->bottleneck);
    cJSON_AddNumberToObject(object, "parameters", (double)shape->parameters);
    return object;
}

/* fault: why `ulite segment` refuses the model; empty: it does not. */
static ul_status print_json(const ul_model *model, const char *fault, ul_error *error) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", 1);
    cJSON_AddStringToObject(object, "kind", "model");
    cJSON_AddItemToObject(object, "shape", shape_json(ul_model_get_shape(model)));
    cJSON *card = card_of(model);
    cJSON_AddItemToObject(object, "card", card ? card : cJSON_CreateNull());
    cJSON_AddItemToObject(object, "fault", *fault ? cJSON_CreateString(fault) : cJSON_CreateNull());
    cJSON *metadata = cJSON_AddObjectToObject(object, "metadata");
    const char *key, *value;
    for (size_t i = 0; ul_model_metadata_at(model, i, &key, &value); i++)
        if (!card || strcmp(key, "ulite") != 0)
            cJSON_AddStringToObject(metadata, key, value);
    return json_out_print(object, error);
}

/* --- For people ------------------------------------------------------------------------------ */

static void print_shape(const ul_model_shape *shape) {
    printf("U-Lite network, %zu parameters\n", shape->parameters);
    printf("  %-16s %zu\n  %-16s %zu\n", "input channels", shape->input_channels, "classes out",
        shape->classes);
    printf("  %-16s", "widths");
    for (int i = 0; i < UL_STAGES; i++)
        printf(" %zu", shape->width[i]);
    printf(", bottleneck %zu\n", shape->bottleneck);
}

/* A string without the line breaks and control characters that would spoil a terminal. */
static void print_clean(const char *text) {
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7F ? ' ' : *text);
}

static void print_value(const cJSON *value, int depth);

/* A list of plain values on one line, of objects on a line each. */
static void print_array(const cJSON *array, int depth) {
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (cJSON_IsObject(item))
            printf("\n%*s-", 2 * depth, "");
        putchar(' ');
        print_value(item, -1);
    }
}

/* A coded term in one breath, and where it is published: Hippocampus (SCT 5366008, DICOM CID 7140).
 */
static bool print_code(const cJSON *object) {
    const cJSON *meaning = cJSON_GetObjectItem(object, "meaning");
    const cJSON *scheme = cJSON_GetObjectItem(object, "scheme");
    const cJSON *value = cJSON_GetObjectItem(object, "value");
    const cJSON *source = cJSON_GetObjectItem(object, "source");
    if (!cJSON_IsString(meaning) || !cJSON_IsString(scheme) || !cJSON_IsString(value))
        return false;
    print_clean(meaning->valuestring);
    printf(" (");
    print_clean(scheme->valuestring);
    putchar(' ');
    print_clean(value->valuestring);
    printf(", ");
    print_clean(cJSON_IsString(source) ? source->valuestring : "no source named");
    putchar(')');
    return true;
}

/* depth < 0: everything on this line. */
static void print_value(const cJSON *value, int depth) {
    if (cJSON_IsObject(value) && print_code(value))
        return;
    if (cJSON_IsString(value)) {
        print_clean(value->valuestring);
    } else if (cJSON_IsArray(value)) {
        print_array(value, depth);
    } else if (cJSON_IsObject(value)) {
        const cJSON *item;
        cJSON_ArrayForEach(item, value) {
            if (depth >= 0)
                printf("\n%*s", 2 * depth, "");
            print_clean(item->string);
            printf(": ");
            print_value(item, depth < 0 ? depth : depth + 1);
            printf("%s", depth < 0 && item->next ? "; " : "");
        }
    } else {
        char *text = cJSON_PrintUnformatted(value);
        printf("%s", text ? text : "?");
        free(text);
    }
}

static void print_card(const cJSON *card) {
    puts("Model card");
    const cJSON *item;
    cJSON_ArrayForEach(item, card) {
        printf("  ");
        print_clean(item->string);
        printf("%*s ", (int)(strlen(item->string) < 16 ? 16 - strlen(item->string) : 0), "");
        print_value(item, 2);
        putchar('\n');
    }
}

static void print_table(const ul_model *model, const char *fault) {
    print_shape(ul_model_get_shape(model));
    cJSON *card = card_of(model);
    bool readable = cJSON_IsObject(card);
    if (readable)
        print_card(card);
    cJSON_Delete(card);
    if (*fault) {
        printf("`ulite segment` refuses this model: ");
        print_clean(fault);
        putchar('\n');
    }
    const char *key, *value;
    for (size_t i = 0; ul_model_metadata_at(model, i, &key, &value); i++) {
        if (readable && strcmp(key, "ulite") == 0)
            continue;
        printf("Metadata \"");
        print_clean(key);
        printf("\": ");
        if (strlen(value) <= LONGEST_SHOWN)
            print_clean(value);
        else
            printf("%zu bytes, --json shows them", strlen(value));
        putchar('\n');
    }
}

static ul_status print(const ul_model *model, ul_error *error) {
    ul_error fault = {0};
    ul_card card;
    ul_status status = ul_card_read(model, &card, &fault);
    ul_card_free(&card);
    if (status == UL_ERROR_LIMIT) /* says nothing about the card */
        return ul_error_set(error, status, "%s", fault.text);
    if (console_settings.json)
        return print_json(model, fault.text, error);
    print_table(model, fault.text);
    return UL_OK;
}

ul_status info_model(const char *path, ul_error *error) {
    ul_model *model;
    ul_status status = ul_model_open(path, &model, error);
    if (status != UL_OK)
        return status;
    status = print(model, error);
    ul_model_close(model);
    return status;
}
