#include "ulite/seg.h"
#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/info/info.h"

#include <stdio.h>
#include <stdlib.h>

static size_t count_of(const ul_labels *labels, size_t s) {
    const size_t *size = labels->grid.size;
    size_t voxels = size[0] * size[1] * size[2], count = 0;
    for (size_t v = 0; v < voxels; v++)
        count += labels->fractions ? labels->fractions[s * voxels + v] > 127
                                   : labels->map[v] == labels->segments.items[s].number;
    return count;
}

static void print_table(const ul_labels *labels, const char *notes) {
    const ul_grid *grid = &labels->grid;
    printf("DICOM Segmentation: %zu segments on %zux%zux%zu", labels->segments.count, grid->size[0],
        grid->size[1], grid->size[2]);
    if (grid->origin_mm)
        printf(", %.4gx%.4g mm, %s", grid->spacing_mm[0], grid->spacing_mm[1],
            ul_plane_name(ul_grid_plane(grid)));
    printf("\n%6s  %-32s %-13s %10s  %s\n", "number", "label", "colour", "voxels", "type");
    for (size_t s = 0; s < labels->segments.count; s++) {
        const ul_segment *segment = &labels->segments.items[s];
        char colour[16];
        snprintf(
            colour, sizeof colour, "%d,%d,%d", segment->rgb[0], segment->rgb[1], segment->rgb[2]);
        printf("%6u  %-32s %-13s %10zu  %s (%s %s)\n", segment->number, segment->label, colour,
            count_of(labels, s), segment->type.meaning, segment->type.scheme, segment->type.value);
    }
    if (notes)
        printf("%s\n", notes);
}

static cJSON *segment_json(const ul_labels *labels, size_t s) {
    const ul_segment *segment = &labels->segments.items[s];
    const int rgb[3] = {segment->rgb[0], segment->rgb[1], segment->rgb[2]};
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "number", segment->number);
    cJSON_AddStringToObject(object, "label", segment->label);
    cJSON_AddStringToObject(object, "type", segment->type.meaning);
    cJSON_AddItemToObject(object, "rgb", cJSON_CreateIntArray(rgb, 3));
    cJSON_AddNumberToObject(object, "voxels", (double)count_of(labels, s));
    return object;
}

static ul_status print_json(const ul_labels *labels, const char *notes, ul_error *error) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", 1);
    cJSON_AddStringToObject(object, "kind", "segmentation");
    cJSON *size = cJSON_AddArrayToObject(object, "size");
    for (int axis = 0; axis < 3; axis++)
        cJSON_AddItemToArray(size, cJSON_CreateNumber((double)labels->grid.size[axis]));
    cJSON *segments = cJSON_AddArrayToObject(object, "segments");
    for (size_t s = 0; s < labels->segments.count; s++)
        cJSON_AddItemToArray(segments, segment_json(labels, s));
    cJSON_AddStringToObject(object, "notes", notes ? notes : "");
    return json_out_print(object, error);
}

ul_status info_seg(const char *path, ul_error *error) {
    ul_labels labels;
    char *notes = NULL;
    ul_status status = ul_seg_read(path, NULL, &labels, &notes, error);
    if (status == UL_OK) {
        if (console_settings.json)
            status = print_json(&labels, notes, error);
        else
            print_table(&labels, notes);
        ul_labels_free(&labels);
    }
    free(notes);
    return status;
}
