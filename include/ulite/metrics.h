/* How well predicted labels agree with true ones (docs/evaluation.md defines every number). */
#ifndef ULITE_METRICS_H
#define ULITE_METRICS_H

#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One class of one case. NaN where a number is undefined.
 * Both empty: agreement, so dice = iou = precision = recall = 1 and the distances are 0.
 * One empty: dice = iou = 0; precision is 0 where only the truth is empty and recall is 0 where
 * only the prediction is; the other one and the distances are undefined. */
typedef struct ul_class_metrics {
    unsigned number;                 /* segment number */
    size_t truth, predicted, common; /* voxels of each and of both */
    double dice, iou, precision, recall;
    bool in_mm;  /* distances in mm; false: in pixels, the grid has no spacing */
    double hd95; /* the larger of the two directed 95th percentiles of surface distances */
    double asd;  /* mean over the surface voxels of both of the distance to the other surface */
    double volume_ml, truth_volume_ml; /* NaN in 2D, and where there is no spacing */
} ul_class_metrics;

/* Compares segment `number` of two label volumes of one size; distances and volumes by the grid of
 * truth. Surface voxels are those with a face neighbour outside (in one-slice volumes: an edge
 * neighbour of the slice); distances are exact between voxel centres, along uneven stacks too; on
 * tilted ones and on several unplaced slices they are undefined. Errors: UL_ERROR_GEOMETRY (sizes
 * differ), UL_ERROR_LIMIT. */
UL_API ul_status ul_metrics_compute(const ul_labels *predicted, const ul_labels *truth,
    unsigned number, ul_class_metrics *metrics, ul_error *error);

/* Counts, Dice, IoU, precision and recall alone; distances and volumes are NaN. Errors:
 * UL_ERROR_GEOMETRY. */
UL_API ul_status ul_metrics_overlap(const ul_labels *predicted, const ul_labels *truth,
    unsigned number, ul_class_metrics *metrics, ul_error *error);

/* Mean, spread and a bootstrap interval over cases; NaN values are left out and counted. */
typedef struct ul_summary {
    size_t count, undefined;
    double mean, sd, median; /* sd with n - 1 */
    double low95, high95;    /* percentile bootstrap of the mean: 2000 resamples, fixed seed */
} ul_summary;

UL_API ul_status ul_summarise(
    const double *values, size_t count, ul_summary *summary, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
