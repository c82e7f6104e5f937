#include "console.h"
#include "info.h"
#include "ulite/dicom.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static const char *stack_name(ul_stack stack) {
    switch (stack) {
    case UL_STACK_REGULAR:
        return "regular";
    case UL_STACK_TILTED:
        return "tilted";
    case UL_STACK_UNEVEN:
        return "uneven";
    case UL_STACK_UNPLACED:
        break;
    }
    return "unplaced";
}

/* --- For programs ---------------------------------------------------------------------------- */

static cJSON *series_json(const ul_series *series) {
    const ul_series_info *info = ul_series_get_info(series);
    const ul_grid *grid = ul_series_grid(series);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "series_number", info->series_number);
    cJSON_AddStringToObject(object, "series_uid", info->series_uid);
    cJSON_AddStringToObject(object, "modality", info->modality);
    cJSON_AddStringToObject(object, "description", info->description);
    cJSON_AddStringToObject(object, "body_part", info->body_part);
    cJSON_AddStringToObject(object, "part", info->split);
    cJSON *size = cJSON_AddArrayToObject(object, "size");
    for (int axis = 0; axis < 3; axis++)
        cJSON_AddItemToArray(size, cJSON_CreateNumber((double)grid->size[axis]));
    cJSON_AddNumberToObject(object, "channels", (double)ul_series_channels(series));
    cJSON *spacing = cJSON_AddArrayToObject(object, "spacing_mm");
    for (int axis = 0; axis < 2; axis++)
        cJSON_AddItemToArray(spacing, cJSON_CreateNumber(grid->spacing_mm[axis]));
    double step = ul_grid_step_mm(grid);
    if (step != 0)
        cJSON_AddNumberToObject(object, "step_mm", step);
    else
        cJSON_AddNullToObject(object, "step_mm");
    cJSON_AddStringToObject(object, "plane", ul_plane_name(ul_grid_plane(grid)));
    cJSON_AddStringToObject(object, "stack", stack_name(grid->stack));
    cJSON_AddStringToObject(object, "transfer_syntax_uid", info->transfer_syntax_uid);
    cJSON_AddBoolToObject(object, "multi_frame", info->multi_frame);
    cJSON_AddBoolToObject(object, "mosaic", info->mosaic);
    cJSON_AddBoolToObject(object, "lossy", info->lossy);
    cJSON *notes = cJSON_AddArrayToObject(object, "notes");
    for (size_t n = 0; n < info->note_count; n++)
        cJSON_AddItemToArray(notes, cJSON_CreateString(info->notes[n]));
    ul_error fault = {0};
    if (ul_series_check(series, &fault) != UL_OK)
        cJSON_AddStringToObject(object, "fault", fault.text);
    else
        cJSON_AddNullToObject(object, "fault");
    return object;
}

static ul_status print_json(const ul_catalog *catalog, ul_error *error) {
    const ul_catalog_counts *counts = ul_catalog_get_counts(catalog);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "kind", "dicom");
    cJSON *numbers = cJSON_AddObjectToObject(object, "files");
    cJSON_AddNumberToObject(numbers, "all", (double)counts->files);
    cJSON_AddNumberToObject(numbers, "images", (double)counts->images);
    cJSON_AddNumberToObject(numbers, "segmentations", (double)counts->segmentations);
    cJSON_AddNumberToObject(numbers, "without_pixels", (double)counts->without_pixels);
    cJSON_AddNumberToObject(numbers, "dicomdirs", (double)counts->directories);
    cJSON_AddNumberToObject(numbers, "unreadable", (double)counts->unreadable);
    cJSON_AddNumberToObject(numbers, "not_dicom", (double)counts->other_files);
    cJSON *list = cJSON_AddArrayToObject(object, "series");
    for (size_t s = 0; s < ul_catalog_size(catalog); s++)
        cJSON_AddItemToArray(list, series_json(ul_catalog_at(catalog, s)));
    cJSON *faults = cJSON_AddArrayToObject(object, "unreadable");
    const ul_catalog_fault *fault;
    for (size_t i = 0; (fault = ul_catalog_fault_at(catalog, i)) != NULL; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "path", fault->path);
        cJSON_AddStringToObject(item, "reason", fault->text);
        cJSON_AddItemToArray(faults, item);
    }
    char *text = cJSON_Print(object);
    cJSON_Delete(object);
    if (!text)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the JSON");
    puts(text);
    free(text);
    return UL_OK;
}

/* --- For people ------------------------------------------------------------------------------ */

static void print_series(const ul_series *series) {
    const ul_series_info *info = ul_series_get_info(series);
    const ul_grid *grid = ul_series_grid(series);
    char size[64], spacing[64], step[32] = "";
    snprintf(size, sizeof size, "%zux%zux%zu", grid->size[0], grid->size[1], grid->size[2]);
    if (ul_grid_step_mm(grid) != 0)
        snprintf(step, sizeof step, "x%.4g", ul_grid_step_mm(grid));
    snprintf(
        spacing, sizeof spacing, "%.4gx%.4g%s", grid->spacing_mm[0], grid->spacing_mm[1], step);
    printf("%6d  %-4s %-14s %-20s %-9s %s%s%s\n", info->series_number, info->modality, size,
        grid->spacing_mm[0] > 0 ? spacing : "unknown", ul_plane_name(ul_grid_plane(grid)),
        info->description, info->split[0] ? "; " : "", info->split);
    for (size_t n = 0; n < info->note_count; n++)
        printf("%12s%s\n", "", info->notes[n]);
    ul_error fault = {0};
    if (ul_series_check(series, &fault) != UL_OK)
        printf("%12scannot be used: %s\n", "", fault.text);
}

static void print_count(size_t count, const char *what) {
    if (count)
        printf(", %zu %s", count, what);
}

static void print_table(const ul_catalog *catalog) {
    const ul_catalog_counts *counts = ul_catalog_get_counts(catalog);
    printf("%6s  %-4s %-14s %-20s %-9s %s\n", "series", "kind", "size", "spacing (mm)", "plane",
        "description");
    for (size_t s = 0; s < ul_catalog_size(catalog); s++)
        print_series(ul_catalog_at(catalog, s));
    printf("%zu files: %zu with images", counts->files, counts->images);
    print_count(counts->segmentations, "segmentations");
    print_count(counts->without_pixels, "DICOM without images");
    print_count(counts->directories, "DICOMDIR");
    print_count(counts->unreadable, "unreadable");
    print_count(counts->other_files, "not DICOM");
    putchar('\n');
    const ul_catalog_fault *fault;
    for (size_t i = 0; (fault = ul_catalog_fault_at(catalog, i)) != NULL; i++)
        printf("unreadable: %s: %s\n", fault->path, fault->text);
}

ul_status info_dicom(const char *path, ul_error *error) {
    ul_catalog *catalog;
    ul_status status = ul_catalog_open(&path, 1, console_progress(), &catalog, error);
    if (status != UL_OK)
        return status;
    if (console_settings.json)
        status = print_json(catalog, error);
    else
        print_table(catalog);
    ul_catalog_close(catalog);
    return status;
}
