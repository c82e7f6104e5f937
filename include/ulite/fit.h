/* Training a model on a data set by a plan. */
#ifndef ULITE_FIT_H
#define ULITE_FIT_H

#include "ulite/metrics.h"
#include "ulite/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a run writes: the model, and beside it the curves, their picture, who was in which split,
 * and what --resume goes on from. */
typedef enum ul_fit_file {
    UL_FIT_MODEL,
    UL_FIT_CURVES,
    UL_FIT_PICTURE,
    UL_FIT_SPLIT,
    UL_FIT_CHECKPOINT
} ul_fit_file;
#define UL_FIT_FILES 5

/* The path of one of them, the caller's; NULL where memory ran out. output: of the model. */
UL_API char *ul_fit_path(const char *output, ul_fit_file file);

typedef struct ul_fit_options {
    const char *output;   /* MODEL.safetensors; see ul_fit_file for what lies beside it */
    const ul_model *from; /* fine-tune these weights; NULL: start anew */
    bool resume;          /* go on from the checkpoint */
    double minutes;       /* of training, earlier runs of a resumed one included; 0: no limit */
    int threads;          /* 0: ul_default_threads() */
} ul_fit_options;

/* One epoch, as it ends. */
typedef struct ul_epoch {
    size_t epoch, epochs;    /* from 1; of the whole run */
    double rate, loss, dice; /* dice: mean over validation cases and classes; NaN: not validated */
    bool best;
    double seconds, seconds_left; /* trained so far; NaN: unknown */
} ul_epoch;

typedef void (*ul_epoch_function)(void *context, const ul_epoch *epoch);

/* How a run ended. */
typedef struct ul_fit_result {
    size_t epochs, planned; /* done, and of the whole run */
    size_t best_epoch;      /* of the model that was kept, from 1; 0: none */
    double best_dice;       /* its validation Dice */
    bool out_of_time;       /* minutes were over before the planned epochs were */
} ul_fit_result;

/* Trains, keeps the best model by validation Dice at output, and a checkpoint per epoch. The same
 * plan and data give the same model, whatever the threads, resumed or not.
 *
 * Where the plan leaves the epochs open (0), as many are planned as fit into options->minutes, by
 * trying a few steps and a validation first, so that the rate comes down to its end in time;
 * without minutes UL_PLAN_EPOCHS. The model's metadata holds the plan with that number. A run is
 * stopped after the epoch in which the time is over, with a tenth more for epochs that were chosen
 * so.
 *
 * The model's card gets the Dice of the validation cases, and a provenance where the plan's card
 * has none. Errors: UL_ERROR_DIVERGED, UL_ERROR_INTERRUPTED (both leave the best model so far and a
 * checkpoint to resume from; the text says which), UL_ERROR_MODEL (the checkpoint of another plan,
 * data set or model), UL_ERROR_OUTPUT. *result is filled whatever happens. */
UL_API ul_status ul_fit(const ul_dataset *dataset, const ul_plan *plan,
    const ul_fit_options *options, ul_epoch_function epoch, void *context,
    const ul_progress *progress, ul_fit_result *result, ul_error *error);

/* Overlap of one case and class of a split. */
typedef struct ul_fit_score {
    const char *name;         /* the case's */
    ul_class_metrics metrics; /* without distances and volumes */
} ul_fit_score;

/* Segments every case of a split with the model, as its card says, and compares; of a case without
 * image as many drawn ones as the training says. *scores: malloc'd, image by image, one per class;
 * the caller's. */
UL_API ul_status ul_fit_evaluate(const ul_dataset *dataset, ul_split split,
    const ul_training *training, const ul_model *model, const ul_card *card, int threads,
    const ul_progress *progress, ul_fit_score **scores, size_t *count, ul_error *error);

/* Evaluates the model file at path on the test split and writes the mean Dice of each class into
 * its card. *card: ul_card_free, *scores as of ul_fit_evaluate. */
UL_API ul_status ul_fit_test(const ul_dataset *dataset, const ul_training *training,
    const char *path, int threads, const ul_progress *progress, ul_card *card,
    ul_fit_score **scores, size_t *count, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
