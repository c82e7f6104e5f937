/* `ulite info` tells what a path is; each kind of path has a file of its own. */
#pragma once

#include "ulite/error.h"

/* Each prints about the path on stdout, as a table or, under --json, as one JSON object. */
ul_status info_model(const char *path, ul_error *error);
ul_status info_dicom(const char *path, ul_error *error);  /* a folder or a file */
ul_status info_seg(const char *path, ul_error *error);    /* a DICOM Segmentation */
ul_status info_volume(const char *path, ul_error *error); /* NIfTI, NRRD, PNG */
