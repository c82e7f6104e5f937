#include "libulite/train/loss.h"

#include <math.h>
#include <string.h>

/* Terms: [0] pixels that count, [1] their summed cross-entropy, then for each class three sums of
 * probabilities p and truth t (0 or 1): p * t, p, t. Slopes: [1] the derivative by the summed
 * cross-entropy, then for each class those by p * t and by p. */
enum { PIXELS, CROSS_ENTROPY, CLASSES };
enum { OVERLAP, PREDICTED, ACTUAL };

static const double smooth = 1e-3;

/* The first class that the overlap losses look at: softmax has a background, sigmoid has not. */
static size_t first_class(const ul_loss_rule *rule) {
    return rule->classes > 1 ? 1 : 0;
}

static bool has_cross_entropy(const ul_loss_rule *rule) {
    return rule->loss == UL_LOSS_CROSS_ENTROPY || rule->loss == UL_LOSS_DICE_CE;
}

enum { BLOCK = 64, MOST_CLASSES = UINT8_MAX + 1 };

/* At most BLOCK pixels. */
static void forward_binary(const ul_loss_rule *rule, const ul_train_kernels *kernels, float *logits,
    size_t stride, const uint8_t *labels, size_t pixels, double *terms) {
    float p[BLOCK], tail[BLOCK];
    double count = 0, cross_entropy = 0, overlap = 0, predicted = 0, actual = 0;
    kernels->sigmoid(logits, stride, p, tail, pixels);
    for (size_t i = 0; i < pixels; i++) {
        const float logit = logits[i * stride];
        logits[i * stride] = p[i];
        if (labels[i] == UL_LOSS_IGNORE)
            continue;
        const float truth = labels[i] ? 1.0F : 0.0F;
        count += 1;
        if (has_cross_entropy(rule)) /* fmaxf hides a NaN, the tail has it */
            cross_entropy += fmaxf(logit, 0.0F) - logit * truth + log1pf(tail[i]);
        overlap += p[i] * truth;
        predicted += p[i];
        actual += truth;
    }
    terms[PIXELS] += count;
    terms[CROSS_ENTROPY] += cross_entropy;
    terms[CLASSES + OVERLAP] += overlap;
    terms[CLASSES + PREDICTED] += predicted;
    terms[CLASSES + ACTUAL] += actual;
}

/* At most BLOCK pixels. */
static void forward_softmax(size_t classes, const ul_train_kernels *kernels, float *logits,
    size_t stride, const uint8_t *labels, size_t pixels, double *terms) {
    float right[BLOCK], highest[BLOCK], sum[BLOCK], predicted[MOST_CLASSES] = {0};
    for (size_t i = 0; i < pixels; i++)
        right[i] = labels[i] == UL_LOSS_IGNORE ? 0.0F : logits[i * stride + labels[i]];
    kernels->softmax(logits, stride, classes, highest, sum, pixels);
    for (size_t i = 0; i < pixels; i++) {
        float *p = logits + i * stride;
        if (labels[i] == UL_LOSS_IGNORE) {
            memset(p, 0, classes * sizeof *p);
            continue;
        }
        double *overlap = terms + CLASSES + 3 * (size_t)labels[i];
        terms[PIXELS] += 1;
        terms[CROSS_ENTROPY] += logf(sum[i]) + (highest[i] - right[i]);
        overlap[OVERLAP] += p[labels[i]];
        overlap[ACTUAL] += 1;
    }
    kernels->sums(logits, stride, predicted, pixels, stride);
    for (size_t k = 0; k < classes; k++)
        terms[CLASSES + 3 * k + PREDICTED] += predicted[k];
}

void ul_loss_forward(const ul_loss_rule *rule, const ul_train_kernels *kernels, float *logits,
    size_t stride, const uint8_t *labels, size_t pixels, double *terms) {
    for (size_t i = 0; i < pixels; i += BLOCK, logits += BLOCK * stride) {
        const size_t count = pixels - i < BLOCK ? pixels - i : BLOCK;
        if (rule->classes == 1)
            forward_binary(rule, kernels, logits, stride, labels + i, count, terms);
        else
            forward_softmax(rule->classes, kernels, logits, stride, labels + i, count, terms);
    }
}

/* 1 - (I + s) / (I + alpha (P - I) + beta (T - I) + s), with its derivatives by I and P. */
static double tversky(
    const double *sums, double alpha, double beta, double s, double *by_overlap, double *by_sum) {
    const double top = sums[OVERLAP] + s;
    const double bottom = sums[OVERLAP] + alpha * (sums[PREDICTED] - sums[OVERLAP]) +
                          beta * (sums[ACTUAL] - sums[OVERLAP]) + s;
    *by_overlap = -(bottom - top * (1 - alpha - beta)) / (bottom * bottom);
    *by_sum = top * alpha / (bottom * bottom);
    return 1 - top / bottom;
}

double ul_loss_value(const ul_loss_rule *rule, const double *terms, double *slopes) {
    for (size_t i = 0; i < UL_LOSS_TERMS(rule->classes); i++)
        slopes[i] = 0;
    double loss = 0;
    if (has_cross_entropy(rule) && terms[PIXELS] > 0) {
        loss += terms[CROSS_ENTROPY] / terms[PIXELS];
        slopes[CROSS_ENTROPY] = 1 / terms[PIXELS];
    }
    if (rule->loss == UL_LOSS_CROSS_ENTROPY)
        return loss;
    /* Dice is Tversky with both weights 1/2 and half the smoothing. */
    const bool dice = rule->loss != UL_LOSS_TVERSKY;
    const double alpha = dice ? 0.5 : rule->alpha, beta = dice ? 0.5 : rule->beta;
    const double s = dice ? smooth / 2 : smooth;
    const size_t first = first_class(rule);
    const double weight = 1 / (double)(rule->classes - first);
    for (size_t k = first; k < rule->classes; k++) {
        double *slope = slopes + CLASSES + 3 * k;
        loss += weight * tversky(terms + CLASSES + 3 * k, alpha, beta, s, &slope[OVERLAP],
                             &slope[PREDICTED]);
        slope[OVERLAP] *= weight;
        slope[PREDICTED] *= weight;
    }
    return loss;
}

static void backward_binary(const ul_train_kernels *kernels, const double *slopes, float *logits,
    size_t stride, const uint8_t *labels, size_t pixels) {
    float p[BLOCK], tail[BLOCK];
    const float entropy = (float)slopes[CROSS_ENTROPY];
    const float by_overlap = (float)slopes[CLASSES + OVERLAP];
    const float by_sum = (float)slopes[CLASSES + PREDICTED];
    for (size_t i = 0; i < pixels; i++, logits += stride) {
        if (i % BLOCK == 0)
            kernels->sigmoid(logits, stride, p, tail, pixels - i < BLOCK ? pixels - i : BLOCK);
        const float share = p[i % BLOCK], truth = labels[i] ? 1.0F : 0.0F;
        const float slope =
            (by_overlap * truth + by_sum) * share * (1 - share) + entropy * (share - truth);
        memset(logits, 0, stride * sizeof *logits);
        *logits = labels[i] == UL_LOSS_IGNORE ? 0.0F : slope;
    }
}

static void backward_softmax(size_t classes, const ul_train_kernels *kernels, const double *slopes,
    float *logits, size_t stride, const uint8_t *labels, size_t pixels) {
    float by_p[MOST_CLASSES] = {0}, by_overlap[MOST_CLASSES] = {0}, highest[BLOCK], sum[BLOCK];
    for (size_t k = 0; k < classes; k++) {
        by_p[k] = (float)slopes[CLASSES + 3 * k + PREDICTED];
        by_overlap[k] = (float)slopes[CLASSES + 3 * k + OVERLAP];
    }
    const ul_softmax_slopes by = {by_p, by_overlap, (float)slopes[CROSS_ENTROPY]};
    for (size_t i = 0; i < pixels; i += BLOCK, logits += BLOCK * stride) {
        const size_t count = pixels - i < BLOCK ? pixels - i : BLOCK;
        kernels->softmax(logits, stride, classes, highest, sum, count);
        kernels->softmax_backward(&by, logits, stride, labels + i, count);
    }
}

void ul_loss_backward(const ul_loss_rule *rule, const ul_train_kernels *kernels,
    const double *slopes, float *logits, size_t stride, const uint8_t *labels, size_t pixels) {
    if (rule->classes == 1)
        backward_binary(kernels, slopes, logits, stride, labels, pixels);
    else
        backward_softmax(rule->classes, kernels, slopes, logits, stride, labels, pixels);
}
