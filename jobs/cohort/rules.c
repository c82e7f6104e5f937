#include "io/base/json.h"
#include "jobs/base/paths.h"
#include "ulite/cohort.h"

#include <cJSON.h>
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* NULL or 0: any. Texts belong to the JSON. */
typedef struct rule {
    const char *modality, *body_part, *plane, *description, *not_description;
    double min_slices;
    bool most_slices;
} rule;

struct ul_series_rules {
    cJSON *json;
    rule *items;
    size_t count;
};

static ul_status take_text(const cJSON *value, const char **text, ul_error *error) {
    if (!cJSON_IsString(value))
        return ul_json_wrong(value, value->string, "a text", UL_ERROR_USAGE, error);
    *text = value->valuestring;
    return UL_OK;
}

static ul_status take_plane(const cJSON *value, rule *r, ul_error *error) {
    static const char *const planes[] = {"axial", "coronal", "sagittal"};
    for (size_t p = 0; cJSON_IsString(value) && p < 3; p++)
        if (strcmp(value->valuestring, planes[p]) == 0) {
            r->plane = planes[p];
            return UL_OK;
        }
    return ul_json_wrong(value, "plane", "axial, coronal or sagittal", UL_ERROR_USAGE, error);
}

static ul_status take_key(const cJSON *value, rule *r, ul_error *error) {
    const char *key = value->string;
    if (strcmp(key, "modality") == 0)
        return take_text(value, &r->modality, error);
    if (strcmp(key, "body_part") == 0)
        return take_text(value, &r->body_part, error);
    if (strcmp(key, "description") == 0)
        return take_text(value, &r->description, error);
    if (strcmp(key, "not_description") == 0)
        return take_text(value, &r->not_description, error);
    if (strcmp(key, "plane") == 0)
        return take_plane(value, r, error);
    if (strcmp(key, "min_slices") == 0) {
        r->min_slices = value->valuedouble;
        return cJSON_IsNumber(value) && r->min_slices >= 1.0
                   ? UL_OK
                   : ul_json_wrong(value, key, "a number from 1 on", UL_ERROR_USAGE, error);
    }
    if (strcmp(key, "prefer") == 0) {
        r->most_slices = true;
        return cJSON_IsString(value) && strcmp(value->valuestring, "most slices") == 0
                   ? UL_OK
                   : ul_json_wrong(value, key, "\"most slices\"", UL_ERROR_USAGE, error);
    }
    return ul_error_set(error, UL_ERROR_USAGE,
        "\"%s\" is no key of a rule: modality, body_part, plane, description, not_description, "
        "min_slices, prefer",
        key);
}

static ul_status take_rules(ul_series_rules *rules, ul_error *error) {
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(rules->json, "version"),
                *list = cJSON_GetObjectItemCaseSensitive(rules->json, "rules"), *object, *value;
    if (!cJSON_IsNumber(version) || version->valuedouble != 1.0)
        return ul_json_wrong(version, "version", "1", UL_ERROR_USAGE, error);
    if (!cJSON_IsArray(list) || !list->child)
        return ul_json_wrong(list, "rules", "a list of rules", UL_ERROR_USAGE, error);
    rules->items = calloc((size_t)cJSON_GetArraySize(list), sizeof *rules->items);
    if (!rules->items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    cJSON_ArrayForEach(object, list) {
        rule *r = &rules->items[rules->count++];
        if (!cJSON_IsObject(object))
            return ul_json_wrong(object, "rules", "a list of objects", UL_ERROR_USAGE, error);
        cJSON_ArrayForEach(value, object) {
            ul_status status = take_key(value, r, error);
            if (status != UL_OK) {
                ul_error_prefix(error, "rule %zu", rules->count);
                return status;
            }
        }
    }
    return UL_OK;
}

ul_status ul_series_rules_read(const char *path, ul_series_rules **rules, ul_error *error) {
    *rules = calloc(1, sizeof **rules);
    if (!*rules)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = files_read_json(path, &(*rules)->json, error);
    if (status == UL_OK) {
        status = take_rules(*rules, error);
        if (status != UL_OK)
            ul_error_prefix(error, "%s", path);
    }
    if (status != UL_OK) {
        ul_series_rules_free(*rules);
        *rules = NULL;
    }
    return status;
}

void ul_series_rules_free(ul_series_rules *rules) {
    if (!rules)
        return;
    cJSON_Delete(rules->json);
    free(rules->items);
    free(rules);
}

static void make_lower(const char *text, char *low, size_t bytes) {
    size_t n = 0;
    for (; n < bytes - 1 && text[n]; n++)
        low[n] = (char)tolower((unsigned char)text[n]);
    low[n] = '\0';
}

/* Whether a text is of the pattern (* ? [...]), in capitals or not. */
static bool text_matches(const char *pattern, const char *text) {
    char low_pattern[512], low_text[512];
    make_lower(pattern, low_pattern, sizeof low_pattern);
    make_lower(text, low_text, sizeof low_text);
    return fnmatch(low_pattern, low_text, 0) == 0;
}

static bool rule_matches(const rule *r, const ul_series *series) {
    const ul_series_info *info = ul_series_get_info(series);
    const ul_grid *grid = ul_series_grid(series);
    return (!r->modality || strcasecmp(r->modality, info->modality) == 0) &&
           (!r->body_part || strcasecmp(r->body_part, info->body_part) == 0) &&
           (!r->plane || strcmp(r->plane, ul_plane_name(ul_grid_plane(grid))) == 0) &&
           (!r->description || text_matches(r->description, info->description)) &&
           (!r->not_description || !text_matches(r->not_description, info->description)) &&
           (double)grid->size[2] >= r->min_slices;
}

/* How many series a rule matches; *chosen: the first, or of those that it prefers. */
static size_t count_matching(
    const rule *r, const ul_series *const *series, size_t count, size_t *chosen) {
    size_t matching = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t slices = ul_series_grid(series[i])->size[2];
        if (!rule_matches(r, series[i]) || (r->most_slices && slices < most))
            continue;
        bool more = r->most_slices && slices > most;
        matching = more ? 1 : matching + 1;
        if (matching == 1)
            *chosen = i;
        most = slices > most ? slices : most;
    }
    return matching;
}

ul_status ul_series_rules_choose(const ul_series_rules *rules, const ul_series *const *series,
    size_t series_count, size_t *chosen, char *reason, size_t reason_bytes, ul_error *error) {
    for (size_t n = 0; n < rules->count; n++) {
        size_t matching = count_matching(&rules->items[n], series, series_count, chosen);
        if (matching > 1)
            return ul_error_set(error, UL_ERROR_CHOICE,
                "rule %zu matches %zu of %zu volumes%s: make it narrower", n + 1, matching,
                series_count, rules->items[n].most_slices ? " of as many slices" : "");
        if (matching == 0)
            continue;
        snprintf(reason, reason_bytes, "rule %zu, of %zu volume%s", n + 1, series_count,
            series_count == 1 ? "" : "s");
        return UL_OK;
    }
    return ul_error_set(error, UL_ERROR_CHOICE, "no rule matches any of the %zu volume%s",
        series_count, series_count == 1 ? "" : "s");
}
