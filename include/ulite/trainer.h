/* Training: forward and backward passes, losses, optimisers. Data sets and schedules over epochs
 * are those of jobs/; here is what one step needs. Deterministic for a seed, whatever the thread
 * count. */
#ifndef ULITE_TRAINER_H
#define ULITE_TRAINER_H

#include "ulite/model.h"
#include "ulite/resources.h"

UL_BEGIN_C

typedef enum ul_loss {
    UL_LOSS_DICE,          /* the paper's soft Dice over the whole batch, smooth 1e-3 */
    UL_LOSS_CROSS_ENTROPY, /* binary for K = 1, softmax else */
    UL_LOSS_DICE_CE,       /* their sum */
    UL_LOSS_TVERSKY
} ul_loss;

typedef enum ul_optimizer { UL_OPTIMIZER_ADAM, UL_OPTIMIZER_ADAMW } ul_optimizer;

typedef struct ul_trainer ul_trainer;

typedef struct ul_trainer_options {
    size_t height, width; /* pixels of a slice */
    size_t batch;         /* largest batch of a step, 1 to 65536 */
    int threads;          /* 0: ul_default_threads(); at most UL_MOST_THREADS */
    ul_loss loss;
    float tversky_alpha, tversky_beta; /* weights of false positives and false negatives */
    ul_optimizer optimizer;
    double beta1, beta2, epsilon, weight_decay; /* Adam adds the decay to the gradient */
    float gradient_clip; /* largest norm of the whole gradient, which is scaled down; 0: no limit */
    float ema_decay; /* ul_trainer_model() gives a running average; 0: the weights themselves. After
                        t steps the decay is at most (1 + t) / (10 + t) */
    bool exact_sums; /* sums of the forward pass in double, rounded once: for comparisons with
                        recorded steps, see docs/numerics.md */
} ul_trainer_options;

/* The paper's: 256x256, batch 8, soft Dice, Adam 0.9, 0.999, 1e-8, no decay; Tversky 0.3, 0.7; no
 * clipping, no average, sums in float. */
UL_API void ul_trainer_options_init(ul_trainer_options *options);

/* Starts from the weights of initial, which is only read during the call. options NULL: as
 * ul_trainer_options_init leaves them. On success *trainer is
 * the caller's (ul_trainer_close), with threads of its own, or as many as the system lets it start;
 * on failure it is NULL. Errors: UL_ERROR_USAGE (an option out of
 * range, or ULITE_CPU as of ul_cpu_isa), UL_ERROR_LIMIT (memory). */
UL_API ul_status ul_trainer_create(const ul_model *initial, const ul_trainer_options *options,
    ul_trainer **trainer, ul_error *error);
UL_API void ul_trainer_close(ul_trainer *trainer); /* NULL is fine */

/* One step in training mode on at most batch slices: forward, loss, backward, optimiser.
 * images [slices][C_in][height][width], image_size floats; labels [slices][height][width],
 * label_size bytes, which say how many slices there are, values 0..K-1 (0..1 for K =
 * 1), 255 = ignore this pixel. *loss receives the batch loss. For K > 1 the Dice and Tversky losses
 * are means over the classes 1..K-1, of softmax. Subnormal numbers count as zero. Errors:
 * UL_ERROR_INPUT (a label out of range), UL_ERROR_USAGE (sizes, learning rate, or a batch too small
 * for statistics), UL_ERROR_DIVERGED (loss or a gradient not finite). On failure weights, moments
 * and statistics are as they were. */
UL_API ul_status ul_trainer_step(ul_trainer *trainer, const float *images, size_t image_size,
    const uint8_t *labels, size_t label_size, float learning_rate, double *loss, ul_error *error);

/* The weights as they are now, or their running average, as a new model of the caller's;
 * NULL on failure. Errors: UL_ERROR_LIMIT (memory). */
UL_API ul_status ul_trainer_model(const ul_trainer *trainer, ul_model **model, ul_error *error);

/* Exact weights, optimiser moments (adam.m.NAME, adam.v.NAME), average (ema.NAME) and step count as
 * a safetensors file, and back into a trainer of the same model shape: a resumed run goes on bit
 * for bit. metadata and errors of save as in ul_model_save. Errors of load: UL_ERROR_INPUT,
 * UL_ERROR_MODEL (the checkpoint of another model, or a model file), UL_ERROR_LIMIT (memory); the
 * trainer is then as it was. The file must not be changed in place during the call. */
UL_API ul_status ul_trainer_save(const ul_trainer *trainer, const char *path,
    const ul_metadata *metadata, size_t metadata_count, ul_error *error);
UL_API ul_status ul_trainer_load(ul_trainer *trainer, const char *path, ul_error *error);

/* What ul_trainer_save was given for key, malloc'd; NULL where the file has no such key. Errors as
 * of load. */
UL_API ul_status ul_trainer_read_metadata(
    const char *path, const char *key, char **value, ul_error *error);

/* The trainer's threads, for other work between its steps; they end with it. NULL where there is
 * one. */
UL_API ul_team *ul_trainer_team(const ul_trainer *trainer);

/* All that the trainer has allocated. */
UL_API size_t ul_trainer_memory_bytes(const ul_trainer *trainer);

UL_END_C
#endif
