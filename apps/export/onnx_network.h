/* The U-Lite network as an ONNX graph. */
#pragma once

#include "apps/export/onnx_graph.h"

/* Adds the whole network of the model, "input" [batch, C_in, height, width] to "logits" [batch, K,
 * height, width], height and width multiples of 32. The model must outlive the graph. */
void onnx_add_network(onnx_graph *graph, const ul_model *model);
