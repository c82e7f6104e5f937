#include "jobs/evaluate/labels_file.h"

#include "jobs/base/image_file.h"
#include "jobs/base/paths.h"
#include "ulite/rtstruct.h"

#include <stdlib.h>
#include <string.h>

/* A mask saved as black and white: 255 stands for 1. */
static void unify_black_and_white(ul_labels *labels) {
    size_t pixels = labels->grid.size[0] * labels->grid.size[1];
    for (size_t i = 0; i < pixels; i++)
        if (labels->map[i] != 0 && labels->map[i] != 255)
            return;
    for (size_t i = 0; i < pixels; i++)
        labels->map[i] = labels->map[i] != 0;
    for (size_t s = 0; s < labels->segments.count; s++)
        if (labels->segments.items[s].number == 255)
            labels->segments.items[s].number = 1;
}

static ul_status read_folder(
    const char *path, const ul_series *source, ul_labels *labels, ul_error *error) {
    name_list list;
    ul_status status = files_list(path, &list, error);
    char *seg = NULL;
    for (size_t i = 0; status == UL_OK && i < list.count; i++) {
        char *file = files_join(path, list.names[i]);
        if (!file) {
            status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
        } else if (!files_is_folder(file) && ul_seg_probe(file)) {
            if (seg)
                status = ul_error_set(
                    error, UL_ERROR_CHOICE, "%s: holds several SEG files; leave one", path);
            else
                seg = file;
        }
        if (file != seg)
            free(file);
    }
    files_free(&list);
    if (status == UL_OK && !seg)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: holds no DICOM SEG file", path);
    if (status == UL_OK)
        status = ul_seg_read(seg, source, labels, NULL, error);
    free(seg);
    return status;
}

bool labels_are_sparse(const char *path) {
    return files_is_folder(path) || image_file_kind(path) == IMAGE_NONE;
}

static const ul_segment *find_by_name(const ul_segments *classes, const char *name) {
    for (size_t s = 0; s < classes->count; s++)
        if (strcmp(classes->items[s].label, name) == 0)
            return &classes->items[s];
    return NULL;
}

ul_status labels_number_by_name(const ul_segments *classes, ul_labels *labels, ul_error *error) {
    size_t voxels = labels->grid.size[0] * labels->grid.size[1] * labels->grid.size[2];
    size_t known = 0;
    for (size_t s = 0; s < labels->segments.count; s++)
        known += find_by_name(classes, labels->segments.items[s].label) != NULL;
    if (known == 0)
        return UL_OK;
    uint16_t *numbers = calloc(UINT16_MAX + 1, sizeof *numbers);
    if (!numbers)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the segments");
    for (size_t s = 0; s < labels->segments.count; s++) {
        ul_segment *segment = &labels->segments.items[s];
        const ul_segment *class = find_by_name(classes, segment->label);
        if (!class) {
            free(numbers);
            return ul_error_set(error, UL_ERROR_INPUT,
                "the segment \"%s\" is none of the classes of the data set: name all of them in "
                "segments.json or dataset.json",
                segment->label);
        }
        numbers[segment->number] = (uint16_t) class->number;
        segment->number = class->number;
    }
    for (size_t v = 0; v < voxels; v++)
        labels->map[v] = numbers[labels->map[v]];
    free(numbers);
    return UL_OK;
}

bool labels_are_numbered_alone(const char *path) {
    if (files_is_folder(path))
        return false;
    return files_ends_with(path, ".seg.nrrd") ||
           (image_file_kind(path) == IMAGE_NONE && ul_rtstruct_probe(path));
}

bool labels_are_cropped(const char *path) {
    return !files_is_folder(path) && image_file_kind(path) == IMAGE_NRRD;
}

ul_status labels_read_file(
    const char *path, const ul_series *source, ul_labels *labels, ul_error *error) {
    *labels = (ul_labels){0};
    if (files_is_folder(path))
        return read_folder(path, source, labels, error);
    image_kind kind = image_file_kind(path);
    if (kind == IMAGE_NONE && ul_rtstruct_probe(path))
        return source ? ul_rtstruct_read(path, source, labels, NULL, error)
                      : ul_error_set(error, UL_ERROR_USAGE,
                            "%s: contours need the series that they were drawn on", path);
    if (kind == IMAGE_NONE)
        return ul_seg_read(path, source, labels, NULL, error);
    ul_status status = image_file_read_labels(path, labels, NULL, error);
    if (status == UL_OK && kind == IMAGE_PNG)
        unify_black_and_white(labels);
    return status;
}
