#include "apps/export/onnx_network.h"

#include <stdio.h>

/* Node names are module paths of the state dict plus an operator: "e1.dw.sum". */
enum { NAME_BYTES = 48 };
#define INPUTS(...)                                                                                \
    (const char *const[]) {                                                                        \
        __VA_ARGS__, NULL                                                                          \
    }

typedef struct network {
    onnx_graph *graph;
    const ul_model *model;
} network;

static const char *node(network *n, const char *operator_type, const char *block, const char *part,
    const char *const *inputs) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, *part ? "%s.%s" : "%s", block, part);
    return onnx_node(n->graph, operator_type, name, inputs);
}

/* A tensor of the model as a constant under its own name. */
static const char *weight(network *n, const char *module, const char *part) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", module, part);
    ul_tensor tensor;
    if (!ul_model_tensor(n->model, name, &tensor))
        return "";
    return onnx_constant(n->graph, name, tensor.data, tensor.shape, tensor.rank);
}

/* A convolution of stride 1 whose output has its input's size; depthwise where groups > 1. */
static const char *convolve(
    network *n, const char *module, const char *input, int64_t dilation, bool depthwise) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.weight", module);
    ul_tensor tensor;
    if (!ul_model_tensor(n->model, name, &tensor))
        return input;
    int64_t height = (int64_t)tensor.shape[2], width = (int64_t)tensor.shape[3];
    int64_t above = dilation * (height - 1) / 2, left = dilation * (width - 1) / 2;
    const char *output = node(n, "Conv", module, "",
        INPUTS(input, weight(n, module, "weight"), weight(n, module, "bias")));
    onnx_attribute_ints(n->graph, "kernel_shape", (int64_t[]){height, width}, 2);
    onnx_attribute_ints(n->graph, "pads", (int64_t[]){above, left, above, left}, 4);
    onnx_attribute_ints(n->graph, "dilations", (int64_t[]){dilation, dilation}, 2);
    onnx_attribute_int(n->graph, "group", depthwise ? (int64_t)tensor.shape[0] : 1);
    return output;
}

static const char *pointwise(network *n, const char *block, const char *part, const char *input) {
    char module[NAME_BYTES];
    snprintf(module, sizeof module, "%s.%s", block, part);
    return convolve(n, module, input, 1, false);
}

/* x + dw_h(x) + dw_w(x) */
static const char *axial(
    network *n, const char *block, const char *part, const char *input, int64_t dilation) {
    char module[NAME_BYTES], axis[NAME_BYTES + 8];
    snprintf(module, sizeof module, "%s.%s", block, part);
    snprintf(axis, sizeof axis, "%s.dw_h", module);
    const char *vertical = convolve(n, axis, input, dilation, true);
    snprintf(axis, sizeof axis, "%s.dw_w", module);
    const char *horizontal = convolve(n, axis, input, dilation, true);
    const char *partial = node(n, "Add", module, "partial", INPUTS(input, vertical));
    return node(n, "Add", module, "sum", INPUTS(partial, horizontal));
}

static const char *normalise(network *n, const char *block, const char *input) {
    char module[NAME_BYTES];
    snprintf(module, sizeof module, "%s.bn", block);
    const char *output = node(n, "BatchNormalization", module, "",
        INPUTS(input, weight(n, module, "weight"), weight(n, module, "bias"),
            weight(n, module, "running_mean"), weight(n, module, "running_var")));
    onnx_attribute_float(n->graph, "epsilon", 1e-5f);
    return output;
}

/* x * 0.5 * (1 + erf(x / sqrt 2)), in the order that runtimes recognise and fuse. */
static const char *gelu(network *n, const char *block, const char *input) {
    const char *scaled = node(n, "Div", block, "gelu.scaled", INPUTS(input, "sqrt_two"));
    const char *error = node(n, "Erf", block, "gelu.erf", INPUTS(scaled));
    const char *gate = node(n, "Add", block, "gelu.gate", INPUTS(error, "one"));
    const char *product = node(n, "Mul", block, "gelu.product", INPUTS(input, gate));
    return node(n, "Mul", block, "gelu", INPUTS(product, "half"));
}

/* One stage down; *skip is what the decoder takes. */
static const char *encode(network *n, const char *block, const char *input, const char **skip) {
    *skip = normalise(n, block, axial(n, block, "dw", input, 1));
    const char *pooled =
        node(n, "MaxPool", block, "pool", INPUTS(pointwise(n, block, "pw", *skip)));
    onnx_attribute_ints(n->graph, "kernel_shape", (int64_t[]){2, 2}, 2);
    onnx_attribute_ints(n->graph, "strides", (int64_t[]){2, 2}, 2);
    return gelu(n, block, pooled);
}

static const char *bottleneck(network *n, const char *input) {
    const char *x = pointwise(n, "b5", "pw1", input);
    const char *joined = node(n, "Concat", "b5", "concat",
        INPUTS(x, axial(n, "b5", "dw1", x, 1), axial(n, "b5", "dw2", x, 2),
            axial(n, "b5", "dw3", x, 3)));
    onnx_attribute_int(n->graph, "axis", 1);
    return gelu(n, "b5", pointwise(n, "b5", "pw2", normalise(n, "b5", joined)));
}

static const char *decode(network *n, const char *block, const char *input, const char *skip) {
    /* The region of interest is not used and left empty. */
    const char *large = node(n, "Resize", block, "upsample", INPUTS(input, "", "upsample_scales"));
    onnx_attribute_string(n->graph, "mode", "nearest");
    onnx_attribute_string(n->graph, "coordinate_transformation_mode", "asymmetric");
    onnx_attribute_string(n->graph, "nearest_mode", "floor");
    const char *joined = node(n, "Concat", block, "concat", INPUTS(large, skip));
    onnx_attribute_int(n->graph, "axis", 1);
    const char *mixed = normalise(n, block, pointwise(n, block, "pw", joined));
    return gelu(n, block, pointwise(n, block, "pw2", axial(n, block, "dw", mixed, 1)));
}

void onnx_add_network(onnx_graph *graph, const ul_model *model) {
    static const float one = 1, half = 0.5f, sqrt_two = 1.41421356237309504880f;
    static const float scales[] = {1, 1, 2, 2};
    static const size_t four = 4;
    network n = {graph, model};
    const ul_model_shape *shape = ul_model_get_shape(model);
    onnx_input(graph, "input", shape->input_channels);
    onnx_constant(graph, "one", &one, NULL, 0);
    onnx_constant(graph, "half", &half, NULL, 0);
    onnx_constant(graph, "sqrt_two", &sqrt_two, NULL, 0);
    onnx_constant(graph, "upsample_scales", scales, &four, 1);

    const char *skips[5], *x = convolve(&n, "conv_in", "input", 1, false);
    for (int stage = 1; stage <= 5; stage++)
        x = encode(&n, (char[]){'e', (char)('0' + stage), '\0'}, x, &skips[stage - 1]);
    x = bottleneck(&n, x);
    for (int stage = 5; stage >= 1; stage--)
        x = decode(&n, (char[]){'d', (char)('0' + stage), '\0'}, x, skips[stage - 1]);
    x = convolve(&n, "conv_out", x, 1, false);
    onnx_node(graph, "Identity", "logits", INPUTS(x));
    onnx_output(graph, "logits", shape->classes);
}
