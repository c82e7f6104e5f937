#include "ulite/dicom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool ul_catalog_matches(const ul_catalog *catalog, size_t index, const char *name) {
    if (!name)
        return true;
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    size_t whole = strlen(info->series_uid);
    char *end;
    if (whole == 0 || strncmp(name, info->series_uid, whole) != 0) {
        if (strtol(name, &end, 10) != info->series_number || end == name)
            return false;
        whole = (size_t)(end - name);
    }
    const char *rest = name + whole;
    if (*rest == '\0')
        return true;
    size_t parts, part = part_of(catalog, index, &parts);
    return *rest == '.' && strtoul(rest + 1, &end, 10) == part && *end == '\0';
}

static void name_part(
    const ul_catalog *catalog, size_t index, const char *whole, char name[UL_SERIES_NAME_BYTES]) {
    size_t parts, part = part_of(catalog, index, &parts);
    if (parts > 1)
        snprintf(name, UL_SERIES_NAME_BYTES, "%s.%zu", whole, part);
    else
        snprintf(name, UL_SERIES_NAME_BYTES, "%s", whole);
}

void ul_catalog_number(const ul_catalog *catalog, size_t index, char name[UL_SERIES_NAME_BYTES]) {
    char number[16];
    snprintf(number, sizeof number, "%d",
        ul_series_get_info(ul_catalog_at(catalog, index))->series_number);
    name_part(catalog, index, number, name);
}

void ul_catalog_name(const ul_catalog *catalog, size_t index, char name[UL_SERIES_NAME_BYTES]) {
    const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, index));
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        const ul_series_info *other = ul_series_get_info(ul_catalog_at(catalog, i));
        if (info->series_uid[0] && other->series_number == info->series_number &&
            strcmp(other->series_uid, info->series_uid) != 0) {
            name_part(catalog, index, info->series_uid, name);
            return;
        }
    }
    ul_catalog_number(catalog, index, name);
}

ul_status ul_catalog_find(
    const ul_catalog *catalog, const char *name, const ul_series **series, ul_error *error) {
    size_t count = 0, volumes = ul_catalog_size(catalog);
    *series = NULL;
    for (size_t i = 0; i < volumes; i++)
        if (ul_catalog_matches(catalog, i, name) && count++ == 0)
            *series = ul_catalog_at(catalog, i);
    if (count == 1)
        return UL_OK;
    *series = NULL;
    if (count == 0)
        return ul_error_set(
            error, UL_ERROR_CHOICE, "none of the %zu volumes is \"%s\"", volumes, name ? name : "");
    return ul_error_set(error, UL_ERROR_CHOICE, "%zu volumes fit and nothing was chosen", count);
}
