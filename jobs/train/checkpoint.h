/* Where a training run stands, so that it goes on exactly. */
#pragma once

#include "jobs/train/schedule.h"

/* Beside the weights and moments that the trainer keeps. */
typedef struct run_state {
    size_t epoch;      /* epochs done */
    size_t step;       /* steps done of the next one */
    double loss_sum;   /* over them */
    double best;       /* validation Dice; -1: none yet */
    size_t best_epoch; /* from 1; 0: none yet */
    double seconds;    /* trained so far */
    schedule_state schedule;
} run_state;

/* Writes trainer and state with the plan and the digest of the data that they come from. */
ul_status checkpoint_save(const char *path, const ul_trainer *trainer, const run_state *state,
    const ul_plan *plan, const char *data_digest, ul_error *error);

/* Reads the state of a checkpoint of the same data and plan. Number of epochs and learning rate may
 * differ where the plan sets them; those that it leaves open become the checkpoint's. Errors:
 * UL_ERROR_INPUT (no such file), UL_ERROR_MODEL names what differs. */
ul_status checkpoint_read(
    const char *path, ul_plan *plan, const char *data_digest, run_state *state, ul_error *error);
