#include "ulite/volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Colours for segments that bring none: easy to tell apart on grey images, on light and dark. */
static const uint8_t palette[][3] = {
    {230, 75, 53},
    {77, 187, 213},
    {0, 160, 135},
    {244, 191, 66},
    {142, 98, 190},
    {240, 130, 180},
    {128, 174, 56},
    {60, 84, 136},
    {243, 155, 127},
    {132, 145, 180},
    {145, 209, 194},
    {176, 122, 70},
};

void ul_segment_init(ul_segment *segment, unsigned number) {
    static const ul_code category = {"85756007", "SCT", "Tissue", "DICOM CID 7150"};
    static const ul_code type = {"85756007", "SCT", "Tissue", "DICOM CID 7166"};
    memset(segment, 0, sizeof *segment);
    segment->number = number;
    snprintf(segment->label, sizeof segment->label, "Segment %u", number);
    segment->category = category;
    segment->type = type;
    size_t colours = sizeof palette / sizeof palette[0];
    memcpy(segment->rgb, palette[(number + colours - 1) % colours], 3);
    snprintf(segment->algorithm_type, sizeof segment->algorithm_type, "AUTOMATIC");
    snprintf(segment->algorithm_name, sizeof segment->algorithm_name, "unspecified");
}

ul_status ul_segments_copy(const ul_segments *source, ul_segments *copy, ul_error *error) {
    memset(copy, 0, sizeof *copy);
    if (source->count == 0)
        return UL_OK;
    copy->items = calloc(source->count, sizeof *copy->items);
    if (!copy->items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu segments", source->count);
    memcpy(copy->items, source->items, source->count * sizeof *copy->items);
    copy->count = source->count;
    return UL_OK;
}

void ul_segments_free(ul_segments *segments) {
    free(segments->items);
    memset(segments, 0, sizeof *segments);
}

const ul_segment *ul_segments_find(const ul_segments *segments, unsigned number) {
    for (size_t i = 0; i < segments->count; i++)
        if (segments->items[i].number == number)
            return &segments->items[i];
    return NULL;
}

unsigned ul_segments_mirror(const ul_segments *segments, unsigned number) {
    const ul_segment *segment = ul_segments_find(segments, number);
    return segment && segment->mirror ? segment->mirror : number;
}

unsigned ul_segments_fold(const ul_segments *segments, unsigned number) {
    unsigned partner = ul_segments_mirror(segments, number);
    return partner < number ? partner : number;
}
