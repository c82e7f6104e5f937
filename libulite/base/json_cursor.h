/* A cursor over the flat JSON of a safetensors header. It reads what the format has (strings,
 * unsigned integers, punctuation) and refuses everything else; the caller's grammar has a fixed
 * depth, so nothing recurses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct ul_json {
    const char *start, *at, *end;
    char *text; /* where decoded strings go; as long as the JSON, which they cannot outgrow */
    const char *fault; /* what was expected at `at` when a call returned false */
} ul_json;

bool ul_utf8_valid(const char *string); /* what ul_json_string takes, but for control characters */

#define UL_JSON_FOUND_BYTES 112

/* What stands at `at`, for a message: its start in quotes, bytes beyond ASCII as \xNN. */
const char *ul_json_found(const ul_json *json, char text[UL_JSON_FOUND_BYTES]);

bool ul_json_take(ul_json *json, char punctuation);     /* skips space, takes it or fails */
bool ul_json_end(ul_json *json);                        /* only space is left */
bool ul_json_string(ul_json *json, const char **value); /* UTF-8, NUL-terminated, no NUL inside */
bool ul_json_size(ul_json *json, size_t *value);        /* an integer of 0 .. SIZE_MAX */

/* After an opening bracket: true where an element follows, false at the closing one, which is
 * taken, or on a fault. *first is true before the first call. */
bool ul_json_next(ul_json *json, char closing, bool *first);
