/* Samples of an NRRD file. Private to io/nrrd. */
#pragma once

#include "io/nrrd/header.h"

/* Reads one frame, from 0, of the file at path with this header. */
ul_status nrrd_read_frame(
    const char *path, const nrrd_header *header, size_t frame, ul_volume *volume, ul_error *error);

/* Where its voxels lie. *grid: ul_grid_free. */
ul_status nrrd_grid(const nrrd_header *header, ul_grid *grid, ul_error *error);
