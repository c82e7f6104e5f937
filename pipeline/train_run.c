#include "ulite/fit.h"

#include "augment.h"
#include "curves.h"
#include "files.h"
#include "schedule.h"
#include "ulite/output.h"
#include "ulite/segment.h"

#include <cJSON.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A training run. */
typedef struct fit_run {
    const ul_dataset *dataset;
    const ul_plan *plan;
    const ul_fit_options *options;
    const ul_progress *progress;
    sample_set samples;
    ul_trainer *trainer;
    int threads;
    augment_scratch *scratch; /* [threads] */
    float *images;
    uint8_t *labels;
    schedule_state schedule;
    double best;
    size_t epoch; /* epochs done */
    char *checkpoint, *csv, *svg, *split;
    double started;
} fit_run;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static char *beside(const char *model, const char *suffix) {
    size_t length = strlen(model);
    const char *ending = ".safetensors";
    if (length > strlen(ending) && strcmp(model + length - strlen(ending), ending) == 0)
        length -= strlen(ending);
    char *base = strndup(model, length);
    char *path = base ? files_append(base, suffix) : NULL;
    free(base);
    return path;
}

static ul_status open_buffers(fit_run *run, ul_error *error) {
    const ul_plan *plan = run->plan;
    size_t area = plan->training.patch[0] * plan->training.patch[1];
    run->threads = run->options->threads > 0 ? run->options->threads : omp_get_max_threads();
    run->images = malloc(plan->training.batch * plan->input_channels * area * sizeof *run->images);
    run->labels = malloc(plan->training.batch * area);
    run->scratch = calloc((size_t)run->threads, sizeof *run->scratch);
    run->checkpoint = beside(run->options->output, ".checkpoint");
    run->csv = beside(run->options->output, ".csv");
    run->svg = beside(run->options->output, ".svg");
    run->split = beside(run->options->output, ".split.json");
    if (!run->images || !run->labels || !run->scratch || !run->checkpoint || !run->csv ||
        !run->svg || !run->split)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a batch");
    ul_status status = UL_OK;
    for (int t = 0; status == UL_OK && t < run->threads; t++)
        status = augment_scratch_create(plan, &run->scratch[t], error);
    return status;
}

static void close_run(fit_run *run) {
    for (int t = 0; run->scratch && t < run->threads; t++)
        augment_scratch_free(&run->scratch[t]);
    free(run->scratch);
    free(run->images);
    free(run->labels);
    free(run->checkpoint);
    free(run->csv);
    free(run->svg);
    free(run->split);
    samples_free(&run->samples);
    ul_trainer_close(run->trainer);
}

static ul_status open_trainer(fit_run *run, ul_error *error) {
    const ul_training *t = &run->plan->training;
    ul_model_shape shape = {.input_channels = run->plan->input_channels,
        .classes = run->plan->classes,
        .width = {16, 32, 64, 128, 256, 512},
        .bottleneck = 128};
    ul_model *initial;
    ul_status status = run->options->from
                           ? ul_model_adapt(run->options->from, &shape, t->seed, &initial, error)
                           : ul_model_create(&shape, t->seed, &initial, error);
    if (status != UL_OK)
        return status;
    ul_trainer_options options;
    ul_trainer_options_init(&options);
    options.width = t->patch[0];
    options.height = t->patch[1];
    options.batch = t->batch;
    options.threads = run->options->threads;
    options.loss = t->loss;
    options.tversky_alpha = (float)t->tversky_alpha;
    options.tversky_beta = (float)t->tversky_beta;
    options.optimizer = t->optimizer;
    options.weight_decay = t->weight_decay;
    options.ema_decay = (float)t->average;
    status = ul_trainer_create(initial, &options, &run->trainer, error);
    ul_model_close(initial);
    return status;
}

static void make_batch(fit_run *run, size_t step) {
    const ul_plan *plan = run->plan;
    const ul_training *t = &plan->training;
    size_t area = t->patch[0] * t->patch[1];
    long count = (long)t->batch;
#pragma omp parallel for schedule(dynamic) num_threads(run->threads)
    for (long i = 0; i < count; i++) {
        random_stream stream = random_at(t->seed, step, (uint64_t)i);
        sample_place place = samples_draw(&run->samples, t, &stream);
        augment_cut(plan, &place, &stream, &run->scratch[omp_get_thread_num()],
            run->images + (size_t)i * plan->input_channels * area, run->labels + (size_t)i * area);
    }
}

static ul_status train_epoch(fit_run *run, ul_epoch *epoch, ul_error *error) {
    const ul_training *t = &run->plan->training;
    double sum = 0.0;
    for (size_t s = 0; s < t->steps; s++) {
        size_t step = run->epoch * t->steps + s;
        double loss;
        make_batch(run, step);
        epoch->rate = schedule_rate(t, &run->schedule, step);
        ul_status status = ul_trainer_step(
            run->trainer, run->images, run->labels, t->batch, (float)epoch->rate, &loss, error);
        if (status != UL_OK)
            return status;
        sum += loss;
        if (!ul_progress_report(run->progress, "training", s + 1, t->steps))
            return ul_error_set(error, UL_ERROR_INTERRUPTED,
                "interrupted in epoch %zu; --resume goes on from epoch %zu", run->epoch + 1,
                run->epoch + 1);
    }
    epoch->loss = sum / (double)t->steps;
    return UL_OK;
}

ul_status ul_fit_evaluate(const ul_dataset *dataset, ul_split split, const ul_model *model,
    const ul_card *card, int threads, const ul_progress *progress, ul_fit_score **scores,
    size_t *count, ul_error *error) {
    size_t classes = card->classes.count, done = 0;
    *count = 0;
    *scores = calloc(dataset->in_split[split] * classes + 1, sizeof **scores);
    ul_status status = UL_OK;
    if (!*scores)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the scores");
    const ul_segment_options options = {.threads = threads};
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++) {
        if (dataset->cases[i].split != split)
            continue;
        ul_volume image;
        ul_labels truth, predicted = {0};
        status = ul_dataset_read(dataset, i, &image, &truth, error);
        if (status != UL_OK)
            break;
        status = ul_segment_volume(model, card, &image, &options, NULL, &predicted, error);
        for (size_t c = 0; status == UL_OK && c < classes; c++) {
            ul_fit_score *score = &(*scores)[(*count)++];
            score->name = dataset->cases[i].name;
            status = ul_metrics_compute(
                &predicted, &truth, card->classes.items[c].number, &score->metrics, error);
        }
        ul_labels_free(&predicted);
        ul_labels_free(&truth);
        ul_volume_free(&image);
        if (status == UL_OK &&
            !ul_progress_report(progress, "validating", ++done, dataset->in_split[split]))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted while validating");
    }
    if (status != UL_OK) {
        free(*scores);
        *scores = NULL;
        *count = 0;
    }
    return status;
}

static ul_status save_best(fit_run *run, const ul_model *model, ul_error *error) {
    char *card, *plan;
    ul_status status = ul_card_write(&run->plan->card, &card, error);
    if (status != UL_OK)
        return status;
    status = ul_plan_write(run->plan, &plan, error);
    if (status == UL_OK) {
        const ul_metadata metadata[] = {{"ulite", card}, {"ulite.plan", plan}};
        status = ul_model_save(model, run->options->output, metadata, 2, error);
        free(plan);
    }
    free(card);
    return status;
}

static ul_status validate(fit_run *run, ul_epoch *epoch, ul_error *error) {
    ul_model *model;
    ul_fit_score *scores = NULL;
    size_t count = 0;
    ul_status status = ul_trainer_model(run->trainer, &model, error);
    if (status != UL_OK)
        return status;
    status = ul_fit_evaluate(run->dataset, UL_SPLIT_VAL, model, &run->plan->card,
        run->options->threads, run->progress, &scores, &count, error);
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += scores[i].metrics.dice;
    free(scores);
    if (status == UL_OK) {
        epoch->dice = sum / (double)count;
        epoch->best = epoch->dice > run->best;
        schedule_validated(&run->plan->training, &run->schedule, epoch->dice);
        if (epoch->best) {
            run->best = epoch->dice;
            status = save_best(run, model, error);
        }
    }
    ul_model_close(model);
    return status;
}

static ul_status save_checkpoint(fit_run *run, ul_error *error) {
    char text[256];
    snprintf(text, sizeof text, "%zu %.17g %.17g %.17g %zu %zu", run->epoch, run->best,
        run->schedule.factor, run->schedule.best, run->schedule.stale, run->plan->training.steps);
    const ul_metadata metadata[] = {{"ulite.run", text}};
    return ul_trainer_save(run->trainer, run->checkpoint, metadata, 1, error);
}

/* The metadata of a safetensors checkpoint: a JSON header behind its 8-byte length. */
static ul_status read_state(fit_run *run, ul_error *error) {
    FILE *file = fopen(run->checkpoint, "rb");
    uint8_t length[8];
    size_t size = 0;
    char *header = NULL;
    if (file && fread(length, 1, 8, file) == 8)
        for (int i = 3; i >= 0; i--)
            size = size << 8 | length[i];
    if (size > 0 && size < 16u << 20)
        header = calloc(size + 1, 1);
    bool read = header && fread(header, 1, size, file) == size;
    if (file)
        fclose(file);
    cJSON *json = read ? cJSON_Parse(header) : NULL;
    const cJSON *text = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "__metadata__"), "ulite.run");
    size_t steps = 0;
    bool parsed =
        cJSON_IsString(text) &&
        sscanf(text->valuestring, "%zu %lf %lf %lf %zu %zu", &run->epoch, &run->best,
            &run->schedule.factor, &run->schedule.best, &run->schedule.stale, &steps) == 6;
    cJSON_Delete(json);
    free(header);
    if (!parsed)
        return ul_error_set(error, UL_ERROR_MODEL,
            "%s: holds no state of a training run to go on from", run->checkpoint);
    if (steps != run->plan->training.steps)
        return ul_error_set(error, UL_ERROR_MODEL,
            "%s: comes from a run of %zu steps an epoch, the plan has %zu", run->checkpoint, steps,
            run->plan->training.steps);
    return UL_OK;
}

/* The images of every split by name and digest. */
static ul_status write_split(fit_run *run, ul_error *error) {
    cJSON *json = cJSON_CreateObject();
    cJSON *lists[UL_SPLITS];
    for (ul_split split = 0; split < UL_SPLITS; split++)
        lists[split] = cJSON_AddArrayToObject(json, ul_split_name(split));
    ul_status status = UL_OK;
    for (size_t i = 0; status == UL_OK && i < run->dataset->count; i++) {
        char hex[65];
        status = ul_dataset_digest(run->dataset, i, hex, error);
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", run->dataset->cases[i].name);
        cJSON_AddStringToObject(item, "sha256", hex);
        cJSON_AddItemToArray(lists[run->dataset->cases[i].split], item);
    }
    char *text = cJSON_Print(json);
    if (status == UL_OK)
        status = ul_output_write(run->split, text, strlen(text), error);
    free(text);
    cJSON_Delete(json);
    return status;
}

static ul_status run_epochs(
    fit_run *run, ul_epoch_function report, void *context, ul_error *error) {
    const ul_training *t = &run->plan->training;
    ul_status status = UL_OK;
    while (status == UL_OK && run->epoch < t->epochs) {
        ul_epoch epoch = {.epoch = run->epoch + 1, .dice = NAN};
        status = train_epoch(run, &epoch, error);
        bool late =
            run->options->minutes > 0.0 && now() - run->started > 60.0 * run->options->minutes;
        bool due = epoch.epoch % t->validate_every == 0 || epoch.epoch == t->epochs || late;
        if (status == UL_OK && due)
            status = validate(run, &epoch, error);
        if (status != UL_OK)
            break;
        run->epoch++;
        epoch.seconds = now() - run->started;
        status = curves_add(run->csv, run->svg, &epoch, error);
        if (status == UL_OK)
            status = save_checkpoint(run, error);
        if (report)
            report(context, &epoch);
        if (late)
            break;
    }
    if (status == UL_ERROR_DIVERGED)
        ul_error_prefix(
            error, "epoch %zu, the last good model and checkpoint are kept", run->epoch + 1);
    return status;
}

ul_status ul_fit(const ul_dataset *dataset, const ul_plan *plan, const ul_fit_options *options,
    ul_epoch_function epoch, void *context, const ul_progress *progress, ul_error *error) {
    fit_run run = {.dataset = dataset,
        .plan = plan,
        .options = options,
        .progress = progress,
        .schedule = {1.0, -1.0, 0},
        .best = -1.0,
        .started = now()};
    ul_status status = ul_output_check(options->output, error);
    if (status == UL_OK)
        status = open_buffers(&run, error);
    if (status == UL_OK)
        status = open_trainer(&run, error);
    if (status == UL_OK && options->resume)
        status = read_state(&run, error);
    if (status == UL_OK && options->resume)
        status = ul_trainer_load(run.trainer, run.checkpoint, error);
    if (status == UL_OK)
        status = write_split(&run, error);
    if (status == UL_OK)
        status = samples_load(dataset, UL_SPLIT_TRAIN, plan, progress, &run.samples, error);
    if (status == UL_OK)
        status = run_epochs(&run, epoch, context, error);
    close_run(&run);
    return status;
}
