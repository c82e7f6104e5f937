#include "ulite/segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ul_status wrong_form(const char *text, ul_error *error) {
    return ul_error_set(error, UL_ERROR_USAGE,
        "\"%s\" is no region: x0:x1,y0:y1,z0:z1 in voxels, or in LPS millimetres with mm at its "
        "end",
        text);
}

/* Three ranges; whether they are in millimetres. */
static ul_status read_ranges(
    const char *text, double ranges[3][2], bool *millimetres, ul_error *error) {
    const char *at = text;
    for (int n = 0; n < 6; n++) {
        char *end;
        double value = strtod(at, &end);
        const char *after = n == 5 ? "" : n % 2 ? "," : ":";
        if (end == at || !isfinite(value) || (*after && *end != *after))
            return wrong_form(text, error);
        ranges[n / 2][n % 2] = value;
        at = *after ? end + 1 : end;
    }
    *millimetres = strcmp(at, "mm") == 0;
    return *millimetres || *at == '\0' ? UL_OK : wrong_form(text, error);
}

static ul_status take_voxels(
    const double ranges[3][2], const ul_grid *grid, ul_region *region, ul_error *error) {
    static const char *const names[] = {"columns", "rows", "slices"};
    for (int a = 0; a < 3; a++) {
        double first = ranges[a][0], end = ranges[a][1];
        if (first != floor(first) || end != floor(end) || first < 0.0 || end <= first ||
            end > (double)grid->size[a])
            return ul_error_set(error, UL_ERROR_USAGE,
                "%g:%g is no range of the volume's %zu %s: whole numbers from 0, the end not "
                "included",
                first, end, grid->size[a], names[a]);
        region->first[a] = (size_t)first;
        region->size[a] = (size_t)(end - first);
    }
    return UL_OK;
}

/* Whether the centre of a voxel lies in the ranges. */
static bool holds(const double ranges[3][2], const ul_grid *grid, const size_t at[3]) {
    bool inside = true;
    for (int c = 0; c < 3; c++) {
        double place = grid->origin_mm[at[2]][c] +
                       (double)at[0] * grid->spacing_mm[0] * grid->axis_i[c] +
                       (double)at[1] * grid->spacing_mm[1] * grid->axis_j[c];
        inside = inside && place >= ranges[c][0] && place <= ranges[c][1];
    }
    return inside;
}

static ul_status take_millimetres(
    const double ranges[3][2], const ul_grid *grid, ul_region *region, ul_error *error) {
    if (grid->stack == UL_STACK_UNPLACED)
        return ul_error_set(
            error, UL_ERROR_GEOMETRY, "the images have no positions: give the region in voxels");
    size_t first[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, last[3] = {0}, at[3];
    for (at[2] = 0; at[2] < grid->size[2]; at[2]++)
        for (at[1] = 0; at[1] < grid->size[1]; at[1]++)
            for (at[0] = 0; at[0] < grid->size[0]; at[0]++)
                for (int a = 0; holds(ranges, grid, at) && a < 3; a++) {
                    first[a] = at[a] < first[a] ? at[a] : first[a];
                    last[a] = at[a] > last[a] ? at[a] : last[a];
                }
    if (first[0] == SIZE_MAX)
        return ul_error_set(error, UL_ERROR_USAGE, "no voxel of the volume lies in that region");
    for (int a = 0; a < 3; a++) {
        region->first[a] = first[a];
        region->size[a] = last[a] - first[a] + 1;
    }
    return UL_OK;
}

ul_status ul_region_parse(
    const char *text, const ul_grid *grid, ul_region *region, ul_error *error) {
    double ranges[3][2];
    bool millimetres;
    memset(region, 0, sizeof *region);
    ul_status status = read_ranges(text, ranges, &millimetres, error);
    if (status != UL_OK)
        return status;
    return millimetres ? take_millimetres(ranges, grid, region, error)
                       : take_voxels(ranges, grid, region, error);
}

/* The part of a grid; its origins and thicknesses are in a copy that the caller frees. */
static ul_status crop_grid(
    const ul_grid *grid, const ul_region *region, ul_grid *part, ul_error *error) {
    ul_status status = ul_grid_copy(grid, part, error);
    if (status != UL_OK)
        return status;
    for (size_t k = 0; k < region->size[2]; k++) {
        size_t from = region->first[2] + k;
        for (int c = 0; part->origin_mm && c < 3; c++)
            part->origin_mm[k][c] =
                grid->origin_mm[from][c] +
                (double)region->first[0] * grid->spacing_mm[0] * grid->axis_i[c] +
                (double)region->first[1] * grid->spacing_mm[1] * grid->axis_j[c];
        if (part->slice_mm)
            part->slice_mm[k] = grid->slice_mm[from];
    }
    memcpy(part->size, region->size, sizeof part->size);
    if (part->stack != UL_STACK_UNPLACED)
        ul_grid_classify(part);
    return UL_OK;
}

ul_status ul_volume_crop(
    const ul_volume *volume, const ul_region *region, ul_volume *crop, ul_error *error) {
    memset(crop, 0, sizeof *crop);
    ul_grid grid;
    ul_status status = crop_grid(&volume->grid, region, &grid, error);
    if (status == UL_OK)
        status = ul_volume_create(&grid, volume->channels, volume->sample, crop, error);
    if (status == UL_OK) {
        const size_t *size = volume->grid.size, *first = region->first;
        const size_t pixel = volume->channels * ul_sample_bytes(volume->sample);
        const size_t row = region->size[0] * pixel;
        for (size_t k = 0; k < region->size[2]; k++) {
            crop->slope[k] = volume->slope[first[2] + k];
            crop->intercept[k] = volume->intercept[first[2] + k];
            for (size_t j = 0; j < region->size[1]; j++)
                memcpy((uint8_t *)crop->samples + (k * region->size[1] + j) * row,
                    (const uint8_t *)volume->samples +
                        (((first[2] + k) * size[1] + first[1] + j) * size[0] + first[0]) * pixel,
                    row);
        }
        crop->has_padding = volume->has_padding;
        crop->padding_low = volume->padding_low;
        crop->padding_high = volume->padding_high;
        memcpy(crop->modality, volume->modality, sizeof crop->modality);
        memcpy(crop->body_part, volume->body_part, sizeof crop->body_part);
        ul_grid_free(&grid);
        return UL_OK;
    }
    ul_grid_free(&grid);
    return status;
}

ul_status ul_labels_uncrop(
    const ul_region *region, const ul_grid *grid, ul_labels *labels, ul_error *error) {
    ul_labels whole;
    ul_status status =
        ul_labels_create(grid, &labels->segments, labels->fractions != NULL, &whole, error);
    if (status != UL_OK)
        return status;
    const size_t *size = grid->size, *part = region->size, *first = region->first;
    const size_t voxels = size[0] * size[1] * size[2], part_voxels = part[0] * part[1] * part[2];
    for (size_t k = 0; k < part[2]; k++)
        for (size_t j = 0; j < part[1]; j++) {
            size_t from = (k * part[1] + j) * part[0];
            size_t to = ((first[2] + k) * size[1] + first[1] + j) * size[0] + first[0];
            memcpy(whole.map + to, labels->map + from, part[0] * sizeof *whole.map);
            for (size_t s = 0; whole.fractions && s < whole.segments.count; s++)
                memcpy(whole.fractions + s * voxels + to,
                    labels->fractions + s * part_voxels + from, part[0]);
        }
    whole.provenance = labels->provenance;
    ul_labels_free(labels);
    *labels = whole;
    return UL_OK;
}
