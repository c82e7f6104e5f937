/* What a training run does: derived from the data set, changed by a plan file. */
#ifndef ULITE_PLAN_H
#define ULITE_PLAN_H

#include "ulite/card.h"
#include "ulite/dataset.h"
#include "ulite/train.h"

#ifdef __cplusplus
extern "C" {
#endif

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
    double mirror_p;                /* left and right exchanged, in image and labels */
    double strip_p, strip_some_p;   /* the outside taken away; of these: some groups of it */
    double cut_p;                   /* part of the head left out */
    double mean_low, mean_high, sd; /* of a group's Gaussian: U(low, high), U(0, s) */
    double related_p, related_sd;   /* a group's mean near that of its relation */
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
    size_t channels;                /* 1 or 3 */
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

#ifdef __cplusplus
}
#endif
#endif
