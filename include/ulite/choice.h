/* Some of a model's classes, or unions of them, in place of all. */
#ifndef ULITE_CHOICE_H
#define ULITE_CHOICE_H

#include "ulite/card.h"
#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ul_class_choice {
    ul_segments segments;         /* what was chosen, in that order, owned */
    unsigned to[UL_CARD_CLASSES]; /* number of the segment that a class goes to; 0: background */
} ul_class_choice;

/* Names of the card's classes and groups, or their numbers, separated by commas; case does not
 * matter. A group becomes one segment. Errors: UL_ERROR_USAGE names what the card has not, and a
 * class that would belong to two; UL_ERROR_LIMIT. *choice: ul_class_choice_free. */
UL_API ul_status ul_class_choice_parse(
    const ul_card *card, const char *names, ul_class_choice *choice, ul_error *error);
UL_API void ul_class_choice_free(ul_class_choice *choice);

/* Leaves the chosen segments in labels of the card's classes. Fractions of a group are the sum of
 * its classes'. Errors: UL_ERROR_LIMIT; labels are then as they were. */
UL_API ul_status ul_labels_choose(
    const ul_class_choice *choice, ul_labels *labels, ul_error *error);

/* Sets the samples of a volume that no segment covers to its padding value or, where it has none,
 * to the stored value next to 0; labels lie on its grid. */
UL_API void ul_volume_mask(const ul_labels *labels, ul_volume *volume);

#ifdef __cplusplus
}
#endif
#endif
