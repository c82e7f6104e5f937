/* What cJSON leaves open for the JSON that people write: cards, segments files, plans, splits. */
#pragma once

#include "ulite/error.h"

UL_BEGIN_C

struct cJSON;

/* Reads the one JSON value that text, UTF-8, is, by cJSON. *json: cJSON_Delete; NULL on failure.
 * Errors: the status wrong for a text that is no such value, with line and byte, and for a key that
 * stands twice in an object, with its path; UL_ERROR_LIMIT for want of memory. */
ul_status ul_json_parse(const char *text, ul_status wrong, struct cJSON **json, ul_error *error);

/* The same of a file of at most 16 MiB, whose path begins all messages. Errors: likewise with
 * UL_ERROR_INPUT, which is also the status where it cannot be read. */
ul_status ul_json_read(const char *path, struct cJSON **json, ul_error *error);

/* UL_OK where the document's "version" is 1, or absent. Else fails with status. */
ul_status ul_json_version(const struct cJSON *document, ul_status status, ul_error *error);

/* Puts item, which object owns from here on, under key. Where memory ran out, before (object or
 * item is NULL) or here, item is deleted: false. */
bool ul_json_add(struct cJSON *object, const char *key, struct cJSON *item);

/* Fails with status: "key" is VALUE, must be EXPECTED. value: of the key, or one item of the list
 * that is; NULL: absent. */
ul_status ul_json_wrong(const struct cJSON *value, const char *key, const char *expected,
    ul_status status, ul_error *error);

UL_END_C
