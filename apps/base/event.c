#include "apps/base/event.h"

#include "apps/base/console.h"
#include "apps/base/json_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

cJSON *event_begin(const char *name) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "event", name);
    return event;
}

void event_print(cJSON *event) {
    char *line;
    if (!cJSON_HasObjectItem(event, "version"))
        cJSON_AddNumberToObject(event, "version", 1);
    if (json_out_text(event, false, &line, NULL) == UL_OK)
        console_print(line);
    else
        console_lost(ENOMEM);
    console_flush();
    free(line);
}

void event_failed(const ul_error *error) {
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("failed");
    cJSON_AddNumberToObject(event, "exit_code", (double)error->status);
    cJSON_AddStringToObject(event, "text", error->text);
    event_print(event);
}
