/* What a model card holds, as docs/model-format.md lists it. */
#ifndef CARD_FIELDS_H
#define CARD_FIELDS_H

#include "io/base/json_fields.h"

/* Of ul_card. */
extern const json_table card_table;

#endif
