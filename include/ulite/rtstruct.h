/* DICOM RT Structure Sets: segments as closed planar contours. */
#ifndef ULITE_RTSTRUCT_H
#define ULITE_RTSTRUCT_H

#include "ulite/seg.h"

UL_BEGIN_C

/* Writes labels, which lie on the grid of source or on an even grid of their own, as one RT
 * Structure Set that references the instances of source: per segment and slice its outlines along
 * the edges of its voxels, so that who fills them by voxel centres has these voxels again, and
 * their areas are those of the voxels. Voxels that meet in a corner alone are apart. A hole is
 * joined to its outline by a channel without width (keyhole). Where labels have fractions a segment
 * is what holds half a voxel or more. Written, read back as ul_rtstruct_read does, compared and
 * reported as ul_seg_write; of the options, type, rle and threads mean nothing. Errors: as of
 * ul_seg_write; UL_ERROR_GEOMETRY where there are no positions; UL_ERROR_LIMIT (a contour of more
 * than 10 million points). */
UL_API ul_status ul_rtstruct_write(const char *path, const ul_labels *labels,
    const ul_series *source, const ul_seg_options *options, ul_error *error);

/* Reads the contours of an RT Structure Set onto the voxels of source: those whose centre lies
 * within an odd number of a structure's contours of their slice, so that holes may be keyholes or
 * contours of their own. A contour belongs to the slice within half of whose depth its plane lies;
 * others, and those that are no closed plane, are left out with a note. Where structures overlap
 * labels have fractions of 0 and 255, as of ul_seg_read. *labels: ul_labels_free. Errors:
 * UL_ERROR_INPUT, UL_ERROR_GEOMETRY, UL_ERROR_LIMIT. */
UL_API ul_status ul_rtstruct_read(
    const char *path, const ul_series *source, ul_labels *labels, char **notes, ul_error *error);

/* Whether the file is an RT Structure Set (by its SOP class). */
UL_API bool ul_rtstruct_probe(const char *path);

UL_END_C
#endif
