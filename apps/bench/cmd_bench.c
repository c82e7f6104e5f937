#include "apps/base/console.h"
#include "apps/options/options.h"
#include "jobs/base/model_path.h"
#include "libulite/base/resources.h"
#include "libulite/base/sort.h"
#include "ulite/model.h"
#include "ulite/session.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct bench_options {
    const char *model;
    ul_session_options session;
    size_t slices;
    double seconds;
    bool layers;
} bench_options;

/* The session tells which sizes there are. */
static int take_size(const cli_command *command, void *values, const char *text) {
    ul_session_options *session = &((bench_options *)values)->session;
    char *end;
    long height = strtol(text, &end, 10), width = *end == 'x' ? strtol(end + 1, &end, 10) : -1;
    session->height = (size_t)height;
    session->width = (size_t)width;
    return !*end && height >= 0 && width >= 0
               ? UL_OK
               : console_usage(command, "--size takes HxW, not \"%s\"", text);
}

static bench_options given = {.session = {.height = 256, .width = 256}, .slices = 1, .seconds = 2};
#define CLI_VALUES bench_options
static const cli_option table[] = {
    {"model", 'm', "MODEL", CLI_TEXT(model),
        .help =
            "a file, or the name of a bundled model; without it a network of the paper's shape"},
    {"size", 0, "HxW", CLI_CALL(take_size), .help = "slice size, multiples of 32 (256x256)"},
    {"slices", 0, "N", CLI_WHOLE(slices, 1, 100000), .help = "slices in one call (1)"},
    {"threads", 0, "N", CLI_WHOLE(session.threads, 0, UL_MOST_THREADS),
        .help = "0 takes every processor (0)"},
    {"grey", 0, NULL, CLI_FLAG(session.grey), .help = "one input channel that stands for all"},
    {"layers", 0, NULL, CLI_FLAG(layers), .help = "also the time of every block"},
    {"seconds", 0, "X", CLI_ABOVE_0(seconds, 3600), .help = "how long to measure (2)"},
    {"json", 0, NULL, CLI_SAID, .help = "one JSON object on stdout"},
    {0},
};

typedef struct bench_result {
    size_t runs;
    double median, shortest; /* seconds per slice */
    double multiply_adds;    /* per slice */
    double peak;             /* per second */
    ul_block_time blocks[UL_BLOCKS];
} bench_result;

/* --- Measuring ------------------------------------------------------------------------------- */

static ul_status open_model(const bench_options *o, ul_model **model, ul_error *error) {
    char path[MODEL_PATH_BYTES];
    if (o->model)
        return model_path_find(o->model, path, error) == UL_OK ? ul_model_open(path, model, error)
                                                               : error->status;
    const ul_model_shape paper = {
        .input_channels = 3, .classes = 1, .width = {16, 32, 64, 128, 256, 512}, .bottleneck = 128};
    return ul_model_create(&paper, 1, model, error);
}

/* Runs for the given time, at least five times and at most as often as times has room. */
static ul_status measure_runs(const bench_options *o, ul_session *session, const float *input,
    float *logits, double *times, size_t room, bench_result *result, ul_error *error) {
    const size_t inputs = o->slices * ul_session_input_size(session),
                 outputs = o->slices * ul_session_logits_size(session);
    ul_status status = ul_session_run(session, input, inputs, logits, outputs, error);
    double begin = ul_seconds();
    size_t runs = 0;
    while (status == UL_OK && runs < room && (runs < 5 || ul_seconds() - begin < o->seconds)) {
        double start = ul_seconds();
        status = ul_session_run(session, input, inputs, logits, outputs, error);
        times[runs++] = (ul_seconds() - start) / (double)o->slices;
    }
    if (status != UL_OK)
        return status;
    ul_sort_doubles(times, runs);
    result->runs = runs;
    result->shortest = times[0];
    result->median = times[runs / 2];
    return UL_OK;
}

static ul_status measure(
    const bench_options *o, ul_session *session, bench_result *result, ul_error *error) {
    enum { MAX_RUNS = 100000 };
    size_t inputs = o->slices * ul_session_input_size(session);
    float *input = malloc(inputs * sizeof *input);
    float *logits = malloc(o->slices * ul_session_logits_size(session) * sizeof *logits);
    double *times = malloc(MAX_RUNS * sizeof *times);
    ul_status status = UL_ERROR_LIMIT;
    if (!input || !logits || !times) {
        ul_error_set(error, status, "out of memory for %zu slices", o->slices);
    } else {
        for (size_t i = 0; i < inputs; i++)
            input[i] = (float)((uint32_t)i * 2654435761u >> 8) / 16777216.0f;
        status = measure_runs(o, session, input, logits, times, MAX_RUNS, result, error);
        if (status == UL_OK && o->layers)
            status = ul_session_profile(session, input, ul_session_input_size(session), logits,
                ul_session_logits_size(session), 50, result->blocks, error);
        result->multiply_adds = ul_session_multiply_adds(session);
        result->peak = ul_bench_peak(ul_session_isa(session), ul_session_threads(session));
    }
    free(times);
    free(logits);
    free(input);
    return status;
}

/* --- Printing -------------------------------------------------------------------------------- */

static void print_layers(const bench_result *r) {
    printf("\n%-6s %10s %10s %10s %8s\n", "block", "MMAC", "us", "GMAC/s", "of peak");
    for (int i = 0; i < UL_BLOCKS; i++) {
        const ul_block_time *b = &r->blocks[i];
        double rate = b->multiply_adds / b->seconds;
        printf("%-6s %10.2f %10.1f %10.1f %7.1f%%\n", b->name, b->multiply_adds * 1e-6,
            b->seconds * 1e6, rate * 1e-9, 100 * rate / r->peak);
    }
}

static void print_table(const bench_options *o, const ul_session *session, const bench_result *r) {
    double rate = r->multiply_adds / r->shortest;
    printf("%-20s %s, %d threads\n", "level", ul_isa_name(ul_session_isa(session)),
        ul_session_threads(session));
    printf("%-20s %zux%zu%s, %zu in a call, %zu calls\n", "slices", o->session.height,
        o->session.width, o->session.grey ? " grey" : "", o->slices, r->runs);
    printf("%-20s %.3f median, %.3f minimum\n", "ms per slice", r->median * 1e3, r->shortest * 1e3);
    printf("%-20s %.1f\n", "slices per second", 1 / r->median);
    printf("%-20s %.3f\n", "GMAC per slice", r->multiply_adds * 1e-9);
    printf("%-20s %.1f, %.1f%% of the peak %.1f\n", "GMAC per second", rate * 1e-9,
        100 * rate / r->peak, r->peak * 1e-9);
    printf("%-20s %zu (%.1f MiB)\n", "arena bytes", ul_session_arena_bytes(session),
        (double)ul_session_arena_bytes(session) / 1048576);
    if (o->layers)
        print_layers(r);
}

static void print_json(const bench_options *o, const ul_session *session, const bench_result *r) {
    double rate = r->multiply_adds / r->shortest;
    printf("{\"version\": 1, \"ms_per_slice\": {\"median\": %.6g, \"min\": %.6g}, "
           "\"slices_per_second\": %.6g,\n",
        r->median * 1e3, r->shortest * 1e3, 1 / r->median);
    printf(" \"gmac_per_slice\": %.6g, \"gmac_per_second\": %.6g, \"peak_gmac_per_second\": %.6g,\n"
           " \"share_of_peak\": %.4g, \"arena_bytes\": %zu, \"threads\": %d, \"level\": \"%s\",\n"
           " \"size\": \"%zux%zu\", \"slices\": %zu, \"grey\": %s",
        r->multiply_adds * 1e-9, rate * 1e-9, r->peak * 1e-9, rate / r->peak,
        ul_session_arena_bytes(session), ul_session_threads(session),
        ul_isa_name(ul_session_isa(session)), o->session.height, o->session.width, o->slices,
        o->session.grey ? "true" : "false");
    for (int i = 0; o->layers && i < UL_BLOCKS; i++)
        printf("%s{\"name\": \"%s\", \"gmac\": %.6g, \"ms\": %.6g}",
            i == 0 ? ",\n \"layers\": [" : ",\n  ", r->blocks[i].name,
            r->blocks[i].multiply_adds * 1e-9, r->blocks[i].seconds * 1e3);
    printf("%s}\n", o->layers ? "]" : "");
}

static int bench_run(char **arguments, ul_error *error) {
    const bench_options *o = &given;
    ul_model *model = NULL;
    ul_session *session = NULL;
    bench_result result = {0};
    (void)arguments;
    if (open_model(o, &model, error) == UL_OK &&
        ul_session_create(model, &o->session, &session, error) == UL_OK &&
        measure(o, session, &result, error) == UL_OK)
        (console_settings.json ? print_json : print_table)(o, session, &result);
    ul_session_close(session);
    ul_model_close(model);
    return error->status;
}

const cli_command cmd_bench = {.name = "bench",
    .summary = "measure the speed of the network on this machine",
    .usage = "[-m MODEL] [--size HxW] [--slices N] [--threads N] [--layers] [--json]",
    .about =
        "Runs the network on random slices and prints the time per slice, the rate of "
        "multiply-adds of the reduced work and its share of what the machine reaches in registers "
        "at the same level (the shortest time against the best rate), and the session's memory. "
        "ULITE_CPU=scalar|neon|avx2|avx512 forces a level.",
    .options = table,
    .values = &given,
    .examples = "ulite bench\n"
                "ulite bench --threads 1 --layers\n"
                "ULITE_CPU=avx2 ulite bench --size 512x512 --slices 8 --json",
    .run = bench_run};
