#include "io/base/json.h"
#include "io/base/json_fields.h"
#include "ulite/cohort.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* NULL or 0: any. Texts belong to the JSON. */
typedef struct rule {
    const char *modality, *body_part, *plane, *description, *not_description, *prefer;
    double min_slices;
} rule;

struct ul_series_rules {
    cJSON *json;
    rule *items;
    size_t count;
};

static const char *const planes[] = {"axial", "coronal", "sagittal", NULL};
static const char *const preferences[] = {"most slices", NULL};

#define TEXT(member) JSON_FIELD(rule, member, JSON_BORROWED)

static const json_field rule_fields[] = {{TEXT(modality)}, {TEXT(body_part)},
    {TEXT(plane), .words = planes, .expected = "axial, coronal or sagittal"}, {TEXT(description)},
    {TEXT(not_description)},
    {JSON_FIELD(rule, min_slices, JSON_NUMBER), .low = 1, .high = INFINITY,
        .expected = "a number from 1 on"},
    {TEXT(prefer), .words = preferences, .expected = "\"most slices\""}, {0}};
static const json_table rule_table = {.fields = rule_fields,
    .wrong = UL_ERROR_USAGE,
    .unknown = {"", " is no key of a rule: modality, body_part, plane, description, "
                    "not_description, min_slices, prefer"}};

static ul_status read_rules(const cJSON *list, const json_field *f, void *thing, ul_error *error) {
    ul_series_rules *rules = thing;
    rules->items = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *rules->items);
    if (!rules->items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    ul_status status =
        ul_json_read_list(list, f, rules->items, sizeof *rules->items, &rules->count, error);
    if (status != UL_OK && rules->count > 0)
        ul_error_prefix(error, "rule %zu", rules->count);
    return status;
}

static const json_field file_fields[] = {
    {.name = "version", .kind = JSON_VERSION, .flags = JSON_NEEDED},
    {.name = "rules",
        .flags = JSON_NEEDED,
        .table = &rule_table,
        .expected = "a list of objects",
        .read = read_rules},
    {0}};
static const json_table file_table = {
    .fields = file_fields, .wrong = UL_ERROR_USAGE, .no_object = "is not a JSON object"};

ul_status ul_series_rules_read(const char *path, ul_series_rules **rules, ul_error *error) {
    *rules = calloc(1, sizeof **rules);
    if (!*rules)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = ul_json_read(path, &(*rules)->json, error);
    if (status == UL_OK) {
        status = ul_json_read_fields((*rules)->json, &file_table, *rules, error);
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
        if (!rule_matches(r, series[i]) || (r->prefer && slices < most))
            continue;
        bool more = r->prefer && slices > most;
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
                series_count, rules->items[n].prefer ? " of as many slices" : "");
        if (matching == 0)
            continue;
        snprintf(reason, reason_bytes, "rule %zu, of %zu volume%s", n + 1, series_count,
            series_count == 1 ? "" : "s");
        return UL_OK;
    }
    return ul_error_set(error, UL_ERROR_CHOICE, "no rule matches any of the %zu volume%s",
        series_count, series_count == 1 ? "" : "s");
}
