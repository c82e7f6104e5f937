#include "jobs/serve/plain_nrrd.h"

#include "libulite/base/output.h"

#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_voxels(const ul_labels *labels) {
    const size_t *size = labels->grid.size;
    return size[0] * size[1] * size[2];
}

static ul_status print_header(FILE *file, const ul_grid *grid, unsigned bits, ul_error *error) {
    double m[4][4];
    ul_status status = ul_grid_affine(grid, m, error);
    if (status != UL_OK)
        return status;
    fprintf(file,
        "NRRD0004\ntype: uint%u\ndimension: 3\nspace: left-posterior-superior\n"
        "sizes: %zu %zu %zu\nspace directions:",
        bits, grid->size[0], grid->size[1], grid->size[2]);
    for (int axis = 0; axis < 3; axis++)
        fprintf(file, " (%.17g,%.17g,%.17g)", m[0][axis], m[1][axis], m[2][axis]);
    fprintf(file,
        "\nkinds: domain domain domain\nendian: little\nencoding: raw\n"
        "space origin: (%.17g,%.17g,%.17g)\n\n",
        m[0][3], m[1][3], m[2][3]);
    return UL_OK;
}

static ul_status print_samples(
    FILE *file, const ul_labels *labels, unsigned bits, ul_error *error) {
    size_t voxels = count_voxels(labels);
    for (size_t v = 0; v < voxels; v++) {
        unsigned label = labels->map[v];
        if (label >> bits)
            return ul_error_set(
                error, UL_ERROR_LIMIT, "label %u needs more than %u bits", label, bits);
        putc((int)(label & 255), file);
        if (bits == 16)
            putc((int)(label >> 8), file);
    }
    return UL_OK;
}

ul_status plain_nrrd_write(
    const char *path, const ul_labels *labels, unsigned bits, ul_error *error) {
    ul_output output = {0};
    ul_status status = ul_output_begin(path, &output, error);
    FILE *file = status == UL_OK ? fopen(output.temporary, "wb") : NULL;
    if (status == UL_OK && !file)
        status = ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    if (status == UL_OK)
        status = print_header(file, &labels->grid, bits, error);
    if (status == UL_OK)
        status = print_samples(file, labels, bits, error);
    bool lost = file && ferror(file);
    if (file && (fclose(file) != 0 || lost) && status == UL_OK)
        status = ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written", path);
    if (status == UL_OK)
        status = ul_output_commit(&output, error);
    ul_output_abandon(&output);
    return status;
}

/* Sums of a segment's columns, rows and slices, and how many voxels it has. */
typedef struct place_sum {
    double ijk[3], count;
} place_sum;

static cJSON *describe(const ul_labels *labels, const place_sum *sums) {
    cJSON *json = cJSON_CreateObject();
    for (size_t s = 0; s < labels->segments.count; s++) {
        const ul_segment *segment = &labels->segments.items[s];
        const place_sum *sum = &sums[segment->number & UINT16_MAX];
        if (sum->count == 0.0)
            continue;
        cJSON *place = cJSON_AddArrayToObject(json, segment->label);
        cJSON_AddItemToArray(place, cJSON_CreateNumber(segment->number));
        for (int axis = 0; axis < 3; axis++)
            cJSON_AddItemToArray(place, cJSON_CreateNumber(sum->ijk[axis] / sum->count));
    }
    return json;
}

ul_status plain_nrrd_write_centroids(const char *path, const ul_labels *labels, ul_error *error) {
    const size_t *size = labels->grid.size;
    place_sum *sums = calloc(UINT16_MAX + 1, sizeof *sums);
    if (!sums)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for places");
    size_t voxels = count_voxels(labels);
    for (size_t v = 0; v < voxels; v++) {
        place_sum *sum = &sums[labels->map[v]];
        sum->ijk[0] += (double)(v % size[0]);
        sum->ijk[1] += (double)(v / size[0] % size[1]);
        sum->ijk[2] += (double)(v / (size[0] * size[1]));
        sum->count++;
    }
    cJSON *json = describe(labels, sums);
    char *text = cJSON_PrintUnformatted(json);
    ul_status status = text ? ul_output_write(path, text, strlen(text), error)
                            : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for places");
    free(text);
    cJSON_Delete(json);
    free(sums);
    return status;
}
