#include "jobs/train/augment_values.h"

#include <string.h>

/* A patch under change. */
typedef struct patch {
    float *image;
    const uint8_t *inside;
    size_t width, height, area, channels;
    bool rgb;
} patch;

typedef struct patch_values {
    double low, high, mean, sd;
} patch_values;

static patch_values measure(const patch *p) {
    double sum = 0.0, squares = 0.0, low = INFINITY, high = -INFINITY;
    size_t count = 0;
    for (size_t c = 0; c < p->channels; c++)
        for (size_t i = 0; i < p->area; i++)
            if (p->inside[i]) {
                double v = (double)p->image[c * p->area + i];
                sum += v;
                squares += v * v;
                low = fmin(low, v);
                high = fmax(high, v);
                count++;
            }
    if (count == 0)
        return (patch_values){0};
    double mean = sum / (double)count;
    return (patch_values){low, high, mean, sqrt(fmax(squares / (double)count - mean * mean, 0.0))};
}

/* v = factor * v + offset in one channel. */
static void scale_channel(patch *p, size_t channel, double factor, double offset) {
    float *image = p->image + channel * p->area;
    for (size_t i = 0; i < p->area; i++)
        image[i] = (float)factor * image[i] + (float)offset;
}

static void scale_all(patch *p, double factor, double offset) {
    for (size_t c = 0; c < p->channels; c++)
        scale_channel(p, c, factor, offset);
}

/* Gamma on the patch scaled to 0..1; mean and spread are put back where the normalisation of the
 * whole image would do so (keep). */
static void apply_gamma(patch *p, double gamma, bool inverted, bool keep) {
    patch_values before = measure(p);
    double range = before.high - before.low;
    if (range <= 0.0)
        return;
    for (size_t i = 0; i < p->channels * p->area; i++) {
        float t = ((float)(p->image[i] - (float)before.low)) / (float)range;
        t = fminf(fmaxf(t, 0.0f), 1.0f);
        t = inverted ? 1.0f - powf(1.0f - t, (float)gamma) : powf(t, (float)gamma);
        p->image[i] = (float)before.low + t * (float)range;
    }
    patch_values after = measure(p);
    if (keep && after.sd > 0.0) {
        double factor = before.sd / after.sd;
        scale_all(p, factor, before.mean - factor * after.mean);
    }
}

static void add_noise(patch *p, double sd, random_stream *stream) {
    for (size_t i = 0; i < p->channels * p->area; i++)
        p->image[i] += (float)(sd * random_normal(stream));
}

/* A separable Gaussian; off the image the nearest value is repeated at the border of the patch. */
static void blur(patch *p, double sd, float *rows) {
    enum { MAX_RADIUS = 12 };
    float weight[MAX_RADIUS + 1], sum = 0.0f;
    if (!(sd * sd > 0.0)) /* the patch as it is; below, 0 / 0 */
        return;
    int radius = (int)fmin(ceil(3.0 * sd), MAX_RADIUS);
    for (int r = 0; r <= radius; r++) {
        weight[r] = (float)exp(-0.5 * r * r / (sd * sd));
        sum += r ? 2.0f * weight[r] : weight[r];
    }
    int width = (int)p->width, height = (int)p->height;
    for (size_t c = 0; c < p->channels; c++) {
        float *image = p->image + c * p->area;
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                const float *row = image + y * width;
                float value = weight[0] * row[x];
                for (int r = 1; r <= radius; r++)
                    value += weight[r] *
                             (row[x >= r ? x - r : 0] + row[x + r < width ? x + r : width - 1]);
                rows[y * width + x] = value / sum;
            }
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                float value = weight[0] * rows[y * width + x];
                for (int r = 1; r <= radius; r++)
                    value +=
                        weight[r] * (rows[(y >= r ? y - r : 0) * width + x] +
                                        rows[(y + r < height ? y + r : height - 1) * width + x]);
                image[y * width + x] = value / sum;
            }
    }
}

static void shuffle_channels(patch *p, random_stream *stream, float *spare) {
    size_t bytes = p->area * sizeof(float);
    for (size_t c = p->channels - 1; c > 0; c--) {
        size_t other = random_below(stream, c + 1);
        memcpy(spare, p->image + c * p->area, bytes);
        memmove(p->image + c * p->area, p->image + other * p->area, bytes);
        memcpy(p->image + other * p->area, spare, bytes);
    }
}

static void make_grey(patch *p) {
    for (size_t i = 0; i < p->area; i++) {
        float sum = 0.0f;
        for (size_t c = 0; c < p->channels; c++)
            sum += p->image[c * p->area + i];
        for (size_t c = 0; c < p->channels; c++)
            p->image[c * p->area + i] = sum / (float)p->channels;
    }
}

static void change_colours(
    const ul_augmentation *augment, patch *p, random_stream *stream, float *spare) {
    if (random_happens(stream, augment->colour_p))
        for (size_t c = 0; c < p->channels; c++)
            scale_channel(
                p, c, random_uniform(stream, 1.0 - augment->colour, 1.0 + augment->colour), 0.0);
    if (random_happens(stream, augment->shuffle_p))
        shuffle_channels(p, stream, spare);
    if (random_happens(stream, augment->grey_p))
        make_grey(p);
}

/* Puts 0 back off the image, and clips where the normalisation does. */
static void finish(patch *p, bool unit_range) {
    for (size_t c = 0; c < p->channels; c++)
        for (size_t i = 0; i < p->area; i++) {
            float *value = p->image + c * p->area + i;
            if (!p->inside[i])
                *value = 0.0f;
            else if (unit_range)
                *value = fminf(fmaxf(*value, 0.0f), 1.0f);
        }
}

void augment_values(
    const ul_plan *plan, random_stream *stream, augment_scratch *scratch, float *image) {
    const ul_augmentation *augment = &plan->training.augment;
    ul_normalisation_kind kind = plan->card.normalisation.kind;
    bool unit_range = kind != UL_NORMALISE_NONE && kind != UL_NORMALISE_ZSCORE;
    patch p = {image, scratch->inside, plan->training.patch[0], plan->training.patch[1],
        plan->training.patch[0] * plan->training.patch[1], plan->input_channels,
        plan->card.channels == UL_CHANNELS_RGB};
    if (random_happens(stream, augment->invert_p)) {
        patch_values v = measure(&p);
        scale_all(&p, -1.0, unit_range ? 1.0 : 2.0 * v.mean);
    }
    if (p.rgb)
        change_colours(augment, &p, stream, scratch->channel);
    if (random_happens(stream, augment->contrast_p)) {
        patch_values v = measure(&p);
        double factor = random_uniform(stream, augment->contrast_low, augment->contrast_high);
        scale_all(&p, factor, v.mean * (1.0 - factor));
    }
    if (random_happens(stream, augment->brightness_p))
        scale_all(&p, 1.0, augment->brightness * random_normal(stream) * measure(&p).sd);
    if (random_happens(stream, augment->gamma_p)) {
        double gamma = random_uniform(stream, augment->gamma_low, augment->gamma_high);
        bool inverted = random_happens(stream, augment->gamma_invert_p);
        apply_gamma(&p, gamma, inverted, kind == UL_NORMALISE_ZSCORE);
    }
    if (random_happens(stream, augment->blur_p))
        blur(&p, random_uniform(stream, augment->blur_low, augment->blur_high), scratch->line);
    if (random_happens(stream, augment->noise_p))
        add_noise(&p, random_uniform(stream, 0.0, augment->noise) * measure(&p).sd, stream);
    finish(&p, unit_range);
}
