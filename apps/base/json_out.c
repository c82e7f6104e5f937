#include "apps/base/json_out.h"

#include "apps/base/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local bool ran_out; /* since the last text: a server outlives it */

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    ran_out |= !memory;
    return memory;
}

void json_out_prepare(void) {
    cJSON_Hooks hooks = {allocate, free};
    ran_out = false;
    cJSON_InitHooks(&hooks);
}

/* Has the texts of a value call paths as messages do. */
static void call_paths(cJSON *value) {
    char called[4096];
    for (; value; value = value->next) {
        call_paths(value->child);
        if (!cJSON_IsString(value) || strlen(value->valuestring) >= sizeof called)
            continue;
        console_called(value->valuestring, called, sizeof called);
        if (strcmp(called, value->valuestring) != 0)
            ran_out |= !cJSON_SetValuestring(value, called);
    }
}

ul_status json_out_text(cJSON *value, bool lines, char **text, ul_error *error) {
    call_paths(value);
    *text = lines ? cJSON_Print(value) : cJSON_PrintUnformatted(value);
    cJSON_Delete(value);
    bool whole = *text && !ran_out;
    ran_out = false;
    if (whole)
        return UL_OK;
    free(*text);
    *text = NULL;
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the JSON");
}

ul_status json_out_print(cJSON *value, ul_error *error) {
    char *text;
    ul_status status = json_out_text(value, true, &text, error);
    if (status == UL_OK)
        console_print(text);
    free(text);
    return status;
}

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
