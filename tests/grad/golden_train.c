/* golden_train DIR: runs the training steps recorded in DIR/train_trace.safetensors from
 * DIR/weights.safetensors at every instruction-set level of this machine (or at ULITE_CPU) and
 * compares losses, the first gradients and the final weights.
 *
 * The trace holds step<k>.input, step<k>.target, losses, grad0.<name>, final.<name>; made with soft
 * Dice and Adam at 2e-3. Left out are the biases right before a batch norm, whose true gradient is
 * zero so that rounding decides where Adam takes them, and the running means that they shift. */
#include "libulite/kernels/kernels.h"
#include "libulite/model/safetensors.h"
#include "libulite/train/trainer_internal.h"
#include "ulite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_SKIP = 77, NAME_BYTES = 64 };

static const double loss_tolerance = 1e-5;     /* relative */
static const double gradient_tolerance = 1e-4; /* of the tensor's largest */
static const double parameter_tolerance = 1e-3;
static const double variance_tolerance = 1e-3; /* relative */

static const float learning_rate = 2e-3F;

typedef struct golden {
    ul_model *model;
    ul_safetensors *trace;
    size_t steps, shape[4];
} golden;

static const ul_stored *find(const ul_safetensors *file, const char *prefix, const char *name) {
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ul_safetensors_find(file, full);
}

static const ul_stored *find_step(const golden *g, size_t step, const char *what) {
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "step%zu.%s", step, what);
    return ul_safetensors_find(g->trace, full);
}

static bool open_golden(const char *directory, golden *g) {
    char path[4096];
    ul_error error = {0};
    snprintf(path, sizeof path, "%s/weights.safetensors", directory);
    if (ul_model_open(path, &g->model, &error) != UL_OK) {
        fprintf(stderr, "%s\n", error.text);
        return false;
    }
    snprintf(path, sizeof path, "%s/train_trace.safetensors", directory);
    if (ul_safetensors_open(path, &g->trace, &error) != UL_OK) {
        fprintf(stderr, "%s\n", error.text);
        return false;
    }
    while (find_step(g, g->steps, "input"))
        g->steps++;
    const ul_stored *losses = ul_safetensors_find(g->trace, "losses");
    if (g->steps == 0 || !losses || ul_stored_count(losses) != g->steps) {
        fprintf(stderr, "%s: no steps with as many losses\n", path);
        return false;
    }
    memcpy(g->shape, find_step(g, 0, "input")->shape, sizeof g->shape);
    return true;
}

/* Biases that a batch norm cancels. */
static bool cancelled(const char *name) {
    const size_t length = strlen(name);
    const bool bias = length > 5 && strcmp(name + length - 5, ".bias") == 0;
    if (!bias)
        return strstr(name, "running_mean") != NULL;
    if (name[0] == 'd')
        return strcmp(name + 2, ".pw.bias") == 0;
    return (name[0] == 'e' || name[0] == 'b') && strstr(name, ".dw") != NULL;
}

/* The largest |got - expected|, absolute, or relative to each expected value, or to the tensor's
 * largest. */
typedef enum scale { SCALE_ONE, SCALE_EACH, SCALE_LARGEST } scale;

static double difference(const float *got, const ul_stored *expected, scale by) {
    const size_t count = ul_stored_count(expected);
    float *values = malloc(count * sizeof *values);
    if (!values || !ul_stored_floats(expected, values)) {
        free(values);
        return INFINITY;
    }
    double largest = 0, worst = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)values[i]));
    for (size_t i = 0; i < count; i++) {
        double off = fabs((double)got[i] - values[i]);
        if (by == SCALE_EACH)
            off /= fabs((double)values[i]);
        if (by == SCALE_LARGEST && largest > 0)
            off /= largest;
        if (!(off <= worst)) /* also takes NaN */
            worst = off;
    }
    free(values);
    return worst;
}

typedef struct worst {
    double value;
    const char *name;
} worst;

static void take_worst(worst *w, double value, const char *name) {
    if (!w->name || !(value <= w->value))
        *w = (worst){value, name};
}

static bool report(const char *what, worst w, double tolerance) {
    const bool good = w.value <= tolerance;
    printf("  %-18s %.2e (at most %.0e)%s%s%s\n", what, w.value, tolerance,
        good ? "" : " FAILED: ", good ? "" : w.name, "");
    return good;
}

static bool check_gradients(const golden *g, const ul_trainer *t) {
    worst w = {0};
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++) {
        const char *name = t->layout[i].name;
        const ul_stored *expected = find(g->trace, "grad0.", name);
        if (!cancelled(name) && strstr(name, "running") == NULL)
            take_worst(&w,
                expected ? difference(t->gradients + t->offset[i], expected, SCALE_LARGEST)
                         : INFINITY,
                name);
    }
    return report("gradients", w, gradient_tolerance);
}

static bool check_final(const golden *g, const ul_trainer *t) {
    worst parameters = {0}, variances = {0};
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++) {
        const char *name = t->layout[i].name;
        const ul_stored *expected = find(g->trace, "final.", name);
        const bool variance = strstr(name, "running_var") != NULL;
        if (!cancelled(name))
            take_worst(variance ? &variances : &parameters,
                expected ? difference(t->values + t->offset[i], expected,
                               variance ? SCALE_EACH : SCALE_ONE)
                         : INFINITY,
                name);
    }
    const bool good = report("final parameters", parameters, parameter_tolerance);
    return report("running variances", variances, variance_tolerance) && good;
}

static bool run_steps(const golden *g, ul_trainer *t) {
    float *images = malloc(g->shape[0] * g->shape[1] * g->shape[2] * g->shape[3] * sizeof *images);
    float *losses = malloc(g->steps * sizeof *losses);
    bool good =
        images && losses && ul_stored_floats(ul_safetensors_find(g->trace, "losses"), losses);
    bool gradients = true;
    worst w = {0};
    for (size_t k = 0; good && k < g->steps; k++) {
        ul_error error = {0};
        double loss = 0;
        const ul_stored *input = find_step(g, k, "input"), *target = find_step(g, k, "target");
        if (!target || target->dtype != UL_DTYPE_U8 ||
            memcmp(input->shape, g->shape, sizeof g->shape) != 0 ||
            !ul_stored_floats(input, images)) {
            fprintf(stderr, "step %zu is not of the trace's form\n", k);
            good = false;
        } else if (ul_trainer_step(t, images, g->shape[0] * g->shape[1] * g->shape[2] * g->shape[3],
                       target->data, g->shape[0] * g->shape[2] * g->shape[3], learning_rate, &loss,
                       &error) != UL_OK) {
            fprintf(stderr, "step %zu: %s\n", k, error.text);
            good = false;
        }
        take_worst(&w, fabs(loss - losses[k]) / fabs((double)losses[k]), "loss");
        if (k == 0 && good)
            gradients = check_gradients(g, t);
    }
    good = report("losses", w, loss_tolerance) && gradients && good;
    free(images);
    free(losses);
    return good;
}

static bool check_level(const golden *g, ul_isa level) {
    setenv("ULITE_CPU", ul_isa_name(level), 1);
    printf("%s\n", ul_isa_name(level));
    ul_trainer_options options;
    ul_trainer_options_init(&options);
    options.batch = g->shape[0];
    options.height = g->shape[2];
    options.width = g->shape[3];
    options.exact_sums = true;
    options.threads = 1; /* more give the same bits, see test_trainer */
    ul_trainer *trainer;
    ul_error error = {0};
    if (ul_trainer_create(g->model, &options, &trainer, &error) != UL_OK) {
        fprintf(stderr, "%s\n", error.text);
        return false;
    }
    bool good = run_steps(g, trainer);
    good = check_final(g, trainer) && good;
    ul_trainer_close(trainer);
    return good;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: golden_train DIR\n");
        return UL_ERROR_USAGE;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/train_trace.safetensors", argv[1]);
    if (access(path, R_OK) != 0) {
        const char *required = getenv("ULITE_REQUIRE_PEERS");
        fprintf(stderr, "%s: not there\n", path);
        return required && strcmp(required, "1") == 0 ? EXIT_FAILURE : EXIT_SKIP;
    }
    golden g = {0};
    bool good = open_golden(argv[1], &g);
    const char *forced = getenv("ULITE_CPU");
    const char *only = forced ? strdup(forced) : NULL;
    for (ul_isa level = 0; level < UL_ISA_COUNT; level++)
        if (ul_cpu_has(level) && (!only || strcmp(only, ul_isa_name(level)) == 0))
            good = check_level(&g, level) && good;
    ul_model_close(g.model);
    ul_safetensors_close(g.trace);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
