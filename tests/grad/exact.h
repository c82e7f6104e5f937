/* U-Lite in training mode and its losses in double precision, as plain loops written from
 * docs/numerics.md and ulite/train.h: what gradients are measured on by finite differences. */
#pragma once

#include "libulite/model/layout.h"
#include "libulite/train/loss.h"

/* Slices [count][channels][height][width] and their labels [count][height][width]. */
typedef struct exact_batch {
    size_t count, channels, height, width;
    const double *images;
    const uint8_t *labels;
} exact_batch;

/* The loss of logits [count][classes][pixels] where labels say what is right. */
double exact_loss(const ul_loss_rule *rule, const double *logits, const uint8_t *labels,
    size_t count, size_t pixels);

/* The loss of the network whose tensors, in the layout's order, stand one after another in values:
 * tensor i at values + offset[i]. */
double exact_network(const ul_layout_entry *layout, const size_t *offset, const double *values,
    const ul_loss_rule *rule, const exact_batch *batch);
