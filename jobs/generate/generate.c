#include "jobs/generate/generate.h"

#include "jobs/segment/intensity.h"
#include "volume/orient.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 2048, UNLEARNT = 255 };

/* Voxels of the scanner that are finer than this part of a pixel are taken for pixels. */
#define FINER 1.05

/* --- Maps and memory ------------------------------------------------------------------------- */

ul_status generator_open(const ul_dataset *dataset, ul_split split, const ul_progress *progress,
    patch_generator *generator, ul_error *error) {
    ul_status status = UL_OK;
    *generator = (patch_generator){.values = dataset->values};
    generator->maps = calloc(dataset->in_split[split] + 1, sizeof *generator->maps);
    if (!generator->maps)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the label maps");
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++) {
        if (dataset->cases[i].split != split)
            continue;
        status = label_map_read(dataset, i, &generator->maps[generator->count], error);
        generator->count++;
        if (status == UL_OK && !ul_progress_report(progress, "reading", i + 1, dataset->count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status != UL_OK)
        generator_close(generator);
    return status;
}

void generator_close(patch_generator *generator) {
    for (size_t i = 0; i < generator->count; i++)
        label_map_free(&generator->maps[i]);
    free(generator->maps);
    memset(generator, 0, sizeof *generator);
}

ul_status generator_scratch_create(
    const ul_plan *plan, generator_scratch *scratch, ul_error *error) {
    size_t width = plan->training.patch[0], height = plan->training.patch[1];
    size_t area = (width + 2) * (height + 2);
    *scratch = (generator_scratch){.head = malloc(sizeof(head_scan)),
        .acquired = malloc(area * sizeof(float)),
        .slice = malloc(area * sizeof(float)),
        .line = malloc((width + 2) * sizeof(float)),
        .sample = malloc(SAMPLE * sizeof(float))};
    ul_status status =
        scratch->head && scratch->acquired && scratch->slice && scratch->line && scratch->sample
            ? head_scratch_create(width + 2, height + 2, &scratch->slices, error)
            : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for training slices");
    if (status != UL_OK)
        generator_scratch_free(scratch);
    return status;
}

void generator_scratch_free(generator_scratch *scratch) {
    free(scratch->head);
    free(scratch->acquired);
    free(scratch->slice);
    free(scratch->line);
    free(scratch->sample);
    head_scratch_free(&scratch->slices);
    memset(scratch, 0, sizeof *scratch);
}

/* --- Where the patch lies -------------------------------------------------------------------- */

/* One axis of the patch. */
typedef struct patch_axis {
    int patient, sign; /* the patient's axis, and whether the patch runs along it */
    double pixel_mm;   /* 0 along the depth */
    double first_mm;   /* of the first pixel, along the patient's axis */
    double voxel_mm;   /* of the scanner, as it is computed: never finer than a pixel */
    double phase;      /* voxels from the first voxel to the first pixel */
    size_t pixels, voxels;
} patch_axis;

typedef struct patch_view {
    patch_axis axis[3];
    bool sagittal;
} patch_view;

/* A voxel of a class, each class as often as the others, or any place in view. */
static void draw_centre(
    const ul_plan *plan, const head_scan *head, random_stream *stream, double centre_mm[3]) {
    for (int t = 0; t < 3; t++)
        centre_mm[t] = random_uniform(stream, head->low_mm[t], head->high_mm[t]);
    if (!random_happens(stream, plan->training.foreground))
        return;
    size_t label = 1 + random_below(stream, plan->classes > 1 ? plan->classes - 1 : 1);
    size_t first = head->map->first[label], count = head->map->first[label + 1] - first;
    if (count == 0)
        return;
    const uint16_t *place = head->map->places[first + random_below(stream, count)];
    double voxel[3] = {(double)place[0], (double)place[1], (double)place[2]}, at_mm[3];
    head_from_map(head, voxel, at_mm);
    for (int t = 0; t < 3; t++)
        if (at_mm[t] < head->low_mm[t] || at_mm[t] > head->high_mm[t])
            return; /* cut off */
    memcpy(centre_mm, at_mm, sizeof at_mm);
}

/* Keeps the patch in view, or the view in the patch. */
static double settle(double centre, double side, double low, double high, random_stream *stream) {
    double room = high - low - side;
    centre += random_uniform(stream, -0.15, 0.15) * side;
    if (room > 0.0)
        return fmin(fmax(centre, low + 0.5 * side), high - 0.5 * side);
    return 0.5 * (low + high) + random_uniform(stream, 0.5, -0.5) * room;
}

static void draw_view(
    const ul_plan *plan, const head_scan *head, random_stream *stream, patch_view *view) {
    const ul_card *card = &plan->card;
    ul_plane plane =
        card->plane_count ? card->planes[random_below(stream, card->plane_count)] : UL_PLANE_AXIAL;
    int patient[3], sign[3];
    double centre[3];
    orientation_axes(plane, patient, sign);
    draw_centre(plan, head, stream, centre);
    view->sagittal = plane == UL_PLANE_SAGITTAL;
    for (int t = 0; t < 3; t++) {
        int p = patient[t];
        double voxel = head->voxel_mm[p];
        patch_axis *a = &view->axis[t];
        *a = (patch_axis){.patient = p, .sign = sign[t], .first_mm = centre[p], .voxel_mm = voxel};
        if (t == 2)
            continue;
        a->pixels = a->voxels = plan->training.patch[t];
        a->pixel_mm = card->spacing_mm[t] > 0.0 ? card->spacing_mm[t] : voxel;
        double side = (double)a->pixels * a->pixel_mm;
        double middle = settle(centre[p], side, head->low_mm[p], head->high_mm[p], stream);
        a->first_mm = middle - (double)a->sign * 0.5 * (side - a->pixel_mm);
        if (voxel <= FINER * a->pixel_mm) {
            a->voxel_mm = a->pixel_mm;
            continue;
        }
        a->phase = random_unit(stream);
        a->voxels = (size_t)(a->phase + (double)(a->pixels - 1) * a->pixel_mm / voxel) + 2;
    }
}

/* The lattice of the scanner's voxels, or of the patch's pixels. */
static head_raster raster_of(const head_scan *head, const patch_view *view, bool pixels) {
    head_raster r = {.width = pixels ? view->axis[0].pixels : view->axis[0].voxels,
        .height = pixels ? view->axis[1].pixels : view->axis[1].voxels};
    for (int t = 0; t < 3; t++) {
        const patch_axis *a = &view->axis[t];
        double step = pixels && t < 2 ? a->pixel_mm : a->voxel_mm;
        double back = pixels ? 0.0 : a->phase * a->voxel_mm;
        r.origin_mm[a->patient] = a->first_mm - (double)a->sign * back;
        r.step_mm[t][a->patient] = (double)a->sign * step;
        r.extent_mm[t] = head->blur * a->voxel_mm;
    }
    return r;
}

/* --- Values as the network sees them --------------------------------------------------------- */

/* (v - offset) * factor, to 0..1 where it clips. */
typedef struct patch_scale {
    float offset, factor;
    bool clips;
} patch_scale;

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void moments(const float *values, double *mean, double *sd) {
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < SAMPLE; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
    }
    *mean = sum / SAMPLE;
    *sd = sqrt(fmax(squares / SAMPLE - *mean * *mean, 0.0));
}

/* The card's normalisation, measured on a sample of the scan. */
static patch_scale measure_scale(const ul_plan *plan, const head_scan *head,
    const head_raster *raster, random_stream *stream, float *sample) {
    const ul_normalisation *n = &plan->card.normalisation;
    const double percents[2] = {n->low, n->high};
    double bounds[2] = {0.0, 1.0}, jitter = plan->training.generate.jitter;
    head_sample(head, raster, SAMPLE, stream, sample);
    if (n->kind == UL_NORMALISE_FOREGROUND) {
        values_foreground_of(sample, SAMPLE, percents, bounds);
    } else if (n->kind == UL_NORMALISE_PERCENTILE) {
        qsort(sample, SAMPLE, sizeof *sample, compare_floats);
        for (int b = 0; b < 2; b++)
            bounds[b] = (double)sample[(size_t)(percents[b] / 100.0 * (SAMPLE - 1))];
    } else if (n->kind == UL_NORMALISE_ZSCORE) {
        double sd;
        moments(sample, &bounds[0], &sd);
        bounds[1] = bounds[0] + sd;
    }
    double range = bounds[1] - bounds[0];
    double low = bounds[0] + random_uniform(stream, -jitter, jitter) * range;
    double high = bounds[1] + random_uniform(stream, -jitter, jitter) * range;
    return (patch_scale){.offset = (float)low,
        .factor = high > low ? (float)(1.0 / (high - low)) : 0.0f,
        .clips = n->kind != UL_NORMALISE_ZSCORE && n->kind != UL_NORMALISE_NONE};
}

static void apply_scale(const patch_scale *scale, size_t count, float *values) {
    const float offset = scale->offset, factor = scale->factor;
    for (size_t i = 0; i < count; i++)
        values[i] = (values[i] - offset) * factor;
    for (size_t i = 0; scale->clips && i < count; i++) {
        float low = values[i] > 0.0f ? values[i] : 0.0f;
        values[i] = low < 1.0f ? low : 1.0f;
    }
}

/* The voxels around pixel n, and how far it lies between them. */
static size_t between(const patch_axis *a, size_t n, float *way) {
    double at = a->phase + (double)n * a->pixel_mm / a->voxel_mm;
    size_t first = (size_t)at;
    first = first + 2 > a->voxels ? a->voxels - 2 : first;
    *way = (float)(at - (double)first);
    return first;
}

/* From the scanner's voxels to the patch's pixels, linearly as slices.h does. */
static void interpolate(const patch_view *view, const float *voxels, float *line, float *pixels) {
    const patch_axis *x = &view->axis[0], *y = &view->axis[1];
    bool finer[2] = {x->voxel_mm > x->pixel_mm, y->voxel_mm > y->pixel_mm};
    for (size_t j = 0; j < y->pixels; j++, pixels += x->pixels) {
        float way = 0.0f;
        size_t above = finer[1] ? between(y, j, &way) : j;
        const float *upper = voxels + above * x->voxels;
        const float *lower = finer[1] ? upper + x->voxels : upper;
        float *row = finer[0] ? line : pixels;
        for (size_t i = 0; i < x->voxels; i++)
            row[i] = upper[i] + way * (lower[i] - upper[i]);
        for (size_t i = 0; finer[0] && i < x->pixels; i++) {
            size_t left = between(x, i, &way);
            pixels[i] = line[left] + way * (line[left + 1] - line[left]);
        }
    }
}

/* --- Channels -------------------------------------------------------------------------------- */

/* The scanner's slices that a channel shows, counted from the patch's own one. */
typedef struct channel_blend {
    long slice[2];
    float weight[2];
} channel_blend;

/* Neighbours at the card's distance between the scanner's slices, or the next ones; the last one in
 * view where there is none further. */
static channel_blend blend_of(
    const ul_plan *plan, const head_scan *head, const patch_view *view, size_t channel) {
    const patch_axis *z = &view->axis[2];
    double low = head->low_mm[z->patient] - z->first_mm;
    double high = head->high_mm[z->patient] - z->first_mm;
    double most[2] = {ceil((z->sign > 0 ? low : -high) / z->voxel_mm),
        floor((z->sign > 0 ? high : -low) / z->voxel_mm)};
    double steps = plan->card.channels == UL_CHANNELS_NEIGHBOURS
                       ? (double)channel - (double)(plan->input_channels / 2)
                       : 0.0;
    double at =
        plan->card.neighbour_mm > 0.0 ? steps * plan->card.neighbour_mm / z->voxel_mm : steps;
    at = fmin(fmax(at, fmin(most[0], 0.0)), fmax(most[1], 0.0));
    double first = floor(at), way = at - first;
    channel_blend b = {{(long)first, (long)first + 1}, {(float)(1.0 - way), (float)way}};
    if (way < 0.01 || way > 0.99) {
        b.slice[0] = b.slice[1] = (long)rint(at);
        b.weight[0] = 1.0f;
        b.weight[1] = 0.0f;
    }
    return b;
}

/* Adds one of the scanner's slices to the channels that show it. */
static void add_slice(const channel_blend *blends, const ul_plan *plan, long slice,
    const float *pixels, size_t area, float *image) {
    for (size_t c = 0; c < plan->input_channels; c++)
        for (int n = 0; n < 2; n++) {
            float weight = blends[c].slice[n] == slice ? blends[c].weight[n] : 0.0f;
            for (size_t i = 0; weight > 0.0f && i < area; i++)
                image[c * area + i] += weight * pixels[i];
        }
}

static bool is_shown(const channel_blend *blends, size_t channels, long slice) {
    for (size_t c = 0; c < channels; c++)
        if ((blends[c].slice[0] == slice && blends[c].weight[0] > 0.0f) ||
            (blends[c].slice[1] == slice && blends[c].weight[1] > 0.0f))
            return true;
    return false;
}

static void fill_channels(const ul_plan *plan, const patch_view *view, const head_raster *raster,
    const patch_scale *scale, generator_scratch *scratch, float *image) {
    channel_blend blends[UL_PLAN_MAX_CHANNELS];
    size_t channels = plan->input_channels, area = view->axis[0].pixels * view->axis[1].pixels;
    long first = 0, last = 0;
    for (size_t c = 0; c < channels; c++) {
        blends[c] = blend_of(plan, scratch->head, view, c);
        first = blends[c].slice[0] < first ? blends[c].slice[0] : first;
        last = blends[c].slice[1] > last ? blends[c].slice[1] : last;
    }
    memset(image, 0, channels * area * sizeof *image);
    for (long slice = first; slice <= last; slice++) {
        if (!is_shown(blends, channels, slice))
            continue;
        head_render(scratch->head, raster, slice, &scratch->slices, scratch->acquired);
        apply_scale(scale, raster->width * raster->height, scratch->acquired);
        interpolate(view, scratch->acquired, scratch->line, scratch->slice);
        add_slice(blends, plan, slice, scratch->slice, area, image);
    }
}

/* Outside the field of view there is nothing to see or to learn, as around a slice at inference. */
static void mask_view(const ul_plan *plan, const head_scan *head, const patch_view *view,
    float *image, uint8_t *labels) {
    const patch_axis *x = &view->axis[0], *y = &view->axis[1];
    size_t area = x->pixels * y->pixels, pixel = 0;
    for (size_t j = 0; j < y->pixels; j++) {
        double v = y->first_mm + (double)y->sign * y->pixel_mm * (double)j;
        bool row = v >= head->low_mm[y->patient] && v <= head->high_mm[y->patient];
        for (size_t i = 0; i < x->pixels; i++, pixel++) {
            double u = x->first_mm + (double)x->sign * x->pixel_mm * (double)i;
            if (row && u >= head->low_mm[x->patient] && u <= head->high_mm[x->patient])
                continue;
            labels[pixel] = UNLEARNT;
            for (size_t c = 0; c < plan->input_channels; c++)
                image[c * area + pixel] = 0.0f;
        }
    }
}

void generator_draw(const patch_generator *generator, const ul_plan *plan, random_stream *stream,
    generator_scratch *scratch, float *image, uint8_t *labels) {
    const label_map *map = &generator->maps[random_below(stream, generator->count)];
    head_scan *head = scratch->head;
    patch_view view;
    head_draw(generator->values, map, &plan->training.generate, stream, head);
    draw_view(plan, head, stream, &view);
    head_raster raster = raster_of(head, &view, false);
    patch_scale scale = measure_scale(plan, head, &raster, stream, scratch->sample);
    fill_channels(plan, &view, &raster, &scale, scratch, image);
    if (view.sagittal)
        for (size_t i = 0; i < generator->values->count; i++)
            head->label[i] = (uint8_t)ul_segments_fold(&plan->card.classes, head->label[i]);
    raster = raster_of(head, &view, true);
    head_render_labels(head, &raster, 0, &scratch->slices, labels);
    mask_view(plan, head, &view, image, labels);
}
