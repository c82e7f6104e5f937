/* Parts of a model card: those that refer to its classes, read after them, and the localiser. */
#ifndef CARD_PARTS_H
#define CARD_PARTS_H

#include "ulite/card.h"

#include <cJSON.h>

/* Reads "groups", "volumes" and "limits" of the card and "classes" of its "postprocess", where
 * there are any. Errors: UL_ERROR_MODEL, UL_ERROR_LIMIT. */
ul_status card_read_groups(const cJSON *object, ul_card *card, ul_error *error);
ul_status card_read_class_rules(const cJSON *object, ul_card *card, ul_error *error);
ul_status card_read_volumes(const cJSON *object, ul_card *card, ul_error *error);
ul_status card_read_limits(const cJSON *object, ul_card *card, ul_error *error);

/* Reads the object "localiser"; fov_mm is read. Errors: likewise. */
ul_status card_read_localiser(const cJSON *object, ul_card *card, ul_error *error);

/* A text of at most size_bytes - 1, left alone where the key is absent. In card.c. */
ul_status card_read_text(
    const cJSON *object, const char *key, char *text, size_t size_bytes, ul_error *error);

/* The general rules of an object: largest_component, fill_holes, minimum_mm3; absent keys leave
 * rules as they are. In card.c. */
ul_status card_read_rules(const cJSON *object, ul_postprocess *rules, ul_error *error);
bool card_add_rules(cJSON *object, const ul_postprocess *rules);

/* Add what the card has of them; false where memory ran out. */
bool card_add_groups(cJSON *object, const ul_card *card);
bool card_add_class_rules(cJSON *postprocess, const ul_card *card);
bool card_add_volumes(cJSON *object, const ul_card *card);
bool card_add_limits(cJSON *object, const ul_card *card);
bool card_add_localiser(cJSON *object, const ul_card *card);

#endif
