/* What an input file is, as far as its name and first bytes tell. */
#ifndef INPUT_KIND_H
#define INPUT_KIND_H

typedef enum input_kind {
    INPUT_NIFTI, /* these three by image_file_kind */
    INPUT_NRRD,
    INPUT_PNG,
    INPUT_SEG,      /* a file that is a DICOM Segmentation */
    INPUT_RTSTRUCT, /* a file that is an RT Structure Set */
    INPUT_SERIES,   /* anything else: DICOM images, or a folder */
} input_kind;

input_kind input_kind_of(const char *path);

#endif
