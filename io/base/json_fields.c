#include "io/base/json_fields.h"

#include "io/base/json.h"
#include "io/base/utf8.h"

#include <stdio.h>
#include <string.h>

/* --- Integers of a member's size -------------------------------------------------------------- */

static void store(void *at, size_t bytes, size_t number) {
    if (bytes == sizeof(uint8_t))
        *(uint8_t *)at = (uint8_t)number;
    else if (bytes == sizeof(unsigned))
        *(unsigned *)at = (unsigned)number;
    else
        *(size_t *)at = number;
}

static size_t load(const void *at, size_t bytes) {
    return bytes == sizeof(uint8_t)    ? *(const uint8_t *)at
           : bytes == sizeof(unsigned) ? *(const unsigned *)at
                                       : *(const size_t *)at;
}

static size_t bytes_of(const json_field *f) {
    return f->count ? f->size / f->count : f->size;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* What a number must be: within its limits, or a number at all. */
static const char *wanted_number(const json_field *f, const cJSON *value, char *text, size_t room) {
    const char *number = f->kind == JSON_WHOLE ? "a whole number" : "a number";
    if (isfinite(f->high))
        snprintf(text, room, "%s from %g to %g", number, f->low, f->high);
    else if (cJSON_IsNumber(value) && isfinite(value->valuedouble))
        snprintf(text, room, "at least %g", f->low);
    else
        return number;
    return text;
}

/* What a field takes, for messages. */
static const char *wanted(const json_field *f, const cJSON *value, char *text, size_t room) {
    if (f->expected && f->kind != JSON_DICOM_TEXT)
        return f->expected;
    switch (f->kind) {
    case JSON_VERSION:
        return "1";
    case JSON_FLAG:
        return "true or false";
    case JSON_OBJECT:
        return "an object";
    case JSON_NUMBER:
    case JSON_WHOLE:
        return wanted_number(f, value, text, room);
    case JSON_TEXT:
        snprintf(text, room, "a text of at most %zu bytes", f->size - 1);
        return text;
    case JSON_WORD:
        for (size_t w = 0, used = 0; f->words[w] && used < room; w++)
            used += (size_t)snprintf(
                text + used, room - used, "%s %s", w ? "," : "one of", f->words[w]);
        return text;
    default:
        return "a text";
    }
}

static bool read_number(const cJSON *value, const json_field *f, void *at) {
    if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble) || value->valuedouble < f->low ||
        value->valuedouble > f->high)
        return false;
    if (f->kind == JSON_NUMBER)
        *(double *)at = value->valuedouble;
    else
        store(at, bytes_of(f), (size_t)value->valuedouble);
    return f->kind == JSON_NUMBER || value->valuedouble == floor(value->valuedouble);
}

static bool read_numbers(const cJSON *value, const json_field *f, void *at) {
    bool good = f->count == 0 ? read_number(value, f, at)
                              : cJSON_IsArray(value) && cJSON_GetArraySize(value) == (int)f->count;
    for (size_t i = 0; good && i < f->count; i++)
        good = read_number(cJSON_GetArrayItem(value, (int)i), f, (char *)at + i * bytes_of(f));
    return good;
}

static bool read_word(const cJSON *value, const json_field *f, void *at) {
    for (size_t w = 0; cJSON_IsString(value) && f->words[w]; w++)
        if (strcmp(value->valuestring, f->words[w]) == 0) {
            if (at)
                store(at, f->size, w);
            return true;
        }
    return false;
}

static ul_status read_dicom_text(
    const cJSON *value, const json_field *f, char *at, ul_status wrong, ul_error *error) {
    const char *text = value->valuestring;
    if (utf8_length(text) > (size_t)f->high || strlen(text) >= f->size)
        return ul_error_set(error, wrong, "\"%s\" has %zu characters, at most %g are allowed",
            f->name, utf8_length(text), f->high);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F || *c == '\\')
            return ul_error_set(error, wrong,
                "\"%s\" holds a control character or a backslash, which DICOM cannot store",
                f->name);
    if (f->words && !read_word(value, f, NULL))
        return ul_json_wrong(value, f->name, f->expected, wrong, error);
    strcpy(at, text);
    return UL_OK;
}

static ul_status read_object(const cJSON *value, const json_field *f, void *at, ul_error *error) {
    ul_status status = ul_json_read_fields(value, f->table, at, error);
    if (status != UL_OK && f->flags & JSON_NAMED)
        ul_error_prefix(error, "\"%s\"", f->name);
    return status;
}

static bool read_flag(const cJSON *value, bool *at) {
    if (cJSON_IsBool(value))
        *at = cJSON_IsTrue(value);
    return cJSON_IsBool(value);
}

/* A text that stays in the JSON, is copied to a member of its size, or is to be owned. */
static bool read_text(const cJSON *value, const json_field *f, void *at) {
    size_t length = cJSON_IsString(value) ? strlen(value->valuestring) : 0;
    if (!cJSON_IsString(value) || (f->kind == JSON_TEXT && length >= f->size) ||
        length < (size_t)f->low || (f->words && !read_word(value, f, NULL)))
        return false;
    if (f->kind == JSON_TEXT)
        memcpy(at, value->valuestring, length + 1);
    else if (f->kind == JSON_BORROWED)
        *(const char **)at = value->valuestring;
    return true;
}

ul_status ul_json_read_value(
    const cJSON *value, const json_field *f, void *at, ul_status wrong, ul_error *error) {
    char text[160];
    bool good = f->kind == JSON_ANY;
    if (f->kind == JSON_DICOM_TEXT && cJSON_IsString(value))
        return read_dicom_text(value, f, at, wrong, error);
    if (f->kind == JSON_OBJECT && cJSON_IsObject(value))
        return read_object(value, f, at, error);
    if (f->kind == JSON_VERSION)
        good = cJSON_IsNumber(value) && value->valuedouble == 1.0;
    else if (f->kind == JSON_FLAG)
        good = read_flag(value, at);
    else if (f->kind == JSON_WORD)
        good = read_word(value, f, at);
    else if (f->kind == JSON_NUMBER || f->kind == JSON_WHOLE)
        good = read_numbers(value, f, at);
    else if (f->kind == JSON_TEXT || f->kind == JSON_OWNED || f->kind == JSON_BORROWED)
        good = read_text(value, f, at);
    if (!good)
        return ul_json_wrong(value, f->name, wanted(f, value, text, sizeof text), wrong, error);
    if (f->kind == JSON_OWNED && !(*(char **)at = strdup(value->valuestring)))
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a text");
    return UL_OK;
}

static ul_status check_keys(const cJSON *object, const json_table *table, ul_error *error) {
    const cJSON *value;
    cJSON_ArrayForEach(value, object) {
        const json_field *f = table->fields;
        while (f->name && strcmp(f->name, value->string) != 0)
            f++;
        if (!f->name)
            return ul_error_set(error, table->wrong, "%s\"%s\"%s", table->unknown[0], value->string,
                table->unknown[1]);
    }
    return UL_OK;
}

ul_status ul_json_read_fields(
    const cJSON *object, const json_table *table, void *thing, ul_error *error) {
    if (!cJSON_IsObject(object))
        return ul_error_set(error, table->wrong, "%s", table->no_object);
    ul_status status = table->unknown[0] ? check_keys(object, table, error) : UL_OK;
    for (const json_field *f = table->fields; status == UL_OK && f->name; f++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, f->name);
        bool absent =
            !value || (!table->unknown[0] && !(f->flags & JSON_NOT_NULL) && cJSON_IsNull(value));
        if (absent && !(f->flags & JSON_NEEDED))
            continue;
        status = f->read
                     ? f->read(value, f, thing, error)
                     : ul_json_read_value(value, f, (char *)thing + f->offset, table->wrong, error);
    }
    return status == UL_OK && table->check ? table->check(object, thing, error) : status;
}

ul_status ul_json_read_list(const cJSON *list, const json_field *f, void *items, size_t size,
    size_t *count, ul_error *error) {
    const cJSON *value;
    if (!cJSON_IsArray(list) || (f->flags & JSON_NEEDED && !list->child))
        return ul_json_wrong(list, f->name, f->expected, f->table->wrong, error);
    cJSON_ArrayForEach(value, list) {
        void *item = (char *)items + (*count)++ * size;
        if (!cJSON_IsObject(value))
            return ul_json_wrong(value, f->name, f->expected, f->table->wrong, error);
        ul_status status = read_object(value, f, item, error);
        if (status != UL_OK)
            return status;
    }
    return UL_OK;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static double number_at(const json_field *f, const void *at, size_t i) {
    return f->kind == JSON_NUMBER ? ((const double *)at)[i]
                                  : (double)load((const char *)at + i * bytes_of(f), bytes_of(f));
}

static bool is_empty(const json_field *f, const void *at) {
    bool empty = true;
    if (f->kind == JSON_BORROWED)
        return !*(const char *const *)at;
    if (f->kind == JSON_OWNED)
        return !*(char *const *)at || !**(char *const *)at;
    if (f->kind != JSON_NUMBER && f->kind != JSON_WHOLE)
        return !*(const char *)at;
    for (size_t i = 0; i < (f->count ? f->count : 1); i++)
        empty = empty && number_at(f, at, i) == 0.0;
    return empty;
}

static cJSON *number_json(const json_field *f, const void *at) {
    cJSON *list = f->count ? cJSON_CreateArray() : cJSON_CreateNumber(number_at(f, at, 0));
    for (size_t i = 0; list && i < f->count; i++)
        if (!cJSON_AddItemToArray(list, cJSON_CreateNumber(number_at(f, at, i)))) {
            cJSON_Delete(list);
            return NULL;
        }
    return list;
}

static cJSON *value_json(const json_field *f, const void *at) {
    cJSON *object;
    switch (f->kind) {
    case JSON_VERSION:
        return cJSON_CreateNumber(1);
    case JSON_TEXT:
    case JSON_DICOM_TEXT:
        return cJSON_CreateString(at);
    case JSON_OWNED:
    case JSON_BORROWED:
        return cJSON_CreateString(*(const char *const *)at);
    case JSON_FLAG:
        return cJSON_CreateBool(*(const bool *)at);
    case JSON_WORD:
        return cJSON_CreateString(f->words[load(at, f->size)]);
    case JSON_OBJECT:
        object = cJSON_CreateObject();
        if (ul_json_write_fields(object, f->table, at))
            return object;
        cJSON_Delete(object);
        return NULL;
    default:
        return number_json(f, at);
    }
}

bool ul_json_write_fields(cJSON *object, const json_table *table, const void *thing) {
    bool written = object != NULL;
    for (const json_field *f = table->fields; written && f->name; f++) {
        const char *at = (const char *)thing + f->offset;
        if (f->kind == JSON_ANY && !f->write)
            continue;
        if ((f->when && !f->when(thing)) || (f->flags & JSON_SPARSE && is_empty(f, at)))
            continue;
        written =
            f->write ? f->write(object, f, thing) : ul_json_add(object, f->name, value_json(f, at));
    }
    return written;
}

bool ul_json_write_item(cJSON *list, const json_table *table, const void *thing) {
    cJSON *item = cJSON_CreateObject();
    return cJSON_AddItemToArray(list, item) && ul_json_write_fields(item, table, thing);
}
