#include "ulite/train.h"

#include "jobs/train/patches.h"
#include "ulite/png.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ACROSS = 4, DOWN = 6, GAP = 4, IGNORED = 255 };

typedef struct sheet {
    const ul_plan *plan;
    size_t width, height;
    uint8_t *rgb; /* [height][width][3] */
} sheet;

/* Black and white of a channel: 0 and 1, or what it holds where values are not scaled to these. */
static void window_of(const ul_plan *plan, const float *channel, size_t area, float window[2]) {
    ul_normalisation_kind kind = plan->card.normalisation.kind;
    window[0] = 0.0f;
    window[1] = 1.0f;
    if (kind != UL_NORMALISE_ZSCORE && kind != UL_NORMALISE_NONE)
        return;
    window[0] = window[1] = channel[0];
    for (size_t i = 0; i < area; i++) {
        window[0] = fminf(window[0], channel[i]);
        window[1] = fmaxf(window[1], channel[i]);
    }
}

static uint8_t grey_of(float value, const float window[2]) {
    float range = window[1] > window[0] ? window[1] - window[0] : 1.0f;
    return (uint8_t)(255.0f * fminf(fmaxf((value - window[0]) / range, 0.0f), 1.0f) + 0.5f);
}

static void paint_image(const sheet *s, const float *image, size_t left, size_t top) {
    const size_t *patch = s->plan->training.patch, area = patch[0] * patch[1];
    bool rgb = s->plan->card.channels == UL_CHANNELS_RGB;
    for (size_t c = 0; c < 3; c++) {
        const float *channel = image + (rgb ? c : s->plan->input_channels / 2) * area;
        float window[2];
        window_of(s->plan, channel, area, window);
        for (size_t i = 0; i < area; i++) {
            size_t x = left + i % patch[0], y = top + i / patch[0];
            s->rgb[3 * (y * s->width + x) + c] = grey_of(channel[i], window);
        }
    }
}

static void paint_labels(const sheet *s, const uint8_t *labels, size_t left, size_t top) {
    static const uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255};
    const size_t *patch = s->plan->training.patch;
    for (size_t i = 0; i < patch[0] * patch[1]; i++) {
        const ul_segment *class_of = ul_segments_find(&s->plan->card.classes, labels[i]);
        const uint8_t *colour = class_of ? class_of->rgb : labels[i] == IGNORED ? white : black;
        size_t x = left + i % patch[0], y = top + i / patch[0];
        memcpy(s->rgb + 3 * (y * s->width + x), colour, 3);
    }
}

static ul_status paint(
    sheet *s, const patch_source *source, const ul_progress *progress, ul_error *error) {
    const ul_training *t = &s->plan->training;
    size_t area = t->patch[0] * t->patch[1];
    float *image = malloc(s->plan->input_channels * area * sizeof *image);
    uint8_t *labels = malloc(area);
    ul_status status =
        image && labels ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a patch");
    for (size_t n = 0; status == UL_OK && n < ACROSS * DOWN; n++) {
        size_t left = GAP + n % ACROSS * (2 * t->patch[0] + GAP);
        size_t top = GAP + n / ACROSS * (t->patch[1] + GAP);
        patch_make(source, n / t->batch, n % t->batch, 0, image, labels);
        paint_image(s, image, left, top);
        paint_labels(s, labels, left + t->patch[0], top);
        if (!ul_progress_report(progress, "drawing", n + 1, ACROSS * DOWN))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    free(image);
    free(labels);
    return status;
}

ul_status ul_sheet_write(const char *path, const ul_dataset *dataset, const ul_plan *plan,
    const ul_progress *progress, ul_error *error) {
    const size_t *patch = plan->training.patch;
    sheet s = {plan, GAP + ACROSS * (2 * patch[0] + GAP), GAP + DOWN * (patch[1] + GAP), NULL};
    patch_source source;
    ul_status status = patch_source_open(dataset, plan, 1, progress, &source, error);
    if (status != UL_OK)
        return status;
    s.rgb = malloc(3 * s.width * s.height);
    if (s.rgb) {
        memset(s.rgb, 128, 3 * s.width * s.height);
        status = paint(&s, &source, progress, error);
    } else {
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the sheet");
    }
    patch_source_close(&source);
    if (status == UL_OK)
        status = ul_png_write_rgb(path, s.rgb, 3 * s.width * s.height, s.width, s.height, error);
    free(s.rgb);
    return status;
}
