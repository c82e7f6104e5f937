/* Adam and AdamW. */
#ifndef UL_OPTIMIZER_H
#define UL_OPTIMIZER_H

#include "ulite/trainer.h"

typedef struct ul_optimizer_rule {
    ul_optimizer kind;
    double beta1, beta2, epsilon, weight_decay, learning_rate;
    double gradient_scale; /* multiplies every gradient first: clipping */
    uint64_t step;         /* 1 for the first */
} ul_optimizer_rule;

/* One step of `count` weights with their gradients and first and second moments. */
void ul_optimizer_update(const ul_optimizer_rule *rule, size_t count, float *weights,
    const float *gradients, float *first, float *second);

#endif
