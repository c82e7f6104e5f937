#include "apps/export/onnx_graph.h"

#include "onnx.pb-c.h"

#include <stdlib.h>
#include <string.h>

enum { IR_VERSION = 7, OPERATOR_SET = 13 };

/* Everything that the graph points to is a block of this list. */
typedef struct block {
    struct block *next;
    max_align_t bytes[];
} block;

struct onnx_graph {
    block *blocks;
    bool failed;
    Onnx__GraphProto graph;
    Onnx__ModelProto model;
    Onnx__OperatorSetIdProto operator_set, *operator_sets[1];
};

/* Zeroed memory that is freed with the graph. */
static void *take(onnx_graph *g, size_t size_bytes) {
    block *taken = calloc(1, sizeof(block) + size_bytes);
    if (!taken) {
        g->failed = true;
        return NULL;
    }
    taken->next = g->blocks;
    g->blocks = taken;
    return taken->bytes;
}

static char *copy_text(onnx_graph *g, const char *text) {
    char *copy = take(g, strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* Appends to a list of pointers as protobuf-c holds them: room doubles at powers of two. */
static bool append(onnx_graph *g, void *list, size_t *count, void *item) {
    void ***pointers = list;
    if (!item)
        return false;
    if ((*count & (*count - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        void **grown = take(g, (*count ? 2 * *count : 1) * sizeof(void *));
        if (!grown)
            return false;
        if (*count)
            memcpy(grown, *pointers, *count * sizeof(void *));
        *pointers = grown;
    }
    (*pointers)[(*count)++] = item;
    return true;
}

onnx_graph *onnx_graph_new(void) {
    onnx_graph *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    onnx__graph_proto__init(&g->graph);
    onnx__model_proto__init(&g->model);
    onnx__operator_set_id_proto__init(&g->operator_set);
    g->operator_set.domain = copy_text(g, "");
    g->operator_set.has_version = true;
    g->operator_set.version = OPERATOR_SET;
    g->operator_sets[0] = &g->operator_set;
    g->model.n_opset_import = 1;
    g->model.opset_import = g->operator_sets;
    g->model.has_ir_version = true;
    g->model.ir_version = IR_VERSION;
    g->model.producer_name = copy_text(g, "ulite");
    g->model.producer_version = copy_text(g, ul_version());
    g->model.graph = &g->graph;
    g->graph.name = copy_text(g, "U-Lite");
    return g;
}

void onnx_graph_free(onnx_graph *g) {
    while (g && g->blocks) {
        block *next = g->blocks->next;
        free(g->blocks);
        g->blocks = next;
    }
    free(g);
}

const char *onnx_node(
    onnx_graph *g, const char *operator_type, const char *name, const char *const *inputs) {
    Onnx__NodeProto *node = take(g, sizeof *node);
    char *owned = copy_text(g, name);
    if (!node || !owned)
        return ""; /* name is the caller's, and may not live on */
    onnx__node_proto__init(node);
    node->name = owned;
    node->op_type = copy_text(g, operator_type);
    append(g, &node->output, &node->n_output, owned);
    for (; *inputs; inputs++)
        append(g, &node->input, &node->n_input, copy_text(g, *inputs));
    append(g, &g->graph.node, &g->graph.n_node, node);
    return owned;
}

/* A new attribute of the last node, NULL where memory is out. */
static Onnx__AttributeProto *attribute(
    onnx_graph *g, const char *name, Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *added = take(g, sizeof *added);
    if (!added || g->failed)
        return NULL;
    onnx__attribute_proto__init(added);
    added->name = copy_text(g, name);
    added->has_type = true;
    added->type = type;
    Onnx__NodeProto *node = g->graph.node[g->graph.n_node - 1];
    return append(g, &node->attribute, &node->n_attribute, added) ? added : NULL;
}

void onnx_attribute_int(onnx_graph *g, const char *name, int64_t value) {
    Onnx__AttributeProto *added = attribute(g, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (added) {
        added->has_i = true;
        added->i = value;
    }
}

void onnx_attribute_ints(onnx_graph *g, const char *name, const int64_t *values, size_t count) {
    Onnx__AttributeProto *added = attribute(g, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = take(g, count * sizeof *values);
    if (added && copy) {
        memcpy(copy, values, count * sizeof *values);
        added->ints = copy;
        added->n_ints = count;
    }
}

void onnx_attribute_float(onnx_graph *g, const char *name, float value) {
    Onnx__AttributeProto *added = attribute(g, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (added) {
        added->has_f = true;
        added->f = value;
    }
}

void onnx_attribute_string(onnx_graph *g, const char *name, const char *value) {
    Onnx__AttributeProto *added = attribute(g, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    char *copy = copy_text(g, value);
    if (added && copy) {
        added->has_s = true;
        added->s.data = (uint8_t *)copy;
        added->s.len = strlen(value);
    }
}

const char *onnx_constant(
    onnx_graph *g, const char *name, const float *values, const size_t *shape, size_t rank) {
    Onnx__TensorProto *tensor = take(g, sizeof *tensor);
    int64_t *dimensions = take(g, rank * sizeof *dimensions);
    char *owned = copy_text(g, name);
    if (!tensor || !dimensions || !owned)
        return "";
    onnx__tensor_proto__init(tensor);
    tensor->name = owned;
    tensor->has_data_type = true;
    tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->n_dims = rank;
    tensor->dims = dimensions;
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        dimensions[i] = (int64_t)shape[i];
        count *= shape[i];
    }
    tensor->has_raw_data = true;
    tensor->raw_data.len = count * sizeof *values;
    tensor->raw_data.data = (uint8_t *)(uintptr_t)values; /* only read when it is packed */
    append(g, &g->graph.initializer, &g->graph.n_initializer, tensor);
    return owned;
}

static Onnx__TensorShapeProto__Dimension *dimension(
    onnx_graph *g, const char *parameter, size_t value) {
    Onnx__TensorShapeProto__Dimension *size = take(g, sizeof *size);
    if (!size)
        return NULL;
    onnx__tensor_shape_proto__dimension__init(size);
    if (parameter) {
        size->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        size->dim_param = copy_text(g, parameter);
    } else {
        size->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        size->dim_value = (int64_t)value;
    }
    return size;
}

static Onnx__ValueInfoProto *value_info(onnx_graph *g, const char *name, size_t channels) {
    Onnx__ValueInfoProto *value = take(g, sizeof *value);
    Onnx__TypeProto *type = take(g, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = take(g, sizeof *tensor);
    Onnx__TensorShapeProto *shape = take(g, sizeof *shape);
    if (!value || !type || !tensor || !shape)
        return NULL;
    onnx__value_info_proto__init(value);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    append(g, &shape->dim, &shape->n_dim, dimension(g, "batch", 0));
    append(g, &shape->dim, &shape->n_dim, dimension(g, NULL, channels));
    append(g, &shape->dim, &shape->n_dim, dimension(g, "height", 0));
    append(g, &shape->dim, &shape->n_dim, dimension(g, "width", 0));
    tensor->has_elem_type = true;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    value->name = copy_text(g, name);
    value->type = type;
    return value;
}

void onnx_input(onnx_graph *g, const char *name, size_t channels) {
    append(g, &g->graph.input, &g->graph.n_input, value_info(g, name, channels));
}

void onnx_output(onnx_graph *g, const char *name, size_t channels) {
    append(g, &g->graph.output, &g->graph.n_output, value_info(g, name, channels));
}

void onnx_metadata(onnx_graph *g, const char *key, const char *value) {
    Onnx__StringStringEntryProto *entry = take(g, sizeof *entry);
    if (!entry)
        return;
    onnx__string_string_entry_proto__init(entry);
    entry->key = copy_text(g, key);
    entry->value = copy_text(g, value);
    append(g, &g->model.metadata_props, &g->model.n_metadata_props, entry);
}

ul_status onnx_graph_pack(onnx_graph *g, uint8_t **bytes, size_t *size_bytes, ul_error *error) {
    *bytes = NULL;
    if (!g->failed) {
        *size_bytes = onnx__model_proto__get_packed_size(&g->model);
        *bytes = malloc(*size_bytes);
    }
    if (!*bytes)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the ONNX model");
    onnx__model_proto__pack(&g->model, *bytes);
    return UL_OK;
}
