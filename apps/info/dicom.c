#include "ulite/dicom.h"
#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/info/info.h"
#include "jobs/base/digits.h"

#include <stdio.h>
#include <string.h>

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

static cJSON *series_json(const ul_catalog *catalog, size_t index) {
    const ul_series *series = ul_catalog_at(catalog, index);
    const ul_series_info *info = ul_series_get_info(series);
    const ul_grid *grid = ul_series_grid(series);
    char name[UL_SERIES_NAME_BYTES];
    ul_catalog_name(catalog, index, name);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "series", name);
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
        cJSON_AddItemToArray(spacing, cJSON_CreateNumber(digits_value(grid->spacing_mm[axis])));
    double step = ul_grid_step_mm(grid);
    if (step != 0)
        cJSON_AddNumberToObject(object, "step_mm", digits_value(step));
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
    cJSON_AddNumberToObject(object, "version", 1);
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
        cJSON_AddItemToArray(list, series_json(catalog, s));
    cJSON *faults = cJSON_AddArrayToObject(object, "unreadable");
    const ul_catalog_fault *fault;
    for (size_t i = 0; (fault = ul_catalog_fault_at(catalog, i)) != NULL; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "path", fault->path);
        cJSON_AddStringToObject(item, "reason", fault->text);
        cJSON_AddItemToArray(faults, item);
    }
    return json_out_print(object, error);
}

/* --- For people ------------------------------------------------------------------------------ */

/* The columns of a line of the table. */
typedef struct volume_line {
    char number[UL_SERIES_NAME_BYTES], size[64], spacing[64];
    const char *modality, *plane;
} volume_line;

typedef struct column_widths {
    int number, modality, size, spacing, plane;
} column_widths;

static const volume_line headings = {"series", "size", "spacing mm", "kind", "plane"};

static void fill_line(const ul_catalog *catalog, size_t index, volume_line *line) {
    const ul_series *series = ul_catalog_at(catalog, index);
    const ul_grid *grid = ul_series_grid(series);
    ul_catalog_number(catalog, index, line->number);
    snprintf(
        line->size, sizeof line->size, "%zux%zux%zu", grid->size[0], grid->size[1], grid->size[2]);
    int used = snprintf(line->spacing, sizeof line->spacing, "-");
    if (grid->spacing_mm[0] > 0)
        used = snprintf(line->spacing, sizeof line->spacing, "%.4gx%.4g", grid->spacing_mm[0],
            grid->spacing_mm[1]);
    if (ul_grid_step_mm(grid) != 0)
        snprintf(line->spacing + used, sizeof line->spacing - (size_t)used, "x%.4g",
            ul_grid_step_mm(grid));
    const char *modality = ul_series_get_info(series)->modality;
    line->modality = modality[0] ? modality : "-";
    line->plane = grid->stack == UL_STACK_UNPLACED ? "-" : ul_plane_name(ul_grid_plane(grid));
}

static void widen(column_widths *widths, const volume_line *line) {
    const char *const texts[] = {
        line->number, line->modality, line->size, line->spacing, line->plane};
    int *const columns[] = {
        &widths->number, &widths->modality, &widths->size, &widths->spacing, &widths->plane};
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
        if ((int)strlen(texts[c]) > *columns[c])
            *columns[c] = (int)strlen(texts[c]);
}

static void print_line(const column_widths *widths, const volume_line *line) {
    printf("%*s  %-*s  %-*s  %-*s  %-*s  ", widths->number, line->number, widths->modality,
        line->modality, widths->size, line->size, widths->spacing, line->spacing, widths->plane,
        line->plane);
}

/* What is odd about a volume, on one line below it; and why it cannot be used, on another. */
static void print_oddities(const ul_catalog *catalog, size_t index, int indent) {
    const ul_series *series = ul_catalog_at(catalog, index);
    const ul_series_info *info = ul_series_get_info(series);
    for (size_t n = 0; n < info->note_count; n++)
        printf("%*s%s%s", n ? 0 : indent, "", n ? "; " : "", info->notes[n]);
    if (info->note_count)
        putchar('\n');
    ul_error fault = {0};
    if (ul_series_check(series, &fault) != UL_OK)
        console_line(stdout, "%*scannot be used: %s", indent, "", fault.text);
    char number[UL_SERIES_NAME_BYTES], name[UL_SERIES_NAME_BYTES];
    ul_catalog_number(catalog, index, number);
    ul_catalog_name(catalog, index, name);
    if (strcmp(number, name) != 0)
        printf("%*s--series %s\n", indent, "", name);
}

static void print_count(size_t count, const char *one, const char *several) {
    if (count)
        printf(", %zu %s", count, count == 1 ? one : several);
}

static void print_counts(const ul_catalog *catalog) {
    const ul_catalog_counts *counts = ul_catalog_get_counts(catalog);
    printf("%zu file%s: %zu with images", counts->files, counts->files == 1 ? "" : "s",
        counts->images);
    print_count(counts->segmentations, "segmentation", "segmentations");
    print_count(
        counts->without_pixels, "DICOM object without an image", "DICOM objects without an image");
    print_count(counts->directories, "DICOMDIR", "DICOMDIRs");
    print_count(counts->unreadable, "unreadable", "unreadable");
    print_count(counts->other_files, "not DICOM", "not DICOM");
    putchar('\n');
}

static void print_faults(const ul_catalog *catalog) {
    size_t count = 0;
    for (const ul_catalog_fault *fault; (fault = ul_catalog_fault_at(catalog, count)); count++)
        if (count < CHOOSE_LISTED_FAULTS)
            console_line(stdout, "unreadable: %s: %s", fault->path, fault->text);
    if (count > CHOOSE_LISTED_FAULTS)
        printf("... and %zu more (--json lists them all)\n", count - CHOOSE_LISTED_FAULTS);
}

static void print_table(const ul_catalog *catalog) {
    enum { GAP = 2 };
    column_widths widths = {0};
    volume_line line;
    widen(&widths, &headings);
    for (size_t s = 0; s < ul_catalog_size(catalog); s++) {
        fill_line(catalog, s, &line);
        widen(&widths, &line);
    }
    print_line(&widths, &headings);
    puts("description");
    for (size_t s = 0; s < ul_catalog_size(catalog); s++) {
        const ul_series_info *info = ul_series_get_info(ul_catalog_at(catalog, s));
        fill_line(catalog, s, &line);
        print_line(&widths, &line);
        printf("%s%s%s\n", info->description, info->description[0] && info->split[0] ? "; " : "",
            info->split);
        print_oddities(catalog, s, widths.number + GAP);
    }
    print_counts(catalog);
    print_faults(catalog);
}

ul_status info_dicom(const char *path, ul_error *error) {
    ul_catalog *catalog;
    ul_status status = choose_open(&path, 1, 0, &catalog, error);
    if (status != UL_OK)
        return status;
    if (console_settings.json)
        status = print_json(catalog, error);
    else
        print_table(catalog);
    ul_catalog_close(catalog);
    return status;
}
