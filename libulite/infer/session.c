#include "libulite/base/resources.h"
#include "libulite/infer/session_internal.h"
#include "ulite/resources.h"

#include <stdlib.h>
#include <string.h>

struct ul_session {
    ul_model_shape shape;
    ul_kernels kernels;
    ul_folded folded;
    ul_buffers slice_plan; /* a slice by one thread */
    ul_buffers pixel_plan; /* a slice by all threads */
    size_t planes;         /* of an input slice */
    size_t height, width;
    ul_team *team;
    int threads;
    bool whole_slices; /* threads may take slices of their own: there is a region for each */
    float *zeros, *regions;
    float *arena;
    size_t arena_bytes;
    const ul_probe *probe;
};

void ul_session_options_init(ul_session_options *options) {
    *options = (ul_session_options){.height = 256, .width = 256};
}

/* --- Creation -------------------------------------------------------------------------------- */

/* Floats of the longest tensor row that a cross reads. */
static size_t longest_row(const ul_session *s) {
    size_t longest = (s->width >> UL_DEPTH) * 4 * s->folded.bottleneck;
    for (int l = 0; l < UL_DEPTH; l++) {
        size_t row = (s->width >> l) * s->folded.width[l];
        longest = row > longest ? row : longest;
    }
    return ul_pad_channels(longest);
}

/* Floats of the regions. They serve slices that threads take for themselves, where that is meant
 * and keeps to the options' limit, and slices that all threads share. */
static size_t plan_regions(ul_session *s, size_t slices_bytes) {
    size_t threads = (size_t)s->threads;
    ul_buffers_plan(&s->slice_plan, &s->folded, s->height, s->width, 1);
    ul_buffers_plan(&s->pixel_plan, &s->folded, s->height, s->width, s->threads);
    size_t each = s->slice_plan.region * threads;
    size_t team = s->pixel_plan.region + s->pixel_plan.own_region * threads;
    s->whole_slices = threads == 1 || slices_bytes == 0 || each * sizeof(float) <= slices_bytes;
    return s->whole_slices && each > team ? each : team;
}

/* Arena: folded weights, a row of zeros, the regions. */
static ul_status allocate(ul_session *s, const ul_model_shape *shape,
    const ul_session_options *options, ul_error *error) {
    size_t weights = ul_fold_layout(&s->folded, shape, options->grey, NULL);
    size_t zeros = longest_row(s);
    size_t bytes = (weights + zeros + plan_regions(s, options->slices_bytes)) * sizeof(float);
    s->arena_bytes = bytes;
    s->arena = ul_huge_alloc(&s->arena_bytes);
    if (!s->arena)
        return ul_error_set(error, UL_ERROR_LIMIT,
            "out of memory: slices of %zu x %zu on %d threads need %zu MiB; use fewer threads or "
            "smaller slices",
            s->height, s->width, s->threads, s->arena_bytes >> 20);
    ul_fold_layout(&s->folded, shape, options->grey, s->arena);
    s->zeros = s->arena + weights;
    s->regions = s->zeros + zeros;
    memset(s->zeros, 0, zeros * sizeof(float));
    return UL_OK;
}

ul_status ul_session_create(const ul_model *model, const ul_session_options *options,
    ul_session **session, ul_error *error) {
    *session = NULL;
    ul_session_options defaults;
    ul_session_options_init(&defaults);
    options = options ? options : &defaults;
    ul_isa level;
    ul_status status = ul_limits_check(options->height, options->width, options->threads, error);
    if (status == UL_OK)
        status = ul_cpu_isa(&level, error);
    if (status != UL_OK)
        return status;
    ul_session *s = calloc(1, sizeof *s);
    if (!s)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a session");
    const ul_model_shape *shape = ul_model_get_shape(model);
    s->shape = *shape;
    ul_kernels_init(&s->kernels, level);
    s->planes = options->grey ? 1 : shape->input_channels;
    s->height = options->height;
    s->width = options->width;
    s->team = ul_team_create(options->threads);
    s->threads = ul_team_threads(s->team);
    status = allocate(s, shape, options, error);
    if (status == UL_OK)
        status = ul_fold(&s->folded, model, error);
    if (status != UL_OK) {
        ul_session_close(s);
        return status;
    }
    *session = s;
    return UL_OK;
}

void ul_session_close(ul_session *session) {
    if (!session)
        return;
    ul_team_close(session->team);
    free(session->arena);
    free(session);
}

/* --- Running --------------------------------------------------------------------------------- */

static ul_run run_of(
    const ul_session *s, const ul_buffers *plan, const float *input, float *logits, size_t slice) {
    size_t pixels = s->height * s->width;
    return (ul_run){.kernels = &s->kernels,
        .folded = &s->folded,
        .plan = plan,
        .zeros = s->zeros,
        .shared = s->regions,
        .own = s->regions,
        .threads = 1,
        .input = input + slice * s->planes * pixels,
        .logits = logits + slice * s->folded.classes * pixels,
        .probe = s->probe};
}

typedef struct slices {
    const ul_session *session;
    const float *input;
    size_t count;
    float *logits;
} slices;

/* A thread takes a whole slice into its own region. */
static void run_slice(void *context, size_t slice, int thread) {
    const slices *all = context;
    const ul_session *s = all->session;
    ul_run run = run_of(s, &s->slice_plan, all->input, all->logits, slice);
    run.shared = run.own = s->regions + (size_t)thread * s->slice_plan.region;
    ul_infer_slice(&run);
}

/* All threads share each slice. */
static void run_pixels(void *context, int thread, int threads) {
    const slices *all = context;
    const ul_session *s = all->session;
    for (size_t slice = 0; slice < all->count; slice++) {
        ul_run run = run_of(s, &s->pixel_plan, all->input, all->logits, slice);
        run.team = s->team;
        run.thread = thread;
        run.threads = threads;
        run.own = s->regions + s->pixel_plan.region + (size_t)thread * s->pixel_plan.own_region;
        ul_infer_slice(&run);
    }
}

size_t ul_session_input_size(const ul_session *session) {
    return session->planes * session->height * session->width;
}

size_t ul_session_logits_size(const ul_session *session) {
    return session->folded.classes * session->height * session->width;
}

ul_status ul_session_run(ul_session *session, const float *input, size_t input_size, float *logits,
    size_t logits_size, ul_error *error) {
    const size_t one = ul_session_input_size(session), count = input_size / one;
    if (input_size % one != 0 || logits_size != count * ul_session_logits_size(session))
        return ul_error_set(error, UL_ERROR_USAGE,
            "%zu floats of input and %zu of logits: a slice has %zu (%zu x %zu x %zu) and %zu (%zu "
            "x %zu x %zu)",
            input_size, logits_size, one, session->planes, session->height, session->width,
            ul_session_logits_size(session), session->folded.classes, session->height,
            session->width);
    slices all = {session, input, count, logits};
    if (session->threads == 1 || (session->whole_slices && count >= (size_t)session->threads))
        ul_team_for(session->team, count, run_slice, &all);
    else
        ul_team_run(session->team, run_pixels, &all);
    return UL_OK;
}

void ul_session_set_probe(ul_session *session, const ul_probe *probe) {
    session->probe = probe;
}

size_t ul_session_arena_bytes(const ul_session *session) {
    return session->arena_bytes;
}

ul_isa ul_session_isa(const ul_session *session) {
    return session->kernels.level;
}

int ul_session_threads(const ul_session *session) {
    return session->threads;
}

bool ul_session_shares_slices(const ul_session *session) {
    return !session->whole_slices;
}

ul_team *ul_session_team(const ul_session *session) {
    return session->team;
}

const ul_model_shape *ul_session_shape(const ul_session *session) {
    return &session->shape;
}

size_t ul_session_pixels(const ul_session *session) {
    return session->height * session->width;
}

size_t ul_session_planes(const ul_session *session) {
    return session->planes;
}
