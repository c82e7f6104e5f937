/* Comparing labels: measures of two, and of files and folders of them. */
#ifndef ULITE_EVALUATE_H
#define ULITE_EVALUATE_H

#include "ulite/volume.h"

UL_BEGIN_C

/* How well predicted labels agree with true ones (docs/evaluation.md defines every number). */

/* One class of one case. NaN where a number is undefined.
 * Both empty: agreement, so dice = iou = precision = recall = nsd = 1 and the distances are 0.
 * One empty: dice = iou = nsd = 0; precision is 0 where only the truth is empty and recall is 0
 * where only the prediction is; the other one and the distances are undefined. */
typedef struct ul_class_metrics {
    unsigned number;                 /* segment number */
    size_t truth, predicted, common; /* voxels of each and of both */
    double dice, iou, precision, recall;
    bool in_mm;  /* distances in mm; false: in pixels, the grid has no spacing */
    double hd95; /* the larger of the two directed 95th percentiles of surface distances */
    double asd;  /* mean over the surface voxels of both of the distance to the other surface */
    double nsd;  /* normalised surface Dice: the share of the surface voxels of both that lie within
                    the tolerance of the other surface (S. Nikolov and others, J Med Internet Res 23,
                    e26151, 2021, on voxels instead of surface elements) */
    double volume_ml, truth_volume_ml; /* NaN in 2D, and where there is no spacing */
} ul_class_metrics;

/* Compares segment `number` of two label volumes of one size; distances and volumes by the grid of
 * truth; tolerance is that of nsd, in the unit of the distances. Surface voxels are those with a
 * face neighbour outside (in one-slice volumes: an edge neighbour of the slice); distances are
 * exact between voxel centres, along uneven stacks too; on tilted ones and on several unplaced
 * slices they are undefined. Errors: UL_ERROR_GEOMETRY (sizes differ), UL_ERROR_LIMIT. */
UL_API ul_status ul_metrics_compute(const ul_labels *predicted, const ul_labels *truth,
    unsigned number, double tolerance, ul_class_metrics *metrics, ul_error *error);

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

/* Comparing predicted label files with true ones. */

typedef struct ul_score {
    char name[256];                 /* the case's */
    char class_name[UL_TEXT_BYTES]; /* the segment's label, or "class N" */
    ul_class_metrics metrics;
} ul_score;

typedef struct ul_evaluation {
    ul_score *scores; /* case by case, classes ascending */
    size_t count;
    size_t cases, failed; /* compared; without a prediction, or not comparable */
    char *notes;          /* lines: each failed case, and each prediction without truth; or NULL */
} ul_evaluation;

typedef struct ul_evaluate_options {
    const char *source; /* a DICOM series that puts a SEG of two files on its grid, which unevenly
                           spaced slices need; NULL: none */
    const ul_segments *names; /* what the classes are called, before the files' own names; NULL:
                                 none */
    double tolerance;         /* of the normalised surface Dice, in mm, in pixels where there is no
                                 spacing; 0: 1 */
    double pixel_mm[2]; /* of pictures that state no spacing: between columns, between rows; 0:
                           not known */
    bool merge;         /* all segments of a file count as one, number 1: for a truth that tells
                           fewer structures apart */
    bool whole_paths;   /* of files below the folder of the source, in messages, as of
                           ul_catalog_open */
} ul_evaluate_options;

/* options NULL: as zeroed. Compares two label files (NIfTI, PNG, SEG, a folder with one SEG), or
 * the label files of two folders paired by their names without endings. A class is every segment
 * number that occurs in any case. A SEG may leave out slices that hold no label. *evaluation:
 * ul_evaluation_free, also after UL_ERROR_PARTIAL (some cases failed, the others are compared).
 * Errors of files: UL_ERROR_INPUT, UL_ERROR_GEOMETRY; of folders: UL_ERROR_INPUT (no label file in
 * truth, two of one case), UL_ERROR_INTERRUPTED, UL_ERROR_USAGE (a source). Also UL_ERROR_CHOICE
 * (several series in source).
 */
UL_API ul_status ul_evaluate(const char *predicted, const char *truth,
    const ul_evaluate_options *options, const ul_progress *progress, ul_evaluation *evaluation,
    ul_error *error);
UL_API void ul_evaluation_free(ul_evaluation *evaluation);

UL_END_C
#endif
