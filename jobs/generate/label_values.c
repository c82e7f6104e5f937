#include "jobs/generate/label_values.h"

#include "io/base/json.h"
#include "io/base/json_fields.h"
#include "io/base/sha256.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* What is known while the file is read. */
typedef struct reading {
    label_values *values;
    const char *names[LABEL_VALUES_MOST]; /* of the groups; NULL: of one value, without a name */
    unsigned mirrors[LABEL_VALUES_MOST];  /* values, by item; 0: none */
} reading;

/* An entry of one of the lists. */
typedef struct entry {
    reading *in;
    unsigned value, mirror; /* mirror 0: absent */
    uint8_t label;
    bool lesions, swells;
    double outside;
    const char *group, *near; /* NULL: absent */
    label_tissue tissue;
} entry;

/* The group of that name, a new one where there is none; values->group_count: full. */
static size_t find_group(reading *in, const char *name, bool add) {
    label_values *values = in->values;
    for (size_t g = 1; name && g < values->group_count; g++)
        if (in->names[g] && strcmp(in->names[g], name) == 0)
            return g;
    if (add && values->group_count < LABEL_VALUES_MOST)
        in->names[values->group_count++] = name;
    return add ? values->group_count - 1 : values->group_count;
}

/* The item of a value of the maps; NULL where the file does not name it. */
static const label_value *find_value(const label_values *values, unsigned value) {
    for (size_t i = 0; i < values->count; i++)
        if (values->items[i].value == value)
            return &values->items[i];
    return NULL;
}

static ul_status add_value(const cJSON *json, void *thing, ul_error *error) {
    const entry *e = thing;
    label_values *values = e->in->values;
    (void)json;
    if (find_value(values, e->value))
        return ul_error_set(error, UL_ERROR_INPUT, "value %u stands twice", e->value);
    if (values->count == LABEL_VALUES_MOST)
        return ul_error_set(
            error, UL_ERROR_INPUT, "holds more than %d values", LABEL_VALUES_MOST - 1);
    e->in->mirrors[values->count] = e->mirror;
    values->items[values->count] = (label_value){.value = e->value,
        .label = e->label,
        .group = (uint8_t)find_group(e->in, e->group, true),
        .mirror = (uint8_t)values->count,
        .lesions = e->lesions,
        .swells = e->swells,
        .outside = e->outside};
    values->count++;
    return UL_OK;
}

#define ANOTHER "the \"value\" of another entry"
#define A_GROUP "the \"group\" of a value"

/* The group that an entry names. */
static ul_status take_group(
    const cJSON *json, const char *key, const entry *e, size_t *group, ul_error *error) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, key);
    *group = find_group(e->in, name->valuestring, false);
    return *group < e->in->values->group_count
               ? UL_OK
               : ul_json_wrong(name, key, A_GROUP, UL_ERROR_INPUT, error);
}

static ul_status add_relation(const cJSON *json, void *thing, ul_error *error) {
    const entry *e = thing;
    label_values *values = e->in->values;
    size_t group, near;
    ul_status status = take_group(json, "group", e, &group, error);
    if (status == UL_OK)
        status = take_group(json, "near", e, &near, error);
    if (status == UL_OK && values->relation_count == LABEL_VALUES_MOST)
        status =
            ul_error_set(error, UL_ERROR_INPUT, "holds more than %d relations", LABEL_VALUES_MOST);
    if (status == UL_OK)
        values->relations[values->relation_count++] =
            (label_relation){(uint8_t)group, (uint8_t)near};
    return status;
}

static ul_status add_tissue(const cJSON *json, void *thing, ul_error *error) {
    const entry *e = thing;
    label_values *values = e->in->values;
    size_t group;
    ul_status status = take_group(json, "group", e, &group, error);
    if (status == UL_OK && values->tissues[group].t1_ms > 0.0)
        status = ul_error_set(error, UL_ERROR_INPUT, "group %s stands twice", e->group);
    if (status == UL_OK) {
        values->tissues[group] = e->tissue;
        values->tissues_known = true;
    }
    return status;
}

#define VALUE .kind = JSON_WHOLE, .low = 1, .high = UINT16_MAX
#define GROUP(member)                                                                              \
    { JSON_FIELD(entry, member, JSON_BORROWED), .flags = JSON_NEEDED, .expected = A_GROUP }
#define POSITIVE(member)                                                                           \
    {                                                                                              \
        .name = #member, .kind = JSON_NUMBER, JSON_AT(entry, tissue.member), .low = DBL_TRUE_MIN,  \
        .high = 1e5, .flags = JSON_NEEDED, .expected = "a number above 0, up to 100000"            \
    }
#define TABLE(what, when_read)                                                                     \
    static const json_table what##_table = {.fields = what##_fields,                               \
        .wrong = UL_ERROR_INPUT,                                                                   \
        .no_object = "holds an entry that is not an object",                                       \
        .unknown = {"", " is no key of it (docs/training.md lists them)"},                         \
        .check = when_read}

static const json_field value_fields[] = {
    {.name = "value", VALUE, JSON_AT(entry, value), .flags = JSON_NEEDED},
    {.name = "class", .kind = JSON_WHOLE, JSON_AT(entry, label), .high = 254},
    {JSON_FIELD(entry, group, JSON_BORROWED), .expected = "a name"},
    {.name = "mirror", VALUE, JSON_AT(entry, mirror), .expected = ANOTHER},
    {JSON_FIELD(entry, outside, JSON_NUMBER), .high = 1}, {JSON_FIELD(entry, lesions, JSON_FLAG)},
    {JSON_FIELD(entry, swells, JSON_FLAG)}, {.name = "name", .kind = JSON_ANY}, {0}};
TABLE(value, add_value);

static const json_field relation_fields[] = {GROUP(group), GROUP(near), {0}};
TABLE(relation, add_relation);

static const json_field tissue_fields[] = {
    GROUP(group), POSITIVE(t1_ms), POSITIVE(t2_ms), POSITIVE(density), {0}};
TABLE(tissue, add_tissue);

static ul_status read_list(const cJSON *list, const json_field *f, void *in, ul_error *error) {
    const cJSON *json;
    size_t n = 0;
    if (!cJSON_IsArray(list) || (f->flags & JSON_NEEDED && !list->child))
        return ul_json_wrong(list, f->name, "a list of objects", UL_ERROR_INPUT, error);
    cJSON_ArrayForEach(json, list) {
        entry e = {.in = in};
        ul_status status = ul_json_read_fields(json, f->table, &e, error);
        n++;
        if (status != UL_OK)
            return ul_error_prefix(error, "entry %zu of \"%s\"", n, f->name), status;
    }
    return UL_OK;
}

/* Partners name each other. */
static ul_status check_mirrors(const cJSON *json, void *thing, ul_error *error) {
    const reading *in = thing;
    label_values *values = in->values;
    (void)json;
    for (size_t i = 1; i < values->count; i++) {
        const label_value *other = find_value(values, in->mirrors[i]);
        if (in->mirrors[i] && !other)
            return ul_error_set(error, UL_ERROR_INPUT,
                "entry %zu of \"values\": \"mirror\" is %u, must be " ANOTHER, i, in->mirrors[i]);
        if (in->mirrors[i])
            values->items[i].mirror = (uint8_t)(other - values->items);
    }
    for (size_t i = 0; i < values->count; i++) {
        const label_value *one = &values->items[i], *other = &values->items[one->mirror];
        if (other->mirror != i)
            return ul_error_set(error, UL_ERROR_INPUT,
                "value %u has the \"mirror\" %u, which has %u: two values name each other",
                one->value, other->value, values->items[other->mirror].value);
    }
    return UL_OK;
}

static const json_field file_fields[] = {JSON_VERSION_FIELD,
    {.name = "values", .flags = JSON_NEEDED, .table = &value_table, .read = read_list},
    {.name = "relations", .table = &relation_table, .read = read_list},
    {.name = "tissues", .table = &tissue_table, .read = read_list}, {0}};
TABLE(file, check_mirrors);

ul_status label_values_read(const char *path, label_values **values, ul_error *error) {
    cJSON *json;
    *values = NULL;
    ul_status status = ul_json_read(path, &json, error);
    if (status != UL_OK)
        return status;
    label_values *read = calloc(1, sizeof *read);
    if (!read) {
        cJSON_Delete(json);
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    read->count = read->group_count = 1;
    status = ul_json_read_fields(json, &file_table, &(reading){.values = read}, error);
    if (status == UL_OK)
        status = ul_sha256_file(path, read->digest, error);
    cJSON_Delete(json);
    if (status == UL_OK) {
        *values = read;
        return UL_OK;
    }
    ul_error_prefix(error, "%s", path);
    free(read);
    return status;
}

ul_status label_values_unnamed(unsigned value, ul_error *error) {
    return ul_error_set(error, UL_ERROR_INPUT,
        "label value %u, which generate.json does not name: add it there", value);
}

ul_status label_values_apply(const label_values *values, ul_labels *labels, ul_error *error) {
    const size_t *size = labels->grid.size;
    const label_value *last = &values->items[0];
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++) {
        if (labels->map[i] != last->value)
            last = find_value(values, labels->map[i]);
        if (!last)
            return label_values_unnamed(labels->map[i], error);
        labels->map[i] = last->label;
    }
    return UL_OK;
}

ul_status label_values_check(
    const label_values *values, const ul_segments *classes, ul_error *error) {
    for (size_t i = 0; i < values->count; i++) {
        const label_value *one = &values->items[i], *other = &values->items[one->mirror];
        if (ul_segments_mirror(classes, one->label) != other->label)
            return ul_error_set(error, UL_ERROR_INPUT,
                "generate.json: value %u is class %u and its mirror %u is class %u, but the "
                "\"mirror\" of class %u is %u: give the classes in segments.json the same partners",
                one->value, one->label, other->value, other->label, one->label,
                ul_segments_mirror(classes, one->label));
    }
    return UL_OK;
}
