#include "apps/convert/label_table.h"

#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "libulite/base/output.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text on one line; quote: a character that it may not have, or 0. */
static void put_text(FILE *stream, const char *text, char quote) {
    for (; *text; text++)
        fputc(iscntrl((unsigned char)*text) || *text == quote ? ' ' : *text, stream);
}

static void put_tsv(FILE *stream, const ul_segments *segments) {
    fputs("index\tname\tcolor\tcode\n", stream);
    for (size_t s = 0; s < segments->count; s++) {
        const ul_segment *segment = &segments->items[s];
        fprintf(stream, "%u\t", segment->number);
        put_text(stream, segment->label, '\0');
        fprintf(stream, "\t#%02x%02x%02x\t", segment->rgb[0], segment->rgb[1], segment->rgb[2]);
        if (*segment->type.value)
            fprintf(stream, "%s:%s\n", segment->type.scheme, segment->type.value);
        else
            fputs("n/a\n", stream);
    }
}

/* Index, red, green, blue, opacity, visibility, visibility of the surface, name. */
static void put_snap(FILE *stream, const ul_segments *segments) {
    fputs("################################################\n"
          "# ITK-SnAP Label Description File\n"
          "# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n"
          "################################################\n"
          "    0     0    0    0        0  0  0    \"Clear Label\"\n",
        stream);
    for (size_t s = 0; s < segments->count; s++) {
        const ul_segment *segment = &segments->items[s];
        fprintf(stream, "%5u   %3u  %3u  %3u        1  1  1    \"", segment->number,
            segment->rgb[0], segment->rgb[1], segment->rgb[2]);
        put_text(stream, segment->label, '"');
        fputs("\"\n", stream);
    }
}

/* Lists of red, green, blue, opacity, label value and name, the background first. */
static ul_status make_niivue(const ul_segments *segments, char **text, ul_error *error) {
    static const char *const names[] = {"R", "G", "B", "A", "I"};
    cJSON *object = cJSON_CreateObject(), *labels = NULL;
    for (int n = 0; n < 5; n++) {
        cJSON *list = cJSON_AddArrayToObject(object, names[n]);
        cJSON_AddItemToArray(list, cJSON_CreateNumber(0));
        for (size_t s = 0; s < segments->count; s++) {
            const ul_segment *segment = &segments->items[s];
            cJSON_AddItemToArray(list, cJSON_CreateNumber(n < 3    ? segment->rgb[n]
                                                          : n == 3 ? 255
                                                                   : segment->number));
        }
    }
    labels = cJSON_AddArrayToObject(object, "labels");
    cJSON_AddItemToArray(labels, cJSON_CreateString("background"));
    for (size_t s = 0; s < segments->count; s++)
        cJSON_AddItemToArray(labels, cJSON_CreateString(segments->items[s].label));
    return json_out_text(object, false, text, error);
}

ul_status label_table_write(const char *path, const ul_segments *segments, ul_error *error) {
    char *text = NULL;
    size_t size = 0;
    ul_status status = UL_OK;
    if (ends_in(path, ".json")) {
        status = make_niivue(segments, &text, error);
        size = text ? strlen(text) : 0;
    } else {
        FILE *stream = open_memstream(&text, &size);
        if (stream)
            (ends_in(path, ".txt") ? put_snap : put_tsv)(stream, segments);
        if (!stream || fclose(stream) != 0)
            status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    if (status == UL_OK)
        status = ul_output_write(path, text, size, error);
    free(text);
    return status;
}
