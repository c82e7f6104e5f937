/* Losses on planar logits, cut into chunks of pixels: every chunk adds its terms, the terms give
 * the loss and its slopes, the slopes give every chunk its gradient. */
#ifndef UL_LOSS_H
#define UL_LOSS_H

#include "ulite/train.h"

#define UL_LOSS_IGNORE 255 /* label of pixels that do not count */

/* Doubles that hold the terms, or the slopes, of K classes. */
#define UL_LOSS_TERMS(classes) (2 + 3 * (classes))

typedef struct ul_loss_rule {
    ul_loss loss;
    double alpha, beta; /* Tversky */
    size_t classes;
} ul_loss_rule;

/* Turns logits [classes][plane] of the pixels into probabilities (sigmoid for one class, softmax
 * else) and adds to terms. */
void ul_loss_forward(const ul_loss_rule *rule, float *logits, size_t plane, const uint8_t *labels,
    size_t pixels, double *terms);

/* The loss of a batch, and its derivatives for ul_loss_backward. */
double ul_loss_value(const ul_loss_rule *rule, const double *terms, double *slopes);

/* The gradient by logit from the probabilities, in their place. */
void ul_loss_backward(const ul_loss_rule *rule, const double *slopes, float *probabilities,
    size_t plane, const uint8_t *labels, size_t pixels);

#endif
