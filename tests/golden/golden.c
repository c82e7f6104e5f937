/* golden DIR: every forward_*.safetensors in DIR (input, logits and, where the file has them, block
 * outputs, made by another implementation) against the network with the weights.safetensors beside
 * it, at every level of this machine. A tensor passes where max |difference| <= 1e-5 * max(1, max
 * |tensor|); one, two and three threads must agree bit for bit. */
#include "libulite/infer/session_internal.h"
#include "libulite/kernels/kernels.h"
#include "libulite/model/safetensors.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-5
#define PATH_BYTES 4096
#define MAX_BLOCKS 32

/* One tensor of the file, [n][channels][height][width], against what the network makes. */
typedef struct expected {
    const char *name;
    size_t n, channels, height, width;
    float *values;
    float largest, difference;
    size_t rows_seen; /* over all slices */
} expected;

typedef struct golden {
    expected blocks[MAX_BLOCKS];
    size_t count;
    size_t slice; /* that is being run */
    pthread_mutex_t lock;
} golden;

static bool report(const ul_error *error) {
    fprintf(stderr, "golden: %s\n", error->text);
    return false;
}

/* --- The file -------------------------------------------------------------------------------- */

static bool load(const ul_stored *stored, expected *e) {
    size_t count = ul_stored_count(stored);
    if (stored->rank != 4 || count == 0)
        return false;
    *e = (expected){.name = stored->name,
        .n = stored->shape[0],
        .channels = stored->shape[1],
        .height = stored->shape[2],
        .width = stored->shape[3],
        .values = malloc(count * sizeof(float))};
    if (!e->values || !ul_stored_floats(stored, e->values))
        return false;
    for (size_t i = 0; i < count; i++)
        e->largest = fmaxf(e->largest, fabsf(e->values[i]));
    return true;
}

static expected *find(golden *g, const char *name) {
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->blocks[i].name, name) == 0)
            return &g->blocks[i];
    return NULL;
}

static bool load_all(const char *path, const ul_safetensors *file, golden *g) {
    for (size_t i = 0; i < ul_safetensors_count(file); i++)
        if (g->count == MAX_BLOCKS || !load(ul_safetensors_at(file, i), &g->blocks[g->count++])) {
            fprintf(stderr, "golden: %s: %s: expected at most %d float tensors of rank 4\n", path,
                ul_safetensors_at(file, i)->name, MAX_BLOCKS);
            return false;
        }
    if (find(g, "input") && find(g, "logits"))
        return true;
    fprintf(stderr, "golden: %s: expected the tensors \"input\" and \"logits\"\n", path);
    return false;
}

/* --- The comparison -------------------------------------------------------------------------- */

/* A NaN differs infinitely. */
static void compare(expected *e, size_t index, float got) {
    float difference = fabsf(got - e->values[index]);
    if (!(difference <= e->difference))
        e->difference = isnan(difference) ? INFINITY : difference;
}

static void compare_rows(void *context, const ul_probe_rows *rows) {
    golden *g = context;
    expected *e = find(g, rows->name);
    if (!e)
        return;
    pthread_mutex_lock(&g->lock);
    for (size_t y = 0; y < rows->rows; y++, e->rows_seen++)
        for (size_t x = 0; x < e->width; x++)
            for (size_t c = 0; c < e->channels; c++)
                compare(e, ((g->slice * e->channels + c) * e->height + rows->y + y) * e->width + x,
                    rows->data[y * rows->row + x * rows->stride + c]);
    pthread_mutex_unlock(&g->lock);
}

/* What the level made of every tensor; resets it for the next level. */
static bool judge(golden *g, const char *file, const char *level) {
    bool passed = true;
    double worst = 0;
    size_t compared = 0;
    for (size_t i = 0; i < g->count; i++) {
        expected *e = &g->blocks[i];
        if (strcmp(e->name, "input") == 0)
            continue;
        double relative = e->difference / fmax(1, (double)e->largest);
        if (relative > TOLERANCE || e->rows_seen != e->n * e->height) {
            printf("%s %s %s: FAILED, max |difference| %.3g, max |tensor| %.3g, %zu of %zu rows\n",
                file, level, e->name, (double)e->difference, (double)e->largest, e->rows_seen,
                e->n * e->height);
            passed = false;
        }
        worst = fmax(worst, relative);
        compared++;
        e->difference = 0;
        e->rows_seen = 0;
    }
    printf("%s %s: %zu tensors, worst difference %.2e (limit %.0e): %s\n", file, level, compared,
        worst, TOLERANCE, passed ? "ok" : "FAILED");
    return passed;
}

/* --- Running --------------------------------------------------------------------------------- */

static ul_session *open_session(
    const ul_model *model, const expected *input, int threads, ul_error *error) {
    ul_session_options options;
    ul_session_options_init(&options);
    options.height = input->height;
    options.width = input->width;
    options.threads = threads;
    ul_session *session = NULL;
    ul_session_create(model, &options, &session, error);
    return session;
}

static void compare_logits(golden *g, const float *logits) {
    for (const char *const *name = (const char *const[]){"logits", "conv_out.out", NULL}; *name;
         name++) {
        expected *e = find(g, *name);
        if (!e)
            continue;
        for (size_t i = 0; i < e->n * e->channels * e->height * e->width; i++)
            compare(e, i, logits[i]);
        e->rows_seen = e->n * e->height;
    }
}

/* Slice by slice, looking at every block. */
static bool run_blocks(golden *g, const ul_model *model, float *logits, ul_error *error) {
    expected *input = find(g, "input"), *output = find(g, "logits");
    ul_session *session = open_session(model, input, 1, error);
    if (!session)
        return false;
    ul_probe probe = {.rows = compare_rows, .context = g};
    ul_session_set_probe(session, &probe);
    ul_status status = UL_OK;
    for (size_t n = 0; n < input->n && status == UL_OK; n++) {
        g->slice = n;
        const size_t in = input->channels * input->height * input->width,
                     out = output->channels * output->height * output->width;
        status = ul_session_run(session, input->values + n * in, in, logits + n * out, out, error);
    }
    ul_session_close(session);
    compare_logits(g, logits);
    return status == UL_OK;
}

/* The whole batch on some threads, which must give the same bits. */
static bool run_threads(golden *g, const ul_model *model, int threads, const float *same,
    float *logits, ul_error *error) {
    expected *input = find(g, "input"), *output = find(g, "logits");
    ul_session *session = open_session(model, input, threads, error);
    if (!session)
        return false;
    size_t count = output->n * output->channels * output->height * output->width;
    ul_status status = ul_session_run(
        session, input->values, input->n * ul_session_input_size(session), logits, count, error);
    ul_session_close(session);
    if (status == UL_OK && memcmp(logits, same, count * sizeof(float)) != 0)
        status =
            ul_error_set(error, UL_ERROR_INTERNAL, "%d threads give other bits than one", threads);
    return status == UL_OK;
}

static bool run_level(golden *g, const ul_model *model, const char *file, ul_isa level) {
    expected *output = find(g, "logits");
    size_t count = output->n * output->channels * output->height * output->width;
    float *logits = malloc(2 * count * sizeof *logits);
    ul_error error = {0};
    setenv("ULITE_CPU", ul_isa_name(level), 1);
    if (!logits)
        ul_error_set(&error, UL_ERROR_LIMIT, "out of memory");
    bool passed = logits && run_blocks(g, model, logits, &error);
    for (int threads = 2; passed && threads <= 3; threads++)
        passed = run_threads(g, model, threads, logits, logits + count, &error);
    free(logits);
    ul_error_prefix(&error, "%s", file);
    return passed ? judge(g, file, ul_isa_name(level)) : report(&error);
}

static bool shapes_fit(const char *path, golden *g, const ul_model *model) {
    const ul_model_shape *shape = ul_model_get_shape(model);
    const expected *input = find(g, "input"), *output = find(g, "logits");
    if (input->n == output->n && input->height == output->height && input->width == output->width &&
        input->channels == shape->input_channels && output->channels == shape->classes)
        return true;
    fprintf(stderr, "golden: %s: input and logits do not fit each other and the weights\n", path);
    return false;
}

static bool check_file(const char *directory, const char *name, const ul_model *model) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    ul_error error = {0};
    ul_safetensors *file;
    if (ul_safetensors_open(path, &file, &error) != UL_OK)
        return report(&error);
    golden g = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bool passed = load_all(path, file, &g) && shapes_fit(path, &g, model);
    if (passed)
        for (ul_isa level = UL_ISA_SCALAR; level < UL_ISA_COUNT; level++)
            if (ul_cpu_has(level))
                passed = run_level(&g, model, name, level) && passed;
    for (size_t i = 0; i < g.count; i++)
        free(g.blocks[i].values);
    ul_safetensors_close(file);
    return passed;
}

static bool is_forward(const char *name) {
    size_t length = strlen(name);
    const char *ending = ".safetensors";
    return strncmp(name, "forward_", 8) == 0 && length > strlen(ending) &&
           strcmp(name + length - strlen(ending), ending) == 0;
}

static int missing(const char *directory) {
    const char *required = getenv("ULITE_REQUIRE_PEERS");
    fprintf(stderr, "golden: %s: no such folder\n", directory);
    return required && strcmp(required, "1") == 0 ? 1 : 77;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("Usage: golden DIR\n", stderr);
        return 2;
    }
    DIR *directory = opendir(argv[1]);
    if (!directory)
        return missing(argv[1]);
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/weights.safetensors", argv[1]);
    ul_error error = {0};
    ul_model *model;
    bool passed = ul_model_open(path, &model, &error) == UL_OK || report(&error);
    size_t files = 0;
    for (struct dirent *entry; model && (entry = readdir(directory));)
        if (is_forward(entry->d_name)) {
            passed = check_file(argv[1], entry->d_name, model) && passed;
            files++;
        }
    closedir(directory);
    ul_model_close(model);
    if (passed && files == 0)
        fprintf(stderr, "golden: %s: no forward_*.safetensors\n", argv[1]);
    return passed && files > 0 ? 0 : 1;
}
