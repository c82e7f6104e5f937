#include "libulite/train/optimizer.h"

#include <math.h>

void ul_optimizer_update(const ul_optimizer_rule *rule, size_t count, float *restrict weights,
    const float *restrict gradients, float *restrict first, float *restrict second) {
    const double correction1 = 1 - pow(rule->beta1, (double)rule->step);
    const double correction2 = 1 - pow(rule->beta2, (double)rule->step);
    const float rate = (float)(rule->learning_rate / correction1);
    const float root = (float)sqrt(correction2);
    const float keep1 = (float)rule->beta1, add1 = (float)(1 - rule->beta1);
    const float keep2 = (float)rule->beta2, add2 = (float)(1 - rule->beta2);
    const float epsilon = (float)rule->epsilon, scale = (float)rule->gradient_scale;
    const bool decoupled = rule->kind == UL_OPTIMIZER_ADAMW;
    const float decay = decoupled ? 0.0F : (float)rule->weight_decay;
    const float shrink = decoupled ? (float)(1 - rule->learning_rate * rule->weight_decay) : 1.0F;
    for (size_t i = 0; i < count; i++) {
        const float gradient = gradients[i] * scale + decay * weights[i];
        first[i] = keep1 * first[i] + add1 * gradient;
        second[i] = keep2 * second[i] + add2 * gradient * gradient;
        weights[i] = weights[i] * shrink - rate * first[i] / (sqrtf(second[i]) / root + epsilon);
    }
}
