/* What a file is by its content, whatever its name. */
#ifndef ULITE_FILE_KIND_H
#define ULITE_FILE_KIND_H

#include "ulite/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ul_file_kind {
    UL_FILE_UNKNOWN, /* and what cannot be opened */
    UL_FILE_NIFTI,   /* one file, .nii, also gzipped */
    UL_FILE_PNG,
    UL_FILE_GZIPPED, /* anything else within gzip */
    UL_FILE_BZIP2,
    UL_FILE_XZ,
    UL_FILE_ZSTANDARD,
    UL_FILE_ZIP,
    UL_FILE_TAR,
    UL_FILE_7Z,
    UL_FILE_RAR,
    UL_FILE_POINTER, /* of Git LFS or git-annex, which stands for a file elsewhere */
    UL_FILE_JPEG,
    UL_FILE_PDF,
    UL_FILE_NRRD,
    UL_FILE_HDF5, /* MINC 2, MATLAB 7.3 */
    UL_FILE_KINDS
} ul_file_kind;

/* Looks at the first bytes of a file. */
ul_file_kind ul_file_kind_of(const char *path);

/* What it is and what to do about it, for messages: "a zip archive: unpack it first"; NULL of
 * UL_FILE_UNKNOWN. */
const char *ul_file_kind_text(ul_file_kind kind);

#ifdef __cplusplus
}
#endif
#endif
