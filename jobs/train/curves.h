/* Curves of a training run: a CSV line per epoch, drawn as SVG and PDF. */
#pragma once

#include "ulite/train.h"

/* Adds an epoch to the CSV (begun anew with the first) and, where ulite was built with cairo, draws
 * SVG and PDF from the whole of it. Errors: UL_ERROR_OUTPUT. */
ul_status curves_add(const char *csv_path, const char *svg_path, const char *pdf_path,
    const ul_epoch *epoch, ul_error *error);
