#include "jobs/generate/label_values.h"

#include "io/base/json.h"
#include "io/base/uid.h"
#include "jobs/base/paths.h"

#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

/* Names of the groups, while the file is read. */
typedef struct group_names {
    const char *name[LABEL_VALUES_MOST]; /* NULL: of one value, without a name */
} group_names;

static bool is_whole(const cJSON *json, double most) {
    return cJSON_IsNumber(json) && json->valuedouble >= 0.0 && json->valuedouble <= most &&
           json->valuedouble == (double)(unsigned)json->valuedouble;
}

static ul_status check_keys(const cJSON *object, const char *const *keys, ul_error *error) {
    const cJSON *member;
    if (!cJSON_IsObject(object))
        return ul_error_set(error, UL_ERROR_INPUT, "holds an entry that is not an object");
    cJSON_ArrayForEach(member, object) {
        size_t k = 0;
        while (keys[k] && strcmp(keys[k], member->string) != 0)
            k++;
        if (!keys[k])
            return ul_error_set(error, UL_ERROR_INPUT,
                "\"%s\" is no key of it (docs/training.md lists them)", member->string);
    }
    return UL_OK;
}

/* The group of that name, a new one where there is none; values->group_count: full. */
static size_t find_group(label_values *values, group_names *names, const char *name, bool add) {
    for (size_t g = 1; name && g < values->group_count; g++)
        if (names->name[g] && strcmp(names->name[g], name) == 0)
            return g;
    if (add && values->group_count < LABEL_VALUES_MOST)
        names->name[values->group_count++] = name;
    return add ? values->group_count - 1 : values->group_count;
}

static ul_status read_value(
    const cJSON *json, label_values *values, group_names *names, ul_error *error) {
    static const char *const keys[] = {
        "value", "class", "group", "mirror", "outside", "lesions", "name", NULL};
    ul_status status = check_keys(json, keys, error);
    if (status != UL_OK)
        return status;
    const cJSON *value = cJSON_GetObjectItem(json, "value");
    const cJSON *label = cJSON_GetObjectItem(json, "class");
    const cJSON *group = cJSON_GetObjectItem(json, "group");
    const cJSON *outside = cJSON_GetObjectItem(json, "outside");
    const cJSON *lesions = cJSON_GetObjectItem(json, "lesions");
    if (!is_whole(value, UINT16_MAX) || value->valuedouble < 1.0)
        return ul_json_wrong(
            value, "value", "a whole number from 1 to 65535", UL_ERROR_INPUT, error);
    if (label && !is_whole(label, 254.0))
        return ul_json_wrong(label, "class", "a whole number from 0 to 254", UL_ERROR_INPUT, error);
    if (group && !cJSON_IsString(group))
        return ul_json_wrong(group, "group", "a name", UL_ERROR_INPUT, error);
    if (outside &&
        !(cJSON_IsNumber(outside) && outside->valuedouble >= 0.0 && outside->valuedouble <= 1.0))
        return ul_json_wrong(outside, "outside", "a number from 0 to 1", UL_ERROR_INPUT, error);
    if (lesions && !cJSON_IsBool(lesions))
        return ul_json_wrong(lesions, "lesions", "true or false", UL_ERROR_INPUT, error);
    if (label_values_find(values, (unsigned)value->valuedouble))
        return ul_error_set(error, UL_ERROR_INPUT, "value %.0f stands twice", value->valuedouble);
    if (values->count == LABEL_VALUES_MOST)
        return ul_error_set(
            error, UL_ERROR_INPUT, "holds more than %d values", LABEL_VALUES_MOST - 1);
    values->items[values->count] = (label_value){.value = (unsigned)value->valuedouble,
        .label = label ? (uint8_t)label->valuedouble : 0,
        .group = (uint8_t)find_group(values, names, group ? group->valuestring : NULL, true),
        .mirror = (uint8_t)values->count,
        .lesions = cJSON_IsTrue(lesions),
        .outside = outside ? outside->valuedouble : 0.0};
    values->count++;
    return UL_OK;
}

/* Partners name each other. */
static ul_status read_mirror(
    const cJSON *json, size_t item, label_values *values, ul_error *error) {
    const cJSON *mirror = cJSON_GetObjectItem(json, "mirror");
    if (!mirror)
        return UL_OK;
    const label_value *other = is_whole(mirror, UINT16_MAX)
                                   ? label_values_find(values, (unsigned)mirror->valuedouble)
                                   : NULL;
    if (!other || other == values->items)
        return ul_json_wrong(
            mirror, "mirror", "the \"value\" of another entry", UL_ERROR_INPUT, error);
    values->items[item].mirror = (uint8_t)(other - values->items);
    return UL_OK;
}

static ul_status check_mirrors(const label_values *values, ul_error *error) {
    for (size_t i = 0; i < values->count; i++) {
        const label_value *one = &values->items[i], *other = &values->items[one->mirror];
        if (other->mirror != i)
            return ul_error_set(error, UL_ERROR_INPUT,
                "value %u has the \"mirror\" %u, which has %u: two values name each other",
                one->value, other->value, values->items[other->mirror].value);
    }
    return UL_OK;
}

static ul_status read_relation(
    const cJSON *json, label_values *values, group_names *names, ul_error *error) {
    static const char *const keys[] = {"group", "near", NULL};
    ul_status status = check_keys(json, keys, error);
    size_t found[2] = {0, 0};
    for (int k = 0; status == UL_OK && k < 2; k++) {
        const cJSON *name = cJSON_GetObjectItem(json, keys[k]);
        if (cJSON_IsString(name))
            found[k] = find_group(values, names, name->valuestring, false);
        if (found[k] == 0 || found[k] == values->group_count)
            status =
                ul_json_wrong(name, keys[k], "the \"group\" of a value", UL_ERROR_INPUT, error);
    }
    if (status == UL_OK && values->relation_count == LABEL_VALUES_MOST)
        status =
            ul_error_set(error, UL_ERROR_INPUT, "holds more than %d relations", LABEL_VALUES_MOST);
    if (status == UL_OK)
        values->relations[values->relation_count++] =
            (label_relation){(uint8_t)found[0], (uint8_t)found[1]};
    return status;
}

static ul_status read_tissue(
    const cJSON *json, label_values *values, group_names *names, ul_error *error) {
    static const char *const keys[] = {"group", "t1_ms", "t2_ms", "density", NULL};
    ul_status status = check_keys(json, keys, error);
    if (status != UL_OK)
        return status;
    const cJSON *name = cJSON_GetObjectItem(json, "group");
    size_t group = cJSON_IsString(name) ? find_group(values, names, name->valuestring, false) : 0;
    if (group == 0 || group == values->group_count)
        return ul_json_wrong(name, "group", "the \"group\" of a value", UL_ERROR_INPUT, error);
    if (values->tissues[group].t1_ms > 0.0)
        return ul_error_set(error, UL_ERROR_INPUT, "group %s stands twice", name->valuestring);
    double number[3];
    for (int k = 0; k < 3; k++) {
        const cJSON *value = cJSON_GetObjectItem(json, keys[k + 1]);
        if (!(cJSON_IsNumber(value) && value->valuedouble > 0.0 && value->valuedouble <= 1e5))
            return ul_json_wrong(
                value, keys[k + 1], "a number above 0, up to 100000", UL_ERROR_INPUT, error);
        number[k] = value->valuedouble;
    }
    values->tissues[group] = (label_tissue){number[0], number[1], number[2]};
    values->tissues_known = true;
    return UL_OK;
}

typedef ul_status (*read_entry)(
    const cJSON *json, label_values *values, group_names *names, ul_error *error);

/* A list that need not be there. */
static ul_status read_list(const cJSON *json, const char *key, read_entry read,
    label_values *values, group_names *names, ul_error *error) {
    const cJSON *list = cJSON_GetObjectItem(json, key), *entry;
    ul_status status = UL_OK;
    size_t item = 0;
    if (list && !cJSON_IsArray(list))
        return ul_json_wrong(list, key, "a list of objects", UL_ERROR_INPUT, error);
    cJSON_ArrayForEach(entry, list) {
        status = read(entry, values, names, error);
        item++;
        if (status != UL_OK)
            return ul_error_prefix(error, "entry %zu of \"%s\"", item, key), status;
    }
    return status;
}

static ul_status read_all(const cJSON *json, label_values *values, ul_error *error) {
    static const char *const keys[] = {"version", "values", "relations", "tissues", NULL};
    group_names names = {{NULL}};
    const cJSON *list = cJSON_GetObjectItem(json, "values"), *entry;
    ul_status status = check_keys(json, keys, error);
    if (status == UL_OK)
        status = ul_json_version(json, UL_ERROR_INPUT, error);
    if (status == UL_OK && !(cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0))
        status = ul_json_wrong(list, "values", "a list of objects", UL_ERROR_INPUT, error);
    if (status == UL_OK)
        status = read_list(json, "values", read_value, values, &names, error);
    if (status != UL_OK)
        return status;
    size_t item = 0;
    cJSON_ArrayForEach(entry, list) {
        status = read_mirror(entry, ++item, values, error);
        if (status != UL_OK)
            return ul_error_prefix(error, "entry %zu of \"values\"", item), status;
    }
    status = check_mirrors(values, error);
    if (status == UL_OK)
        status = read_list(json, "relations", read_relation, values, &names, error);
    if (status == UL_OK)
        status = read_list(json, "tissues", read_tissue, values, &names, error);
    return status;
}

ul_status label_values_read(const char *path, label_values **values, ul_error *error) {
    cJSON *json;
    *values = NULL;
    ul_status status = files_read_json(path, &json, error);
    if (status != UL_OK)
        return status;
    label_values *read = calloc(1, sizeof *read);
    if (!read) {
        cJSON_Delete(json);
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    read->count = read->group_count = 1;
    status = read_all(json, read, error);
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

const label_value *label_values_find(const label_values *values, unsigned value) {
    for (size_t i = 0; i < values->count; i++)
        if (values->items[i].value == value)
            return &values->items[i];
    return NULL;
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
            last = label_values_find(values, labels->map[i]);
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
