/* NIfTI volumes and label volumes. */
#ifndef ULITE_NIFTI_H
#define ULITE_NIFTI_H

#include "ulite/volume.h"

UL_BEGIN_C

typedef struct ul_nifti_header ul_nifti_header; /* a source's header, to carry over to its labels */

/* The files that an image is read of: its own, or the header, and the samples where they lie in
 * another one (.img), else NULL. Both are the caller's to free. Errors: UL_ERROR_LIMIT. */
UL_API ul_status ul_nifti_files(const char *path, char *files[2], ul_error *error);

/* Reads .nii, .nii.gz, .hdr/.img; NIfTI-1 and -2 and ANALYZE-free; frame counts from 1, 0 = the
 * file must be 3D or the first is taken with a note. header (may be NULL): *header is the caller's,
 * ul_nifti_header_free. notes as in ul_seg_read. */
UL_API ul_status ul_nifti_read(const char *path, size_t frame, ul_volume *volume,
    ul_nifti_header **header, char **notes, ul_error *error);
UL_API void ul_nifti_header_free(ul_nifti_header *header);

/* Reads a label volume: integers (or floats with integer values), 0..65535. Segments have names and
 * colours where the file has a label table (an XML extension of Connectome Workbench's), and are
 * numbered only where it has none. */
UL_API ul_status ul_nifti_read_labels(
    const char *path, ul_labels *labels, ul_nifti_header **header, ul_error *error);

/* Whether the file says that its values are labels (its intent). */
UL_API bool ul_nifti_probe_labels(const char *path);

/* Writes volumes and labels through a temporary name that is read back, compared and renamed.
 * header: the source's, or NULL to derive both forms from the grid (tilted: a sheared sform,
 * qform_code 0). A .gz is compressed on `threads` threads (0: ul_default_threads()), which change
 * no byte of it. progress stages: "writing", "checking"; NULL: nobody listens. Errors:
 * UL_ERROR_GEOMETRY (uneven), UL_ERROR_OUTPUT, UL_ERROR_INTERRUPTED (nothing is left). */
UL_API ul_status ul_nifti_write(const char *path, const ul_volume *volume,
    const ul_nifti_header *header, int threads, const ul_progress *progress, ul_error *error);
/* Labels: with such a label table of their segments. */
UL_API ul_status ul_nifti_write_labels(const char *path, const ul_labels *labels,
    const ul_nifti_header *header, int threads, const ul_progress *progress, ul_error *error);

UL_END_C
#endif
