/* Training: data sets, plans, runs. */
#ifndef ULITE_TRAIN_H
#define ULITE_TRAIN_H

#include "ulite/card.h"
#include "ulite/evaluate.h"
#include "ulite/trainer.h"

UL_BEGIN_C

/* A folder of images and labels to train from (docs/training.md). */

typedef enum ul_split { UL_SPLIT_TRAIN, UL_SPLIT_VAL, UL_SPLIT_TEST } ul_split;
#define UL_SPLITS 3

UL_API const char *ul_split_name(ul_split split); /* "train", "val", "test" */

typedef struct ul_dataset_case {
    char *name;          /* file name without its endings */
    char *image, *label; /* paths; a DICOM series is a folder; image is NULL where there is none and
                            images are drawn from the label */
    ul_split split;
    size_t group; /* from 1: cases of one patient, say, as the splits file tells; 0: its own */
} ul_dataset_case;

struct label_values;

typedef struct ul_dataset {
    char *folder;
    struct label_values *values; /* of generate.json: what images are drawn by; NULL: none */
    size_t count, in_split[UL_SPLITS];
    ul_dataset_case *cases; /* sorted by name */
    bool split_by_hash;     /* no splits file: the split came from hashing the names */
    size_t unlisted;        /* cases that the splits file does not name, and that are left out */
    ul_segments classes;    /* from segments.json or dataset.json; none where there is neither */
    char modality[17];      /* from dataset.json; empty where unknown */
    int threads;            /* that read a case, for the caller to set (0: ul_default_threads()) */
    bool whole_paths;       /* messages name files below a case's folder whole (ulite/dicom.h) */
} ul_dataset;

/* Lists the cases of a folder: images/ or imagesTr/ with labels/, labelsTr/ or masks/; an image is
 * a NIfTI file, a PNG file or a folder with one DICOM series; its label has the same name (NIfTI,
 * PNG, or a SEG as NAME.dcm, NAME.seg.dcm or a folder NAME with one SEG). splits_path NULL: the
 * folder's splits.json where there is one, {"train": [names], "val": [...], "test": [...]}; else a
 * tenth each (at least one) for val and test, chosen by a hash of name and seed. "groups" of a
 * splits file are lists of cases that no two splits may share. pool: cases of val become cases of
 * train, to be dealt into folds, and val may be empty. A folder with a generate.json needs no
 * images: cases are its labels. whole_paths: as of ul_catalog_open, when cases are read. Errors:
 * UL_ERROR_INPUT names the case: no label, a name that splits.json has and the folder has not, a
 * name in two splits, a group in two, an empty train or val split. */
UL_API ul_status ul_dataset_open(const char *folder, const char *splits_path, uint64_t seed,
    bool pool, bool whole_paths, ul_dataset *dataset, ul_error *error);
UL_API void ul_dataset_free(ul_dataset *dataset);

/* Reads one case that has an image, its labels on the grid of that, as classes. A label picture of
 * 0 and 255 only counts as 0 and 1. Errors name the case: sizes that differ, NaN or infinite
 * samples. */
UL_API ul_status ul_dataset_read(
    const ul_dataset *dataset, size_t index, ul_volume *image, ul_labels *labels, ul_error *error);

/* The same for a model of these channels: of grey images it gets one channel where greys are stored
 * in colour. Real colour stays as it is. */
UL_API ul_status ul_dataset_read_as(const ul_dataset *dataset, size_t index, ul_channels channels,
    ul_volume *image, ul_labels *labels, ul_error *error);

/* The labels of a case alone, with the values that the file holds. */
UL_API ul_status ul_dataset_read_labels(
    const ul_dataset *dataset, size_t index, ul_labels *labels, ul_error *error);

/* SHA-256 of an image or label: of the file, or of the digests of a header and its pixels, or of
 * the sorted digests of what a folder holds. */
UL_API ul_status ul_dataset_digest(const char *path, char hex[65], ul_error *error);

/* What a training run does: derived from the data set, changed by a plan file. */

typedef enum ul_schedule {
    UL_SCHEDULE_CONSTANT,
    UL_SCHEDULE_PLATEAU, /* halved when the validation Dice has not risen for plateau_epochs */
    UL_SCHEDULE_COSINE,  /* half a cosine down to 0 */
    UL_SCHEDULE_POLY     /* (1 - progress)^0.9 */
} ul_schedule;

/* Probabilities (_p) and ranges of the random changes of a training slice. */
typedef struct ul_augmentation {
    double flip_x_p, flip_y_p;
    double flip_z_p;                       /* mirrors the order of neighbouring slices */
    double mirror_p;                       /* mirrors left and right of the patient */
    double rotate_p, rotate_degrees;       /* U(-d, d) */
    double scale_p, scale_low, scale_high; /* magnification */
    double stretch;                        /* each axis further by U(1 - s, 1 + s) when scaled */
    double shift_p, shift;                 /* U(-s, s) of the patch, each axis */
    double elastic_p, elastic_px;          /* sd of the control points' displacement */
    double elastic_spacing_px;             /* between control points */
    double gamma_p, gamma_low, gamma_high; /* on the patch scaled to 0..1, then scaled back */
    double gamma_invert_p;                 /* gamma on the inverted patch */
    double contrast_p, contrast_low, contrast_high; /* about the patch's mean */
    double brightness_p, brightness;                /* + N(0, b) times the patch's sd */
    double noise_p, noise;                          /* N(0, U(0, n)) times the patch's sd */
    double blur_p, blur_low, blur_high;             /* sd in pixels */
    double invert_p;                                /* light for dark */
    double colour_p, colour;                        /* RGB: each channel times U(1 - c, 1 + c) */
    double shuffle_p, grey_p; /* RGB: channels swapped; replaced by their mean */
} ul_augmentation;

/* Ranges that images of heads are drawn from, where a data set holds label maps alone
 * (docs/training.md). Values run from 0 to 1, lengths are in mm of the drawn head. */
typedef struct ul_generation {
    double rotate_degrees;          /* about each axis, U(-r, r) */
    double scale_low, scale_high;   /* of each axis */
    double shear;                   /* U(-s, s) */
    double elastic_mm;              /* sd of a smooth displacement: U(0, e) */
    double elastic_spacing_mm;      /* between its control points */
    double shrink_mm, grow_mm;      /* of the borders of what swells: U(-s, g) */
    double mirror_p;                /* left and right exchanged, in image and labels */
    double strip_p, strip_some_p;   /* the outside taken away; of these: some groups of it */
    double cut_p;                   /* part of the head left out */
    double mean_low, mean_high, sd; /* of a group's Gaussian: U(low, high), U(0, s) */
    double sequence_p;              /* groups as a pulse sequence shows their relaxation times */
    double relaxation_sd;           /* of the logarithm of these times */
    double related_p, related_sd;   /* of the others: a group's mean near that of its relation */
    double apart_p;                 /* every value for itself: groups and sides not tied */
    double faint_p;                 /* little contrast inside the head */
    double background_p;            /* the background is no black */
    double lesions_p, lesion_mm;    /* lesions of up to this radius */
    double thick_p;                 /* thick slices, along any of the three axes */
    double thick_low, thick_high;   /* their thickness */
    double resolution_low, resolution_high; /* of the other axes */
    double bias, bias_spacing_mm;           /* sd of the logarithm of a smooth factor: U(0, b) */
    double gamma;                           /* exp N(0, g) */
    double noise, rician_p;                 /* sd of the noise up to n; of the magnitude */
    double jitter;                          /* of the normalisation: U(-j, j) of its range */
    double real_p; /* share of patches from images, where cases have them */
    size_t draws;  /* images of each label map to validate and test with */
} ul_generation;

typedef struct ul_training {
    size_t epochs; /* 0: open */
    size_t steps;  /* of one epoch */
    size_t batch;
    size_t patch[2];      /* width and height of a training slice, multiples of 32 */
    double learning_rate; /* 0: open */
    double weight_decay;
    size_t warmup_steps; /* the rate rises linearly over them, at most a tenth of all */
    ul_loss loss;
    double tversky_alpha, tversky_beta;
    ul_optimizer optimizer;
    ul_schedule schedule;
    size_t plateau_epochs;
    double average;    /* decay of the running average of the weights that is kept; 0: none */
    double foreground; /* share of the slices that are drawn to show a class, each class equally */
    size_t validate_every; /* epochs */
    uint64_t seed;
    ul_augmentation augment;
    ul_generation generate; /* of use where images are drawn from label maps */
} ul_training;

enum { UL_PLAN_MAX_CHANNELS = 63 };

typedef struct ul_plan {
    ul_card card;          /* the input, the classes: goes into the model */
    size_t input_channels; /* of the network, up to UL_PLAN_MAX_CHANNELS */
    size_t classes;        /* K */
    ul_training training;
} ul_plan;

/* What was found while reading the training cases once. */
typedef struct ul_fingerprint {
    size_t slices;                  /* of the train split */
    size_t channels;                /* 1, or 3 where an image is in real colour */
    size_t grey_in_colour;          /* images of greys that are stored in colour */
    bool volumes;                   /* some case has more than one slice */
    size_t smallest[3], largest[3]; /* columns and rows, as the model's input runs, and slices */
    double spacing_mm[3];           /* likewise, medians; 0 where unknown */
    double extent_mm[2];            /* smallest and largest, of columns and rows; 0 where unknown */
    bool placed;
    ul_plane plane;          /* of most cases */
    double low, high;        /* smallest and largest value */
    size_t class_count;      /* foreground classes: labels 1..class_count */
    double class_share[256]; /* share of the voxels with each label */
    ul_segments classes;     /* as the SEG labels of the first training case name them; owned */
    char modality[17];
} ul_fingerprint;

/* Reads every case once: checks them all, measures the train split alone. Errors name the case: see
 * ul_dataset_read; labels that skip a value, labels that no training case has, no foreground, grey
 * and RGB mixed. *fingerprint: ul_fingerprint_free. */
UL_API ul_status ul_fingerprint_measure(const ul_dataset *dataset, const ul_progress *progress,
    ul_fingerprint *fingerprint, ul_error *error);
UL_API void ul_fingerprint_free(ul_fingerprint *fingerprint);

/* What an open number of epochs and an open learning rate come to. */
#define UL_PLAN_EPOCHS 100
#define UL_PLAN_LEARNING_RATE 2e-3

/* Derives a plan as docs/training.md describes, then lets the JSON of plan_path (NULL: none)
 * override any part of it: {"card": {...}, "training": {...}}. Errors: UL_ERROR_INPUT names the
 * file and the key. Epochs and learning rate stay open unless the file sets them: the time given or
 * a checkpoint may decide. *plan: ul_plan_free. */
UL_API ul_status ul_plan_derive(const ul_dataset *dataset, const ul_fingerprint *fingerprint,
    const char *plan_path, ul_plan *plan, ul_error *error);
/* The shape of the model that the plan trains; parameters are left 0. */
UL_API ul_model_shape ul_plan_shape(const ul_plan *plan);

UL_API void ul_plan_free(ul_plan *plan);

/* Sets what is open. */
UL_API void ul_plan_settle(ul_plan *plan);

/* The plan as JSON, the caller's: a plan file that repeats it. */
UL_API ul_status ul_plan_write(const ul_plan *plan, char **json, ul_error *error);

/* Training a model on a data set by a plan. */

/* What a run writes: the model, and beside it the curves, their picture as SVG and as PDF (not
 * without cairo), the plan, who was in which split, what --resume goes on from, and the out-of-fold
 * scores.
 */
typedef enum ul_fit_file {
    UL_FIT_MODEL,
    UL_FIT_CURVES,
    UL_FIT_PICTURE,
    UL_FIT_DOCUMENT,
    UL_FIT_PLAN,
    UL_FIT_SPLIT,
    UL_FIT_CHECKPOINT,
    UL_FIT_FOLDS
} ul_fit_file;
#define UL_FIT_FILES 8

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
    const ul_segments *classes; /* of the card */
    const double *class_dice;   /* [classes->count] means over the validation cases; NaN: not
                                   validated */
    bool best;
    double seconds, seconds_left; /* trained so far; NaN: unknown */
} ul_epoch;

typedef void (*ul_epoch_function)(void *context, const ul_epoch *epoch);

/* How a run ended. */
typedef struct ul_fit_result {
    size_t epochs;        /* done */
    ul_training training; /* the plan's, with nothing left open */
    size_t best_epoch;    /* of the model that was kept, from 1; 0: none */
    double best_dice;     /* its validation Dice; NaN: none */
    bool out_of_time;     /* minutes were over before the planned epochs were */
} ul_fit_result;

/* Overlap of one case and class of a split. */
typedef struct ul_fit_score {
    const char *name;         /* the case's */
    size_t fold;              /* from 1, of the cross-validation that held the case out; 0: none */
    ul_class_metrics metrics; /* without distances and volumes */
} ul_fit_score;

/* A run of a cross-validation. */
typedef struct ul_fold {
    size_t number, folds;      /* number: from 1; 0: the last run, on all cases */
    const char *output;        /* its model */
    const ul_dataset *dataset; /* as it is split for the run: the fold is its val */
    const ul_plan *plan;
} ul_fold;

/* What is told while it happens; any function may be NULL. */
typedef struct ul_fit_listener {
    void *context;
    ul_epoch_function epoch;
    /* All is read, nothing of the training is open, and the run takes about so many seconds (NaN:
     * unknown); of a cross-validation, its first run. */
    void (*ready)(void *context, const ul_training *training, double seconds);
    /* Of a cross-validation: a run begins, a run has ended, and all folds were judged. */
    void (*begun)(void *context, const ul_fold *fold);
    void (*ended)(void *context, const ul_fold *fold, const ul_fit_result *result);
    void (*judged)(void *context, const ul_card *card, const ul_fit_score *scores, size_t count);
} ul_fit_listener;

/* Trains, keeps the best model by validation Dice at output (without validation cases that of the
 * last epoch), and a checkpoint per epoch. The same
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
    const ul_fit_options *options, const ul_fit_listener *listener, const ul_progress *progress,
    ul_fit_result *result, ul_error *error);

/* Cross-validation. */

/* The model of a fold, MODEL.foldN.safetensors, the caller's; NULL where memory ran out. 0: output
 * itself. */
UL_API char *ul_fold_path(const char *output, size_t number);

/* That the training cases of a pooled data set (ul_dataset_open) can be dealt into so many folds.
 * Errors: UL_ERROR_USAGE. */
UL_API ul_status ul_folds_check(const ul_dataset *dataset, size_t folds, ul_error *error);

/* Deals the training cases of a pooled data set into folds by the plan's seed, groups whole, and
 * trains a model for each at ul_fold_path on the other folds, by ul_fit; each judges the cases that
 * it did not see. Then it trains one at output on all of them, without validation, for as many
 * epochs as the best of the folds had on average. The card of that one gets the mean out-of-fold
 * Dice of each class, UL_FIT_FOLDS a line per case and class. options->minutes is for all runs
 * alike. With options->resume the first run goes on and each other one that has begun: the end is
 * the same as without an interruption.
 *
 * Errors: of ul_fit, with the run before it; UL_ERROR_USAGE (also a schedule that needs a
 * validation). *result is that of the last run, zeroed before it. */
UL_API ul_status ul_fit_folds(const ul_dataset *dataset, const ul_plan *plan,
    const ul_fit_options *options, size_t folds, const ul_fit_listener *listener,
    const ul_progress *progress, ul_fit_result *result, ul_error *error);

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

/* A picture of training patches, to look at before a run. */

/* Writes an RGB PNG of the first patches that a run by this plan trains on: the middle channel of
 * each (all three of RGB), and beside it the labels in the colours of their classes, white where
 * nothing is learnt. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT, UL_ERROR_INTERRUPTED, and of cases.
 */
UL_API ul_status ul_sheet_write(const char *path, const ul_dataset *dataset, const ul_plan *plan,
    const ul_progress *progress, ul_error *error);

UL_END_C
#endif
