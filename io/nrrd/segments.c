#include "io/nrrd/segments.h"

#include "io/base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Source: vtkMRMLSegmentationStorageNode of 3D Slicer. */

static const char *value_of(const nrrd_header *header, size_t n, const char *what) {
    char key[64];
    snprintf(key, sizeof key, "Segment%zu_%s", n, what);
    return nrrd_header_value(header, key);
}

/* A part of a text, cut to what DICOM takes. */
static void copy_part(
    const char *text, size_t length, char *to, size_t room, size_t most_characters) {
    char part[1024];
    snprintf(part, sizeof part, "%.*s", length < sizeof part ? (int)length : 1023, text);
    ul_utf8_clip(to, room, most_characters, part);
}

/* "SCT^10200004^Liver". */
static void read_code(const char *text, size_t length, ul_code *code) {
    const char *end = text + length, *value = memchr(text, '^', length);
    const char *meaning = value ? memchr(value + 1, '^', (size_t)(end - value - 1)) : NULL;
    if (!meaning || meaning == value + 1 || value == text)
        return;
    copy_part(text, (size_t)(value - text), code->scheme, sizeof code->scheme, 16);
    copy_part(value + 1, (size_t)(meaning - value - 1), code->value, sizeof code->value, 64);
    copy_part(meaning + 1, (size_t)(end - meaning - 1), code->meaning, sizeof code->meaning, 64);
}

/* "context~category~type~modifier~context~region~modifier", up to the next '|'. */
static void read_terminology(const char *tags, ul_segment *segment) {
    static const char start[] = "TerminologyEntry:";
    const char *at = tags ? strstr(tags, start) : NULL;
    if (!at)
        return;
    at += strlen(start);
    ul_segment read = {0};
    ul_code *const codes[] = {NULL, &read.category, &read.type, &read.type_modifier, NULL,
        &read.region, &read.region_modifier};
    for (size_t part = 0; part < sizeof codes / sizeof codes[0]; part++) {
        size_t length = strcspn(at, "~|");
        if (codes[part])
            read_code(at, length, codes[part]);
        at += length;
        if (*at != '~')
            break;
        at++;
    }
    if (!*read.category.value || !*read.type.value)
        return; /* neither makes a SEG without the other */
    segment->category = read.category;
    segment->type = read.type;
    segment->type_modifier = read.type_modifier;
    segment->region = read.region;
    segment->region_modifier = read.region_modifier;
}

static void read_colour(const char *text, uint8_t rgb[3]) {
    double colour[3];
    if (!text || sscanf(text, "%lf %lf %lf", &colour[0], &colour[1], &colour[2]) != 3)
        return;
    for (int n = 0; n < 3; n++)
        if (!(colour[n] >= 0.0 && colour[n] <= 1.0))
            return;
    for (int n = 0; n < 3; n++)
        rgb[n] = (uint8_t)lround(255.0 * colour[n]);
}

/* A whole number of a key; otherwise where there is no such key. */
static ul_status read_number(const nrrd_header *header, size_t n, const char *what, long most,
    long otherwise, long *number, ul_error *error) {
    const char *text = value_of(header, n, what);
    char *end;
    *number = otherwise;
    if (!text)
        return UL_OK;
    *number = strtol(text, &end, 10);
    return end != text && *end == '\0' && *number >= 0 && *number <= most
               ? UL_OK
               : ul_error_set(error, UL_ERROR_INPUT, "Segment%zu_%s is \"%.40s\", 0 to %ld may be",
                     n, what, text, most);
}

static ul_status read_segment(
    const nrrd_header *header, size_t n, nrrd_segment *segment, ul_error *error) {
    long number, layer;
    bool layered = header->others > 1; /* before Slicer 4.11 each segment had a layer, of ones */
    ul_status status = read_number(header, n, "LabelValue", UINT16_MAX, 1, &number, error);
    if (status == UL_OK)
        status = read_number(header, n, "Layer", (long)header->others - 1,
            layered && n < header->others ? (long)n : 0, &layer, error);
    if (status != UL_OK)
        return status;
    if (number == 0)
        return ul_error_set(
            error, UL_ERROR_INPUT, "Segment%zu_LabelValue is 0, which is the background", n);
    ul_segment_init(&segment->segment, (unsigned)number);
    segment->layer = (size_t)layer;
    const char *name = value_of(header, n, "Name");
    if (name && *name)
        ul_utf8_clip(segment->segment.label, sizeof segment->segment.label, 64, name);
    read_colour(value_of(header, n, "Color"), segment->segment.rgb);
    read_terminology(value_of(header, n, "Tags"), &segment->segment);
    return UL_OK;
}

ul_status nrrd_segments_read(const nrrd_header *header, nrrd_segments *segments, ul_error *error) {
    *segments = (nrrd_segments){0};
    size_t count = 0;
    while (count < UINT16_MAX && value_of(header, count, "ID"))
        count++;
    if (count == 0)
        return UL_OK;
    segments->items = calloc(count, sizeof *segments->items);
    if (!segments->items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu segments", count);
    segments->count = count;
    for (size_t n = 0; n < count; n++) {
        ul_status status = read_segment(header, n, &segments->items[n], error);
        if (status != UL_OK) {
            free(segments->items);
            *segments = (nrrd_segments){0};
            return status;
        }
    }
    return UL_OK;
}

/* A value is one line. */
static void print_escaped(FILE *stream, const char *text, const char *dropped) {
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", stream);
        else if (*text == '\\')
            fputs("\\\\", stream);
        else
            fputc(strchr(dropped, *text) ? ' ' : *text, stream);
    }
}

static void print_code(FILE *stream, const ul_code *code) {
    print_escaped(stream, code->scheme, "~|^\r");
    fputc('^', stream);
    print_escaped(stream, code->value, "~|^\r");
    fputc('^', stream);
    print_escaped(stream, code->meaning, "~|^\r");
}

static void print_tags(FILE *stream, const ul_segment *segment) {
    fputs("Segmentation.Status:inprogress|TerminologyEntry:Segmentation category and type - DICOM "
          "master list~",
        stream);
    print_code(stream, &segment->category);
    fputc('~', stream);
    print_code(stream, &segment->type);
    fputc('~', stream);
    print_code(stream, &segment->type_modifier);
    fputs("~Anatomic codes - DICOM master list~", stream);
    print_code(stream, &segment->region);
    fputc('~', stream);
    print_code(stream, &segment->region_modifier);
    fputs("|\n", stream);
}

void nrrd_segment_print(
    FILE *stream, size_t n, const ul_segment *segment, const nrrd_extent *extent, bool layers) {
    fprintf(stream, "Segment%zu_ID:=Segment_%u\n", n, segment->number);
    fprintf(stream, "Segment%zu_Name:=", n);
    print_escaped(stream, segment->label, "\r");
    fprintf(stream, "\nSegment%zu_NameAutoGenerated:=0\n", n);
    fprintf(stream, "Segment%zu_Color:=%.6f %.6f %.6f\n", n, segment->rgb[0] / 255.0,
        segment->rgb[1] / 255.0, segment->rgb[2] / 255.0);
    fprintf(stream, "Segment%zu_ColorAutoGenerated:=0\n", n);
    fprintf(stream, "Segment%zu_Extent:=%ld %ld %ld %ld %ld %ld\n", n, extent->first[0],
        extent->last[0], extent->first[1], extent->last[1], extent->first[2], extent->last[2]);
    fprintf(stream, "Segment%zu_Layer:=%zu\n", n, layers ? n : 0);
    fprintf(stream, "Segment%zu_LabelValue:=%u\n", n, layers ? 1 : segment->number);
    fprintf(stream, "Segment%zu_Tags:=", n);
    print_tags(stream, segment);
}
