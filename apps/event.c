#include "event.h"

#include "console.h"

#include <stdio.h>
#include <stdlib.h>

cJSON *event_begin(const char *name) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "event", name);
    return event;
}

void event_print(cJSON *event) {
    char *line = cJSON_PrintUnformatted(event);
    if (line)
        puts(line);
    console_flush();
    free(line);
    cJSON_Delete(event);
}
