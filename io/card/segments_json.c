#include "io/card/segments_json.h"

#include "io/base/json.h"
#include "io/base/json_fields.h"
#include "libulite/base/output.h"

#include <stdlib.h>
#include <string.h>

/* --- One segment ------------------------------------------------------------------------------ */

static ul_status read_number(
    const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    unsigned number;
    ul_status status = ul_json_read_value(value, f, &number, UL_ERROR_INPUT, error);
    if (status == UL_OK)
        ul_segment_init(thing, number);
    return status;
}

static ul_status read_code(const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    const json_field *keys = f->table->fields;
    ul_code code = {0};
    if (cJSON_IsArray(value)) /* dcmqi allows several modifiers: the first is taken */
        value = cJSON_GetArrayItem(value, 0);
    ul_status status = ul_json_read_fields(value, f->table, &code, error);
    if (status == UL_OK && (!code.value[0] || !code.scheme[0] || !code.meaning[0]))
        status = ul_error_set(error, UL_ERROR_INPUT, "a code needs \"%s\", \"%s\" and \"%s\"",
            keys[0].name, keys[1].name, keys[2].name);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", f->name);
    else
        *(ul_code *)((char *)thing + f->offset) = code;
    return status;
}

static ul_status check_segment(const ul_segment *segment, const char *label,
    const char *tracking_id, const char *tracking_uid, ul_error *error) {
    if (!segment->label[0])
        return ul_error_set(error, UL_ERROR_INPUT, "\"%s\" is empty", label);
    if (!segment->tracking_id[0] != !segment->tracking_uid[0])
        return ul_error_set(error, UL_ERROR_INPUT, "\"%s\" and \"%s\" come together or not at all",
            tracking_id, tracking_uid);
    if (strspn(segment->tracking_uid, "0123456789.") != strlen(segment->tracking_uid))
        return ul_error_set(error, UL_ERROR_INPUT, "\"%s\" is not a UID", tracking_uid);
    return UL_OK;
}

static ul_status check_ours(const cJSON *object, void *thing, ul_error *error) {
    (void)object;
    return check_segment(thing, "label", "tracking_id", "tracking_uid", error);
}

/* dcmqi names a segment by its type where it has no label. */
static ul_status check_dcmqi(const cJSON *object, void *thing, ul_error *error) {
    ul_segment *segment = thing;
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(object, "SegmentLabel");
    if ((!label || cJSON_IsNull(label)) && segment->type.meaning[0])
        memcpy(segment->label, segment->type.meaning, sizeof segment->label);
    return check_segment(
        segment, "SegmentLabel", "TrackingIdentifier", "TrackingUniqueIdentifier", error);
}

#define TEXT(key, type, member, characters)                                                        \
    .name = key, .kind = JSON_DICOM_TEXT, JSON_AT(type, member), .high = (characters),             \
    .flags = JSON_SPARSE
#define CODE(key, member, form)                                                                    \
    .name = key, .kind = JSON_OBJECT, JSON_AT(ul_segment, member), .table = &form##_code_table,    \
    .read = read_code, .flags = JSON_SPARSE
#define WHOLE(key, member)                                                                         \
    .name = key, .kind = JSON_WHOLE, JSON_AT(ul_segment, member), .low = 1, .high = 65535,         \
    .expected = "a whole number, 1 to 65535"
#define RGB(key)                                                                                   \
    .name = key, .kind = JSON_WHOLE, JSON_AT(ul_segment, rgb), .count = 3, .high = 255,            \
    .expected = "three whole numbers, 0 to 255"
#define ALGORITHM(key)                                                                             \
    TEXT(key, ul_segment, algorithm_type, 16), .words = algorithm_types,                           \
                                               .expected = "AUTOMATIC, SEMIAUTOMATIC or MANUAL"
#define TABLE(name, ...)                                                                           \
    static const json_table name##_table = {.fields = name##_fields,                               \
        .wrong = UL_ERROR_INPUT,                                                                   \
        .no_object = "it must be an object",                                                       \
        __VA_ARGS__}

static const char *const algorithm_types[] = {"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL", NULL};

static const json_field ulite_code_fields[] = {{TEXT("value", ul_code, value, 64)},
    {TEXT("scheme", ul_code, scheme, 16)}, {TEXT("meaning", ul_code, meaning, 64)},
    {TEXT("source", ul_code, source, 64)}, {0}};
TABLE(ulite_code, .check = NULL);

static const json_field ulite_fields[] = {
    {WHOLE("number", number), .flags = JSON_NEEDED, .read = read_number},
    {WHOLE("mirror", mirror), .flags = JSON_SPARSE | JSON_NOT_NULL},
    {TEXT("label", ul_segment, label, 64)}, {TEXT("description", ul_segment, description, 1024)},
    {CODE("category", category, ulite)}, {CODE("type", type, ulite)},
    {CODE("type_modifier", type_modifier, ulite)}, {CODE("region", region, ulite)},
    {CODE("region_modifier", region_modifier, ulite)}, {RGB("rgb")}, {ALGORITHM("algorithm_type")},
    {TEXT("algorithm_name", ul_segment, algorithm_name, 64)},
    {TEXT("tracking_id", ul_segment, tracking_id, 64)},
    {TEXT("tracking_uid", ul_segment, tracking_uid, 64)}, {0}};
TABLE(ulite, .check = check_ours);

static const json_field dcmqi_code_fields[] = {{TEXT("CodeValue", ul_code, value, 64)},
    {TEXT("CodingSchemeDesignator", ul_code, scheme, 16)},
    {TEXT("CodeMeaning", ul_code, meaning, 64)}, {0}};
TABLE(dcmqi_code, .check = NULL);

static const json_field dcmqi_fields[] = {
    {WHOLE("labelID", number), .flags = JSON_NEEDED, .read = read_number},
    {TEXT("SegmentLabel", ul_segment, label, 64)},
    {TEXT("SegmentDescription", ul_segment, description, 1024)},
    {CODE("SegmentedPropertyCategoryCodeSequence", category, dcmqi)},
    {CODE("SegmentedPropertyTypeCodeSequence", type, dcmqi)},
    {CODE("SegmentedPropertyTypeModifierCodeSequence", type_modifier, dcmqi)},
    {CODE("AnatomicRegionSequence", region, dcmqi)},
    {CODE("AnatomicRegionModifierSequence", region_modifier, dcmqi)},
    {RGB("recommendedDisplayRGBValue")}, {ALGORITHM("SegmentAlgorithmType")},
    {TEXT("SegmentAlgorithmName", ul_segment, algorithm_name, 64)},
    {TEXT("TrackingIdentifier", ul_segment, tracking_id, 64)},
    {TEXT("TrackingUniqueIdentifier", ul_segment, tracking_uid, 64)}, {0}};
TABLE(dcmqi, .check = check_dcmqi);

/* --- Segments --------------------------------------------------------------------------------- */

/* Appends the segments of one array. */
static ul_status append_segments(
    const cJSON *array, const json_table *form, ul_segments *segments, ul_error *error) {
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
        ul_status status = ul_json_read_fields(object, form, segment, error);
        if (status == UL_OK && ul_segments_find(segments, segment->number))
            status = ul_error_set(error, UL_ERROR_INPUT, "\"%s\" %u is taken by another segment",
                form->fields[0].name, segment->number);
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
    ul_status status = append_segments(array, &ulite_table, segments, error);
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
        status = append_segments(file, &dcmqi_table, segments, error);
    return status;
}

static ul_status read_json(const cJSON *json, ul_segments *segments, ul_error *error) {
    const cJSON *ours = cJSON_GetObjectItemCaseSensitive(json, "segments");
    const cJSON *dcmqi = cJSON_GetObjectItemCaseSensitive(json, "segmentAttributes");
    ul_status status = ours ? ul_json_version(json, UL_ERROR_INPUT, error) : UL_OK;
    if (status != UL_OK)
        return status;
    if (ours)
        status = append_segments(ours, &ulite_table, segments, error);
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

ul_status ul_segments_read(const char *path, ul_segments *segments, ul_error *error) {
    cJSON *json;
    memset(segments, 0, sizeof *segments);
    ul_status status = ul_json_read(path, &json, error);
    if (status != UL_OK)
        return status;
    status = read_json(json, segments, error);
    cJSON_Delete(json);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

cJSON *segments_to_json(const ul_segments *segments) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < segments->count; i++)
        if (!ul_json_write_item(array, &ulite_table, &segments->items[i])) {
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
