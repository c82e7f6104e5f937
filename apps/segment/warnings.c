/* What is doubtful about a result, wherever it is told. */
#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/segment/segment.h"
#include "jobs/base/digits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SAID = 4 }; /* classes that the note names */

void segment_choose_quality(const ul_class_choice *choice, segment_input *input) {
    size_t kept = 0;
    for (size_t n = 0; n < input->quality_count; n++) {
        unsigned number = input->quality[n].number;
        if (!choice || (number < UL_CARD_CLASSES && choice->to[number]))
            input->quality[kept++] = input->quality[n];
    }
    input->quality_count = kept;
}

const ul_segment_quality *segment_quality_of(const segment_input *input, unsigned number) {
    for (size_t n = 0; n < input->quality_count; n++)
        if (input->quality[n].number == number)
            return &input->quality[n];
    return NULL;
}

size_t segment_count_doubtful(const segment_input *input) {
    size_t doubtful = 0;
    for (size_t n = 0; n < input->quality_count; n++)
        doubtful += input->quality[n].flags != 0;
    return doubtful;
}

static const char *label_of(const ul_card *card, unsigned number) {
    const ul_segment *segment = ul_segments_find(&card->classes, number);
    return segment ? segment->label : "";
}

static void tell_event(const ul_card *card, const ul_segment_quality *q, const char *text) {
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("warning");
    cJSON_AddNumberToObject(event, "number", q->number);
    cJSON_AddStringToObject(event, "name", label_of(card, q->number));
    cJSON_AddStringToObject(event, "text", text);
    event_print(event);
}

/* Whether several classes are doubtful, and all of them for the one reason that it gives. */
static bool share_reason(const segment_input *input, char text[UL_QUALITY_TEXT_BYTES]) {
    char own[UL_QUALITY_TEXT_BYTES] = "";
    for (size_t n = 0; n < input->quality_count; n++) {
        ul_quality_text(&input->quality[n], n == 0 ? text : own);
        if (*text == '\0' || (n > 0 && strcmp(own, text) != 0))
            return false;
    }
    return input->quality_count > 1;
}

void segment_warn(const ul_card *card, const segment_input *input, ul_labels *labels) {
    char note[MOST_SAID * (UL_QUALITY_TEXT_BYTES + UL_TEXT_BYTES + 8)] = "";
    char shared[UL_QUALITY_TEXT_BYTES];
    size_t used = 0, said = 0;
    ul_quality_describe(input->quality, input->quality_count, labels);
    for (size_t n = 0; n < input->quality_count; n++) {
        const ul_segment_quality *q = &input->quality[n];
        char text[UL_QUALITY_TEXT_BYTES];
        if (!q->flags)
            continue;
        ul_quality_text(q, text);
        tell_event(card, q, text);
        if (said++ < MOST_SAID)
            used += (size_t)snprintf(note + used, sizeof note - used, "%s%s: %s", used ? "; " : "",
                label_of(card, q->number), text);
    }
    if (share_reason(input, shared))
        console_say("note: doubtful: all classes: %s", shared);
    else if (said > MOST_SAID)
        console_say("note: doubtful: %s; and %zu more classes", note, said - MOST_SAID);
    else if (said > 0)
        console_say("note: doubtful: %s", note);
}

static void add_class(cJSON *list, const ul_card *card, const ul_segment_quality *q) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToArray(list, item);
    cJSON_AddNumberToObject(item, "number", q->number);
    cJSON_AddStringToObject(item, "name", label_of(card, q->number));
    cJSON_AddNumberToObject(item, "volume_ml", digits_ml(q->volume_ml));
    if (q->range_ml[0] <= q->range_ml[1])
        cJSON_AddItemToObject(item, "range_ml",
            cJSON_CreateDoubleArray(
                (double[]){digits_ml(q->range_ml[0]), digits_ml(q->range_ml[1])}, 2));
    else
        cJSON_AddNullToObject(item, "range_ml");
    cJSON_AddNumberToObject(item, "border", digits_share(q->border));
    cJSON_AddNumberToObject(item, "pieces", digits_share(q->pieces));
    cJSON_AddNumberToObject(item, "disagreement", digits_share(q->disagreement));
    cJSON_AddNumberToObject(item, "confidence", digits_share(q->confidence));
    cJSON *warnings = cJSON_AddArrayToObject(item, "warnings");
    for (int flag = 0; flag < UL_QUALITY_FLAGS; flag++)
        if (q->flags & 1u << flag)
            cJSON_AddItemToArray(warnings, cJSON_CreateString(ul_quality_word(flag)));
}

/* Of what is known. */
typedef struct mean {
    double sum, count;
} mean;

static void add_known(mean *of, double value) {
    if (!isfinite(value))
        return;
    of->sum += value;
    of->count += 1.0;
}

void segment_add_quality(cJSON *object, const ul_card *card, const segment_input *input) {
    cJSON *quality = cJSON_AddObjectToObject(object, "quality");
    mean disagreement = {0}, confidence = {0};
    for (size_t n = 0; n < input->quality_count; n++) {
        add_known(&disagreement, input->quality[n].disagreement);
        add_known(&confidence, input->quality[n].confidence);
    }
    cJSON_AddNumberToObject(quality, "doubtful", (double)segment_count_doubtful(input));
    cJSON_AddNumberToObject(
        quality, "disagreement", digits_share(disagreement.sum / disagreement.count));
    cJSON_AddNumberToObject(quality, "confidence", digits_share(confidence.sum / confidence.count));
    cJSON *list = cJSON_AddArrayToObject(quality, "classes");
    for (size_t n = 0; n < input->quality_count; n++)
        add_class(list, card, &input->quality[n]);
}
