#include "event.h"

#include "console.h"
#include "json_out.h"

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
    if (json_out_text(event, false, &line, NULL) == UL_OK)
        puts(line);
    else
        console_lost(ENOMEM);
    console_flush();
    free(line);
}
