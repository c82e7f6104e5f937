/* What --json prints while a command runs: one JSON object a line, {"event": name, ...,
 * "version": 1}. */
#ifndef EVENT_H
#define EVENT_H

#include "ulite/error.h"

#include <cJSON.h>

/* To be filled and given to event_print. */
cJSON *event_begin(const char *name);

/* Prints the event as a line on stdout and frees it. */
void event_print(cJSON *event);

/* Under --json: {"event": "failed", "exit_code": N, "text": text}, the last of a run. */
void event_failed(const ul_error *error);

#endif
