/* bench-train SIDE BATCH THREADS SECONDS [CLASSES]: training steps of the paper's network on noise
 * against the clock; a line of JSON. One class: soft Dice; more: Dice and cross-entropy.
 * bench/training.py alternates it with PyTorch, bench/steps.py with another build. */
#include "ulite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double clock_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static double now_ms(void) {
    return clock_ms(CLOCK_MONOTONIC);
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs steps for that long, at least three, and prints their median and least, and the least
 * processor time of all threads. */
static ul_status measure(ul_trainer *trainer, const float *images, const uint8_t *labels,
    size_t image_size, size_t label_size, double seconds, ul_error *error) {
    enum { MOST = 10000 };
    static double times[MOST];
    size_t steps = 0;
    double loss, cpu_least = INFINITY;
    ul_status status =
        ul_trainer_step(trainer, images, image_size, labels, label_size, 1e-3F, &loss, error);
    const double begin = now_ms();
    while (status == UL_OK && steps < MOST && (steps < 3 || now_ms() - begin < 1e3 * seconds)) {
        const double start = now_ms(), cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        status =
            ul_trainer_step(trainer, images, image_size, labels, label_size, 1e-3F, &loss, error);
        times[steps++] = now_ms() - start;
        cpu_least = fmin(cpu_least, clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    }
    qsort(times, steps, sizeof *times, compare);
    if (status == UL_OK)
        printf("{\"median\": %.3f, \"min\": %.3f, \"cpu_min\": %.3f, \"memory_mib\": %.1f}\n",
            times[steps / 2], times[0], cpu_least,
            (double)ul_trainer_memory_bytes(trainer) / 1048576);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 5 && argc != 6) {
        fputs("usage: bench-train SIDE BATCH THREADS SECONDS [CLASSES]\n", stderr);
        return UL_ERROR_USAGE;
    }
    const size_t classes = argc == 6 ? strtoul(argv[5], NULL, 10) : 1;
    const ul_model_shape shape = {.input_channels = 3,
        .classes = classes,
        .width = {16, 32, 64, 128, 256, 512},
        .bottleneck = 128};
    ul_trainer_options options;
    ul_trainer_options_init(&options);
    options.height = options.width = strtoul(argv[1], NULL, 10);
    options.batch = strtoul(argv[2], NULL, 10);
    options.threads = atoi(argv[3]);
    options.loss = classes > 1 ? UL_LOSS_DICE_CE : UL_LOSS_DICE;
    ul_model *model = NULL;
    ul_trainer *trainer = NULL;
    ul_error error = {0};
    if (ul_model_create(&shape, 1, &model, &error) == UL_OK &&
        ul_trainer_create(model, &options, &trainer, &error) == UL_OK) {
        const size_t pixels = options.batch * options.height * options.width;
        float *images = malloc(3 * pixels * sizeof *images);
        uint8_t *labels = malloc(pixels);
        for (size_t i = 0; images && i < 3 * pixels; i++)
            images[i] = (float)(i * 2654435761U % 1000) / 1000;
        for (size_t i = 0; labels && i < pixels; i++)
            labels[i] =
                (uint8_t)(i / 32 % 4 == 1 ? 1 + i / 64 % (classes > 1 ? classes - 1 : 1) : 0);
        if (images && labels)
            measure(trainer, images, labels, 3 * pixels, pixels, atof(argv[4]), &error);
        else
            ul_error_set(&error, UL_ERROR_LIMIT, "no memory for a batch");
        free(images);
        free(labels);
    }
    ul_trainer_close(trainer);
    ul_model_close(model);
    if (error.status != UL_OK)
        fprintf(stderr, "bench-train: %s\n", error.text);
    return (int)error.status;
}
