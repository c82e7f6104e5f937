/* Comparing predicted label files with true ones. */
#ifndef ULITE_EVALUATE_H
#define ULITE_EVALUATE_H

#include "ulite/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

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
    bool merge;         /* all segments of a file count as one, number 1: for a truth that tells
                           fewer structures apart */
    bool whole_paths;   /* of files below the folder of the source, in messages, as of
                           ul_catalog_open */
} ul_evaluate_options;

/* Compares two label files (NIfTI, PNG, SEG, a folder with one SEG), or the label files of two
 * folders paired by their names without endings. A class is every segment number that occurs in any
 * case. A SEG may leave out slices that hold no label. *evaluation: ul_evaluation_free, also after
 * UL_ERROR_PARTIAL (some cases failed, the others are compared). Errors of files: UL_ERROR_INPUT,
 * UL_ERROR_GEOMETRY; of folders: UL_ERROR_INPUT (no label file in truth, two of one case),
 * UL_ERROR_INTERRUPTED, UL_ERROR_USAGE (a source). Also UL_ERROR_CHOICE (several series in source).
 */
UL_API ul_status ul_evaluate(const char *predicted, const char *truth,
    const ul_evaluate_options *options, const ul_progress *progress, ul_evaluation *evaluation,
    ul_error *error);
UL_API void ul_evaluation_free(ul_evaluation *evaluation);

#ifdef __cplusplus
}
#endif
#endif
