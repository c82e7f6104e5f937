/* The model file that a training run writes. */
#pragma once

#include "jobs/dataset/volume_range.h"
#include "ulite/train.h"

/* Replaces the card's metrics "SPLIT Dice CLASS" by the means of the scores of each class. */
ul_status model_file_set_dice(
    ul_card *card, const char *split, const ul_fit_score *scores, size_t count, ul_error *error);

/* Writes the model with its card under "ulite" and its plan's JSON under "ulite.plan". */
ul_status model_file_save(const ul_model *model, const char *path, const ul_card *card,
    const char *plan_json, ul_error *error);

/* Writes the model that did best so far: the plan's card with validation Dice, a name (the file's)
 * and a provenance where it has none, and the volumes of the training cases. */
ul_status model_file_save_best(const ul_model *model, const ul_dataset *dataset,
    const ul_plan *plan, const volume_range *volumes, const ul_fit_options *options,
    const ul_fit_score *scores, size_t count, size_t epoch, ul_error *error);

/* Puts the means of scores into the card of the model file at path. */
ul_status model_file_add_dice(
    const char *path, const char *split, const ul_fit_score *scores, size_t count, ul_error *error);
