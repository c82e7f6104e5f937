/* Weights in the kernels' order, and gradients back in the layout's. */
#include "libulite/train/trainer_internal.h"

#include <string.h>

static const float *values(const ul_trainer *t, size_t tensor) {
    return t->values + t->offset[tensor];
}

static float *gradients(const ul_trainer *t, size_t tensor) {
    return t->gradients + t->offset[tensor];
}

/* By 16 outputs and input by input, so that what is read and written stays in the nearest cache. */
static void pack_pointwise(ul_trainer *t, ul_pointwise_weights *p) {
    const float *weight = values(t, p->weight) + p->first;
    const size_t padded_segment = ul_pad_channels(p->segment);
    memcpy(p->padded_bias, values(t, p->bias), p->outputs * sizeof(float));
    for (size_t first = 0; first < p->outputs; first += UL_LANES) {
        const size_t outputs = p->outputs - first < UL_LANES ? p->outputs - first : UL_LANES;
        for (size_t i = 0; i < p->inputs; i++) {
            const size_t at = i / p->segment * padded_segment + i % p->segment;
            float *forward = p->forward + first * p->padded_inputs + at * UL_LANES;
            float *backward =
                p->backward + (at / UL_LANES * p->outputs + first) * UL_LANES + at % UL_LANES;
            for (size_t o = 0; o < outputs; o++)
                forward[o] = backward[o * UL_LANES] = weight[(first + o) * p->row + i];
        }
    }
}

/* The identity of an axial block is a tap of 1 at the centre, which the vertical taps hold. */
static void pack_axial(ul_trainer *t, ul_axial_weights *a) {
    const size_t taps = 2 * a->radius + 1, n = a->padded;
    const float *vertical = values(t, a->first), *vertical_bias = values(t, a->first + 1);
    const float *horizontal = values(t, a->first + 2), *horizontal_bias = values(t, a->first + 3);
    for (size_t c = 0; c < a->channels; c++) {
        a->bias[c] = vertical_bias[c] + horizontal_bias[c];
        for (size_t i = 0; i < taps; i++) {
            const float v = vertical[c * taps + i], h = horizontal[c * taps + i];
            const bool centre = i == a->radius;
            const float column = centre ? 1 + v + h : v, row = centre ? 0 : h;
            a->forward[i * n + c] = column;
            a->forward[(taps + i) * n + c] = row;
            a->backward[(taps - 1 - i) * n + c] = column;
            a->backward[(2 * taps - 1 - i) * n + c] = row;
        }
    }
}

/* A window row is contiguous in the padded input: column by column, channels innermost. */
static void pack_input(ul_trainer *t) {
    const size_t inputs = t->shape.input_channels, lanes = UL_LANES;
    const float *weight = values(t, 0), *bias = values(t, 1);
    for (size_t o = 0; o < t->shape.width[0]; o++) {
        t->input_bias[o] = bias[o];
        float *panel = t->input_weight + o / lanes * lanes * 49 * inputs + o % lanes;
        for (size_t i = 0; i < inputs; i++)
            for (size_t tap = 0; tap < 49; tap++)
                panel[(tap * inputs + i) * lanes] = weight[(o * inputs + i) * 49 + tap];
    }
}

static void pack_item(void *context, size_t i, int thread) {
    ul_trainer *t = context;
    (void)thread;
    pack_pointwise(t, &t->pointwise[i]);
}

void ul_train_pack(ul_trainer *t) {
    ul_team_for(t->team, UL_PW_COUNT, pack_item, t);
    for (int i = 0; i < UL_AXIAL_COUNT; i++)
        pack_axial(t, &t->axial[i]);
    pack_input(t);
}

/* The outputs that there are alone: nothing would bring a NaN in the padding back to zero. */
void ul_train_fold_norm(ul_trainer *t, ul_pointwise_id id, ul_norm_id norm) {
    const ul_norm_data *n = &t->norm[norm];
    ul_pointwise_weights *p = &t->pointwise[id];
    for (size_t first = 0; first < p->outputs; first += UL_LANES) {
        const size_t outputs = p->outputs - first < UL_LANES ? p->outputs - first : UL_LANES;
        float *weight = p->forward + first * p->padded_inputs;
        double bias[UL_LANES] = {0};
        for (size_t i = 0; i < p->padded_inputs; i++, weight += UL_LANES)
            for (size_t o = 0; o < outputs; o++) {
                bias[o] += (double)weight[o] * n->shift[i];
                weight[o] *= n->scale[i];
            }
        for (size_t o = 0; o < outputs; o++)
            p->padded_bias[first + o] = (float)(p->padded_bias[first + o] + bias[o]);
    }
}

/* Sums of a 1x1 convolution: [padded_outputs][padded_inputs], then the bias. */
size_t ul_pointwise_sums(const ul_pointwise_weights *p) {
    return (p->padded_inputs + 1) * p->padded_outputs;
}

void ul_pointwise_collect(ul_trainer *t, ul_pointwise_id id, const float *sums) {
    const ul_pointwise_weights *p = &t->pointwise[id];
    float *weight = gradients(t, p->weight) + p->first;
    const size_t segments = p->inputs / p->segment, padded = ul_pad_channels(p->segment);
    for (size_t o = 0; o < p->outputs; o++)
        for (size_t i = 0; i < segments; i++)
            memcpy(weight + o * p->row + i * p->segment, sums + o * p->padded_inputs + i * padded,
                p->segment * sizeof(float));
    if (p->owns_bias)
        memcpy(gradients(t, p->bias), sums + p->padded_inputs * p->padded_outputs,
            p->outputs * sizeof(float));
}

/* Sums of an axial block: as its weights, then the bias. */
size_t ul_axial_sums(const ul_axial_weights *a) {
    return (2 * (2 * a->radius + 1) + 1) * a->padded;
}

void ul_axial_collect(ul_trainer *t, ul_axial_id id, const float *sums) {
    const ul_axial_weights *a = &t->axial[id];
    const size_t taps = 2 * a->radius + 1;
    float *vertical = gradients(t, a->first), *horizontal = gradients(t, a->first + 2);
    for (size_t c = 0; c < a->channels; c++)
        for (size_t i = 0; i < taps; i++) {
            const float column = sums[i * a->padded + c];
            vertical[c * taps + i] = column;
            horizontal[c * taps + i] = i == a->radius ? column : sums[(taps + i) * a->padded + c];
        }
    const float *bias = sums + 2 * taps * a->padded;
    memcpy(gradients(t, a->first + 1), bias, a->channels * sizeof(float));
    memcpy(gradients(t, a->first + 3), bias, a->channels * sizeof(float));
}

size_t ul_input_sums(const ul_trainer *t) {
    return (49 * t->shape.input_channels + 1) * t->level[0].channels;
}

void ul_input_collect(ul_trainer *t, const float *sums) {
    const size_t inputs = t->shape.input_channels, padded = t->level[0].channels;
    float *weight = gradients(t, 0), *bias = gradients(t, 1);
    for (size_t o = 0; o < t->shape.width[0]; o++) {
        bias[o] = sums[49 * inputs * padded + o];
        for (size_t i = 0; i < inputs; i++)
            for (size_t tap = 0; tap < 49; tap++)
                weight[(o * inputs + i) * 49 + tap] = sums[(tap * inputs + i) * padded + o];
    }
}
