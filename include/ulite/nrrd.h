/* NRRD volumes and the segmentations of 3D Slicer in NRRD (.seg.nrrd). */
#ifndef ULITE_NRRD_H
#define ULITE_NRRD_H

#include "ulite/volume.h"

UL_BEGIN_C

/* The files that an image is read of: its own and, of a header alone, that of the samples, else
 * NULL. Both are the caller's to free. Errors: as of ul_nrrd_read. */
UL_API ul_status ul_nrrd_files(const char *path, char *files[2], ul_error *error);

/* Reads .nrrd, or .nhdr with its one data file in the same folder, in encoding raw or gzip: three
 * axes in space, and at most one besides, of frames (anywhere) or of RGB or RGBA colours of 8 bits
 * (the first). frame counts from 1, 0 = the file must hold one or the first is taken with a note.
 * Without directions the axes are taken as left, posterior, superior, with a note. notes, where not
 * NULL, receives malloc'd lines, or NULL. Errors: UL_ERROR_INPUT, UL_ERROR_CHOICE (frame),
 * UL_ERROR_GEOMETRY, UL_ERROR_UNSUPPORTED (another encoding or type), UL_ERROR_LIMIT. */
UL_API ul_status ul_nrrd_read(
    const char *path, size_t frame, ul_volume *volume, char **notes, ul_error *error);

/* Reads a label volume: whole numbers 0..65535. The segments of a .seg.nrrd keep their names,
 * colours and codes, in layers of their own too: where segments overlap, labels have fractions of 0
 * and 255. Segments that share a number are numbered by their order, with a note. notes as above.
 * *labels: ul_labels_free. */
UL_API ul_status ul_nrrd_read_labels(
    const char *path, ul_labels *labels, char **notes, ul_error *error);

/* Whether the file describes segments as 3D Slicer does. */
UL_API bool ul_nrrd_probe_labels(const char *path);

/* Writes a volume of real-world values in the smallest type that holds them exactly: the stored one
 * where they are what is stored, 16 or 32 bits of whole numbers, else float. Labels are written
 * with Slicer's description of segments; where fractions of 0 and 255 say that segments overlap,
 * in a layer each. gzip, on `threads` threads (0: ul_default_threads()). Written, checked and
 * reported as ul_nifti_write. Errors: UL_ERROR_GEOMETRY (uneven), UL_ERROR_OUTPUT, UL_ERROR_LIMIT,
 * UL_ERROR_UNSUPPORTED (colours beyond 8 bits), UL_ERROR_INTERRUPTED. */
UL_API ul_status ul_nrrd_write(const char *path, const ul_volume *volume, int threads,
    const ul_progress *progress, ul_error *error);
UL_API ul_status ul_nrrd_write_labels(const char *path, const ul_labels *labels, int threads,
    const ul_progress *progress, ul_error *error);

UL_END_C
#endif
