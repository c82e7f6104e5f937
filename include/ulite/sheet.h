/* A picture of training patches, to look at before a run. */
#ifndef ULITE_SHEET_H
#define ULITE_SHEET_H

#include "ulite/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes an RGB PNG of the first patches that a run by this plan trains on: the middle channel of
 * each (all three of RGB), and beside it the labels in the colours of their classes, white where
 * nothing is learnt. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT, UL_ERROR_INTERRUPTED, and of cases.
 */
UL_API ul_status ul_sheet_write(const char *path, const ul_dataset *dataset, const ul_plan *plan,
    const ul_progress *progress, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
