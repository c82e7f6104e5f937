#include "io/dicom/csa.h"

#include "io/base/little_endian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAG_BYTES 84  /* name 64, multiplicity 4, VR 4, type 4, item count 4, check 4 */
#define ITEM_BYTES 16 /* four words, of which one is the length */
#define MAX_TAGS 1024 /* real headers hold about 100 */

typedef struct csa_reader {
    const uint8_t *bytes;
    size_t size, at;
    bool second_version;
    uint32_t first_items; /* of the first tag: CSA1 counts item lengths from it */
} csa_reader;

/* Reads the next item's text into text; false at a damaged end. */
static bool read_item(csa_reader *reader, char *text, size_t text_bytes) {
    if (reader->size - reader->at < ITEM_BYTES)
        return false;
    const uint8_t *words = reader->bytes + reader->at;
    uint32_t length = little_u32(words + (reader->second_version ? 4 : 0));
    if (!reader->second_version)
        length = length > reader->first_items ? length - reader->first_items : 0;
    reader->at += ITEM_BYTES;
    size_t padded = ((size_t)length + 3) & ~(size_t)3;
    if (reader->size - reader->at < padded)
        return false;
    size_t copied = length < text_bytes ? length : text_bytes - 1;
    memcpy(text, reader->bytes + reader->at, copied);
    text[copied] = '\0';
    reader->at += padded;
    return true;
}

/* Takes one value of one tag. */
static void take_value(const char *name, uint32_t index, const char *text, csa_header *header) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value))
        return;
    if (strcmp(name, "NumberOfImagesInMosaic") == 0 && index == 0 && value >= 1 && value <= 65536)
        header->images = (unsigned)value;
    if (strcmp(name, "SliceNormalVector") == 0 && index < 3) {
        header->normal[index] = value;
        header->has_normal = index == 2;
    }
    if (strcmp(name, "PhaseEncodingDirectionPositive") == 0 && index == 0) {
        header->has_phase_sign = value == 0 || value == 1;
        header->phase_positive = value == 1;
    }
    if (strcmp(name, "MosaicRefAcqTimes") == 0 && index == header->time_count &&
        index < CSA_MAX_TIMES)
        header->time_ms[header->time_count++] = value;
}

static bool read_tag(csa_reader *reader, csa_header *header) {
    if (reader->size - reader->at < TAG_BYTES)
        return false;
    const uint8_t *tag = reader->bytes + reader->at;
    char name[65] = {0};
    memcpy(name, tag, 64);
    uint32_t items = little_u32(tag + 76);
    if (reader->first_items == UINT32_MAX)
        reader->first_items = items;
    reader->at += TAG_BYTES;
    for (uint32_t i = 0; i < items; i++) {
        char text[64];
        if (!read_item(reader, text, sizeof text))
            return false;
        take_value(name, i, text, header);
    }
    return true;
}

bool csa_read(const uint8_t *bytes, size_t size, csa_header *header) {
    memset(header, 0, sizeof *header);
    csa_reader reader = {.bytes = bytes, .size = size, .first_items = UINT32_MAX};
    reader.second_version = size >= 16 && memcmp(bytes, "SV10", 4) == 0;
    reader.at = reader.second_version ? 8 : 0;
    if (size < reader.at + 8)
        return false;
    uint32_t tags = little_u32(bytes + reader.at);
    reader.at += 8;
    if (tags == 0 || tags > MAX_TAGS)
        return false;
    for (uint32_t t = 0; t < tags; t++)
        if (!read_tag(&reader, header))
            return false;
    return true;
}
