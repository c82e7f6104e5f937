/* What an input file is, as far as its name and first bytes tell. */
#ifndef INPUT_KIND_H
#define INPUT_KIND_H

typedef enum input_kind {
    INPUT_NIFTI,  /* by its ending: .nii, .hdr or .img, also with .gz; else by its content */
    INPUT_PNG,    /* by its ending, else by its content */
    INPUT_SEG,    /* a file that is a DICOM Segmentation */
    INPUT_SERIES, /* anything else: DICOM images, or a folder */
} input_kind;

input_kind input_kind_of(const char *path);

#endif
