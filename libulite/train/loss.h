/* Losses on logits, cut into chunks of pixels: every chunk adds its terms, the terms give the loss
 * and its slopes, the slopes give every chunk its gradient. A pixel's logits stand together, pixels
 * `stride` floats apart, a multiple of UL_LANES. */
#pragma once

#include "libulite/kernels/train_kernels.h"
#include "ulite/trainer.h"

#define UL_LOSS_IGNORE UL_SOFTMAX_IGNORE /* label of pixels that do not count */

/* Doubles that hold the terms, or the slopes, of K classes. */
#define UL_LOSS_TERMS(classes) (2 + 3 * (classes))

typedef struct ul_loss_rule {
    ul_loss loss;
    double alpha, beta; /* Tversky */
    size_t classes;
} ul_loss_rule;

/* Turns logits into probabilities (sigmoid for one class, softmax else; rows of ignored pixels may
 * become zero) and adds to terms. */
void ul_loss_forward(const ul_loss_rule *rule, const ul_train_kernels *kernels, float *logits,
    size_t stride, const uint8_t *labels, size_t pixels, double *terms);

/* The loss of a batch, and its derivatives for ul_loss_backward. */
double ul_loss_value(const ul_loss_rule *rule, const double *terms, double *slopes);

/* The gradient by logit in the place of the logits; zero in the padding. */
void ul_loss_backward(const ul_loss_rule *rule, const ul_train_kernels *kernels,
    const double *slopes, float *logits, size_t stride, const uint8_t *labels, size_t pixels);
