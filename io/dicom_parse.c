#include "dicom_parse.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_ITEM DICOM_TAG(0xfffe, 0xe000)
#define TAG_ITEM_END DICOM_TAG(0xfffe, 0xe00d)
#define TAG_SEQUENCE_END DICOM_TAG(0xfffe, 0xe0dd)

/* Sequences nest a few levels in practice; deeper is an attack or garbage. */
#define MAX_DEPTH 32

uint16_t dicom_u16(const uint8_t *bytes, bool big_endian) {
    return big_endian ? (uint16_t)(bytes[0] << 8 | bytes[1]) : (uint16_t)(bytes[1] << 8 | bytes[0]);
}

uint32_t dicom_u32(const uint8_t *bytes, bool big_endian) {
    uint32_t first = dicom_u16(bytes, big_endian), second = dicom_u16(bytes + 2, big_endian);
    return big_endian ? first << 16 | second : second << 16 | first;
}

/* Whether an explicit VR is followed by two reserved bytes and a 32-bit length. */
static bool has_long_length(const char *vr) {
    static const char *const names[] = {
        "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (memcmp(vr, names[i], 2) == 0)
            return true;
    return false;
}

/* A position in the bytes of a data set and how they are encoded there. */
typedef struct dicom_cursor {
    const uint8_t *bytes;
    size_t size, at;
    bool explicit_vr, big_endian;
    size_t needed; /* set with DICOM_NEEDS_MORE */
} dicom_cursor;

static bool has(dicom_cursor *cursor, size_t count) {
    if (count <= cursor->size - cursor->at)
        return true;
    cursor->needed = cursor->at + count;
    return false;
}

/* Reads tag, VR and length; the cursor then stands at the value. */
static dicom_outcome read_head(dicom_cursor *cursor, dicom_element *element) {
    if (!has(cursor, 8))
        return DICOM_NEEDS_MORE;
    const uint8_t *head = cursor->bytes + cursor->at;
    element->tag =
        DICOM_TAG(dicom_u16(head, cursor->big_endian), dicom_u16(head + 2, cursor->big_endian));
    memset(element->vr, 0, sizeof element->vr);
    bool delimiter = element->tag >> 16 == 0xfffe; /* never has a VR */
    size_t head_bytes = 8;
    if (!cursor->explicit_vr || delimiter) {
        element->length = dicom_u32(head + 4, cursor->big_endian);
    } else {
        memcpy(element->vr, head + 4, 2);
        if (has_long_length(element->vr)) {
            head_bytes = 12;
            if (!has(cursor, head_bytes))
                return DICOM_NEEDS_MORE;
            element->length = dicom_u32(head + 8, cursor->big_endian);
        } else {
            element->length = dicom_u16(head + 6, cursor->big_endian);
        }
    }
    cursor->at += head_bytes;
    element->offset = cursor->at;
    return DICOM_PARSED;
}

static dicom_outcome skip_elements(dicom_cursor *cursor, int depth);

/* Passes the items of a sequence of undefined length, its delimiter included. */
static dicom_outcome skip_items(dicom_cursor *cursor, int depth) {
    if (depth > MAX_DEPTH)
        return DICOM_BROKEN;
    for (;;) {
        dicom_element item;
        dicom_outcome outcome = read_head(cursor, &item);
        if (outcome != DICOM_PARSED || item.tag == TAG_SEQUENCE_END)
            return outcome;
        if (item.tag != TAG_ITEM)
            return DICOM_BROKEN;
        if (item.length == DICOM_UNDEFINED) {
            outcome = skip_elements(cursor, depth + 1);
            if (outcome != DICOM_PARSED)
                return outcome;
        } else {
            if (!has(cursor, item.length))
                return DICOM_NEEDS_MORE;
            cursor->at += item.length;
        }
    }
}

/* Passes the value of an element at whose value the cursor stands. */
static dicom_outcome skip_value(dicom_cursor *cursor, const dicom_element *element, int depth) {
    if (element->length != DICOM_UNDEFINED) {
        if (!has(cursor, element->length))
            return DICOM_NEEDS_MORE;
        cursor->at += element->length;
        return DICOM_PARSED;
    }
    /* UN of undefined length holds an implicit little-endian sequence. */
    bool explicit_vr = cursor->explicit_vr;
    if (memcmp(element->vr, "UN", 2) == 0)
        cursor->explicit_vr = false;
    dicom_outcome outcome = skip_items(cursor, depth);
    cursor->explicit_vr = explicit_vr;
    return outcome;
}

/* Passes the elements of an item of undefined length, its delimiter included. */
static dicom_outcome skip_elements(dicom_cursor *cursor, int depth) {
    for (;;) {
        dicom_element element;
        dicom_outcome outcome = read_head(cursor, &element);
        if (outcome != DICOM_PARSED || element.tag == TAG_ITEM_END)
            return outcome;
        outcome = skip_value(cursor, &element, depth);
        if (outcome != DICOM_PARSED)
            return outcome;
    }
}

static bool add_element(dicom_dataset *dataset, const dicom_element *element) {
    if (dataset->count == dataset->capacity) {
        size_t capacity = dataset->capacity ? 2 * dataset->capacity : 64;
        dicom_element *grown = realloc(dataset->elements, capacity * sizeof *grown);
        if (!grown)
            return false;
        dataset->elements = grown;
        dataset->capacity = capacity;
    }
    dataset->elements[dataset->count++] = *element;
    return true;
}

static bool is_pixel_data(uint32_t tag) {
    return tag >= DICOM_TAG(0x7fe0, 0x0008) && tag <= DICOM_TAG(0x7fe0, 0x0010);
}

dicom_outcome dicom_parse(
    dicom_dataset *dataset, size_t offset, unsigned stop_group, size_t *at, size_t *needed) {
    dataset->count = 0;
    dicom_cursor cursor = {.bytes = dataset->bytes,
        .size = dataset->size,
        .at = offset,
        .explicit_vr = dataset->explicit_vr,
        .big_endian = dataset->big_endian};
    dicom_outcome outcome = DICOM_PARSED;
    while (cursor.at < cursor.size) {
        *at = cursor.at;
        dicom_element element;
        outcome = read_head(&cursor, &element);
        if (outcome != DICOM_PARSED)
            break;
        if (element.tag >> 16 > stop_group || element.tag == TAG_ITEM_END) {
            cursor.at = *at;
            break;
        }
        bool pixels = is_pixel_data(element.tag);
        if (!pixels)
            outcome = skip_value(&cursor, &element, 0);
        if (outcome != DICOM_PARSED)
            break;
        element.extent = cursor.at - element.offset;
        if (!add_element(dataset, &element))
            return DICOM_BROKEN;
        if (pixels)
            break;
    }
    if (outcome == DICOM_PARSED)
        *at = cursor.at;
    *needed = cursor.needed;
    return outcome;
}

void dicom_dataset_free(dicom_dataset *dataset) {
    free(dataset->elements);
    memset(dataset, 0, sizeof *dataset);
}

const dicom_element *dicom_find(const dicom_dataset *dataset, uint32_t tag) {
    for (size_t i = 0; i < dataset->count; i++)
        if (dataset->elements[i].tag == tag)
            return &dataset->elements[i];
    return NULL;
}

const dicom_element *dicom_find_private(
    const dicom_dataset *dataset, unsigned group, const char *creator, unsigned element) {
    for (unsigned block = 0x10; block <= 0xff; block++) {
        char text[65];
        if (dicom_text(dataset, DICOM_TAG(group, block), text, sizeof text) &&
            strcmp(text, creator) == 0)
            return dicom_find(dataset, DICOM_TAG(group, block << 8 | element));
    }
    return NULL;
}

dicom_items dicom_items_of(const dicom_dataset *dataset, const dicom_element *sequence) {
    dicom_items items = {.bytes = dataset->bytes};
    if (sequence) {
        items.at = sequence->offset;
        items.end = sequence->offset + sequence->extent;
        /* A sequence under the VR UN is implicit inside. */
        items.explicit_vr = dataset->explicit_vr && strcmp(sequence->vr, "UN") != 0;
        items.big_endian = dataset->big_endian;
    }
    return items;
}

bool dicom_next_item(dicom_items *items, dicom_dataset *item) {
    memset(item, 0, sizeof *item);
    dicom_cursor cursor = {.bytes = items->bytes,
        .size = items->end,
        .at = items->at,
        .big_endian = items->big_endian};
    dicom_element head;
    if (cursor.at >= cursor.size || read_head(&cursor, &head) != DICOM_PARSED ||
        head.tag != TAG_ITEM)
        return false;
    bool delimited = head.length == DICOM_UNDEFINED;
    if (!delimited && !has(&cursor, head.length))
        return false;
    item->bytes = items->bytes;
    item->size = delimited ? items->end : cursor.at + head.length;
    item->explicit_vr = items->explicit_vr;
    item->big_endian = items->big_endian;
    item->item = true;
    size_t at = 0, needed = 0;
    if (dicom_parse(item, cursor.at, 0xffff, &at, &needed) != DICOM_PARSED) {
        dicom_dataset_free(item);
        return false;
    }
    items->at = delimited ? at + 8 : item->size;
    return true;
}

bool dicom_first_item(const dicom_dataset *dataset, uint32_t tag, dicom_dataset *item) {
    dicom_items items = dicom_items_of(dataset, dicom_find(dataset, tag));
    return dicom_next_item(&items, item);
}

/* Copies a value as text, without the padding around it. */
static bool element_text(
    const dicom_dataset *dataset, const dicom_element *element, char *text, size_t text_bytes) {
    text[0] = '\0';
    if (!element || element->length == DICOM_UNDEFINED)
        return false;
    const char *value = (const char *)dataset->bytes + element->offset;
    size_t length = element->length;
    while (length > 0 && (value[length - 1] == '\0' || isspace((unsigned char)value[length - 1])))
        length--;
    while (length > 0 && isspace((unsigned char)*value)) {
        value++;
        length--;
    }
    if (length >= text_bytes)
        length = text_bytes - 1;
    memcpy(text, value, length);
    text[length] = '\0';
    return length > 0;
}

bool dicom_text(const dicom_dataset *dataset, uint32_t tag, char *text, size_t text_bytes) {
    return element_text(dataset, dicom_find(dataset, tag), text, text_bytes);
}

/* Bytes of one value of a binary VR; 0 for texts. */
static size_t binary_bytes(const char *vr) {
    static const struct {
        char vr[3];
        uint8_t bytes;
    } binary[] = {{"US", 2}, {"SS", 2}, {"UL", 4}, {"SL", 4}, {"FL", 4}, {"FD", 8}};
    for (size_t i = 0; i < sizeof binary / sizeof binary[0]; i++)
        if (strcmp(vr, binary[i].vr) == 0)
            return binary[i].bytes;
    return 0;
}

static double binary_value(const dicom_dataset *dataset, const char *vr, size_t offset) {
    const uint8_t *bytes = dataset->bytes + offset;
    if (strcmp(vr, "FD") == 0) {
        uint64_t first = dicom_u32(bytes, dataset->big_endian);
        uint64_t second = dicom_u32(bytes + 4, dataset->big_endian);
        uint64_t bits = dataset->big_endian ? first << 32 | second : second << 32 | first;
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    if (strcmp(vr, "FL") == 0) {
        uint32_t bits = dicom_u32(bytes, dataset->big_endian);
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    if (strcmp(vr, "US") == 0)
        return dicom_u16(bytes, dataset->big_endian);
    if (strcmp(vr, "SS") == 0)
        return (int16_t)dicom_u16(bytes, dataset->big_endian);
    if (strcmp(vr, "UL") == 0)
        return dicom_u32(bytes, dataset->big_endian);
    return (int32_t)dicom_u32(bytes, dataset->big_endian);
}

/* The VR of the numeric attributes that are read and not texts, for implicit data sets. */
static const char *known_vr(uint32_t tag) {
    switch (tag) {
    case DICOM_TAG(0x0018, 0x9073): /* AcquisitionDuration */
    case DICOM_TAG(0x0018, 0x9082): /* EffectiveEchoTime */
    case DICOM_TAG(0x0018, 0x9087): /* DiffusionBValue */
    case DICOM_TAG(0x0018, 0x9089): /* DiffusionGradientOrientation */
    case DICOM_TAG(0x0020, 0x9153): /* NominalCardiacTriggerDelayTime */
        return "FD";
    case DICOM_TAG(0x0020, 0x9057): /* InStackPositionNumber */
    case DICOM_TAG(0x0020, 0x9128): /* TemporalPositionIndex */
    case DICOM_TAG(0x0020, 0x9157): /* DimensionIndexValues */
    case DICOM_TAG(0x0020, 0x9165): /* DimensionIndexPointer, as two halves */
        return "UL";
    case DICOM_TAG(0x0020, 0x9156): /* FrameAcquisitionNumber */
        return "US";
    case DICOM_TAG(0x0028, 0x0002): /* SamplesPerPixel */
    case DICOM_TAG(0x0028, 0x0006): /* PlanarConfiguration */
    case DICOM_TAG(0x0028, 0x0010): /* Rows */
    case DICOM_TAG(0x0028, 0x0011): /* Columns */
    case DICOM_TAG(0x0028, 0x0100): /* BitsAllocated */
    case DICOM_TAG(0x0028, 0x0101): /* BitsStored */
    case DICOM_TAG(0x0028, 0x0102): /* HighBit */
    case DICOM_TAG(0x0028, 0x0103): /* PixelRepresentation */
    case DICOM_TAG(0x0028, 0x0120): /* PixelPaddingValue */
    case DICOM_TAG(0x0028, 0x0121): /* PixelPaddingRangeLimit */
    case DICOM_TAG(0x0028, 0x1101): /* Red, green, blue palette descriptor */
    case DICOM_TAG(0x0028, 0x1102):
    case DICOM_TAG(0x0028, 0x1103):
    case DICOM_TAG(0x0028, 0x3002): /* LUTDescriptor */
        return "US";
    default:
        return "";
    }
}

static bool text_decimals(
    const dicom_dataset *dataset, const dicom_element *element, double *values, size_t count) {
    char text[512];
    if (!element_text(dataset, element, text, sizeof text))
        return false;
    /* A comma as the decimal point occurs in files of localised software. */
    for (char *comma = text; (comma = strchr(comma, ',')) != NULL;)
        *comma = '.';
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        char *end;
        values[i] = strtod(at, &end);
        if (end == at || !isfinite(values[i]))
            return false;
        while (isspace((unsigned char)*end))
            end++;
        if (i + 1 < count && *end != '\\')
            return false;
        at = end + 1;
    }
    return true;
}

bool dicom_element_decimals(
    const dicom_dataset *dataset, const dicom_element *element, double *values, size_t count) {
    if (!element || element->length == DICOM_UNDEFINED || element->length == 0)
        return false;
    const char *vr = element->vr;
    size_t bytes = binary_bytes(vr);
    if (!bytes && (!vr[0] || strcmp(vr, "UN") == 0)) {
        vr = known_vr(element->tag);
        bytes = binary_bytes(vr);
    }
    if (!bytes)
        return text_decimals(dataset, element, values, count);
    if (element->length < count * bytes)
        return false;
    for (size_t i = 0; i < count; i++) {
        values[i] = binary_value(dataset, vr, element->offset + i * bytes);
        if (!isfinite(values[i]))
            return false;
    }
    return true;
}

bool dicom_decimals(const dicom_dataset *dataset, uint32_t tag, double *values, size_t count) {
    return dicom_element_decimals(dataset, dicom_find(dataset, tag), values, count);
}

bool dicom_integer(const dicom_dataset *dataset, uint32_t tag, long *value) {
    double number;
    if (!dicom_decimals(dataset, tag, &number, 1) || fabs(number) > 9e15 || number != floor(number))
        return false;
    *value = (long)number;
    return true;
}
