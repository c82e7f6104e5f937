#include "jobs/train/schedule.h"

#include <math.h>

double schedule_rate(const ul_training *training, const schedule_state *state, size_t step) {
    double rate = training->learning_rate;
    double total = (double)(training->epochs * training->steps);
    double progress = total > 0.0 ? fmin((double)step / total, 1.0) : 0.0;
    switch (training->schedule) {
    case UL_SCHEDULE_CONSTANT:
        break;
    case UL_SCHEDULE_PLATEAU:
        rate *= state->factor;
        break;
    case UL_SCHEDULE_COSINE:
        rate *= 0.5 * (1.0 + cos(3.141592653589793 * progress));
        break;
    case UL_SCHEDULE_POLY:
        rate *= pow(1.0 - progress, 0.9);
        break;
    }
    double warmup = fmin((double)training->warmup_steps, 0.1 * total);
    if ((double)step < warmup)
        rate *= fmin((double)(step + 1) / warmup, 1.0);
    return rate;
}

void schedule_validated(const ul_training *training, schedule_state *state, double dice) {
    if (dice > state->best) {
        state->best = dice;
        state->stale = 0;
        return;
    }
    state->stale += training->validate_every;
    if (training->schedule == UL_SCHEDULE_PLATEAU && state->stale >= training->plateau_epochs) {
        state->factor *= 0.5;
        state->stale = 0;
    }
}
