/* What a model card holds, as docs/model-format.md lists it. */
#pragma once

#include "io/base/json_fields.h"

/* Of ul_card. */
extern const json_table card_table;
