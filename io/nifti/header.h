/* The header of a NIfTI file: parsed, checked and turned into a grid and back. Private to nifti*.c.
 */
#pragma once

#include "ulite/nifti.h"

#include <nifti2_io.h>
#include <zlib.h>

/* NIfTI-1 fields are held in the wider NIfTI-2 ones, which loses nothing of them; fields that only
 * ANALYZE 7.5 gave a meaning are not kept. Bytes are in this machine's order. */
struct ul_nifti_header {
    int version;  /* 1 or 2 */
    bool swapped; /* the file has the other byte order */
    bool pair;    /* .hdr + .img */
    nifti_2_header fields;
};

/* What the samples of one NIfTI datatype are. */
typedef struct nifti_type {
    int code;         /* DT_* */
    ul_sample sample; /* what they are read as: 64-bit integers become F64 */
    size_t channels;  /* 1, 3 RGB, 4 RGBA */
    size_t bytes;     /* of one channel in the file */
} nifti_type;

/* NULL where the datatype is not served. */
const nifti_type *nifti_type_of(int datatype);

/* Opens a file to read, compressed or not. Everything that reading needs is allocated here, so that
 * a read that fails later tells of the file. Errors: UL_ERROR_INPUT, UL_ERROR_LIMIT. */
ul_status nifti_open(const char *path, gzFile *file, ul_error *error);

/* Reads and checks the header of path; leaves file just behind it. Errors name path. */
ul_status nifti_header_read(
    const char *path, gzFile file, ul_nifti_header *header, ul_error *error);

/* Number of 3D frames: the product of dimensions 4 to 7. */
size_t nifti_header_frames(const ul_nifti_header *header);

/* The grid of one frame: the sform where its code is > 0, else the qform, else the pixel
 * dimensions along the axes as they are stored, with a note that the orientation is unknown. */
ul_status nifti_header_grid(
    const ul_nifti_header *header, ul_grid *grid, char **notes, ul_error *error);

/* A header for a volume on grid, dimensions and both forms filled in. */
ul_status nifti_header_from_grid(const ul_grid *grid, ul_nifti_header *header, ul_error *error);

/* Bytes of header and extension field: where a single file without extensions has its samples. */
size_t nifti_header_bytes(const ul_nifti_header *header);

/* Puts both, as a single file begins; extended: extensions follow. */
void nifti_header_put(const ul_nifti_header *header, bool extended, void *bytes);
