/* What the rest of libulite may do to a model that users may not. */
#pragma once

#include "libulite/model/layout.h"
#include "ulite/model.h"

/* A new model of this shape with every value zero, to be filled through ul_model_values before it
 * is handed out. shape->parameters is ignored. Errors: UL_ERROR_USAGE (the shape), UL_ERROR_LIMIT.
 */
ul_status ul_model_allocate(const ul_model_shape *shape, ul_model **model, ul_error *error);

/* The values of the index-th tensor (as in ul_layout) of a model from ul_model_allocate. */
float *ul_model_values(ul_model *model, size_t index);

/* num_batches_tracked of every batch norm. */
const int64_t *ul_model_batches(const ul_model *model);
void ul_model_set_batches(ul_model *model, const int64_t batches[UL_LAYOUT_NORMS]);
