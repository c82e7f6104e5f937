#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/info/info.h"
#include "jobs/base/digits.h"
#include "jobs/base/image_file.h"
#include "volume/planes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *sample_name(ul_sample sample) {
    static const char *const names[] = {[UL_SAMPLE_U8] = "uint8",
        [UL_SAMPLE_I8] = "int8",
        [UL_SAMPLE_U16] = "uint16",
        [UL_SAMPLE_I16] = "int16",
        [UL_SAMPLE_I32] = "int32",
        [UL_SAMPLE_U32] = "uint32",
        [UL_SAMPLE_F32] = "float32",
        [UL_SAMPLE_F64] = "float64"};
    return names[sample];
}

/* Where a direction points most: L, R, P, A, S or I. */
static char axis_letter(const double direction[3]) {
    int most = 0;
    for (int c = 1; c < 3; c++)
        if (fabs(direction[c]) > fabs(direction[most]))
            most = c;
    return direction[most] > 0 ? "LPS"[most] : "RAI"[most];
}

/* Towards what columns, rows and slices grow, "RAS"; empty where that is unknown. */
static void axes_of(const ul_grid *grid, char axes[4]) {
    axes[0] = '\0';
    if (grid->stack == UL_STACK_UNPLACED)
        return;
    double along[3];
    ul_grid_normal(grid, along);
    if (ul_grid_step_mm(grid) < 0)
        for (int c = 0; c < 3; c++)
            along[c] = -along[c];
    axes[0] = axis_letter(grid->axis_i);
    axes[1] = axis_letter(grid->axis_j);
    axes[2] = axis_letter(along);
    axes[3] = '\0';
}

typedef struct value_range {
    double least, most;
} value_range;

/* The real-world values, padding and what is not finite left out; NaN where nothing is left. */
static ul_status range_of(const ul_volume *volume, value_range *range, ul_error *error) {
    const size_t *size = volume->grid.size;
    size_t channels = volume->channels;
    float *values = malloc(size[0] * channels * sizeof *values);
    uint8_t *padding = malloc(size[0]);
    *range = (value_range){NAN, NAN};
    for (size_t row = 0; values && padding && row < size[1] * size[2]; row++) {
        ul_voxel_plane plane = ul_voxel_plane_slice(&volume->grid, row / size[1]);
        plane.start[1] = (ptrdiff_t)(row % size[1]);
        plane.height = 1;
        ul_volume_plane(volume, &plane, values);
        ul_volume_plane_padding(volume, &plane, padding);
        for (size_t i = 0; i < size[0] * channels; i++)
            if (!padding[i / channels]) {
                range->least = fmin(range->least, values[i]);
                range->most = fmax(range->most, values[i]);
            }
    }
    bool done = values && padding;
    free(values);
    free(padding);
    return done ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a row");
}

static void print_table(
    const char *kind, const ul_volume *volume, const value_range *range, const char *notes) {
    const ul_grid *grid = &volume->grid;
    char axes[4];
    axes_of(grid, axes);
    printf("%s: %zux%zux%zu", kind, grid->size[0], grid->size[1], grid->size[2]);
    if (grid->spacing_mm[0] > 0)
        printf(", %.4gx%.4gx%.4g mm", grid->spacing_mm[0], grid->spacing_mm[1],
            ul_grid_depth_mm(grid, 0));
    if (axes[0])
        printf(", %s slices, axes towards %s", ul_plane_name(ul_grid_plane(grid)), axes);
    printf("\n%s%s, values %.6g to %.6g\n", volume->channels == 3 ? "RGB, " : "",
        sample_name(volume->sample), range->least, range->most);
    if (notes)
        puts(notes);
}

static cJSON *lines_json(const char *lines) {
    cJSON *list = cJSON_CreateArray();
    for (const char *line = lines; line && *line;) {
        char text[512];
        size_t length = strcspn(line, "\n");
        snprintf(text, sizeof text, "%.*s", (int)length, line);
        cJSON_AddItemToArray(list, cJSON_CreateString(text));
        line += length + (line[length] == '\n');
    }
    return list;
}

static ul_status print_json(const char *kind, const ul_volume *volume, const value_range *range,
    const char *notes, ul_error *error) {
    const ul_grid *grid = &volume->grid;
    const double spacing[3] = {digits_value(grid->spacing_mm[0]), digits_value(grid->spacing_mm[1]),
        digits_value(ul_grid_depth_mm(grid, 0))};
    const double size[3] = {(double)grid->size[0], (double)grid->size[1], (double)grid->size[2]};
    char axes[4];
    axes_of(grid, axes);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", 1);
    cJSON_AddStringToObject(object, "kind", kind);
    cJSON_AddItemToObject(object, "size", cJSON_CreateDoubleArray(size, 3));
    cJSON_AddNumberToObject(object, "channels", (double)volume->channels);
    cJSON_AddStringToObject(object, "sample", sample_name(volume->sample));
    cJSON_AddItemToObject(object, "spacing_mm",
        spacing[0] > 0 ? cJSON_CreateDoubleArray(spacing, 3) : cJSON_CreateNull());
    cJSON_AddStringToObject(object, "plane", ul_plane_name(ul_grid_plane(grid)));
    cJSON_AddStringToObject(object, "axes", axes);
    cJSON_AddNumberToObject(object, "minimum", digits_value(range->least));
    cJSON_AddNumberToObject(object, "maximum", digits_value(range->most));
    cJSON_AddItemToObject(object, "notes", lines_json(notes));
    return json_out_print(object, error);
}

ul_status info_volume(const char *path, ul_error *error) {
    static const char *const kinds[][2] = {[IMAGE_NIFTI] = {"nifti", "NIfTI volume"},
        [IMAGE_NRRD] = {"nrrd", "NRRD volume"},
        [IMAGE_PNG] = {"png", "PNG picture"}};
    const char *const *kind = kinds[image_file_kind(path)];
    ul_volume volume = {0};
    char *notes = NULL;
    value_range range;
    ul_status status = image_file_read(path, 0, &volume, NULL, &notes, error);
    if (status == UL_OK)
        status = range_of(&volume, &range, error);
    if (status == UL_OK && console_settings.json)
        status = print_json(kind[0], &volume, &range, notes, error);
    else if (status == UL_OK)
        print_table(kind[1], &volume, &range, notes);
    ul_volume_free(&volume);
    free(notes);
    return status;
}
