/* Images and labels in single files of any kind that is no DICOM. */
#pragma once

#include "ulite/nifti.h"

typedef enum image_kind {
    IMAGE_NONE, /* none of these */
    IMAGE_NIFTI,
    IMAGE_NRRD,
    IMAGE_PNG
} image_kind;

/* By its ending (.nii, .hdr, .img, also with .gz; .nrrd, .nhdr; .png), else by its content. */
image_kind image_file_kind(const char *path);

/* Reads an image. frame, header (may be NULL; filled for NIfTI alone) and notes as in
 * ul_nifti_read. */
ul_status image_file_read(const char *path, size_t frame, ul_volume *volume,
    ul_nifti_header **header, char **notes, ul_error *error);

/* The files that it is read of: files[1] where its samples lie beside the header, else NULL. Both
 * are the caller's to free. Errors: as of ul_nifti_files, ul_nrrd_files. */
ul_status image_file_parts(const char *path, char *files[2], ul_error *error);

/* Reads labels; notes (may be NULL) likewise. *labels: ul_labels_free. */
ul_status image_file_read_labels(
    const char *path, ul_labels *labels, char **notes, ul_error *error);
