/* Learning rates over a training run. */
#pragma once

#include "ulite/train.h"

/* What the plateau schedule remembers. Starts as {1.0, -1.0, 0}. */
typedef struct schedule_state {
    double factor; /* of the planned rate */
    double best;   /* validation Dice */
    size_t stale;  /* epochs since */
} schedule_state;

/* The rate of step `step` (from 0) of a run. */
double schedule_rate(const ul_training *training, const schedule_state *state, size_t step);

/* Tells the schedule of a validation Dice. */
void schedule_validated(const ul_training *training, schedule_state *state, double dice);
