#include "ulite/session.h"

#include "libulite/base/resources.h"
#include "libulite/infer/session_internal.h"
#include "ulite/resources.h"

/* --- The peak -------------------------------------------------------------------------------- */

typedef struct peak {
    ul_kernels kernels;
    double rates[UL_MOST_THREADS];
} peak;

/* One thread's rate over a few milliseconds. */
static void peak_once(void *context, int thread, int threads) {
    enum { ROUNDS = 1000000 };
    peak *p = context;
    float sink[UL_LANES];
    double start = ul_seconds();
    size_t done = p->kernels.multiply_adds(ROUNDS, sink);
    (void)threads;
    p->rates[thread] = (double)done / (ul_seconds() - start);
}

double ul_bench_peak(ul_isa level, int threads) {
    if (!ul_cpu_has(level))
        return 0;
    peak p = {0};
    ul_kernels_init(&p.kernels, level);
    ul_team *team = ul_team_create(threads);
    double best = 0;
    for (int repeat = 0; repeat < 20; repeat++) {
        double sum = 0;
        ul_team_run(team, peak_once, &p);
        for (int thread = 0; thread < ul_team_threads(team); thread++)
            sum += p.rates[thread];
        best = sum > best ? sum : best;
    }
    ul_team_close(team);
    return best;
}

/* --- The work -------------------------------------------------------------------------------- */

#define TAPS_SQUARE 49 /* of conv_in */
#define CROSS 13       /* taps of the encoder's and decoder's axial blocks */
#define BRANCH 5       /* of the bottleneck's */

static double encoder_work(const ul_session *s, int l) {
    const ul_model_shape *m = ul_session_shape(s);
    double pixels = (double)ul_session_pixels(s) / (double)(1 << 2 * l);
    double work = pixels * (double)(m->width[l] * (CROSS + m->width[l + 1]));
    if (l == 0)
        work += pixels * (double)(TAPS_SQUARE * ul_session_planes(s) * m->width[0]);
    return work;
}

static double bottleneck_work(const ul_session *s) {
    const ul_model_shape *m = ul_session_shape(s);
    double pixels = (double)ul_session_pixels(s) / (double)(1 << 2 * UL_DEPTH);
    size_t part = m->bottleneck, channels = m->width[UL_DEPTH];
    return pixels * (double)(part * (5 * channels + UL_BRANCHES * BRANCH));
}

static double decoder_work(const ul_session *s, int l) {
    const ul_model_shape *m = ul_session_shape(s);
    double pixels = (double)ul_session_pixels(s) / (double)(1 << 2 * l);
    double channels = (double)m->width[l], below = (double)m->width[l + 1];
    double work = pixels * channels * (below / 4 + channels + CROSS + channels);
    if (l == 0)
        work += pixels * channels * (double)m->classes;
    return work;
}

static double step_work(const ul_session *s, int step) {
    if (step < UL_DEPTH)
        return encoder_work(s, step);
    return step == UL_DEPTH ? bottleneck_work(s) : decoder_work(s, 2 * UL_DEPTH - step);
}

double ul_session_multiply_adds(const ul_session *session) {
    double sum = 0;
    for (int step = 0; step < UL_BLOCKS; step++)
        sum += step_work(session, step);
    return sum;
}

/* --- The blocks ------------------------------------------------------------------------------ */

typedef struct clock_state {
    ul_block_time *blocks;
    double last;
} clock_state;

static void step_done(void *context, int thread, int step) {
    if (thread != 0)
        return;
    clock_state *clock = context;
    double time = ul_seconds(), taken = time - clock->last;
    ul_block_time *block = &clock->blocks[step];
    if (block->seconds == 0 || taken < block->seconds)
        block->seconds = taken;
    clock->last = ul_seconds();
}

ul_status ul_session_profile(ul_session *session, const float *input, size_t input_size,
    float *logits, size_t logits_size, int runs, ul_block_time blocks[UL_BLOCKS], ul_error *error) {
    static const char *const names[UL_BLOCKS] = {
        "e1", "e2", "e3", "e4", "e5", "b5", "d5", "d4", "d3", "d2", "d1"};
    for (int step = 0; step < UL_BLOCKS; step++)
        blocks[step] =
            (ul_block_time){.name = names[step], .multiply_adds = step_work(session, step)};
    clock_state clock = {.blocks = blocks};
    ul_probe probe = {.step = step_done, .context = &clock};
    if (input_size != ul_session_input_size(session))
        return ul_error_set(error, UL_ERROR_USAGE, "%zu floats of input: a slice has %zu",
            input_size, ul_session_input_size(session));
    ul_session_set_probe(session, &probe);
    ul_status status = UL_OK;
    for (int i = 0; i < runs && status == UL_OK; i++) {
        clock.last = ul_seconds();
        status = ul_session_run(session, input, input_size, logits, logits_size, error);
    }
    ul_session_set_probe(session, NULL);
    return status;
}
