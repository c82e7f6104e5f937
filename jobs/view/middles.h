/* Where segments lie: the voxel in the middle of each. */
#pragma once

#include "jobs/view/frame.h"

typedef struct view_middle {
    size_t voxels;
    size_t index[3]; /* the voxel of the segment that is nearest to its centroid */
    double at[3];    /* its centre in the frame */
} view_middle;

/* Of each of labels->segments: *middles [labels->segments.count], the caller's; without voxels all
 * zeros. low, high (may be NULL): the box of all segments' voxels in the frame; that of the frame
 * where there are none. Errors: UL_ERROR_LIMIT; *middles is NULL then. */
ul_status middles_find(const view_frame *frame, const ul_labels *labels, view_middle **middles,
    double low[3], double high[3], ul_error *error);
