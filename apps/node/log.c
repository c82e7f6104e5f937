#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void node_count(node *n, node_metric metric, unsigned long long more) {
    atomic_fetch_add(&n->shared->metrics[metric], more);
}

unsigned long long node_study_number(const char *study) {
    char start[17];
    snprintf(start, sizeof start, "%.16s", study);
    return strtoull(start, NULL, 16);
}

static void add_time(cJSON *event) {
    char text[40], whole[24];
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, sizeof text, "%s.%03ldZ", whole, now.tv_nsec / 1000000);
    cJSON_AddStringToObject(event, "time", text);
}

/* As key=value: for people, and for those who search a journal. */
static void say(const cJSON *event) {
    char line[2048] = "";
    size_t used = 0;
    for (const cJSON *item = event->child; item && used < sizeof line; item = item->next) {
        char *text = cJSON_PrintUnformatted(item);
        bool first = item == event->child;
        if (first)
            used += (size_t)snprintf(line, sizeof line, "%s:", item->valuestring);
        else if (text)
            used += (size_t)snprintf(line + used, sizeof line - used, " %s=%s", item->string, text);
        cJSON_free(text);
    }
    console_say("%s", line);
}

void node_log(cJSON *event) {
    if (console_settings.json) {
        add_time(event);
        event_print(event);
        return;
    }
    if (event)
        say(event);
    cJSON_Delete(event);
}
