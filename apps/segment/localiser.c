/* What is told about the model that finds where another one is to be run. */
#include "apps/base/console.h"
#include "apps/segment/segment.h"
#include "jobs/base/digits.h"

#include <stdio.h>

static void describe(const segment_input *input, size_t b, char text[256]) {
    const ul_located *at = &input->located[b];
    const ul_region *r = &at->region;
    const char *label = input->localiser->models.card->localiser.classes[b];
    char turned[48] = "";
    if (at->turned_degrees > 0.0)
        snprintf(turned, sizeof turned, ", turned by %.0f degrees", at->turned_degrees);
    if (at->found)
        snprintf(text, 256, "%.60s in %zux%zux%zu voxels from column %zu, row %zu, slice %zu%s",
            label, r->size[0], r->size[1], r->size[2], r->first[0], r->first[1], r->first[2],
            turned);
    else
        snprintf(text, 256, "no %.60s found", label);
}

void segment_tell_located(const segment_input *input) {
    for (size_t b = 0; b < input->localiser->models.card->localiser.class_count; b++) {
        char text[256];
        describe(input, b, text);
        console_say("localised by %s: %s", input->localiser->card.name, text);
        segment_event("localised", NULL, text);
    }
}

static void add_box(cJSON *list, const char *label, const ul_located *at) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToArray(list, item);
    cJSON_AddStringToObject(item, "class", label);
    cJSON_AddBoolToObject(item, "found", at->found);
    cJSON_AddNumberToObject(item, "volume_ml", digits_ml(at->quality.volume_ml));
    cJSON_AddNumberToObject(item, "turned_degrees", digits_mm(at->turned_degrees));
    cJSON *first = cJSON_AddArrayToObject(item, "first");
    cJSON *size = cJSON_AddArrayToObject(item, "size");
    for (int a = 0; at->found && a < 3; a++) {
        cJSON_AddItemToArray(first, cJSON_CreateNumber((double)at->region.first[a]));
        cJSON_AddItemToArray(size, cJSON_CreateNumber((double)at->region.size[a]));
    }
    cJSON *warnings = cJSON_AddArrayToObject(item, "warnings");
    for (int flag = 0; flag < UL_QUALITY_FLAGS; flag++)
        if (at->quality.flags & 1u << flag)
            cJSON_AddItemToArray(warnings, cJSON_CreateString(ul_quality_word(flag)));
}

void segment_add_localiser(cJSON *report, const segment_input *input) {
    const ul_localiser_model *localiser = input->localiser;
    cJSON *object = cJSON_AddObjectToObject(report, "localiser");
    cJSON_AddStringToObject(object, "name", localiser->card.name);
    cJSON_AddStringToObject(object, "sha256", localiser->hash);
    cJSON *list = cJSON_AddArrayToObject(object, "boxes");
    const ul_localiser *own = &localiser->models.card->localiser;
    for (size_t b = 0; b < own->class_count; b++)
        add_box(list, own->classes[b], &input->located[b]);
}
