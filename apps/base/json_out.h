/* JSON on stdout and in files. cJSON's makers leave out what they find no memory for: here that is
 * noticed once for all of them, when a text is made of a value. Numbers that are not finite come as
 * null. */
#pragma once

#include "ulite/error.h"

#include <cJSON.h>

/* Before the first use of cJSON. */
void json_out_prepare(void);

/* The text of a value, which is freed; lines: indented, else all on one line. *text: free; NULL on
 * failure. Errors: UL_ERROR_LIMIT where memory ran out, for the text or for the value before. */
ul_status json_out_text(cJSON *value, bool lines, char **text, ul_error *error);

/* Prints a value on stdout, indented, and frees it. */
ul_status json_out_print(cJSON *value, ul_error *error);

/* What --json prints while a command runs: one JSON object a line, {"event": name, ...,
 * "version": 1}. */

/* To be filled and given to event_print. */
cJSON *event_begin(const char *name);

/* Prints the event as a line on stdout and frees it. */
void event_print(cJSON *event);

/* Under --json: {"event": "failed", "exit_code": N, "text": text}, the last of a run. */
void event_failed(const ul_error *error);
