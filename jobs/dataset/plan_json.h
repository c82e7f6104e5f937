/* Plans as JSON. */
#pragma once

#include "ulite/train.h"

/* Replaces what the JSON file names: {"card": {...}, "training": {...}}; objects merge. */
ul_status plan_override(ul_plan *plan, const char *path, ul_error *error);
