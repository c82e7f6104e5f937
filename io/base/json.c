#include "io/base/json.h"

#include "io/base/text_file.h"
#include "io/base/utf8.h"

#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Values for people ------------------------------------------------------------------------ */

#define MOST_FILE_MIB 16
#define SHOWN_BYTES 100

/* A value as it stands in the file, or what it is where that is too long. */
static const char *describe(const cJSON *value, char *text, size_t size_bytes) {
    if (!value)
        return "absent";
    cJSON copy = *value; /* which cJSON_PrintPreallocated takes as if it changed it */
    if (cJSON_PrintPreallocated(&copy, text, (int)size_bytes, false))
        return text;
    if (cJSON_IsString(value))
        snprintf(text, size_bytes, "a text of %zu bytes", strlen(value->valuestring));
    else
        snprintf(text, size_bytes, "%s of %d", cJSON_IsArray(value) ? "a list" : "an object",
            cJSON_GetArraySize(value));
    return text;
}

/* A key likewise: whatever it holds, it takes one line. */
static const char *quote(char *key, char *text, size_t size_bytes) {
    const cJSON name = {.type = cJSON_String, .valuestring = key};
    return describe(&name, text, size_bytes);
}

/* --- Keys ------------------------------------------------------------------------------------ */

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for its JSON");
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that an object of a million keys takes no hours. */
static ul_status check_keys(const cJSON *object, ul_status wrong, ul_error *error) {
    char text[SHOWN_BYTES];
    size_t count = 0;
    char **keys = malloc(((size_t)cJSON_GetArraySize(object) + 1) * sizeof *keys);
    if (!keys)
        return no_memory(error);
    const cJSON *item;
    cJSON_ArrayForEach(item, object) keys[count++] = item->string;
    qsort(keys, count, sizeof *keys, compare_keys);
    ul_status status = UL_OK;
    for (size_t i = 1; status == UL_OK && i < count; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            status =
                ul_error_set(error, wrong, "%s stands twice", quote(keys[i], text, sizeof text));
    free(keys);
    return status;
}

static ul_status check_all_keys(const cJSON *value, ul_status wrong, ul_error *error) {
    ul_status status = cJSON_IsObject(value) ? check_keys(value, wrong, error) : UL_OK;
    char text[SHOWN_BYTES];
    size_t place = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, value) {
        if (status != UL_OK)
            break;
        place++;
        status = check_all_keys(item, wrong, error);
        if (status != UL_OK && item->string)
            ul_error_prefix(error, "%s", quote(item->string, text, sizeof text));
        else if (status != UL_OK)
            ul_error_prefix(error, "place %zu", place);
    }
    return status;
}

/* cJSON does not say why it read nothing; errno tells want of memory from a wrong text. */
static ul_status parse(const char *text, ul_status wrong, cJSON **json, ul_error *error) {
    const char *end = text;
    *json = NULL;
    if (!utf8_valid(text))
        return ul_error_set(error, wrong, "is not UTF-8: save it so");
    errno = 0;
    *json = cJSON_ParseWithOpts(text, &end, true);
    if (*json)
        return UL_OK;
    if (errno == ENOMEM)
        return no_memory(error);
    size_t line = 1;
    const char *start = text;
    for (const char *at = text; at < end; at++)
        if (*at == '\n') {
            line++;
            start = at + 1;
        }
    return ul_error_set(
        error, wrong, "is not valid JSON: line %zu, byte %zu", line, (size_t)(end - start) + 1);
}

ul_status ul_json_parse(const char *text, ul_status wrong, cJSON **json, ul_error *error) {
    ul_status status = parse(text, wrong, json, error);
    if (status == UL_OK)
        status = check_all_keys(*json, wrong, error);
    if (status != UL_OK) {
        cJSON_Delete(*json);
        *json = NULL;
    }
    return status;
}

ul_status ul_json_read(const char *path, cJSON **json, ul_error *error) {
    char *text;
    *json = NULL;
    ul_status status = ul_text_read(path, MOST_FILE_MIB, &text, error);
    if (status != UL_OK)
        return status;
    status = ul_json_parse(text, UL_ERROR_INPUT, json, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    free(text);
    return status;
}

ul_status ul_json_version(const cJSON *document, ul_status status, ul_error *error) {
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(document, "version");
    if (!version || (cJSON_IsNumber(version) && version->valuedouble == 1.0))
        return UL_OK;
    return ul_json_wrong(version, "version", "1", status, error);
}

bool ul_json_add(cJSON *object, const char *key, cJSON *item) {
    if (object && item && cJSON_AddItemToObject(object, key, item))
        return true;
    cJSON_Delete(item);
    return false;
}

ul_status ul_json_wrong(
    const cJSON *value, const char *key, const char *expected, ul_status status, ul_error *error) {
    char text[SHOWN_BYTES];
    bool item = value && !value->string;
    return ul_error_set(error, status, "\"%s\" %s %s, must be %s", key, item ? "holds" : "is",
        describe(value, text, sizeof text), expected);
}
