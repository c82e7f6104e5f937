#include "apps/base/console.h"
#include "apps/convert/convert.h"
#include "jobs/base/digits.h"

#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

void convert_note(const convert_options *options, const char *text) {
    console_say("note: %s", text);
    if (options->report)
        cJSON_AddItemToArray(
            cJSON_GetObjectItem(options->report, "notes"), cJSON_CreateString(text));
}

void convert_notes(const convert_options *options, char *notes) {
    for (char *line = notes; line && *line;) {
        char *next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        convert_note(options, line);
        line = next;
    }
    free(notes);
}

void convert_wrote_beside(const convert_options *options, const char *path) {
    if (!options->report)
        return;
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "path", path);
    cJSON_AddItemToArray(cJSON_GetObjectItem(options->report, "outputs"), item);
}

void convert_wrote_frames(const convert_options *options, size_t count, double step_s) {
    if (!options->report)
        return;
    cJSON *outputs = cJSON_GetObjectItem(options->report, "outputs");
    cJSON *item = cJSON_GetArrayItem(outputs, cJSON_GetArraySize(outputs) - 1);
    cJSON_AddNumberToObject(item, "volumes", (double)count);
    cJSON_AddItemToObject(
        item, "step_s", step_s > 0 ? cJSON_CreateNumber(digits_value(step_s)) : cJSON_CreateNull());
}

void convert_wrote(const convert_options *options, const char *path, const ul_grid *grid,
    const ul_segments *segments) {
    if (!options->report)
        return;
    const double size[3] = {(double)grid->size[0], (double)grid->size[1], (double)grid->size[2]};
    const double spacing[3] = {digits_value(grid->spacing_mm[0]), digits_value(grid->spacing_mm[1]),
        digits_value(ul_grid_depth_mm(grid, 0))};
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "path", path);
    cJSON_AddItemToObject(item, "size", cJSON_CreateDoubleArray(size, 3));
    cJSON_AddItemToObject(item, "spacing_mm",
        spacing[0] > 0 ? cJSON_CreateDoubleArray(spacing, 3) : cJSON_CreateNull());
    cJSON *list = segments ? cJSON_AddArrayToObject(item, "segments") : NULL;
    for (size_t s = 0; list && s < segments->count; s++) {
        cJSON *segment = cJSON_CreateObject();
        cJSON_AddNumberToObject(segment, "number", segments->items[s].number);
        cJSON_AddStringToObject(segment, "label", segments->items[s].label);
        cJSON_AddItemToArray(list, segment);
    }
    cJSON_AddItemToArray(cJSON_GetObjectItem(options->report, "outputs"), item);
}
