#define _GNU_SOURCE /* memmem */
#include "io/nifti/label_table.h"

#include "io/base/utf8.h"
#include "libulite/base/resources.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_CARET = 30, HEAD_BYTES = 8, UNIT_BYTES = 16, MAX_BYTES = 16 << 20, MAX_TEXT = 1024 };

static void print_name(FILE *stream, const char *name) {
    fputs("<![CDATA[", stream);
    for (; *name; name++) {
        fputc(*name, stream);
        if (strncmp(name, "]]>", 3) == 0) /* ends the part: the rest stands in one of its own */
            fputs("]]><![CDATA[", stream);
    }
    fputs("]]>", stream);
}

ul_status nifti_table_make(
    const ul_segments *segments, char **extension, size_t *size_bytes, ul_error *error) {
    *extension = NULL;
    *size_bytes = 0;
    if (segments->count == 0)
        return UL_OK;
    FILE *stream = open_memstream(extension, size_bytes);
    if (!stream)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the label table");
    const char room[HEAD_BYTES] = {0};
    fwrite(room, 1, sizeof room, stream);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CaretExtension>\n"
          "<VolumeInformation Index=\"0\">\n<LabelTable>\n"
          "<Label Key=\"0\" Red=\"0\" Green=\"0\" Blue=\"0\" Alpha=\"0\"><![CDATA[???]]></Label>\n",
        stream);
    for (size_t s = 0; s < segments->count; s++) {
        const ul_segment *segment = &segments->items[s];
        fprintf(stream, "<Label Key=\"%u\" Red=\"%.6f\" Green=\"%.6f\" Blue=\"%.6f\" Alpha=\"1\">",
            segment->number, segment->rgb[0] / 255.0, segment->rgb[1] / 255.0,
            segment->rgb[2] / 255.0);
        print_name(stream, segment->label);
        fputs("</Label>\n", stream);
    }
    fputs("</LabelTable>\n<StudyMetaDataLinkSet>\n</StudyMetaDataLinkSet>\n"
          "<VolumeType><![CDATA[Label]]></VolumeType>\n</VolumeInformation>\n</CaretExtension>\n",
        stream);
    fflush(stream);
    for (size_t at = *size_bytes; at % UNIT_BYTES != 0; at++)
        fputc('\n', stream);
    if (fclose(stream) != 0) {
        free(*extension);
        *extension = NULL;
        *size_bytes = 0;
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the label table");
    }
    const int32_t head[2] = {(int32_t)*size_bytes, CODE_CARET};
    memcpy(*extension, head, sizeof head);
    return UL_OK;
}

/* The value of an attribute of a tag that ends at end; false where it has none. */
static bool read_attribute(const char *tag, const char *end, const char *name, double *value) {
    size_t length = strlen(name);
    for (const char *at = tag; (at = memmem(at, (size_t)(end - at), name, length)); at++) {
        const char *text = at + length;
        if ((at[-1] != ' ' && at[-1] != '\n') || text[0] != '=' ||
            (text[1] != '"' && text[1] != '\''))
            continue;
        char *behind;
        *value = strtod(text + 2, &behind);
        return behind > text + 2 && *behind == text[1];
    }
    return false;
}

/* One character of XML's text at *at, which goes on behind it. */
static char read_character(const char **at) {
    static const struct {
        const char *entity;
        char character;
    } entities[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t n = 0; n < sizeof entities / sizeof entities[0]; n++)
        if (strncmp(*at, entities[n].entity, strlen(entities[n].entity)) == 0) {
            *at += strlen(entities[n].entity);
            return entities[n].character;
        }
    return *(*at)++;
}

/* The text of an element up to its end tag, of CDATA and plain parts. */
static void read_text(const char *at, char text[MAX_TEXT]) {
    size_t length = 0;
    bool data = false;
    while (*at && length < MAX_TEXT - 1) {
        if (!data && strncmp(at, "<![CDATA[", 9) == 0) {
            data = true;
            at += 9;
        } else if (data && strncmp(at, "]]>", 3) == 0) {
            data = false;
            at += 3;
        } else if (!data && *at == '<') {
            break;
        } else if (data) {
            text[length++] = *at++;
        } else {
            text[length++] = read_character(&at);
        }
    }
    text[length] = '\0';
}

/* Sets a colour where all of its three parts are from 0 to 1. */
static void read_colour(const char *tag, const char *end, uint8_t rgb[3]) {
    static const char *const names[3] = {"Red", "Green", "Blue"};
    double colour[3];
    for (int n = 0; n < 3; n++)
        if (!read_attribute(tag, end, names[n], &colour[n]) ||
            !(colour[n] >= 0.0 && colour[n] <= 1.0))
            return;
    for (int n = 0; n < 3; n++)
        rgb[n] = (uint8_t)lround(255.0 * colour[n]);
}

static int compare_numbers(const void *a, const void *b) {
    unsigned left = ((const ul_segment *)a)->number, right = ((const ul_segment *)b)->number;
    return (left > right) - (left < right);
}

/* Room for a segment more per entry. */
static ul_status make_room(const char *xml, ul_segments *segments, ul_error *error) {
    size_t entries = 0;
    for (const char *tag = xml; (tag = strstr(tag, "<Label ")); tag++)
        entries++;
    entries = entries < UINT16_MAX ? entries : UINT16_MAX;
    size_t bytes = (segments->count + entries + 1) * sizeof *segments->items;
    ul_status status = ul_memory_ask(bytes, error, "a label table of %zu entries", entries);
    ul_segment *items = status == UL_OK ? realloc(segments->items, bytes) : NULL;
    if (items)
        segments->items = items;
    else if (status == UL_OK)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the label table");
    return status;
}

/* places [65536]: of the segments by their numbers, from 1; 0 where there is none. */
static ul_status take_entries(
    const char *xml, uint16_t *places, ul_segments *segments, ul_error *error) {
    char text[MAX_TEXT];
    ul_status status = make_room(xml, segments, error);
    if (status != UL_OK)
        return status;
    const char *end;
    for (const char *tag = xml; (tag = strstr(tag, "<Label ")) && (end = strchr(tag, '>'));
         tag = end) {
        double key;
        if (!read_attribute(tag, end, "Key", &key) || !(key >= 1.0 && key <= UINT16_MAX) ||
            key != floor(key))
            continue;
        unsigned number = (unsigned)key;
        if (places[number] == 0) {
            ul_segment_init(&segments->items[segments->count++], number);
            places[number] = (uint16_t)segments->count;
        }
        ul_segment *segment = &segments->items[places[number] - 1];
        read_text(end + 1, text);
        if (*text)
            ul_utf8_clip(segment->label, sizeof segment->label, 64, text);
        read_colour(tag, end, segment->rgb);
    }
    qsort(segments->items, segments->count, sizeof *segments->items, compare_numbers);
    return UL_OK;
}

/* The label table of the extensions up to the samples, *xml, the caller's; NULL where none is. */
static ul_status find_table(
    gzFile file, const ul_nifti_header *header, char **xml, ul_error *error) {
    size_t left = (size_t)header->fields.vox_offset - nifti_header_bytes(header);
    int32_t head[2];
    *xml = NULL;
    while (left >= HEAD_BYTES && gzread(file, head, HEAD_BYTES) == HEAD_BYTES) {
        uint32_t size = header->swapped ? __builtin_bswap32((uint32_t)head[0]) : (uint32_t)head[0];
        if (size < HEAD_BYTES || size > left || size > MAX_BYTES)
            return UL_OK;
        char *text = malloc(size);
        if (!text)
            return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for an extension");
        int bytes = (int)(size - HEAD_BYTES);
        bool whole = gzread(file, text, (unsigned)bytes) == bytes;
        text[bytes] = '\0';
        if (whole && strstr(text, "<LabelTable")) { /* others than Workbench give it code 0 */
            *xml = text;
            return UL_OK;
        }
        free(text);
        if (!whole)
            return UL_OK;
        left -= size;
    }
    return UL_OK;
}

ul_status nifti_table_read(
    gzFile file, const ul_nifti_header *header, ul_segments *segments, ul_error *error) {
    char extended[4], *xml;
    if (header->pair || gzseek(file, (z_off_t)nifti_header_bytes(header) - 4, SEEK_SET) < 0 ||
        gzread(file, extended, 4) != 4 || extended[0] == 0)
        return UL_OK;
    ul_status status = find_table(file, header, &xml, error);
    if (status != UL_OK || !xml)
        return status;
    uint16_t *places = calloc(UINT16_MAX + 1, sizeof *places);
    if (!places)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the label table");
    for (size_t s = 0; places && s < segments->count; s++)
        places[segments->items[s].number] = (uint16_t)(s + 1);
    if (status == UL_OK)
        status = take_entries(xml, places, segments, error);
    free(places);
    free(xml);
    return status;
}
