#include "exact.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Losses ---------------------------------------------------------------------------------- */

/* The probability of class k (of the one class for K = 1) at a pixel. */
static double probability(const double *logits, size_t classes, size_t plane, size_t k) {
    if (classes == 1)
        return 1 / (1 + exp(-logits[0]));
    double sum = 0;
    for (size_t i = 0; i < classes; i++)
        sum += exp(logits[i * plane] - logits[k * plane]);
    return 1 / sum;
}

static double cross_entropy(const double *logits, size_t classes, size_t plane, unsigned label) {
    if (classes > 1)
        return -log(probability(logits, classes, plane, label));
    const double p = probability(logits, 1, plane, 0);
    return label ? -log(p) : -log1p(-p);
}

/* The Tversky index's loss of class k over all pixels that count. */
static double overlap_loss(const ul_loss_rule *rule, const double *logits, const uint8_t *labels,
    size_t count, size_t pixels, size_t k) {
    const bool tversky = rule->loss == UL_LOSS_TVERSKY;
    const size_t classes = rule->classes;
    double both = 0, predicted = 0, actual = 0;
    for (size_t i = 0; i < count * pixels; i++) {
        if (labels[i] == UL_LOSS_IGNORE)
            continue;
        const double p =
            probability(logits + i / pixels * classes * pixels + i % pixels, classes, pixels, k);
        const double t = classes == 1 ? labels[i] : labels[i] == k;
        both += p * t;
        predicted += p;
        actual += t;
    }
    const double s = 1e-3;
    if (!tversky)
        return 1 - (2 * both + s) / (predicted + actual + s);
    return 1 - (both + s) /
                   (both + rule->alpha * (predicted - both) + rule->beta * (actual - both) + s);
}

double exact_loss(const ul_loss_rule *rule, const double *logits, const uint8_t *labels,
    size_t count, size_t pixels) {
    const size_t classes = rule->classes, first = classes > 1;
    double entropy = 0, overlap = 0, counted = 0;
    for (size_t i = 0; i < count * pixels; i++)
        if (labels[i] != UL_LOSS_IGNORE) {
            entropy += cross_entropy(
                logits + i / pixels * classes * pixels + i % pixels, classes, pixels, labels[i]);
            counted++;
        }
    for (size_t k = first; k < classes; k++)
        overlap += overlap_loss(rule, logits, labels, count, pixels, k) / (double)(classes - first);
    return (rule->loss == UL_LOSS_CROSS_ENTROPY || rule->loss == UL_LOSS_DICE_CE ? entropy / counted
                                                                                 : 0) +
           (rule->loss != UL_LOSS_CROSS_ENTROPY ? overlap : 0);
}

/* --- Layers ---------------------------------------------------------------------------------- */

/* [count][channels][height][width] */
typedef struct image {
    size_t count, channels, height, width;
    double *values;
} image;

static image image_of(size_t count, size_t channels, size_t height, size_t width) {
    image made = {
        count, channels, height, width, calloc(count * channels * height * width, sizeof(double))};
    if (!made.values)
        abort();
    return made;
}

static double *plane_of(const image *x, size_t n, size_t c) {
    return x->values + (n * x->channels + c) * x->height * x->width;
}

/* The network that runs: where its tensors are. */
typedef struct network {
    const ul_layout_entry *layout;
    const size_t *offset;
    const double *values;
} network;

static const ul_layout_entry *entry_of(
    const network *net, const char *block, const char *name, const double **values) {
    char full[48];
    snprintf(full, sizeof full, "%s.%s", block, name);
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++)
        if (strcmp(net->layout[i].name, full) == 0) {
            *values = net->values + net->offset[i];
            return &net->layout[i];
        }
    fprintf(stderr, "no tensor %s\n", full);
    abort();
}

static const double *tensor(const network *net, const char *block, const char *name) {
    const double *values;
    entry_of(net, block, name, &values);
    return values;
}

/* out += a plane convolved with taps [rows][columns], zero padded. */
static void add_taps(const image *x, const double *in, const double *taps, size_t rows,
    size_t columns, size_t dilation, double *out) {
    const ptrdiff_t height = (ptrdiff_t)x->height, width = (ptrdiff_t)x->width;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            const ptrdiff_t down = ((ptrdiff_t)r - (ptrdiff_t)rows / 2) * (ptrdiff_t)dilation;
            const ptrdiff_t right = ((ptrdiff_t)c - (ptrdiff_t)columns / 2) * (ptrdiff_t)dilation;
            for (ptrdiff_t i = 0; i < height; i++)
                for (ptrdiff_t j = 0; j < width; j++)
                    if (i + down >= 0 && i + down < height && j + right >= 0 && j + right < width)
                        out[i * width + j] +=
                            taps[r * columns + c] * in[(i + down) * width + j + right];
        }
}

/* A dense convolution. */
static image convolve(const network *net, const char *block, const char *layer, const image *x) {
    char name[32];
    const double *weight, *bias;
    snprintf(name, sizeof name, "%sweight", layer);
    const size_t *shape = entry_of(net, block, name, &weight)->shape;
    snprintf(name, sizeof name, "%sbias", layer);
    bias = tensor(net, block, name);
    image y = image_of(x->count, shape[0], x->height, x->width);
    for (size_t n = 0; n < x->count; n++)
        for (size_t o = 0; o < shape[0]; o++) {
            double *out = plane_of(&y, n, o);
            for (size_t p = 0; p < x->height * x->width; p++)
                out[p] = bias[o];
            for (size_t i = 0; i < shape[1]; i++)
                add_taps(x, plane_of(x, n, i), weight + (o * shape[1] + i) * shape[2] * shape[3],
                    shape[2], shape[3], 1, out);
        }
    return y;
}

/* x + its vertical + its horizontal depthwise convolution. */
static image axial(
    const network *net, const char *block, const char *layer, const image *x, size_t dilation) {
    image y = image_of(x->count, x->channels, x->height, x->width);
    memcpy(y.values, x->values, x->count * x->channels * x->height * x->width * sizeof(double));
    for (int horizontal = 0; horizontal < 2; horizontal++) {
        char name[32];
        const double *weight;
        snprintf(name, sizeof name, "%s.dw_%c.weight", layer, horizontal ? 'w' : 'h');
        const size_t *shape = entry_of(net, block, name, &weight)->shape;
        snprintf(name, sizeof name, "%s.dw_%c.bias", layer, horizontal ? 'w' : 'h');
        const double *bias = tensor(net, block, name);
        for (size_t n = 0; n < x->count; n++)
            for (size_t c = 0; c < x->channels; c++) {
                double *out = plane_of(&y, n, c);
                for (size_t p = 0; p < x->height * x->width; p++)
                    out[p] += bias[c];
                add_taps(x, plane_of(x, n, c), weight + c * shape[2] * shape[3], shape[2], shape[3],
                    dilation, out);
            }
    }
    return y;
}

/* In place. */
static void batch_norm(const network *net, const char *block, image *x) {
    const double *weight = tensor(net, block, "bn.weight"), *bias = tensor(net, block, "bn.bias");
    const size_t plane = x->height * x->width;
    const double values = (double)(x->count * plane);
    for (size_t c = 0; c < x->channels; c++) {
        double mean = 0, variance = 0;
        for (size_t n = 0; n < x->count; n++)
            for (size_t p = 0; p < plane; p++)
                mean += plane_of(x, n, c)[p] / values;
        for (size_t n = 0; n < x->count; n++)
            for (size_t p = 0; p < plane; p++)
                variance += pow(plane_of(x, n, c)[p] - mean, 2) / values;
        for (size_t n = 0; n < x->count; n++)
            for (size_t p = 0; p < plane; p++) {
                double *at = plane_of(x, n, c) + p;
                *at = weight[c] * (*at - mean) / sqrt(variance + 1e-5) + bias[c];
            }
    }
}

/* In place. */
static void gelu(image *x) {
    for (size_t i = 0; i < x->count * x->channels * x->height * x->width; i++)
        x->values[i] *= 0.5 * erfc(-x->values[i] / sqrt(2));
}

static image pool(const image *x) {
    image y = image_of(x->count, x->channels, x->height / 2, x->width / 2);
    for (size_t plane = 0; plane < x->count * x->channels; plane++)
        for (size_t i = 0; i < y.height; i++)
            for (size_t j = 0; j < y.width; j++) {
                const double *in = x->values + (plane * x->height + 2 * i) * x->width + 2 * j;
                y.values[(plane * y.height + i) * y.width + j] =
                    fmax(fmax(in[0], in[1]), fmax(in[x->width], in[x->width + 1]));
            }
    return y;
}

/* x upsampled to the skip's size where it is smaller, then the skip. */
static image concatenate(const image *x, const image *skip) {
    image y = image_of(x->count, x->channels + skip->channels, skip->height, skip->width);
    const size_t factor = skip->height / x->height, plane = skip->height * skip->width;
    for (size_t n = 0; n < y.count; n++) {
        for (size_t c = 0; c < x->channels; c++)
            for (size_t p = 0; p < plane; p++)
                plane_of(&y, n, c)[p] =
                    plane_of(x, n, c)[p / y.width / factor * x->width + p % y.width / factor];
        memcpy(plane_of(&y, n, x->channels), plane_of(skip, n, 0),
            skip->channels * plane * sizeof(double));
    }
    return y;
}

/* --- The network ----------------------------------------------------------------------------- */

static void replace(image *x, image made) {
    free(x->values);
    *x = made;
}

static image bottleneck(const network *net, image *x) {
    replace(x, convolve(net, "b5", "pw1.", x));
    image all = axial(net, "b5", "dw1", x, 1);
    replace(&all, concatenate(x, &all));
    static const char *const layers[] = {"dw1", "dw2", "dw3"};
    for (size_t i = 1; i < 3; i++) {
        image crossed = axial(net, "b5", layers[i], x, i + 1);
        replace(&all, concatenate(&all, &crossed));
        free(crossed.values);
    }
    batch_norm(net, "b5", &all);
    replace(&all, convolve(net, "b5", "pw2.", &all));
    gelu(&all);
    return all;
}

double exact_network(const ul_layout_entry *layout, const size_t *offset, const double *values,
    const ul_loss_rule *rule, const exact_batch *batch) {
    const network net = {layout, offset, values};
    const size_t pixels = batch->height * batch->width;
    image x = image_of(batch->count, batch->channels, batch->height, batch->width), skips[5];
    memcpy(x.values, batch->images, batch->count * batch->channels * pixels * sizeof(double));
    replace(&x, convolve(&net, "conv_in", "", &x));
    for (int i = 0; i < 5; i++) {
        const char block[] = {'e', (char)('1' + i), 0};
        skips[i] = axial(&net, block, "dw", &x, 1);
        batch_norm(&net, block, &skips[i]);
        replace(&x, convolve(&net, block, "pw.", &skips[i]));
        replace(&x, pool(&x));
        gelu(&x);
    }
    replace(&x, bottleneck(&net, &x));
    for (int i = 4; i >= 0; i--) {
        const char block[] = {'d', (char)('1' + i), 0};
        replace(&x, concatenate(&x, &skips[i]));
        replace(&x, convolve(&net, block, "pw.", &x));
        batch_norm(&net, block, &x);
        replace(&x, axial(&net, block, "dw", &x, 1));
        replace(&x, convolve(&net, block, "pw2.", &x));
        gelu(&x);
        free(skips[i].values);
    }
    replace(&x, convolve(&net, "conv_out", "", &x));
    const double loss = exact_loss(rule, x.values, batch->labels, batch->count, pixels);
    free(x.values);
    return loss;
}
