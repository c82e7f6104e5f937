/* Training a model on a data set by a plan. */
#ifndef ULITE_FIT_H
#define ULITE_FIT_H

#include "ulite/metrics.h"
#include "ulite/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ul_fit_options {
    const char *output; /* MODEL.safetensors; .csv, .svg, .split.json, .checkpoint lie beside it */
    const ul_model *from; /* fine-tune these weights; NULL: start anew */
    bool resume;          /* go on from the checkpoint */
    double minutes;       /* stop after so long, 0: never */
    int threads;          /* 0: one per core */
} ul_fit_options;

/* One epoch, as it ends. */
typedef struct ul_epoch {
    size_t epoch;            /* from 1 */
    double rate, loss, dice; /* dice: mean over validation cases and classes; NaN: not validated */
    bool best;
    double seconds; /* since the start */
} ul_epoch;

typedef void (*ul_epoch_function)(void *context, const ul_epoch *epoch);

/* Trains, keeps the best model by validation Dice at output, and a checkpoint per epoch. The same
 * plan and data give the same model, whatever the threads, resumed or not. Errors:
 * UL_ERROR_DIVERGED, UL_ERROR_INTERRUPTED (both leave the best model and a checkpoint that --resume
 * takes up), UL_ERROR_MODEL (a checkpoint of another model), UL_ERROR_OUTPUT. */
UL_API ul_status ul_fit(const ul_dataset *dataset, const ul_plan *plan,
    const ul_fit_options *options, ul_epoch_function epoch, void *context,
    const ul_progress *progress, ul_error *error);

/* Scores of one case and class of a split. */
typedef struct ul_fit_score {
    const char *name; /* the case's */
    ul_class_metrics metrics;
} ul_fit_score;

/* Segments every case of a split with the model and compares. *scores: malloc'd, case by case, one
 * per class; the caller's. */
UL_API ul_status ul_fit_evaluate(const ul_dataset *dataset, ul_split split, const ul_model *model,
    const ul_card *card, int threads, const ul_progress *progress, ul_fit_score **scores,
    size_t *count, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
