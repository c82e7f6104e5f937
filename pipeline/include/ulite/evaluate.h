/* Comparing predicted label files with true ones. */
#ifndef ULITE_EVALUATE_H
#define ULITE_EVALUATE_H

#include "ulite/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ul_score {
    char name[256];      /* the case's */
    char class_name[65]; /* the segment's label, or "class N" */
    ul_class_metrics metrics;
} ul_score;

/* Compares two label files (NIfTI, PNG, SEG), or the files of two folders paired by their names
 * without endings. A class is every segment number that occurs in any case; scores come case by
 * case, classes ascending. *failed counts cases without a partner or that cannot be compared; the
 * first of them fills *error while the others go on. *scores: malloc'd, the caller's. Errors:
 * UL_ERROR_INPUT, UL_ERROR_GEOMETRY, UL_ERROR_PARTIAL (some cases failed). */
UL_API ul_status ul_evaluate(const char *predicted, const char *truth, const ul_progress *progress,
    ul_score **scores, size_t *count, size_t *failed, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
