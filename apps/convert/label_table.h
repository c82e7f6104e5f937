/* Names and colours of labels in a file beside them. */
#pragma once

#include "ulite/volume.h"

#define LABEL_TABLE_ENDINGS ".tsv (BIDS), .txt (ITK-SNAP) or .json (niivue)"

/* Writes the table: .tsv as BIDS has it (index, name, color, code), .txt label descriptions of
 * ITK-SNAP, .json a colour map of labels for niivue. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status label_table_write(const char *path, const ul_segments *segments, ul_error *error);
