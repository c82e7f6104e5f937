/* The smallest and the largest volume of every class in a set of cases. */
#pragma once

#include "ulite/card.h"
#include "ulite/volume.h"

typedef struct volume_range {
    size_t cases;
    bool unknown; /* a case has no volumes: it is 2D, or its spacing is not known */
    double ml[UL_CARD_CLASSES][2]; /* by number; of no cases 0 and 0 */
} volume_range;

/* Takes in a case of volumes by class number. */
void volume_range_add(volume_range *range, const double ml[UL_CARD_CLASSES]);

/* Takes in a case by its labels. */
void volume_range_add_labels(volume_range *range, const ul_labels *labels);

/* Puts the range into a card, in the place of any other; of mirror partners that of both. Leaves
 * the card without one where it is not known. Errors: UL_ERROR_LIMIT. */
ul_status volume_range_store(const volume_range *range, ul_card *card, ul_error *error);
