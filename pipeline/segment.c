#include "ulite/segment.h"

#include "slices.h"
#include "ulite/process.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CLASSES = 256 };

/* Buffers of one plane's run. */
typedef struct run {
    ul_session *session;
    size_t width, height, classes, channels; /* padded */
    float *input, *logits, *spare;
    float *probability; /* [classes][stack height][stack width] of one slice */
} run;

static void run_close(run *r) {
    ul_session_close(r->session);
    free(r->input);
    free(r->logits);
    free(r->spare);
    free(r->probability);
}

static ul_status run_open(
    const ul_model *model, const slice_stack *stack, int threads, run *r, ul_error *error) {
    const ul_model_shape *shape = ul_model_get_shape(model);
    *r = (run){.width = slices_padded(stack->width),
        .height = slices_padded(stack->height),
        .classes = shape->classes,
        .channels = shape->input_channels};
    size_t area = r->width * r->height;
    ul_session_options options;
    ul_session_options_init(&options);
    options.width = r->width;
    options.height = r->height;
    options.threads = threads;
    r->input = malloc(area * r->channels * sizeof(float));
    r->spare = malloc(area * r->channels * sizeof(float));
    r->logits = malloc(area * r->classes * sizeof(float));
    r->probability = malloc(stack->width * stack->height * r->classes * sizeof(float));
    ul_status status = ul_session_create(model, &options, &r->session, error);
    if (status == UL_OK && (!r->input || !r->spare || !r->logits || !r->probability))
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory to run the network");
    if (status != UL_OK)
        run_close(r);
    return status;
}

static void flip_planes(const float *in, const run *r, bool flip_x, bool flip_y, float *out) {
    for (size_t c = 0; c < r->channels; c++)
        for (size_t y = 0; y < r->height; y++) {
            const float *row = in + (c * r->height + (flip_y ? r->height - 1 - y : y)) * r->width;
            float *to = out + (c * r->height + y) * r->width;
            for (size_t x = 0; x < r->width; x++)
                to[x] = row[flip_x ? r->width - 1 - x : x];
        }
}

/* Logits of one pixel to probabilities, in place: sigmoid, or softmax. */
static void to_probability(float *value, size_t classes) {
    if (classes == 1) {
        value[0] = 1.0f / (1.0f + expf(-value[0]));
        return;
    }
    float highest = value[0], sum = 0.0f;
    for (size_t c = 1; c < classes; c++)
        highest = fmaxf(highest, value[c]);
    for (size_t c = 0; c < classes; c++) {
        value[c] = expf(value[c] - highest);
        sum += value[c];
    }
    for (size_t c = 0; c < classes; c++)
        value[c] /= sum;
}

static void add_probabilities(
    const slice_stack *stack, run *r, bool flip_x, bool flip_y, float weight) {
    size_t left = (r->width - stack->width) / 2, top = (r->height - stack->height) / 2;
    size_t area = stack->width * stack->height, padded = r->width * r->height;
    float value[MAX_CLASSES];
    for (size_t y = 0; y < stack->height; y++)
        for (size_t x = 0; x < stack->width; x++) {
            size_t px = left + x, py = top + y;
            px = flip_x ? r->width - 1 - px : px;
            py = flip_y ? r->height - 1 - py : py;
            for (size_t c = 0; c < r->classes; c++)
                value[c] = r->logits[c * padded + py * r->width + px];
            to_probability(value, r->classes);
            for (size_t c = 0; c < r->classes; c++)
                r->probability[c * area + y * stack->width + x] += weight * value[c];
        }
}

static ul_status run_slice(
    const slice_stack *stack, const ul_card *card, bool flips, size_t k, run *r, ul_error *error) {
    int x_ways = flips && card->tta_flip_x ? 2 : 1, y_ways = flips && card->tta_flip_y ? 2 : 1;
    float weight = 1.0f / (float)(x_ways * y_ways);
    memset(r->probability, 0, stack->width * stack->height * r->classes * sizeof *r->probability);
    slices_input(stack, card, r->channels, k, r->width, r->height, r->input);
    for (int way = 0; way < x_ways * y_ways; way++) {
        bool flip_x = way % x_ways, flip_y = way / x_ways;
        flip_planes(r->input, r, flip_x, flip_y, r->spare);
        ul_status status = ul_session_run(r->session, r->spare, 1, r->logits, error);
        if (status != UL_OK)
            return status;
        add_probabilities(stack, r, flip_x, flip_y, weight);
    }
    return UL_OK;
}

/* Adds a slice's probabilities to the source voxels that it covers, interpolated where the stack
 * was resampled. sum [classes][voxels]. */
static void add_to_source(
    const slice_stack *stack, size_t k, const run *r, size_t voxels, float *sum) {
    size_t area = stack->width * stack->height;
    for (size_t y = 0; y < stack->source[1]; y++)
        for (size_t x = 0; x < stack->source[0]; x++) {
            double limit_x = (double)stack->width - 1.0, limit_y = (double)stack->height - 1.0;
            double at_x = fmin(fmax(((double)x + 0.5) / stack->ratio[0] - 0.5, 0.0), limit_x);
            double at_y = fmin(fmax(((double)y + 0.5) / stack->ratio[1] - 0.5, 0.0), limit_y);
            size_t x0 = (size_t)at_x, y0 = (size_t)at_y;
            size_t x1 = x0 + 1 < stack->width ? x0 + 1 : x0;
            size_t y1 = y0 + 1 < stack->height ? y0 + 1 : y0;
            float fx = (float)(at_x - (double)x0), fy = (float)(at_y - (double)y0);
            size_t voxel = slices_source_index(stack, x, y, k);
            for (size_t c = 0; c < r->classes; c++) {
                const float *top = r->probability + c * area + y0 * stack->width;
                const float *bottom = r->probability + c * area + y1 * stack->width;
                float upper = top[x0] + fx * (top[x1] - top[x0]);
                float lower = bottom[x0] + fx * (bottom[x1] - bottom[x0]);
                sum[c * voxels + voxel] += upper + fy * (lower - upper);
            }
        }
}

/* One volume being segmented. */
typedef struct job {
    const ul_model *model;
    const ul_card *card;
    const ul_volume *volume;
    const ul_segment_options *options;
    const ul_progress *progress;
    size_t planes, classes, voxels;
    float *sum; /* [classes][voxels] probabilities, added over the planes */
} job;

static ul_status run_plane(const job *j, size_t plane, ul_error *error) {
    slice_stack stack;
    run r;
    ul_status status = slices_prepare(j->volume, j->card, plane, &stack, error);
    if (status != UL_OK)
        return status;
    status = run_open(j->model, &stack, j->options->threads, &r, error);
    if (status == UL_OK) {
        bool flips = j->options->flips || j->card->tta_default;
        for (size_t k = 0; status == UL_OK && k < stack.depth; k++) {
            status = run_slice(&stack, j->card, flips, k, &r, error);
            if (status == UL_OK)
                add_to_source(&stack, k, &r, j->voxels, j->sum);
            if (status == UL_OK &&
                !ul_progress_report(j->progress, "segmenting", k + 1, stack.depth))
                status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
        }
        run_close(&r);
    }
    slices_free(&stack);
    return status;
}

static void choose_classes(const job *j, ul_labels *labels) {
    for (size_t i = 0; i < j->voxels; i++) {
        size_t best = 0;
        if (j->classes == 1)
            best = j->sum[i] > 0.5f * (float)j->planes;
        for (size_t c = 1; c < j->classes; c++)
            if (j->sum[c * j->voxels + i] > j->sum[best * j->voxels + i])
                best = c;
        /* An output that the card does not name is background. */
        labels->map[i] = ul_segments_find(&labels->segments, (unsigned)best) ? (uint16_t)best : 0;
    }
}

/* Fractions of the named classes, without what the rules took away and with what they filled. */
static void keep_fractions(const job *j, ul_labels *labels) {
    for (size_t s = 0; s < labels->segments.count; s++) {
        unsigned number = labels->segments.items[s].number;
        const float *sum = j->sum + (j->classes == 1 ? 0 : number) * j->voxels;
        uint8_t *fraction = labels->fractions + s * j->voxels;
        for (size_t i = 0; i < j->voxels; i++) {
            float probability = sum[i] / (float)j->planes;
            bool likely = probability > 0.5f, is = labels->map[i] == number;
            fraction[i] = likely && labels->map[i] == 0 ? 0
                          : is && probability < 0.25f   ? 255
                                                        : (uint8_t)lrintf(255.0f * probability);
        }
    }
}

/* Applies the card's rules: to the volume, or to each of independent images alone. */
static ul_status apply_rules(const ul_card *card, ul_labels *labels, ul_error *error) {
    const ul_grid *grid = &labels->grid;
    size_t slices = grid->size[2], pixels = grid->size[0] * grid->size[1];
    double *voxel_mm3 = malloc((slices + 1) * sizeof *voxel_mm3);
    if (!voxel_mm3)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    bool known = true;
    for (size_t k = 0; k < slices; k++) {
        voxel_mm3[k] = grid->spacing_mm[0] * grid->spacing_mm[1] * ul_grid_depth_mm(grid, k);
        known = known && voxel_mm3[k] > 0.0;
    }
    ul_component_rules rules = {.largest = card->postprocess.largest_component,
        .minimum = known ? card->postprocess.minimum_mm3 : 0.0,
        .voxel_sizes = known ? voxel_mm3 : NULL,
        .fill_holes = card->postprocess.fill_holes};
    ul_status status = UL_OK;
    if (grid->stack == UL_STACK_UNPLACED) {
        const size_t one[3] = {grid->size[0], grid->size[1], 1};
        rules.voxel_sizes = NULL;
        rules.minimum = 0.0;
        for (size_t k = 0; status == UL_OK && k < slices; k++)
            status = ul_components_apply(labels->map + k * pixels, one, &rules, error);
    } else {
        status = ul_components_apply(labels->map, grid->size, &rules, error);
    }
    free(voxel_mm3);
    return status;
}

ul_status ul_segment_volume(const ul_model *model, const ul_card *card, const ul_volume *volume,
    const ul_segment_options *options, const ul_progress *progress, ul_labels *labels,
    ul_error *error) {
    const size_t *size = volume->grid.size;
    job j = {.model = model,
        .card = card,
        .volume = volume,
        .options = options,
        .progress = progress,
        .planes = card->plane_count ? card->plane_count : 1,
        .classes = ul_model_get_shape(model)->classes,
        .voxels = size[0] * size[1] * size[2]};
    memset(labels, 0, sizeof *labels);
    if (j.classes > MAX_CLASSES)
        return ul_error_set(error, UL_ERROR_LIMIT, "the model has %zu outputs, at most %d go",
            j.classes, MAX_CLASSES);
    ul_status status =
        ul_labels_create(&volume->grid, &card->classes, options->fractions, labels, error);
    if (status != UL_OK)
        return status;
    j.sum = calloc(j.voxels * j.classes, sizeof *j.sum);
    if (!j.sum)
        status = ul_error_set(
            error, UL_ERROR_LIMIT, "out of memory for %zu probabilities", j.voxels * j.classes);
    for (size_t plane = 0; status == UL_OK && plane < j.planes; plane++)
        status = run_plane(&j, plane, error);
    if (status == UL_OK) {
        choose_classes(&j, labels);
        status = apply_rules(card, labels, error);
    }
    if (status == UL_OK && options->fractions)
        keep_fractions(&j, labels);
    if (status != UL_OK)
        ul_labels_free(labels);
    free(j.sum);
    return status;
}
