/* What the segments of a label volume measure. */
#ifndef ULITE_STATS_H
#define ULITE_STATS_H

#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ul_segment_stats {
    unsigned number;
    size_t voxels;
    double volume_ml;     /* NaN in 2D and where the spacing is unknown */
    double area_mm2;      /* 2D only; NaN else and where the spacing is unknown */
    bool placed;          /* whether bbox_mm is known: there are positions, and voxels */
    double bbox_mm[2][3]; /* smallest and largest LPS coordinates of its voxel centres */
    double mean, sd; /* of the source's values but padding (luma of RGB), population; NaN: none */
} ul_segment_stats;

/* Measures every segment of labels on the values of volume, which has the same grid; NULL: without
 * values, mean and sd are NaN. A voxel's
 * depth is ul_grid_depth_mm: the distance along the normal, for uneven slices half the way to each
 * neighbour; gaps are not filled. stats: [labels->segments.count], the caller's.
 * Errors: UL_ERROR_LIMIT (memory), UL_ERROR_INTERRUPTED. */
UL_API ul_status ul_stats_measure(const ul_volume *volume, const ul_labels *labels,
    const ul_progress *progress, ul_segment_stats *stats, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
