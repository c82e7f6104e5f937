/* An ONNX graph being built: nodes, constants, input and output, over protobuf-c. */
#pragma once

#include "ulite/model.h"

#include <stdint.h>

typedef struct onnx_graph onnx_graph;

/* An empty graph, NULL where memory is out. A later shortage is remembered: building goes on with
 * no effect and onnx_graph_pack fails. */
onnx_graph *onnx_graph_new(void);
void onnx_graph_free(onnx_graph *graph); /* NULL is fine */

/* Adds a node of the operator; inputs ends with NULL. It and its one output take the name. Returns
 * the output's name, which lives as long as the graph. */
const char *onnx_node(
    onnx_graph *graph, const char *operator_type, const char *name, const char *const *inputs);

/* Attributes of the node added last. */
void onnx_attribute_int(onnx_graph *graph, const char *name, int64_t value);
void onnx_attribute_ints(onnx_graph *graph, const char *name, const int64_t *values, size_t count);
void onnx_attribute_float(onnx_graph *graph, const char *name, float value);
void onnx_attribute_string(onnx_graph *graph, const char *name, const char *value);

/* A float32 constant; the values must outlive the graph. Returns the name,
 * which lives as long as the graph. */
const char *onnx_constant(
    onnx_graph *graph, const char *name, const float *values, const size_t *shape, size_t rank);

/* Declares [batch, channels, height, width] with all but the channels free. */
void onnx_input(onnx_graph *graph, const char *name, size_t channels);
void onnx_output(onnx_graph *graph, const char *name, size_t channels);

/* A key of the model's metadata_props. */
void onnx_metadata(onnx_graph *graph, const char *key, const char *value);

/* The finished model as bytes, malloc'd. Errors: UL_ERROR_LIMIT. */
ul_status onnx_graph_pack(onnx_graph *graph, uint8_t **bytes, size_t *size_bytes, ul_error *error);
