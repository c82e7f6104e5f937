/* An evaluation as a file: a line per case and class, or a table for readers. */
#pragma once

#include "apps/eval/columns.h"

/* What a name's ending means; NULL: none of .csv, .md and .tex. */
typedef struct table_form table_form;
const table_form *table_form_of(const char *path);

/* Writes it: .csv a line per case and class; .md and .tex (for booktabs) a line per class, mean and
 * standard deviation over the cases. tolerance: as of the evaluation, for the caption. Errors:
 * UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status table_write(const char *path, const table_form *form, const ul_evaluation *evaluation,
    double tolerance, ul_error *error);
