#include "jobs/segment/predict.h"

#include <stdlib.h>
#include <string.h>

/* Most memory for the tensors of slices that threads run side by side, and for the byte that each
 * voxel of the label map takes beyond the one that a label needs: a segmentation keeps to the limit
 * that docs/benchmarks.md states. */
static const size_t SLICES_BYTES = (size_t)152 << 20;

/* Most slices that are made ready together: their inputs and logits are in memory. */
enum { MAX_SLICES = 4 };

/* Everything for one batch of slices. */
typedef struct predictor {
    const ul_card *card;
    const slice_stack *stack;
    ul_session *session;
    int threads;                      /* of the session */
    size_t batch;                     /* slices */
    size_t padded[2], channels, area; /* of the session's input planes */
    size_t classes, out_area;         /* of the planes that logits go back to */
    bool resampled;                   /* they are no pixels of the stack */
    bool flips[2];
    /* whose logits count for an output: its own, and on the slice flipped along x */
    unsigned counted[2][PREDICT_MAX_CLASSES];
    resampler back[2]; /* from pixels to theirs, where resampled */
    float *input;      /* [batch][channels][area] */
    float *output;     /* [batch][classes][area] */
    float *logits;     /* [batch][classes][out_area] */
    float *scratch;    /* [batch][scratch_size] */
    size_t scratch_size;
} predictor;

static void predictor_close(predictor *p) {
    ul_session_close(p->session);
    resampler_free(&p->back[0]);
    resampler_free(&p->back[1]);
    free(p->input);
    free(p->output);
    free(p->logits);
    free(p->scratch);
}

static ul_status open_session(const ul_model *model, predictor *p, int threads, ul_error *error) {
    ul_session_options options;
    ul_session_options_init(&options);
    options.width = p->padded[0];
    options.height = p->padded[1];
    options.threads = threads;
    const size_t *size = p->stack->o.size;
    size_t voxels = size[0] * size[1] * size[2];
    options.slices_bytes = voxels < SLICES_BYTES ? SLICES_BYTES - voxels : 1;
    options.grey = p->card->channels == UL_CHANNELS_GREY;
    p->channels = options.grey ? 1 : ul_model_get_shape(model)->input_channels;
    ul_status status = ul_session_create(model, &options, &p->session, error);
    if (status == UL_OK)
        p->threads = ul_session_threads(p->session);
    return status;
}

static ul_status open_resamplers(predictor *p, ul_error *error) {
    const slice_stack *stack = p->stack;
    const size_t size[2] = {stack->width, stack->height};
    ul_status status = UL_OK;
    p->resampled = !stack->same[0] || !stack->same[1];
    for (int t = 0; status == UL_OK && p->resampled && t < 2; t++)
        status = resampler_create(size[t], stack->out.size[t],
            stack->same[t] ? 1.0 : 1.0 / stack->ratio[t], false, &p->back[t], error);
    return status;
}

static ul_status allocate(predictor *p, ul_error *error) {
    const slice_stack *stack = p->stack;
    size_t back = stack->width * (stack->height + stack->out.size[1]) + p->out_area;
    size_t cut = slices_scratch(stack);
    size_t most = ul_session_shares_slices(p->session) ? MAX_SLICES : (size_t)p->threads;
    p->batch = (size_t)p->threads < most ? (size_t)p->threads : most;
    p->batch = p->batch < stack->depth ? p->batch : stack->depth;
    p->scratch_size = back > cut ? back : cut;
    p->input = malloc(p->batch * p->channels * p->area * sizeof(float));
    p->output = malloc(p->batch * p->classes * p->area * sizeof(float));
    p->logits = malloc(p->batch * p->classes * p->out_area * sizeof(float));
    p->scratch = malloc(p->batch * p->scratch_size * sizeof(float));
    if (p->input && p->output && p->logits && p->scratch)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory to run the network");
}

/* In sagittal slices one of a mirror pair counts for both, and a flip along x would turn the face
 * to the back, which is no mirror image: none is averaged. Elsewhere a slice flipped along x shows
 * each on the other's side. */
static void pair_sides(predictor *p) {
    for (unsigned c = 0; c < p->classes; c++) {
        unsigned mirror = ul_segments_mirror(&p->card->classes, c);
        p->counted[0][c] = p->stack->sagittal ? ul_segments_fold(&p->card->classes, c) : c;
        p->counted[1][c] = mirror;
        p->flips[0] = p->flips[0] && !(p->stack->sagittal && mirror != c);
    }
}

static ul_status predictor_open(const ul_model *model, const ul_card *card,
    const slice_stack *stack, const ul_segment_options *options, predictor *p, ul_error *error) {
    bool flips = options->flips || card->tta_default;
    *p = (predictor){.card = card,
        .stack = stack,
        .classes = ul_model_get_shape(model)->classes,
        .out_area = stack->out.size[0] * stack->out.size[1],
        .flips = {flips && card->tta_flip_x, flips && card->tta_flip_y}};
    pair_sides(p);
    slices_padded(stack, card, p->padded);
    p->area = p->padded[0] * p->padded[1];
    ul_status status = open_session(model, p, options->threads, error);
    if (status == UL_OK)
        status = open_resamplers(p, error);
    if (status == UL_OK)
        status = allocate(p, error);
    if (status != UL_OK)
        predictor_close(p);
    return status;
}

/* Turns planes around in place. */
static void flip(float *planes, size_t count, const size_t size[2], int axis) {
    size_t lines = axis == 0 ? size[1] : size[0], length = size[axis];
    size_t step = axis == 0 ? 1 : size[0], next = axis == 0 ? size[0] : 1;
    for (size_t n = 0; n < count; n++)
        for (size_t l = 0; l < lines; l++) {
            float *line = planes + n * size[0] * size[1] + l * next;
            for (size_t i = 0, j = length - 1; i < j; i++, j--) {
                float held = line[i * step];
                line[i * step] = line[j * step];
                line[j * step] = held;
            }
        }
}

/* The stack's pixels out of a padded plane that may be flipped. */
static void unpad(const predictor *p, const float *plane, const bool flipped[2], float *pixels) {
    const size_t *padded = p->padded, width = p->stack->width, height = p->stack->height;
    size_t left = (padded[0] - width) / 2, top = (padded[1] - height) / 2;
    for (size_t y = 0; y < height; y++) {
        size_t row = flipped[1] ? padded[1] - 1 - (top + y) : top + y;
        const float *from = plane + row * padded[0];
        for (size_t x = 0; x < width; x++)
            pixels[y * width + x] = from[flipped[0] ? padded[0] - 1 - (left + x) : left + x];
    }
}

/* Adds weight times the logits of the n-th slice of the batch, brought back to the source; at a
 * weight of 1 there is nothing else to add to. */
static void add_slice(const predictor *p, size_t n, const bool flipped[2], float weight) {
    const slice_stack *stack = p->stack;
    float *pixels = p->scratch + n * p->scratch_size;
    float *back = pixels + stack->width * stack->height, *spare = back + p->out_area;
    for (size_t c = 0; c < p->classes; c++) {
        size_t from = n * p->classes + p->counted[flipped[0]][c];
        unpad(p, p->output + from * p->area, flipped, pixels);
        if (p->resampled)
            resample_plane(&p->back[0], &p->back[1], pixels, spare, back);
        const float *add = p->resampled ? back : pixels;
        float *sum = p->logits + (n * p->classes + c) * p->out_area;
        if (weight == 1.0f)
            memcpy(sum, add, p->out_area * sizeof *sum);
        for (size_t i = 0; weight != 1.0f && i < p->out_area; i++)
            sum[i] += weight * add[i];
    }
}

typedef struct slice_work {
    const predictor *p;
    size_t first; /* slice of the batch */
    const bool *flipped;
    float weight;
    predict_function take;
    void *context; /* of take */
} slice_work;

static void add_item(void *context, size_t n, int thread) {
    const slice_work *work = context;
    (void)thread;
    add_slice(work->p, n, work->flipped, work->weight);
}

static ul_status run_network(
    const predictor *p, size_t count, const bool flipped[2], float weight, ul_error *error) {
    ul_status status =
        ul_session_run(p->session, p->input, count * ul_session_input_size(p->session), p->output,
            count * ul_session_logits_size(p->session), error);
    if (status != UL_OK)
        return status;
    slice_work work = {.p = p, .flipped = flipped, .weight = weight};
    ul_team_for(ul_session_team(p->session), count, add_item, &work);
    return UL_OK;
}

static void input_item(void *context, size_t n, int thread) {
    const slice_work *work = context;
    const predictor *p = work->p;
    (void)thread;
    slices_input(p->stack, p->card, p->channels, work->first + n, p->padded,
        p->scratch + n * p->scratch_size, p->input + n * p->channels * p->area);
}

static void take_item(void *context, size_t n, int thread) {
    const slice_work *work = context;
    const predictor *p = work->p;
    ul_voxel_plane plane = orientation_slice(&p->stack->out, work->first + n);
    (void)thread;
    work->take(work->context, &plane, p->logits + n * p->classes * p->out_area);
}

/* Slices first to first + count - 1. The input is flipped in place from one way to the next: along
 * x, then y, then back along x. */
static ul_status run_batch(const predictor *p, size_t first, size_t count, ul_error *error) {
    int ways = (p->flips[0] ? 2 : 1) * (p->flips[1] ? 2 : 1);
    bool flipped[2] = {false, false};
    if (ways > 1)
        memset(p->logits, 0, count * p->classes * p->out_area * sizeof(float));
    slice_work work = {.p = p, .first = first};
    ul_team_for(ul_session_team(p->session), count, input_item, &work);
    ul_status status = run_network(p, count, flipped, 1.0f / (float)ways, error);
    for (int way = 1; status == UL_OK && way < ways; way++) {
        int axis = !p->flips[0] || way == 2 ? 1 : 0;
        flip(p->input, count * p->channels, p->padded, axis);
        flipped[axis] = !flipped[axis];
        status = run_network(p, count, flipped, 1.0f / (float)ways, error);
    }
    return status;
}

ul_status predict_stack(const ul_model *model, const ul_card *card, const slice_stack *stack,
    size_t first, size_t count, const ul_segment_options *options, const ul_progress *progress,
    predict_function take, void *context, ul_error *error) {
    predictor p;
    ul_status status = predictor_open(model, card, stack, options, &p, error);
    if (status != UL_OK)
        return status;
    for (size_t done = 0; status == UL_OK && done < count;) {
        size_t left = count - done, now = left < p.batch ? left : p.batch;
        status = run_batch(&p, first + done, now, error);
        if (status != UL_OK)
            break;
        slice_work work = {.p = &p, .first = first + done, .take = take, .context = context};
        ul_team_for(ul_session_team(p.session), now, take_item, &work);
        done += now;
        if (!ul_progress_report(progress, "segmenting", done, count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    predictor_close(&p);
    return status;
}
