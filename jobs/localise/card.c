/* The card of what a model gives in the boxes that its localiser finds. */
#include "jobs/base/model_path.h"
#include "ulite/segment.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool ul_card_needs_localiser(const ul_card *card, const ul_volume *volume) {
    bool larger = false;
    for (int axis = 0; axis < 2; axis++)
        larger = larger ||
                 volume->grid.spacing_mm[axis] * (double)volume->grid.size[axis] > card->fov_mm[1];
    return *card->localiser.model && larger;
}

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
}

/* The localiser's class of a label. */
static ul_status find_class(
    const ul_card *localiser, const char *label, const ul_segment **found, ul_error *error) {
    for (size_t n = 0; n < localiser->classes.count; n++)
        if (strcasecmp(localiser->classes.items[n].label, label) == 0) {
            *found = &localiser->classes.items[n];
            return UL_OK;
        }
    return ul_error_set(error, UL_ERROR_MODEL, "the model card's localiser %s has no class \"%s\"",
        localiser->name, label);
}

static bool is_side(const ul_code *code) {
    return strcmp(code->value, "7771000") == 0 || strcmp(code->value, "24028007") == 0;
}

/* "Anterior hippocampus" on the left: "Left anterior hippocampus"; of a class without sides:
 * "Anterior hippocampus (cochlea)". */
static void name_in_box(const ul_segment *found, bool several, ul_segment *segment) {
    char label[UL_TEXT_BYTES];
    int length = 0;
    memcpy(label, segment->label, sizeof label);
    if (is_side(&found->type_modifier)) {
        bool word = isupper((unsigned char)label[0]) && islower((unsigned char)label[1]);
        label[0] = word ? (char)tolower((unsigned char)label[0]) : label[0];
        length = snprintf(
            segment->label, sizeof segment->label, "%.64s %s", found->type_modifier.meaning, label);
    } else if (several) {
        length =
            snprintf(segment->label, sizeof segment->label, "%.180s (%.64s)", label, found->label);
    }
    if (length > 64) /* what DICOM takes */
        segment->label[64] = '\0';
}

static void place_in_box(const ul_segment *found, bool several, ul_segment *segment) {
    name_in_box(found, several, segment);
    if (!is_side(&found->type_modifier))
        return;
    if (!*segment->type_modifier.value) {
        segment->type_modifier = found->type_modifier;
        return;
    }
    segment->region = found->type;
    segment->region_modifier = found->type_modifier;
}

/* The highest number of a class or group. */
static unsigned highest_number(const ul_card *card) {
    const ul_segments *const lists[] = {&card->classes, &card->groups};
    unsigned highest = 0;
    for (int l = 0; l < 2; l++)
        for (size_t n = 0; n < lists[l]->count; n++)
            if (lists[l]->items[n].number > highest)
                highest = lists[l]->items[n].number;
    return highest;
}

/* Gives the card classes, rules and volumes for every box; its arrays are there. */
static ul_status fill(const ul_localised *models, unsigned step, ul_card *card, ul_error *error) {
    const ul_card *own = models->card;
    const size_t boxes = own->localiser.class_count, count = own->classes.count;
    for (size_t n = 0; n < boxes * count; n++) {
        unsigned offset = (unsigned)(n / count) * step;
        const ul_segment *found = NULL, *from = &own->classes.items[n % count];
        ul_status status =
            find_class(models->localiser_card, own->localiser.classes[n / count], &found, error);
        if (status != UL_OK)
            return status;
        ul_segment *segment = &card->classes.items[n];
        *segment = *from;
        segment->number += offset;
        segment->mirror = from->mirror ? from->mirror + offset : 0;
        place_in_box(found, boxes > 1, segment);
        if (card->class_rules)
            card->class_rules[n] = own->class_rules[n % count];
        if (card->volumes_ml)
            memcpy(card->volumes_ml[n], own->volumes_ml[n % count], sizeof card->volumes_ml[n]);
        if (card->limits)
            card->limits[n] = own->limits[n % count];
        for (size_t g = 0; g < own->groups.count; g++)
            if (own->in_group[g * UL_CARD_CLASSES + from->number])
                card->in_group[g * UL_CARD_CLASSES + segment->number] = true;
    }
    return UL_OK;
}

static bool allocate(const ul_card *own, ul_card *card) {
    size_t count = own->localiser.class_count * own->classes.count;
    card->classes = (ul_segments){count, calloc(count, sizeof *card->classes.items)};
    if (own->class_rules)
        card->class_rules = calloc(count, sizeof *card->class_rules);
    if (own->volumes_ml)
        card->volumes_ml = calloc(count, sizeof *card->volumes_ml);
    if (own->limits)
        card->limits = calloc(count, sizeof *card->limits);
    if (own->groups.count > 0)
        card->in_group = calloc(own->groups.count * UL_CARD_CLASSES, sizeof *card->in_group);
    return card->classes.items && (card->class_rules || !own->class_rules) &&
           (card->volumes_ml || !own->volumes_ml) && (card->limits || !own->limits) &&
           (card->in_group || own->groups.count == 0);
}

ul_status ul_card_localised(const ul_localised *models, ul_card *card, ul_error *error) {
    const ul_card *own = models->card;
    const unsigned step = highest_number(own);
    *card = *own;
    card->classes = card->groups = (ul_segments){0};
    card->class_rules = NULL;
    card->volumes_ml = NULL;
    card->limits = NULL;
    card->in_group = NULL;
    card->provenance = card->licence = card->source = NULL;
    card->metrics = NULL;
    card->metric_count = 0;
    card->trained = own->trained && models->localiser_card->trained;
    ul_status status = UL_OK;
    if (own->localiser.class_count * step >= UL_CARD_CLASSES)
        status = ul_error_set(error, UL_ERROR_MODEL,
            "model card: \"localiser\" makes class numbers up to %zu, at most %d are allowed",
            own->localiser.class_count * step, UL_CARD_CLASSES - 1);
    if (status == UL_OK && !allocate(own, card))
        status = no_memory(error);
    if (status == UL_OK)
        status = fill(models, step, card, error);
    if (status == UL_OK && own->groups.count > 0)
        status = ul_segments_copy(&own->groups, &card->groups, error);
    if (status != UL_OK)
        ul_card_free(card);
    return status;
}

void ul_localiser_close(ul_localiser_model *localiser) {
    ul_card_free(&localiser->localised);
    ul_card_free(&localiser->card);
    ul_model_close(localiser->model);
    memset(localiser, 0, sizeof *localiser);
}

static ul_status open_path(const char *path, ul_localiser_model *localiser, ul_error *error) {
    ul_status status = ul_model_open(path, &localiser->model, error);
    if (status == UL_OK && ul_card_read(localiser->model, &localiser->card, error) != UL_OK) {
        ul_error_prefix(error, "%s", path);
        status = error->status;
    }
    if (status == UL_OK)
        ul_model_hash(localiser->model, localiser->hash);
    return status;
}

ul_status ul_localiser_open(
    const ul_model *model, const ul_card *card, ul_localiser_model *localiser, ul_error *error) {
    const char *name = card->localiser.model, *beside = ul_model_path(model);
    char path[MODEL_PATH_BYTES];
    ul_error missing = {0}, fault = {0};
    memset(localiser, 0, sizeof *localiser);
    if (!*name)
        return UL_OK;
    if ((beside ? model_path_find_beside(beside, name, path, &missing)
                : model_path_find(name, path, &missing)) != UL_OK) {
        memcpy(localiser->missing, missing.text, sizeof localiser->missing);
        return UL_OK;
    }
    ul_status status = open_path(path, localiser, &fault);
    localiser->models = (ul_localised){model, localiser->model, card, &localiser->card};
    if (status == UL_OK)
        status = ul_card_localised(&localiser->models, &localiser->localised, &fault);
    return status == UL_OK ? UL_OK : ul_error_set(error, status, "%s", fault.text);
}

ul_status ul_localiser_fit(const ul_card *card, const ul_localiser_model *localiser,
    const ul_volume *volume, bool *needed, ul_error *error) {
    ul_error why = {0};
    ul_card any_size = *card; /* borrows what it holds */
    any_size.fov_mm[0] = any_size.fov_mm[1] = 0.0;
    const bool larger = ul_card_needs_localiser(card, volume);
    *needed = larger && localiser->model;
    if (!*needed) {
        ul_card_fit(card, volume, &why);
        if (larger)
            ul_error_prefix(&why, "its localiser is not there: %s", localiser->missing);
    } else if (ul_card_fit(&any_size, volume, &why) == UL_OK &&
               ul_card_fit(&localiser->card, volume, &why) != UL_OK) {
        ul_error_prefix(&why, "larger than the model's %g mm, and for its localiser %s",
            card->fov_mm[1], localiser->card.name);
    }
    return why.status == UL_OK ? UL_OK : ul_error_set(error, why.status, "%s", why.text);
}
