#include "libulite/model/layout.h"

#include <stdio.h>

bool ul_layout_trained(ul_role role) {
    return role != UL_ROLE_RUNNING_MEAN && role != UL_ROLE_RUNNING_VAR;
}

/* Fills entries one after the other. */
typedef struct builder {
    ul_layout_entry *next;
    size_t parameters;
    int norms;
} builder;

static void add(builder *b, const char *module, const char *tensor, ul_role role, size_t rank,
    const size_t *shape, size_t fan_in, int norm) {
    ul_layout_entry *entry = b->next++;
    *entry =
        (ul_layout_entry){.role = role, .rank = rank, .count = 1, .fan_in = fan_in, .norm = norm};
    snprintf(entry->name, sizeof entry->name, "%s.%s", module, tensor);
    for (size_t i = 0; i < rank; i++) {
        entry->shape[i] = shape[i];
        entry->count *= shape[i];
    }
    if (ul_layout_trained(role))
        b->parameters += entry->count;
}

/* A convolution of `inputs` channels per group. */
static void add_conv(
    builder *b, const char *module, size_t outputs, size_t inputs, size_t height, size_t width) {
    size_t fan_in = inputs * height * width;
    add(b, module, "weight", UL_ROLE_WEIGHT, 4, (size_t[]){outputs, inputs, height, width}, fan_in,
        -1);
    add(b, module, "bias", UL_ROLE_BIAS, 1, &outputs, fan_in, -1);
}

static void add_norm(builder *b, const char *block, size_t channels) {
    char module[16];
    snprintf(module, sizeof module, "%s.bn", block);
    int norm = b->norms++;
    add(b, module, "weight", UL_ROLE_NORM_WEIGHT, 1, &channels, 0, norm);
    add(b, module, "bias", UL_ROLE_NORM_BIAS, 1, &channels, 0, norm);
    add(b, module, "running_mean", UL_ROLE_RUNNING_MEAN, 1, &channels, 0, norm);
    add(b, module, "running_var", UL_ROLE_RUNNING_VAR, 1, &channels, 0, norm);
}

/* The vertical and the horizontal depthwise convolution of an axial block. */
static void add_axial(
    builder *b, const char *block, const char *name, size_t channels, size_t taps) {
    char module[16];
    snprintf(module, sizeof module, "%s.%s.dw_h", block, name);
    add_conv(b, module, channels, 1, taps, 1);
    snprintf(module, sizeof module, "%s.%s.dw_w", block, name);
    add_conv(b, module, channels, 1, 1, taps);
}

static void add_pointwise(
    builder *b, const char *block, const char *name, size_t outputs, size_t inputs) {
    char module[16];
    snprintf(module, sizeof module, "%s.%s", block, name);
    add_conv(b, module, outputs, inputs, 1, 1);
}

size_t ul_layout(const ul_model_shape *shape, ul_layout_entry entries[UL_LAYOUT_TENSORS]) {
    builder b = {.next = entries};
    const size_t *width = shape->width;
    add_conv(&b, "conv_in", width[0], shape->input_channels, 7, 7);
    for (int stage = 1; stage <= 5; stage++) {
        char block[3] = {'e', (char)('0' + stage), '\0'};
        add_axial(&b, block, "dw", width[stage - 1], 7);
        add_norm(&b, block, width[stage - 1]);
        add_pointwise(&b, block, "pw", width[stage], width[stage - 1]);
    }
    add_pointwise(&b, "b5", "pw1", shape->bottleneck, width[5]);
    add_axial(&b, "b5", "dw1", shape->bottleneck, 3);
    add_axial(&b, "b5", "dw2", shape->bottleneck, 3);
    add_axial(&b, "b5", "dw3", shape->bottleneck, 3);
    add_norm(&b, "b5", 4 * shape->bottleneck);
    add_pointwise(&b, "b5", "pw2", width[5], 4 * shape->bottleneck);
    for (int stage = 5; stage >= 1; stage--) {
        char block[3] = {'d', (char)('0' + stage), '\0'};
        add_pointwise(&b, block, "pw", width[stage - 1], width[stage] + width[stage - 1]);
        add_norm(&b, block, width[stage - 1]);
        add_axial(&b, block, "dw", width[stage - 1], 7);
        add_pointwise(&b, block, "pw2", width[stage - 1], width[stage - 1]);
    }
    add_conv(&b, "conv_out", shape->classes, width[0], 1, 1);
    return b.parameters;
}

void ul_layout_counter_name(int norm, char name[32]) {
    static const char *const blocks[UL_LAYOUT_NORMS] = {
        "e1", "e2", "e3", "e4", "e5", "b5", "d5", "d4", "d3", "d2", "d1"};
    snprintf(name, 32, "%s.bn.num_batches_tracked", blocks[norm]);
}
