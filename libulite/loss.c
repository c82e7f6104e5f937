#include "loss.h"

#include <math.h>

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

static void forward_binary(float *logits, const uint8_t *labels, size_t pixels, double *terms) {
    double *overlap = terms + CLASSES;
    for (size_t i = 0; i < pixels; i++) {
        const float logit = logits[i];
        const float small = expf(-fabsf(logit)); /* never overflows */
        const float p = (logit >= 0 ? 1.0F : small) / (1.0F + small);
        logits[i] = p;
        if (labels[i] == UL_LOSS_IGNORE)
            continue;
        const float truth = labels[i] ? 1.0F : 0.0F;
        terms[PIXELS] += 1;
        terms[CROSS_ENTROPY] += fmaxf(logit, 0.0F) - logit * truth + log1pf(small);
        if (!(logit == logit)) /* fmaxf hides NaN */
            terms[CROSS_ENTROPY] = NAN;
        overlap[OVERLAP] += p * truth;
        overlap[PREDICTED] += p;
        overlap[ACTUAL] += truth;
    }
}

static void forward_softmax(size_t classes, float *logits, size_t plane, const uint8_t *labels,
    size_t pixels, double *terms) {
    for (size_t i = 0; i < pixels; i++) {
        float largest = logits[i];
        for (size_t k = 1; k < classes; k++)
            largest = logits[k * plane + i] > largest ? logits[k * plane + i] : largest;
        const bool counts = labels[i] != UL_LOSS_IGNORE;
        const float right = counts ? logits[labels[i] * plane + i] : largest;
        float sum = 0;
        for (size_t k = 0; k < classes; k++) {
            float *value = logits + k * plane + i;
            *value = expf(*value - largest);
            sum += *value;
        }
        if (counts) {
            terms[PIXELS] += 1;
            terms[CROSS_ENTROPY] += logf(sum) + (largest - right);
        }
        for (size_t k = 0; k < classes; k++) {
            float *value = logits + k * plane + i;
            *value /= sum;
            if (counts) {
                terms[CLASSES + 3 * k + PREDICTED] += *value;
                if (labels[i] == k) {
                    terms[CLASSES + 3 * k + OVERLAP] += *value;
                    terms[CLASSES + 3 * k + ACTUAL] += 1;
                }
            }
        }
    }
}

void ul_loss_forward(const ul_loss_rule *rule, float *logits, size_t plane, const uint8_t *labels,
    size_t pixels, double *terms) {
    if (rule->classes == 1)
        forward_binary(logits, labels, pixels, terms);
    else
        forward_softmax(rule->classes, logits, plane, labels, pixels, terms);
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
    if ((rule->loss == UL_LOSS_CROSS_ENTROPY || rule->loss == UL_LOSS_DICE_CE) &&
        terms[PIXELS] > 0) {
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

static void backward_binary(
    const double *slopes, float *probabilities, const uint8_t *labels, size_t pixels) {
    const float entropy = (float)slopes[CROSS_ENTROPY];
    const float by_overlap = (float)slopes[CLASSES + OVERLAP];
    const float by_sum = (float)slopes[CLASSES + PREDICTED];
    for (size_t i = 0; i < pixels; i++) {
        const float p = probabilities[i];
        const float truth = labels[i] ? 1.0F : 0.0F;
        const float slope = (by_overlap * truth + by_sum) * p * (1 - p) + entropy * (p - truth);
        probabilities[i] = labels[i] == UL_LOSS_IGNORE ? 0.0F : slope;
    }
}

static void backward_softmax(size_t classes, const double *slopes, float *probabilities,
    size_t plane, const uint8_t *labels, size_t pixels) {
    const float entropy = (float)slopes[CROSS_ENTROPY];
    for (size_t i = 0; i < pixels; i++) {
        float mean = 0; /* slope by probability, averaged by the probabilities */
        for (size_t k = 0; k < classes; k++) {
            const double *slope = slopes + CLASSES + 3 * k;
            mean += probabilities[k * plane + i] *
                    (float)(slope[PREDICTED] + (labels[i] == k ? slope[OVERLAP] : 0));
        }
        for (size_t k = 0; k < classes; k++) {
            const double *slope = slopes + CLASSES + 3 * k;
            const float truth = labels[i] == k ? 1.0F : 0.0F;
            const float p = probabilities[k * plane + i];
            const float by_p = (float)slope[PREDICTED] + truth * (float)slope[OVERLAP];
            const float slope_here = p * (by_p - mean) + entropy * (p - truth);
            probabilities[k * plane + i] = labels[i] == UL_LOSS_IGNORE ? 0.0F : slope_here;
        }
    }
}

void ul_loss_backward(const ul_loss_rule *rule, const double *slopes, float *probabilities,
    size_t plane, const uint8_t *labels, size_t pixels) {
    if (rule->classes == 1)
        backward_binary(slopes, probabilities, labels, pixels);
    else
        backward_softmax(rule->classes, slopes, probabilities, plane, labels, pixels);
}
