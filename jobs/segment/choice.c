#include "ulite/segment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_named(const ul_segment *segment, const char *name) {
    char number[16];
    snprintf(number, sizeof number, "%u", segment->number);
    return strcasecmp(segment->label, name) == 0 || strcmp(number, name) == 0;
}

static ul_status unknown(const ul_card *card, const char *name, ul_error *error) {
    char known[UL_ERROR_TEXT_BYTES / 2] = "";
    const ul_segments *const lists[] = {&card->groups, &card->classes};
    for (int l = 0; l < 2; l++)
        for (size_t n = 0; n < lists[l]->count; n++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                lists[l]->items[n].label);
        }
    return ul_error_set(
        error, UL_ERROR_USAGE, "the model has no class or group \"%s\"; it has %s", name, known);
}

/* Sends a class to a segment. */
static ul_status send(ul_class_choice *choice, unsigned class, unsigned to, ul_error *error) {
    if (choice->to[class])
        return ul_error_set(error, UL_ERROR_USAGE,
            "class %u would belong to segments %u and %u: a voxel has one label", class,
            choice->to[class], to);
    choice->to[class] = to;
    return UL_OK;
}

static ul_status choose_one(
    const ul_card *card, const char *name, ul_class_choice *choice, ul_error *error) {
    ul_segment *segment = &choice->segments.items[choice->segments.count];
    for (size_t g = 0; g < card->groups.count; g++) {
        if (!is_named(&card->groups.items[g], name))
            continue;
        *segment = card->groups.items[g];
        choice->segments.count++;
        ul_status status = UL_OK;
        for (unsigned c = 0; status == UL_OK && c < UL_CARD_CLASSES; c++)
            if (card->in_group[g * UL_CARD_CLASSES + c])
                status = send(choice, c, segment->number, error);
        return status;
    }
    for (size_t n = 0; n < card->classes.count; n++)
        if (is_named(&card->classes.items[n], name) &&
            card->classes.items[n].number < UL_CARD_CLASSES) {
            *segment = card->classes.items[n];
            choice->segments.count++;
            return send(choice, segment->number, segment->number, error);
        }
    return unknown(card, name, error);
}

ul_status ul_class_choice_parse(
    const ul_card *card, const char *names, ul_class_choice *choice, ul_error *error) {
    memset(choice, 0, sizeof *choice);
    char *copy = strdup(names), *rest = NULL;
    size_t most = 1;
    for (const char *at = names; *at; at++)
        most += *at == ',';
    choice->segments.items = calloc(most, sizeof *choice->segments.items);
    ul_status status = UL_OK;
    if (!copy || !choice->segments.items)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the choice of classes");
    const char *name = status == UL_OK ? strtok_r(copy, ",", &rest) : NULL;
    for (; status == UL_OK && name; name = strtok_r(NULL, ",", &rest))
        status = choose_one(card, name, choice, error);
    if (status == UL_OK && choice->segments.count == 0)
        status = unknown(card, names, error);
    for (size_t n = 0; n < choice->segments.count; n++) /* a partner that was not chosen is none */
        if (!ul_segments_find(&choice->segments, choice->segments.items[n].mirror))
            choice->segments.items[n].mirror = 0;
    free(copy);
    if (status != UL_OK)
        ul_class_choice_free(choice);
    return status;
}

void ul_class_choice_free(ul_class_choice *choice) {
    ul_segments_free(&choice->segments);
    memset(choice, 0, sizeof *choice);
}

/* The fractions of the chosen segments, added up. */
static void choose_fractions(
    const ul_class_choice *choice, const ul_labels *labels, size_t voxels, uint8_t *fractions) {
    for (size_t s = 0; s < labels->segments.count; s++) {
        unsigned number = labels->segments.items[s].number;
        unsigned to = number < UL_CARD_CLASSES ? choice->to[number] : 0;
        const ul_segment *target = ul_segments_find(&choice->segments, to);
        const uint8_t *from = labels->fractions + s * voxels;
        if (!target)
            continue;
        uint8_t *sum = fractions + (size_t)(target - choice->segments.items) * voxels;
        for (size_t i = 0; i < voxels; i++)
            sum[i] = (uint8_t)(sum[i] + from[i] > 255 ? 255 : sum[i] + from[i]);
    }
}

ul_status ul_labels_choose(const ul_class_choice *choice, ul_labels *labels, ul_error *error) {
    const size_t *size = labels->grid.size, voxels = size[0] * size[1] * size[2];
    ul_segments segments;
    ul_status status = ul_segments_copy(&choice->segments, &segments, error);
    if (status != UL_OK)
        return status;
    uint8_t *fractions = labels->fractions ? calloc(segments.count * voxels + 1, 1) : NULL;
    if (labels->fractions && !fractions) {
        ul_segments_free(&segments);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the chosen fractions");
    }
    if (fractions)
        choose_fractions(choice, labels, voxels, fractions);
    for (size_t i = 0; i < voxels; i++)
        labels->map[i] =
            labels->map[i] < UL_CARD_CLASSES ? (uint16_t)choice->to[labels->map[i]] : 0;
    for (size_t n = 0; n < segments.count && labels->segments.count > 0; n++)
        memcpy(segments.items[n].algorithm_name, labels->segments.items[0].algorithm_name,
            sizeof segments.items[n].algorithm_name);
    free(labels->fractions);
    labels->fractions = fractions;
    ul_segments_free(&labels->segments);
    labels->segments = segments;
    return UL_OK;
}

#define STORE(type, least, most) *(type *)at = (type)rint(fmin(fmax(wished, least), most))

/* A stored value as near to the wished one as the type of samples has it. */
static void store(ul_sample sample, double wished, void *at) {
    switch (sample) {
    case UL_SAMPLE_U8:
        STORE(uint8_t, 0, UINT8_MAX);
        break;
    case UL_SAMPLE_I8:
        STORE(int8_t, INT8_MIN, INT8_MAX);
        break;
    case UL_SAMPLE_U16:
        STORE(uint16_t, 0, UINT16_MAX);
        break;
    case UL_SAMPLE_I16:
        STORE(int16_t, INT16_MIN, INT16_MAX);
        break;
    case UL_SAMPLE_I32:
        STORE(int32_t, INT32_MIN, INT32_MAX);
        break;
    case UL_SAMPLE_U32:
        STORE(uint32_t, 0, UINT32_MAX);
        break;
    case UL_SAMPLE_F32:
        *(float *)at = (float)wished;
        break;
    case UL_SAMPLE_F64:
        *(double *)at = wished;
        break;
    }
}

void ul_volume_mask(const ul_labels *labels, ul_volume *volume) {
    const size_t *size = volume->grid.size, area = size[0] * size[1];
    const size_t bytes = ul_sample_bytes(volume->sample);
    for (size_t k = 0; k < size[2]; k++) {
        double slope = volume->slope[k], nothing = 0.0;
        if (volume->has_padding)
            nothing = volume->padding_low;
        else if (slope != 0.0)
            nothing = -volume->intercept[k] / slope;
        double value; /* aligned for every type */
        store(volume->sample, nothing, &value);
        for (size_t i = k * area; i < (k + 1) * area; i++)
            for (size_t c = 0; labels->map[i] == 0 && c < volume->channels; c++)
                memcpy(
                    (uint8_t *)volume->samples + (i * volume->channels + c) * bytes, &value, bytes);
    }
}
