/* Which tensors a U-Lite network of a given shape has: names, shapes and roles in the order of the
 * paper's state dict. */
#pragma once

#include "ulite/model.h"

typedef enum ul_role {
    UL_ROLE_WEIGHT, /* of a convolution */
    UL_ROLE_BIAS,
    UL_ROLE_NORM_WEIGHT, /* of a batch norm */
    UL_ROLE_NORM_BIAS,
    UL_ROLE_RUNNING_MEAN, /* statistics, not trained */
    UL_ROLE_RUNNING_VAR
} ul_role;

/* e1..e5 have 10 tensors without num_batches_tracked, b5 20, d1..d5 12, conv_in and conv_out 2. */
#define UL_LAYOUT_TENSORS (2 + 5 * 10 + 20 + 5 * 12 + 2)
#define UL_LAYOUT_NORMS 11 /* e1..e5, b5, d5..d1: batch norms in state-dict order */

typedef struct ul_layout_entry {
    char name[24];
    ul_role role;
    size_t rank;
    size_t shape[UL_TENSOR_MAX_RANK];
    size_t count;  /* elements */
    size_t fan_in; /* of the convolution that a weight or bias belongs to, else 0 */
    int norm;      /* which batch norm it belongs to, else -1 */
} ul_layout_entry;

/* Fills entries and returns the number of trainable parameters. Widths of at most UL_LAYOUT_LIMIT
 * keep every product within 64 bits. */
#define UL_LAYOUT_LIMIT ((size_t)65536)
size_t ul_layout(const ul_model_shape *shape, ul_layout_entry entries[UL_LAYOUT_TENSORS]);

bool ul_layout_trained(ul_role role); /* false for running statistics */

/* The name of the i-th batch norm's counter, "e1.bn.num_batches_tracked". */
void ul_layout_counter_name(int norm, char name[32]);
