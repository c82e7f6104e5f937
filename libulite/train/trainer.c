/* The public face of training: create, step, hand the weights out. */
#include "libulite/train/trainer_internal.h"

#include "libulite/base/resources.h"
#include "libulite/base/subnormals.h"
#include "libulite/model/model_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ul_trainer_options_init(ul_trainer_options *options) {
    *options = (ul_trainer_options){.height = 256,
        .width = 256,
        .batch = 8,
        .loss = UL_LOSS_DICE,
        .tversky_alpha = 0.3F,
        .tversky_beta = 0.7F,
        .optimizer = UL_OPTIMIZER_ADAM,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8};
}

static ul_status check_options(const ul_trainer_options *o, ul_error *error) {
    enum { LARGEST_BATCH = 65536 };
    ul_status status = ul_limits_check(o->height, o->width, o->threads, error);
    if (status != UL_OK)
        return status;
    if (o->batch == 0 || o->batch > LARGEST_BATCH)
        return ul_error_set(
            error, UL_ERROR_USAGE, "batch of %zu slices: give 1 to %d", o->batch, LARGEST_BATCH);
    if (o->loss > UL_LOSS_TVERSKY || o->optimizer > UL_OPTIMIZER_ADAMW)
        return ul_error_set(error, UL_ERROR_USAGE, "unknown loss or optimiser");
    if (!(o->beta1 >= 0 && o->beta1 < 1 && o->beta2 >= 0 && o->beta2 < 1 && o->epsilon > 0))
        return ul_error_set(error, UL_ERROR_USAGE,
            "betas %g and %g must be in [0, 1) and epsilon %g above 0", o->beta1, o->beta2,
            o->epsilon);
    if (!(o->weight_decay >= 0 && o->gradient_clip >= 0 && o->ema_decay >= 0 && o->ema_decay < 1))
        return ul_error_set(error, UL_ERROR_USAGE,
            "weight decay %g and gradient clip %g must not be negative, average decay %g in [0, 1)",
            o->weight_decay, (double)o->gradient_clip, (double)o->ema_decay);
    if (!(o->tversky_alpha >= 0 && o->tversky_beta >= 0))
        return ul_error_set(error, UL_ERROR_USAGE, "Tversky weights %g and %g must not be negative",
            (double)o->tversky_alpha, (double)o->tversky_beta);
    return UL_OK;
}

static void read_model(ul_trainer *t, const ul_model *initial) {
    ul_tensor tensor;
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++)
        if (ul_model_tensor(initial, t->layout[i].name, &tensor))
            memcpy(t->values + t->offset[i], tensor.data, t->layout[i].count * sizeof(float));
    memcpy(t->batches, ul_model_batches(initial), sizeof t->batches);
    if (t->average)
        memcpy(t->average, t->values, t->offset[UL_LAYOUT_TENSORS] * sizeof(float));
}

ul_status ul_trainer_create(const ul_model *initial, const ul_trainer_options *options,
    ul_trainer **trainer, ul_error *error) {
    *trainer = NULL;
    ul_trainer_options defaults;
    ul_trainer_options_init(&defaults);
    options = options ? options : &defaults;
    ul_isa level;
    ul_status status = check_options(options, error);
    if (status == UL_OK)
        status = ul_cpu_isa(&level, error);
    if (status != UL_OK)
        return status;
    ul_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return ul_error_set(error, UL_ERROR_LIMIT, "no memory for a trainer");
    t->options = *options;
    t->shape = *ul_model_get_shape(initial);
    t->kernels = ul_train_kernels_get(level);
    t->team = ul_team_create(options->threads);
    t->threads = ul_team_threads(t->team);
    t->rule = (ul_loss_rule){.loss = options->loss,
        .alpha = options->tversky_alpha,
        .beta = options->tversky_beta,
        .classes = t->shape.classes};
    status = ul_train_plan(t, error);
    if (status != UL_OK) {
        ul_trainer_close(t);
        return status;
    }
    read_model(t, initial);
    *trainer = t;
    return UL_OK;
}

void ul_trainer_close(ul_trainer *trainer) {
    if (!trainer)
        return;
    ul_team_close(trainer->team);
    free(trainer->arena);
    free(trainer);
}

static ul_status check_batch(
    const ul_trainer *t, const uint8_t *labels, size_t count, ul_error *error) {
    if (count == 0 || count > t->options.batch)
        return ul_error_set(error, UL_ERROR_USAGE,
            "a step on %zu slices: this trainer takes 1 to %zu", count, t->options.batch);
    const ul_resolution *bottom = &t->level[UL_BOTTOM];
    if (count * bottom->height * bottom->width < 2)
        return ul_error_set(error, UL_ERROR_USAGE,
            "a step on one slice of 32x32 pixels: batch norm needs two values per channel; give "
            "more slices");
    const size_t plane = t->options.height * t->options.width;
    const size_t largest = t->shape.classes > 1 ? t->shape.classes - 1 : 1;
    for (size_t i = 0; i < count * plane; i++)
        if (labels[i] > largest && labels[i] != UL_LOSS_IGNORE)
            return ul_error_set(error, UL_ERROR_INPUT,
                "label %d in slice %zu at row %zu, column %zu: the model has labels 0 to %zu (%d: "
                "not counted)",
                labels[i], i / plane, i % plane / t->options.width, i % t->options.width, largest,
                UL_LOSS_IGNORE);
    return UL_OK;
}

ul_status ul_train_gradients(ul_trainer *t, const float *images, const uint8_t *labels,
    size_t count, double *loss, ul_error *error) {
    ul_status status = check_batch(t, labels, count, error);
    if (status != UL_OK)
        return status;
    ul_train_set_batch(t, count);
    t->images = images;
    t->labels = labels;
    ul_train_pack(t);
    *loss = ul_train_forward(t);
    if (!isfinite(*loss))
        return ul_error_set(error, UL_ERROR_DIVERGED,
            "the loss of step %llu is not finite; lower the learning rate or check the images for "
            "NaN",
            (unsigned long long)(t->step + 1));
    ul_train_backward(t);
    return UL_OK;
}

/* The Euclidean norm of all gradients; NaN or infinite where one of them is. */
static double gradient_norm(const ul_trainer *t) {
    enum { SUMS = 8 }; /* side by side, to hide the additions' latency */
    const float *gradients = t->gradients;
    const size_t count = t->offset[UL_LAYOUT_TENSORS];
    double squares[SUMS] = {0}, total = 0;
    size_t i = 0;
    for (; i + SUMS <= count; i += SUMS)
        for (size_t k = 0; k < SUMS; k++)
            squares[k] += (double)gradients[i + k] * gradients[i + k];
    for (; i < count; i++)
        total += (double)gradients[i] * gradients[i];
    for (size_t k = 0; k < SUMS; k++)
        total += squares[k];
    return sqrt(total);
}

/* Short at first, so that the initial weights are soon forgotten. */
static float average_decay(const ul_trainer *t) {
    const float early = (float)((1.0 + (double)t->step) / (10.0 + (double)t->step));
    return early < t->options.ema_decay ? early : t->options.ema_decay;
}

typedef struct tensor_update {
    ul_trainer *trainer;
    ul_optimizer_rule rule;
    float decay; /* of the average */
} tensor_update;

static void update_tensor(void *context, size_t i, int thread) {
    const tensor_update *u = context;
    ul_trainer *t = u->trainer;
    const size_t at = t->offset[i], count = t->layout[i].count;
    (void)thread;
    if (ul_layout_trained(t->layout[i].role))
        ul_optimizer_update(
            &u->rule, count, t->values + at, t->gradients + at, t->first + at, t->second + at);
    if (t->average)
        for (size_t k = at; k < at + count; k++)
            t->average[k] = u->decay * t->average[k] + (1 - u->decay) * t->values[k];
}

static void update(ul_trainer *t, double norm, float learning_rate) {
    const ul_trainer_options *o = &t->options;
    t->step++;
    tensor_update all = {.trainer = t, .decay = average_decay(t)};
    all.rule = (ul_optimizer_rule){.kind = o->optimizer,
        .beta1 = o->beta1,
        .beta2 = o->beta2,
        .epsilon = o->epsilon,
        .weight_decay = o->weight_decay,
        .learning_rate = learning_rate,
        .gradient_scale =
            o->gradient_clip > 0 && norm > o->gradient_clip ? o->gradient_clip / norm : 1,
        .step = t->step};
    ul_norm_update_running(t);
    ul_team_for(t->team, UL_LAYOUT_TENSORS, update_tensor, &all);
}

static ul_status learn(ul_trainer *t, const float *images, const uint8_t *labels, size_t count,
    float learning_rate, double *loss, ul_error *error) {
    ul_status status = ul_train_gradients(t, images, labels, count, loss, error);
    if (status != UL_OK)
        return status;
    const double norm = gradient_norm(t);
    if (!isfinite(norm))
        return ul_error_set(error, UL_ERROR_DIVERGED,
            "the gradient of step %llu is not finite (loss %g); lower the learning rate",
            (unsigned long long)(t->step + 1), *loss);
    update(t, norm, learning_rate);
    return UL_OK;
}

ul_status ul_trainer_step(ul_trainer *t, const float *images, size_t image_size,
    const uint8_t *labels, size_t label_size, float learning_rate, double *loss, ul_error *error) {
    const size_t pixels = t->options.height * t->options.width, count = label_size / pixels;
    if (label_size % pixels != 0 || image_size != count * t->shape.input_channels * pixels)
        return ul_error_set(error, UL_ERROR_USAGE,
            "%zu floats of images and %zu labels: a slice has %zu x %zu x %zu and %zu x %zu",
            image_size, label_size, t->shape.input_channels, t->options.height, t->options.width,
            t->options.height, t->options.width);
    if (!(learning_rate >= 0 && isfinite(learning_rate)))
        return ul_error_set(error, UL_ERROR_USAGE,
            "learning rate %g: it must be finite and not negative", (double)learning_rate);
    const uint64_t before = ul_subnormals_flush(); /* the gradients of a well-trained model */
    ul_status status = learn(t, images, labels, count, learning_rate, loss, error);
    ul_subnormals_restore(before);
    return status;
}

ul_status ul_trainer_model(const ul_trainer *t, ul_model **model, ul_error *error) {
    ul_status status = ul_model_allocate(&t->shape, model, error);
    if (status != UL_OK)
        return status;
    const float *values = t->average ? t->average : t->values;
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++)
        memcpy(
            ul_model_values(*model, i), values + t->offset[i], t->layout[i].count * sizeof(float));
    ul_model_set_batches(*model, t->batches);
    return UL_OK;
}

ul_team *ul_trainer_team(const ul_trainer *t) {
    return t->team;
}

size_t ul_trainer_memory_bytes(const ul_trainer *t) {
    return sizeof *t + t->arena_bytes;
}

void ul_optimizer_update(const ul_optimizer_rule *rule, size_t count, float *restrict weights,
    const float *restrict gradients, float *restrict first, float *restrict second) {
    const double correction1 = 1 - pow(rule->beta1, (double)rule->step);
    const double correction2 = 1 - pow(rule->beta2, (double)rule->step);
    const float rate = (float)(rule->learning_rate / correction1);
    const float root = (float)sqrt(correction2);
    const float keep1 = (float)rule->beta1, add1 = (float)(1 - rule->beta1);
    const float keep2 = (float)rule->beta2, add2 = (float)(1 - rule->beta2);
    const float epsilon = (float)rule->epsilon, scale = (float)rule->gradient_scale;
    const bool decoupled = rule->kind == UL_OPTIMIZER_ADAMW;
    const float decay = decoupled ? 0.0F : (float)rule->weight_decay;
    const float shrink = decoupled ? (float)(1 - rule->learning_rate * rule->weight_decay) : 1.0F;
    for (size_t i = 0; i < count; i++) {
        const float gradient = gradients[i] * scale + decay * weights[i];
        first[i] = keep1 * first[i] + add1 * gradient;
        second[i] = keep2 * second[i] + add2 * gradient * gradient;
        weights[i] = weights[i] * shrink - rate * first[i] / (sqrtf(second[i]) / root + epsilon);
    }
}
