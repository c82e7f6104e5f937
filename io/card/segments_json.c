#include "io/card/segments_json.h"

#include "io/base/json.h"
#include "io/base/utf8.h"
#include "libulite/base/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES (16u << 20)
#define FIRST_ROOM_BYTES (4u << 10)

/* How the keys of one segment are called: ours, and dcmqi's. */
typedef struct key_names {
    const char *number, *mirror, *label, *description, *rgb;
    const char *category, *type, *type_modifier, *region, *region_modifier;
    const char *code_value, *code_scheme, *code_meaning, *code_source;
    const char *algorithm_type, *algorithm_name, *tracking_id, *tracking_uid;
} key_names;

static const key_names ulite_names = {
    .number = "number",
    .mirror = "mirror",
    .label = "label",
    .description = "description",
    .rgb = "rgb",
    .category = "category",
    .type = "type",
    .type_modifier = "type_modifier",
    .region = "region",
    .region_modifier = "region_modifier",
    .code_value = "value",
    .code_scheme = "scheme",
    .code_meaning = "meaning",
    .code_source = "source",
    .algorithm_type = "algorithm_type",
    .algorithm_name = "algorithm_name",
    .tracking_id = "tracking_id",
    .tracking_uid = "tracking_uid",
};

static const key_names dcmqi_names = {
    .number = "labelID",
    .label = "SegmentLabel",
    .description = "SegmentDescription",
    .rgb = "recommendedDisplayRGBValue",
    .category = "SegmentedPropertyCategoryCodeSequence",
    .type = "SegmentedPropertyTypeCodeSequence",
    .type_modifier = "SegmentedPropertyTypeModifierCodeSequence",
    .region = "AnatomicRegionSequence",
    .region_modifier = "AnatomicRegionModifierSequence",
    .code_value = "CodeValue",
    .code_scheme = "CodingSchemeDesignator",
    .code_meaning = "CodeMeaning",
    .algorithm_type = "SegmentAlgorithmType",
    .algorithm_name = "SegmentAlgorithmName",
    .tracking_id = "TrackingIdentifier",
    .tracking_uid = "TrackingUniqueIdentifier",
};

static ul_status wrong(const cJSON *value, const char *key, const char *expected, ul_error *error) {
    return ul_json_wrong(value, key, expected, UL_ERROR_INPUT, error);
}

/* Reads a text of at most characters; an absent key leaves target as it is. */
static ul_status read_text(const cJSON *object, const char *key, char *target, size_t size_bytes,
    size_t characters, ul_error *error) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!value || cJSON_IsNull(value))
        return UL_OK;
    if (!cJSON_IsString(value))
        return wrong(value, key, "a text", error);
    const char *text = value->valuestring;
    if (utf8_length(text) > characters || strlen(text) >= size_bytes)
        return ul_error_set(error, UL_ERROR_INPUT,
            "\"%s\" has %zu characters, at most %zu are allowed", key, utf8_length(text),
            characters);
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F || *at == '\\')
            return ul_error_set(error, UL_ERROR_INPUT,
                "\"%s\" holds a control character or a backslash, which DICOM cannot store", key);
    memcpy(target, text, strlen(text) + 1);
    return UL_OK;
}

static ul_status read_code(
    const cJSON *segment, const char *key, const key_names *names, ul_code *code, ul_error *error) {
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(segment, key);
    if (!object || cJSON_IsNull(object))
        return UL_OK;
    if (cJSON_IsArray(object)) /* dcmqi allows several modifiers: the first is taken */
        object = cJSON_GetArrayItem(object, 0);
    ul_code read = {0};
    ul_status status = UL_OK;
    if (!cJSON_IsObject(object))
        status = ul_error_set(error, UL_ERROR_INPUT, "it must be an object");
    if (status == UL_OK)
        status = read_text(object, names->code_value, read.value, sizeof read.value, 64, error);
    if (status == UL_OK)
        status = read_text(object, names->code_scheme, read.scheme, sizeof read.scheme, 16, error);
    if (status == UL_OK)
        status =
            read_text(object, names->code_meaning, read.meaning, sizeof read.meaning, 64, error);
    if (status == UL_OK && names->code_source)
        status = read_text(object, names->code_source, read.source, sizeof read.source, 64, error);
    if (status == UL_OK && (!read.value[0] || !read.scheme[0] || !read.meaning[0]))
        status = ul_error_set(error, UL_ERROR_INPUT, "a code needs \"%s\", \"%s\" and \"%s\"",
            names->code_value, names->code_scheme, names->code_meaning);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", key);
    else
        *code = read;
    return status;
}

static ul_status read_rgb(const cJSON *segment, const char *key, uint8_t rgb[3], ul_error *error) {
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(segment, key);
    if (!array || cJSON_IsNull(array))
        return UL_OK;
    bool valid = cJSON_IsArray(array) && cJSON_GetArraySize(array) == 3;
    for (int i = 0; valid && i < 3; i++) {
        const cJSON *item = cJSON_GetArrayItem(array, i);
        valid = cJSON_IsNumber(item) && item->valuedouble == item->valueint &&
                item->valueint >= 0 && item->valueint <= 255;
    }
    if (!valid)
        return wrong(array, key, "three whole numbers, 0 to 255", error);
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)cJSON_GetArrayItem(array, i)->valueint;
    return UL_OK;
}

static ul_status read_number(
    const cJSON *segment, const char *key, unsigned *number, ul_error *error) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(segment, key);
    if (!cJSON_IsNumber(value) || value->valuedouble != value->valueint || value->valueint < 1 ||
        value->valueint > 65535)
        return wrong(value, key, "a whole number, 1 to 65535", error);
    *number = (unsigned)value->valueint;
    return UL_OK;
}

static ul_status check_segment(const ul_segment *segment, const key_names *names, ul_error *error) {
    static const char *const types[] = {"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"};
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        known = known || strcmp(segment->algorithm_type, types[i]) == 0;
    if (!known)
        return ul_error_set(error, UL_ERROR_INPUT,
            "\"%s\" is \"%s\", must be AUTOMATIC, SEMIAUTOMATIC or MANUAL", names->algorithm_type,
            segment->algorithm_type);
    if (!segment->tracking_id[0] != !segment->tracking_uid[0])
        return ul_error_set(error, UL_ERROR_INPUT, "\"%s\" and \"%s\" come together or not at all",
            names->tracking_id, names->tracking_uid);
    if (strspn(segment->tracking_uid, "0123456789.") != strlen(segment->tracking_uid))
        return ul_error_set(error, UL_ERROR_INPUT, "\"%s\" is not a UID", names->tracking_uid);
    return UL_OK;
}

static ul_status read_segment(
    const cJSON *object, const key_names *names, ul_segment *segment, ul_error *error) {
    if (!cJSON_IsObject(object))
        return ul_error_set(error, UL_ERROR_INPUT, "it must be an object");
    unsigned number = 0;
    ul_status status = read_number(object, names->number, &number, error);
    if (status != UL_OK)
        return status;
    ul_segment_init(segment, number);
    if (names->mirror && cJSON_HasObjectItem(object, names->mirror))
        status = read_number(object, names->mirror, &segment->mirror, error);

    const struct {
        const char *key;
        ul_code *code;
    } codes[] = {
        {names->category, &segment->category},
        {names->type, &segment->type},
        {names->type_modifier, &segment->type_modifier},
        {names->region, &segment->region},
        {names->region_modifier, &segment->region_modifier},
    };
    for (size_t i = 0; status == UL_OK && i < sizeof codes / sizeof codes[0]; i++)
        status = read_code(object, codes[i].key, names, codes[i].code, error);

    /* dcmqi names a segment by its type where it has no label */
    if (names == &dcmqi_names && segment->type.meaning[0])
        memcpy(segment->label, segment->type.meaning, sizeof segment->label);
    const struct {
        const char *key;
        char *target;
        size_t size_bytes, characters;
    } texts[] = {
        {names->label, segment->label, sizeof segment->label, 64},
        {names->description, segment->description, sizeof segment->description, 1024},
        {names->algorithm_type, segment->algorithm_type, sizeof segment->algorithm_type, 16},
        {names->algorithm_name, segment->algorithm_name, sizeof segment->algorithm_name, 64},
        {names->tracking_id, segment->tracking_id, sizeof segment->tracking_id, 64},
        {names->tracking_uid, segment->tracking_uid, sizeof segment->tracking_uid, 64},
    };
    for (size_t i = 0; status == UL_OK && i < sizeof texts / sizeof texts[0]; i++)
        status = read_text(
            object, texts[i].key, texts[i].target, texts[i].size_bytes, texts[i].characters, error);
    if (status == UL_OK && !segment->label[0])
        status = ul_error_set(error, UL_ERROR_INPUT, "\"%s\" is empty", names->label);
    if (status == UL_OK)
        status = read_rgb(object, names->rgb, segment->rgb, error);
    if (status == UL_OK)
        status = check_segment(segment, names, error);
    return status;
}

/* Appends the segments of one array. */
static ul_status append_segments(
    const cJSON *array, const key_names *names, ul_segments *segments, ul_error *error) {
    if (!cJSON_IsArray(array) || !array->child)
        return ul_error_set(
            error, UL_ERROR_INPUT, "the segments must be an array of at least one object");
    size_t more = (size_t)cJSON_GetArraySize(array);
    ul_segment *items = realloc(segments->items, (segments->count + more) * sizeof *items);
    if (!items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu segments", more);
    segments->items = items;
    const cJSON *object = NULL;
    cJSON_ArrayForEach(object, array) {
        ul_segment *segment = &segments->items[segments->count];
        ul_status status = read_segment(object, names, segment, error);
        if (status == UL_OK && ul_segments_find(segments, segment->number))
            status = ul_error_set(error, UL_ERROR_INPUT, "\"%s\" %u is taken by another segment",
                names->number, segment->number);
        if (status != UL_OK) {
            ul_error_prefix(error, "segment at place %zu", segments->count + 1);
            return status;
        }
        segments->count++;
    }
    return UL_OK;
}

/* Mirror partners name each other. */
static ul_status check_mirrors(const ul_segments *segments, ul_error *error) {
    for (size_t i = 0; i < segments->count; i++) {
        const ul_segment *one = &segments->items[i];
        const ul_segment *other = ul_segments_find(segments, one->mirror);
        if (one->mirror && (other == one || !other || other->mirror != one->number))
            return ul_error_set(error, UL_ERROR_INPUT,
                "segment %u: \"mirror\" is %u, %s: two segments name each other, or none",
                one->number, one->mirror,
                !other         ? "which is no segment"
                : other == one ? "the segment itself"
                               : "which does not name it back");
    }
    return UL_OK;
}

ul_status segments_from_json(const cJSON *array, ul_segments *segments, ul_error *error) {
    memset(segments, 0, sizeof *segments);
    ul_status status = append_segments(array, &ulite_names, segments, error);
    if (status == UL_OK)
        status = check_mirrors(segments, error);
    if (status != UL_OK)
        ul_segments_free(segments);
    return status;
}

/* dcmqi's segmentAttributes: an array of arrays, one per label file. */
static ul_status read_dcmqi(const cJSON *files, ul_segments *segments, ul_error *error) {
    if (!cJSON_IsArray(files) || !files->child)
        return ul_error_set(
            error, UL_ERROR_INPUT, "\"segmentAttributes\" must be an array of arrays");
    ul_status status = UL_OK;
    for (const cJSON *file = files->child; file && status == UL_OK; file = file->next)
        status = append_segments(file, &dcmqi_names, segments, error);
    return status;
}

static ul_status read_json(const cJSON *json, ul_segments *segments, ul_error *error) {
    const cJSON *ours = cJSON_GetObjectItemCaseSensitive(json, "segments");
    const cJSON *dcmqi = cJSON_GetObjectItemCaseSensitive(json, "segmentAttributes");
    ul_status status = ours ? ul_json_version(json, UL_ERROR_INPUT, error) : UL_OK;
    if (status != UL_OK)
        return status;
    if (ours)
        status = append_segments(ours, &ulite_names, segments, error);
    else if (dcmqi)
        status = read_dcmqi(dcmqi, segments, error);
    else
        status = ul_error_set(error, UL_ERROR_INPUT,
            "found neither \"segments\" nor dcmqi's \"segmentAttributes\" (see docs/segments.md)");
    if (status == UL_OK)
        status = check_mirrors(segments, error);
    if (status != UL_OK)
        ul_segments_free(segments);
    return status;
}

static ul_status read_file(const char *path, char **text, ul_error *error) {
    *text = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return ul_error_set(error, UL_ERROR_INPUT, "cannot be opened: %s", strerror(errno));
    char *bytes = NULL;
    size_t used = 0, room = 0;
    do { /* pipes have no length: room grows with what comes */
        room = room ? 2 * room : FIRST_ROOM_BYTES;
        char *grown = realloc(bytes, room + 1);
        if (!grown)
            free(bytes);
        bytes = grown;
        used += bytes ? fread(bytes + used, 1, room - used, file) : 0;
    } while (bytes && used == room && room <= MAX_FILE_BYTES);
    bool failed = ferror(file) != 0;
    fclose(file);
    ul_status status = UL_OK;
    if (!bytes)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    else if (failed)
        status = ul_error_set(error, UL_ERROR_INPUT, "cannot be read");
    else if (used > MAX_FILE_BYTES)
        status = ul_error_set(error, UL_ERROR_LIMIT, "is larger than 16 MiB");
    else if (memchr(bytes, '\0', used))
        status = ul_error_set(error, UL_ERROR_INPUT, "is not a text file");
    if (status != UL_OK) {
        free(bytes);
        return status;
    }
    bytes[used] = '\0';
    *text = bytes;
    return UL_OK;
}

ul_status ul_segments_read(const char *path, ul_segments *segments, ul_error *error) {
    memset(segments, 0, sizeof *segments);
    char *text = NULL;
    ul_status status = read_file(path, &text, error);
    if (status == UL_OK) {
        cJSON *json;
        status = ul_json_parse(text, UL_ERROR_INPUT, &json, error);
        if (status == UL_OK)
            status = read_json(json, segments, error);
        cJSON_Delete(json);
    }
    free(text);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

static bool add_text(cJSON *object, const char *key, const char *text) {
    return !text[0] || cJSON_AddStringToObject(object, key, text);
}

static bool add_code(cJSON *object, const char *key, const ul_code *code) {
    if (!code->value[0])
        return true;
    cJSON *item = cJSON_AddObjectToObject(object, key);
    return item && add_text(item, ulite_names.code_value, code->value) &&
           add_text(item, ulite_names.code_scheme, code->scheme) &&
           add_text(item, ulite_names.code_meaning, code->meaning) &&
           add_text(item, ulite_names.code_source, code->source);
}

static bool add_segment(cJSON *array, const ul_segment *segment) {
    cJSON *object = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(array, object))
        return false;
    const key_names *names = &ulite_names;
    const int rgb[3] = {segment->rgb[0], segment->rgb[1], segment->rgb[2]};
    return cJSON_AddNumberToObject(object, names->number, segment->number) &&
           (!segment->mirror || cJSON_AddNumberToObject(object, names->mirror, segment->mirror)) &&
           add_text(object, names->label, segment->label) &&
           add_text(object, names->description, segment->description) &&
           add_code(object, names->category, &segment->category) &&
           add_code(object, names->type, &segment->type) &&
           add_code(object, names->type_modifier, &segment->type_modifier) &&
           add_code(object, names->region, &segment->region) &&
           add_code(object, names->region_modifier, &segment->region_modifier) &&
           ul_json_add(object, names->rgb, cJSON_CreateIntArray(rgb, 3)) &&
           add_text(object, names->algorithm_type, segment->algorithm_type) &&
           add_text(object, names->algorithm_name, segment->algorithm_name) &&
           add_text(object, names->tracking_id, segment->tracking_id) &&
           add_text(object, names->tracking_uid, segment->tracking_uid);
}

cJSON *segments_to_json(const ul_segments *segments) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < segments->count; i++)
        if (!add_segment(array, &segments->items[i])) {
            cJSON_Delete(array);
            return NULL;
        }
    return array;
}

ul_status ul_segments_write(const char *path, const ul_segments *segments, ul_error *error) {
    cJSON *file = cJSON_CreateObject();
    bool added = cJSON_AddNumberToObject(file, "version", 1) &&
                 ul_json_add(file, "segments", segments_to_json(segments));
    char *text = added ? cJSON_Print(file) : NULL;
    cJSON_Delete(file);
    if (!text)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = ul_output_write(path, text, strlen(text), error);
    free(text);
    return status;
}
