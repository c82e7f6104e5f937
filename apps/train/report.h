/* What happens in `ulite train`: for people, and as events under --json. */
#pragma once

#include "ulite/train.h"

/* The event of how many cases there are. */
void train_report_data(const ul_dataset *dataset, const ul_fingerprint *fingerprint);

/* The event of the plan; what is open is left to the time. */
ul_status train_report_plan(const ul_plan *plan, ul_error *error);

/* Which layers of the model to fine-tune do not fit the plan and start anew. Errors:
 * UL_ERROR_LIMIT.
 */
ul_status train_report_from(
    const char *path, const ul_model *from, const ul_plan *plan, ul_error *error);

/* Epochs, and the runs of a cross-validation. */
extern const ul_fit_listener train_report_listener;

/* Whether the run came to its end, and which model was kept. */
void train_report_end(const char *model, const ul_fit_result *result);

/* Dice and IoU of each class over the test cases. */
void train_report_test(const ul_card *card, const ul_fit_score *scores, size_t count);
