/* Batch norm in training mode: statistics over the batch, the gradient through them, and the
 * running statistics. */
#include "libulite/train/trainer_internal.h"

#include <math.h>
#include <string.h>

static const double epsilon = 1e-5, momentum = 0.1;

/* Sums run in float over at most this much, in double beyond. */
enum { PIECE_CHANNELS = 64, PIECE_PIXELS = 256 };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static double *chunk_moments(const ul_trainer *t, ul_norm_id id, size_t chunk) {
    return t->moments + chunk * 2 * t->norm[id].padded;
}

/* Merges a piece's mean and sum of squared deviations from it into those of what came before,
 * exact where the mean is large (Chan, Golub and LeVeque 1979). */
static void merge(double *mean, double *squares, double before, double piece, double piece_mean,
    double piece_squares) {
    if (before == 0) {
        *mean = piece_mean;
        *squares = piece_squares;
        return;
    }
    const double total = before + piece, delta = piece_mean - *mean;
    *mean += delta * (piece / total);
    *squares += piece_squares + delta * delta * (before * piece / total);
}

static void add_block(const ul_train_kernels *kernels, const float *x, size_t stride,
    size_t channels, size_t pixels, size_t before, double *means, double *squares) {
    double sum[PIECE_CHANNELS] = {0}, deviation[PIECE_CHANNELS] = {0};
    float mean[PIECE_CHANNELS];
    for (size_t p = 0; p < pixels; p += PIECE_PIXELS) {
        float part[PIECE_CHANNELS] = {0};
        kernels->sums(x + p * stride, stride, part, smaller(PIECE_PIXELS, pixels - p), channels);
        for (size_t c = 0; c < channels; c++)
            sum[c] += part[c];
    }
    for (size_t c = 0; c < channels; c++)
        mean[c] = (float)(sum[c] / (double)pixels);
    for (size_t p = 0; p < pixels; p += PIECE_PIXELS) {
        float part[PIECE_CHANNELS] = {0};
        kernels->squares(
            x + p * stride, stride, mean, part, smaller(PIECE_PIXELS, pixels - p), channels);
        for (size_t c = 0; c < channels; c++)
            deviation[c] += part[c];
    }
    for (size_t c = 0; c < channels; c++)
        merge(&means[c], &squares[c], (double)before, (double)pixels, sum[c] / (double)pixels,
            deviation[c]);
}

void ul_norm_add(
    ul_trainer *t, ul_norm_id id, size_t chunk, const float *x, size_t pixels, size_t before) {
    const size_t channels = t->norm[id].padded;
    double *means = chunk_moments(t, id, chunk), *squares = means + channels;
    for (size_t c = 0; c < channels; c += PIECE_CHANNELS)
        add_block(t->kernels, x + c, channels, smaller(PIECE_CHANNELS, channels - c), pixels,
            before, means + c, squares + c);
}

/* Where channel c of the layout stands among the padded ones. */
static size_t padded_index(const ul_norm_data *n, size_t c) {
    return c / n->segment * ul_pad_channels(n->segment) + c % n->segment;
}

static size_t chunk_pixels(const ul_resolution *level, size_t chunk) {
    const ul_range range = ul_train_pixels(level, chunk);
    return range.end - range.first;
}

void ul_norm_finish(ul_trainer *t, ul_norm_id id, size_t l) {
    ul_norm_data *n = &t->norm[id];
    const ul_resolution *level = &t->level[l];
    const float *weight = t->values + t->offset[n->first];
    const float *bias = t->values + t->offset[n->first + 1];
    for (size_t c = 0; c < n->channels; c++) {
        const size_t at = padded_index(n, c);
        double mean = 0, squares = 0;
        size_t before = 0;
        for (size_t chunk = 0; chunk < level->chunks; chunk++) {
            const double *moments = chunk_moments(t, id, chunk);
            const size_t pixels = chunk_pixels(level, chunk);
            merge(&mean, &squares, (double)before, (double)pixels, moments[at],
                moments[n->padded + at]);
            before += pixels;
        }
        n->variance[at] = squares / (double)level->pixels;
        n->deviation[at] = 1 / sqrt(n->variance[at] + epsilon);
        n->mean[at] = (float)mean;
        n->scale[at] = (float)(weight[c] * n->deviation[at]);
        n->shift[at] = (float)(bias[c] - mean * (weight[c] * n->deviation[at]));
    }
}

void ul_norm_add_gradient(ul_trainer *t, ul_norm_id id, size_t chunk, const float *gradient,
    const float *x, size_t pixels, size_t before) {
    const ul_norm_data *n = &t->norm[id];
    double *sums = chunk_moments(t, id, chunk), *dots = sums + n->padded;
    if (before == 0)
        memset(sums, 0, 2 * n->padded * sizeof *sums);
    for (size_t c = 0; c < n->padded; c += PIECE_CHANNELS) {
        const size_t channels = smaller(PIECE_CHANNELS, n->padded - c);
        for (size_t p = 0; p < pixels; p += PIECE_PIXELS) {
            float sum[PIECE_CHANNELS] = {0}, dot[PIECE_CHANNELS] = {0};
            t->kernels->dots(gradient + p * n->padded + c, x + p * n->padded + c, n->padded,
                n->mean + c, sum, dot, smaller(PIECE_PIXELS, pixels - p), channels);
            for (size_t i = 0; i < channels; i++) {
                sums[c + i] += sum[i];
                dots[c + i] += dot[i];
            }
        }
    }
}

/* With n = (x - mean) * deviation: the gradient by x is scale * (g - mean(g) - n * mean(g * n)). */
void ul_norm_finish_gradient(ul_trainer *t, ul_norm_id id, size_t l) {
    ul_norm_data *n = &t->norm[id];
    const ul_resolution *level = &t->level[l];
    float *weight = t->gradients + t->offset[n->first];
    float *bias = t->gradients + t->offset[n->first + 1];
    for (size_t c = 0; c < n->channels; c++) {
        const size_t at = padded_index(n, c);
        double sum = 0, dot = 0;
        for (size_t chunk = 0; chunk < level->chunks; chunk++) {
            const double *moments = chunk_moments(t, id, chunk);
            sum += moments[at];
            dot += moments[n->padded + at];
        }
        dot *= n->deviation[at];
        weight[c] = (float)dot;
        bias[c] = (float)sum;
        const double gain = t->values[t->offset[n->first] + c] * n->deviation[at];
        const double pixels = (double)level->pixels;
        n->by_gradient[at] = gain;
        n->by_x[at] = -gain * n->deviation[at] * dot / pixels;
        n->by_one[at] = -gain * sum / pixels - n->by_x[at] * n->mean[at];
    }
}

void ul_norm_update_running(ul_trainer *t) {
    for (size_t id = 0; id < UL_NORM_COUNT; id++) {
        const ul_norm_data *n = &t->norm[id];
        const size_t l = id < UL_NORM_DECODER  ? id
                         : id < UL_NORM_BOTTOM ? id - UL_NORM_DECODER
                                               : UL_BOTTOM;
        const double pixels = (double)t->level[l].pixels;
        float *mean = t->values + t->offset[n->first + 2];
        float *variance = t->values + t->offset[n->first + 3];
        for (size_t c = 0; c < n->channels; c++) {
            const size_t at = padded_index(n, c);
            const double unbiased = n->variance[at] * pixels / (pixels - 1);
            mean[c] = (float)((1 - momentum) * mean[c] + momentum * n->mean[at]);
            variance[c] = (float)((1 - momentum) * variance[c] + momentum * unbiased);
        }
    }
    for (size_t i = 0; i < UL_LAYOUT_NORMS; i++)
        t->batches[i]++;
}
