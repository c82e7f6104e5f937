#include "jobs/base/image_file.h"

#include "io/base/file_list.h"
#include "jobs/base/paths.h"
#include "ulite/nrrd.h"
#include "ulite/png.h"

#include <string.h>

image_kind image_file_kind(const char *path) {
    if (files_is_nifti(path))
        return IMAGE_NIFTI;
    if (files_is_nrrd(path) || files_ends_with(path, ".nhdr"))
        return IMAGE_NRRD;
    if (files_ends_with(path, ".png"))
        return IMAGE_PNG;
    switch (ul_file_kind_of(path)) {
    case UL_FILE_NIFTI:
        return IMAGE_NIFTI;
    case UL_FILE_NRRD:
        return IMAGE_NRRD;
    case UL_FILE_PNG:
        return IMAGE_PNG;
    default:
        return IMAGE_NONE;
    }
}

ul_status image_file_read(const char *path, size_t frame, ul_volume *volume,
    ul_nifti_header **header, char **notes, ul_error *error) {
    if (header)
        *header = NULL;
    if (notes)
        *notes = NULL;
    switch (image_file_kind(path)) {
    case IMAGE_PNG:
        return ul_png_read(path, volume, error);
    case IMAGE_NRRD:
        return ul_nrrd_read(path, frame, volume, notes, error);
    default:
        return ul_nifti_read(path, frame, volume, header, notes, error);
    }
}

ul_status image_file_parts(const char *path, char *files[2], ul_error *error) {
    switch (image_file_kind(path)) {
    case IMAGE_NRRD:
        return ul_nrrd_files(path, files, error);
    case IMAGE_PNG:
        files[0] = strdup(path);
        files[1] = NULL;
        return files[0] ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    default:
        return ul_nifti_files(path, files, error);
    }
}

ul_status image_file_read_labels(
    const char *path, ul_labels *labels, char **notes, ul_error *error) {
    if (notes)
        *notes = NULL;
    switch (image_file_kind(path)) {
    case IMAGE_PNG:
        return ul_png_read_labels(path, labels, error);
    case IMAGE_NRRD:
        return ul_nrrd_read_labels(path, labels, notes, error);
    default:
        return ul_nifti_read_labels(path, labels, NULL, error);
    }
}
