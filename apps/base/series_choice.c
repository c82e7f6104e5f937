#include "apps/base/series_choice.h"
#include "apps/base/console.h"

#include <stdlib.h>
#include <string.h>

ul_status choose_open(const char *const *paths, size_t path_count, int threads,
    ul_catalog **catalog, ul_error *error) {
    return ul_catalog_open(
        paths, path_count, console_settings.debug, threads, console_progress(), catalog, error);
}

void choose_note_faults(const ul_catalog *catalog) {
    size_t count = 0;
    for (const ul_catalog_fault *fault; (fault = ul_catalog_fault_at(catalog, count)); count++)
        if (count < CHOOSE_LISTED_FAULTS)
            console_say("note: %s: %s", fault->path, fault->text);
    if (count > CHOOSE_LISTED_FAULTS)
        console_say("note: ... and %zu more unreadable (`ulite info --json` lists them all)",
            count - CHOOSE_LISTED_FAULTS);
}

/* The volume's place among those of its series, from 1, and how many there are. */
static size_t part_of(const ul_catalog *catalog, size_t index, size_t *parts) {
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    size_t part = 0;
    *parts = 0;
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        const ul_series_info *other = ul_series_get_info(ul_catalog_at(catalog, i));
        if (strcmp(other->series_uid, info->series_uid) == 0 &&
            other->series_number == info->series_number) {
            ++*parts;
            if (i == index)
                part = *parts;
        }
    }
    return part;
}

bool choose_matches(const ul_catalog *catalog, size_t index, const char *series) {
    if (!series)
        return true;
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    size_t whole = strlen(info->series_uid);
    char *end;
    if (whole == 0 || strncmp(series, info->series_uid, whole) != 0) {
        if (strtol(series, &end, 10) != info->series_number || end == series)
            return false;
        whole = (size_t)(end - series);
    }
    const char *rest = series + whole;
    if (*rest == '\0')
        return true;
    size_t parts, part = part_of(catalog, index, &parts);
    return *rest == '.' && strtoul(rest + 1, &end, 10) == part && *end == '\0';
}

static void name_part(
    const ul_catalog *catalog, size_t index, const char *whole, char name[CHOOSE_NAME_BYTES]) {
    size_t parts, part = part_of(catalog, index, &parts);
    if (parts > 1)
        snprintf(name, CHOOSE_NAME_BYTES, "%s.%zu", whole, part);
    else
        snprintf(name, CHOOSE_NAME_BYTES, "%s", whole);
}

void choose_number(const ul_catalog *catalog, size_t index, char name[CHOOSE_NAME_BYTES]) {
    char number[16];
    snprintf(number, sizeof number, "%d",
        ul_series_get_info(ul_catalog_at(catalog, index))->series_number);
    name_part(catalog, index, number, name);
}

void choose_name(const ul_catalog *catalog, size_t index, char name[CHOOSE_NAME_BYTES]) {
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        const ul_series_info *other = ul_series_get_info(ul_catalog_at(catalog, i));
        if (info->series_uid[0] && other->series_number == info->series_number &&
            strcmp(other->series_uid, info->series_uid) != 0) {
            name_part(catalog, index, info->series_uid, name);
            return;
        }
    }
    choose_number(catalog, index, name);
}

void choose_list(const ul_catalog *catalog, const char *series, FILE *stream) {
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        if (!choose_matches(catalog, i, series))
            continue;
        const ul_series *volume = ul_catalog_at(catalog, i);
        const ul_series_info *info = ul_series_get_info(volume);
        const size_t *size = ul_series_grid(volume)->size;
        char name[CHOOSE_NAME_BYTES];
        choose_name(catalog, i, name);
        console_line(stream, "  --series %-8s %-3s %zux%zux%zu %s%s%s", name, info->modality,
            size[0], size[1], size[2], info->description, *info->split ? ", " : "", info->split);
    }
}

ul_status choose_series(
    const ul_catalog *catalog, const char *series, const ul_series **chosen, ul_error *error) {
    *chosen = NULL;
    size_t count = 0, volumes = ul_catalog_size(catalog);
    for (size_t i = 0; i < volumes; i++)
        if (choose_matches(catalog, i, series)) {
            count++;
            *chosen = ul_catalog_at(catalog, i);
        }
    if (count == 1)
        return UL_OK;
    *chosen = NULL;
    choose_list(catalog, count ? series : NULL, stderr);
    if (count == 0)
        return ul_error_set(error, UL_ERROR_CHOICE,
            "none of the %zu volumes is \"%s\"; take --series from the list", volumes, series);
    return ul_error_set(error, UL_ERROR_CHOICE,
        "%zu volumes fit and nothing was chosen; take --series from the list", count);
}
