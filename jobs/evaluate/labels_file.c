#include "jobs/evaluate/labels_file.h"

#include "jobs/base/paths.h"
#include "ulite/nifti.h"
#include "ulite/png.h"
#include "ulite/seg.h"

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
    return files_is_folder(path) || !(files_is_nifti(path) || files_ends_with(path, ".png"));
}

ul_status labels_read_file(
    const char *path, const ul_series *source, ul_labels *labels, ul_error *error) {
    *labels = (ul_labels){0};
    if (files_is_folder(path))
        return read_folder(path, source, labels, error);
    if (files_ends_with(path, ".png")) {
        ul_status status = ul_png_read_labels(path, labels, error);
        if (status == UL_OK)
            unify_black_and_white(labels);
        return status;
    }
    if (files_is_nifti(path))
        return ul_nifti_read_labels(path, labels, NULL, error);
    return ul_seg_read(path, source, labels, NULL, error);
}
