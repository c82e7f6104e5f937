#include "ulite/json.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Grammar --------------------------------------------------------------------------------- */

/* cJSON does not say whether a text is wrong, or where, or memory ran out, reads past much that is
 * no JSON and cuts texts at a NUL. So texts are checked before they are given to it. */

#define MOST_LEVELS 100    /* cJSON's own limit is 1000 */
#define MOST_CHARACTERS 63 /* of a number, cJSON's limit */

typedef struct scan {
    const char *at; /* stays at the fault */
    int level;
} scan;

static void skip_space(scan *s) {
    s->at += strspn(s->at, " \t\r\n");
}

static bool take(scan *s, const char *text) {
    size_t length = strlen(text);
    if (strncmp(s->at, text, length) != 0)
        return false;
    s->at += length;
    return true;
}

static bool take_digits(scan *s) {
    size_t length = strspn(s->at, "0123456789");
    s->at += length;
    return length > 0;
}

static bool take_number(scan *s) {
    const char *start = s->at;
    take(s, "-");
    if (!take(s, "0") && !take_digits(s))
        return false;
    if (take(s, ".") && !take_digits(s))
        return false;
    if (take(s, "e") || take(s, "E")) {
        if (!take(s, "+"))
            take(s, "-");
        if (!take_digits(s))
            return false;
    }
    return s->at - start <= MOST_CHARACTERS;
}

/* \uXXXX, in low..high. */
static bool take_unit(scan *s, unsigned low, unsigned high, unsigned *unit) {
    if (s->at[0] != '\\' || s->at[1] != 'u' || strspn(s->at + 2, "0123456789abcdefABCDEF") < 4)
        return false;
    const char digits[5] = {s->at[2], s->at[3], s->at[4], s->at[5]};
    *unit = (unsigned)strtoul(digits, NULL, 16);
    if (*unit < low || *unit > high)
        return false;
    s->at += 6;
    return true;
}

static bool take_escape(scan *s) {
    unsigned unit;
    if (s->at[1] && strchr("\"\\/bfnrt", s->at[1])) {
        s->at += 2;
        return true;
    }
    return take_unit(s, 0x0001, 0xD7FF, &unit) || take_unit(s, 0xE000, 0xFFFF, &unit) ||
           (take_unit(s, 0xD800, 0xDBFF, &unit) && take_unit(s, 0xDC00, 0xDFFF, &unit));
}

static bool take_text(scan *s) {
    if (!take(s, "\""))
        return false;
    while ((unsigned char)*s->at >= 0x20 && *s->at != '"')
        if (*s->at != '\\')
            s->at++;
        else if (!take_escape(s))
            return false;
    return take(s, "\"");
}

static bool take_value(scan *s);

static bool take_key(scan *s) {
    skip_space(s);
    bool taken = take_text(s);
    skip_space(s);
    return taken && take(s, ":");
}

/* The items of a list or the members of an object, behind its bracket. */
static bool take_items(scan *s, const char *closing) {
    bool object = *closing == '}';
    if (++s->level > MOST_LEVELS)
        return false;
    skip_space(s);
    bool closed = take(s, closing);
    while (!closed) {
        if ((object && !take_key(s)) || !take_value(s))
            return false;
        closed = take(s, closing);
        if (!closed && !take(s, ","))
            return false;
    }
    s->level--;
    return true;
}

/* A value and the space around it. */
static bool take_value(scan *s) {
    skip_space(s);
    bool taken = false;
    if (take(s, "{"))
        taken = take_items(s, "}");
    else if (take(s, "["))
        taken = take_items(s, "]");
    else if (*s->at == '"')
        taken = take_text(s);
    else
        taken = take(s, "true") || take(s, "false") || take(s, "null") || take_number(s);
    if (taken)
        skip_space(s);
    return taken;
}

static ul_status check_grammar(const char *text, ul_status wrong, ul_error *error) {
    scan s = {text, 0};
    take(&s, "\xEF\xBB\xBF");
    if (take_value(&s) && *s.at == '\0')
        return UL_OK;
    size_t line = 1;
    const char *start = text;
    for (const char *at = text; at < s.at; at++)
        if (*at == '\n') {
            line++;
            start = at + 1;
        }
    return ul_error_set(error, wrong, "is %s: line %zu, byte %zu",
        s.level > MOST_LEVELS ? "nested too deeply" : "not valid JSON", line,
        (size_t)(s.at - start) + 1);
}

/* --- Values for people ------------------------------------------------------------------------ */

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

ul_status ul_json_parse(const char *text, ul_status wrong, cJSON **json, ul_error *error) {
    *json = NULL;
    ul_status status = check_grammar(text, wrong, error);
    if (status == UL_OK && !(*json = cJSON_Parse(text)))
        status = no_memory(error);
    if (status == UL_OK)
        status = check_all_keys(*json, wrong, error);
    if (status != UL_OK) {
        cJSON_Delete(*json);
        *json = NULL;
    }
    return status;
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
