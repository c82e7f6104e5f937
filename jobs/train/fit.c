#include "ulite/train.h"

#include "jobs/dataset/split_list.h"
#include "jobs/train/checkpoint.h"
#include "jobs/train/curves.h"
#include "jobs/train/model_file.h"
#include "jobs/train/patches.h"
#include "libulite/base/output.h"
#include "libulite/base/resources.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A training run. */
typedef struct fit_run {
    const ul_dataset *dataset;
    ul_plan plan; /* the caller's, with nothing left open */
    const ul_fit_options *options;
    const ul_fit_listener *listener;
    const ul_progress *progress;
    patch_source patches;
    ul_trainer *trainer;
    int threads;
    float *images;
    uint8_t *labels;
    run_state state;
    double class_dice[UL_CARD_CLASSES]; /* of the last validation */
    char *checkpoint, *csv, *svg, *pdf, *plan_path, *split;
    char data[65]; /* digest of the data set */
    double started;
    double limit;       /* seconds of training, 0: none */
    size_t first_epoch; /* of this run, where an earlier one was resumed */
    bool saved;         /* this run's checkpoint lies on the disk */
    bool late;          /* the time is over */
} fit_run;

/* Trained so far, in the runs before a resumed one too. */
static double seconds_of(const fit_run *run) {
    return run->state.seconds + ul_seconds() - run->started;
}

static ul_status open_buffers(fit_run *run, ul_error *error) {
    const ul_plan *plan = &run->plan;
    const char *output = run->options->output;
    size_t area = plan->training.patch[0] * plan->training.patch[1];
    run->threads = run->options->threads > 0 ? run->options->threads : ul_default_threads();
    run->images = malloc(plan->training.batch * plan->input_channels * area * sizeof *run->images);
    run->labels = malloc(plan->training.batch * area);
    run->checkpoint = ul_fit_path(output, UL_FIT_CHECKPOINT);
    run->csv = ul_fit_path(output, UL_FIT_CURVES);
    run->svg = ul_fit_path(output, UL_FIT_PICTURE);
    run->pdf = ul_fit_path(output, UL_FIT_DOCUMENT);
    run->plan_path = ul_fit_path(output, UL_FIT_PLAN);
    run->split = ul_fit_path(output, UL_FIT_SPLIT);
    if (!run->images || !run->labels || !run->checkpoint || !run->csv || !run->svg || !run->pdf ||
        !run->plan_path || !run->split)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a batch");
    return UL_OK;
}

static void close_run(fit_run *run) {
    free(run->images);
    free(run->labels);
    free(run->checkpoint);
    free(run->csv);
    free(run->svg);
    free(run->pdf);
    free(run->plan_path);
    free(run->split);
    patch_source_close(&run->patches);
    ul_trainer_close(run->trainer);
}

/* A trainer of the initial weights, in the place of any other. */
static ul_status open_trainer(fit_run *run, ul_error *error) {
    const ul_training *t = &run->plan.training;
    ul_trainer_close(run->trainer);
    run->trainer = NULL;
    ul_model_shape shape = ul_plan_shape(&run->plan);
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

typedef struct batch_work {
    const fit_run *run;
    size_t step;
} batch_work;

static void make_sample(void *context, size_t i, int thread) {
    const batch_work *work = context;
    const fit_run *run = work->run;
    const ul_training *t = &run->plan.training;
    size_t area = t->patch[0] * t->patch[1];
    patch_make(&run->patches, work->step, i, thread,
        run->images + i * run->plan.input_channels * area, run->labels + i * area);
}

static ul_status train_step(fit_run *run, size_t step, double rate, double *loss, ul_error *error) {
    batch_work work = {run, step};
    ul_team_for(ul_trainer_team(run->trainer), run->plan.training.batch, make_sample, &work);
    const ul_training *t = &run->plan.training;
    const size_t labels = t->batch * t->patch[0] * t->patch[1];
    return ul_trainer_step(run->trainer, run->images, labels * run->plan.input_channels,
        run->labels, labels, (float)rate, loss, error);
}

/* The steps of the epoch that are still to do. */
static ul_status train_epoch(fit_run *run, ul_epoch *epoch, ul_error *error) {
    const ul_training *t = &run->plan.training;
    run_state *state = &run->state;
    size_t first = state->epoch * t->steps;
    while (state->step < t->steps) {
        double loss;
        ul_status status = train_step(run, first + state->step,
            schedule_rate(t, &state->schedule, first + state->step), &loss, error);
        if (status != UL_OK)
            return status;
        state->loss_sum += loss;
        state->step++;
        if (!ul_progress_report(run->progress, "training", state->step, t->steps))
            return ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted in step %zu of %zu",
                state->step, t->steps);
    }
    epoch->rate = schedule_rate(t, &state->schedule, first + t->steps - 1);
    epoch->loss = state->loss_sum / (double)t->steps;
    return UL_OK;
}

/* Over cases and classes, NaN of none; that of each class is left in the run. */
static double mean_dice(fit_run *run, const ul_fit_score *scores, size_t count) {
    size_t classes = run->plan.card.classes.count;
    double sum = 0.0;
    for (size_t c = 0; c < classes; c++) {
        double of_class = 0.0;
        for (size_t i = c; i < count; i += classes)
            of_class += scores[i].metrics.dice;
        run->class_dice[c] = count ? of_class / (double)(count / classes) : (double)NAN;
        sum += of_class;
    }
    return count ? sum / (double)count : (double)NAN;
}

static ul_status validate(fit_run *run, ul_epoch *epoch, ul_error *error) {
    ul_model *model;
    ul_fit_score *scores = NULL;
    size_t count = 0;
    ul_status status = ul_trainer_model(run->trainer, &model, error);
    if (status != UL_OK)
        return status;
    status = ul_fit_evaluate(run->dataset, UL_SPLIT_VAL, &run->plan.training, model,
        &run->plan.card, run->options->threads, run->progress, &scores, &count, error);
    if (status == UL_OK) {
        epoch->dice = mean_dice(run, scores, count);
        epoch->best = count == 0 || epoch->dice > run->state.best;
    }
    if (status == UL_OK && count > 0) {
        schedule_validated(&run->plan.training, &run->state.schedule, epoch->dice);
        run->state.best = epoch->best ? epoch->dice : run->state.best;
    }
    if (status == UL_OK && epoch->best) {
        run->state.best_epoch = epoch->epoch;
        status = model_file_save_best(model, run->dataset, &run->plan,
            &run->patches.samples.volumes, run->options, scores, count, epoch->epoch, error);
    }
    free(scores);
    ul_model_close(model);
    return status;
}

static ul_status write_plan(const fit_run *run, ul_error *error) {
    char *plan;
    ul_status status = ul_plan_write(&run->plan, &plan, error);
    if (status == UL_OK)
        status = ul_output_write(run->plan_path, plan, strlen(plan), error);
    free(plan);
    return status;
}

/* The plan beside the model is that of the checkpoint: a resumed run may have changed it. */
static ul_status save_checkpoint(fit_run *run, ul_error *error) {
    run_state state = run->state;
    state.seconds = seconds_of(run);
    ul_status status =
        checkpoint_save(run->checkpoint, run->trainer, &state, &run->plan, run->data, error);
    run->saved = run->saved || status == UL_OK;
    return status == UL_OK ? write_plan(run, error) : status;
}

static bool out_of_time(const fit_run *run) {
    return run->limit > 0.0 && seconds_of(run) > run->limit;
}

/* What is left to do takes as long per epoch as what this run did. */
static double seconds_left(const fit_run *run) {
    double epochs = (double)(run->state.epoch - run->first_epoch);
    double left = (double)(run->plan.training.epochs - run->state.epoch);
    return epochs > 0.0 ? (ul_seconds() - run->started) / epochs * left : NAN;
}

static ul_status run_epoch(fit_run *run, ul_error *error) {
    const ul_training *t = &run->plan.training;
    ul_epoch epoch = {.epoch = run->state.epoch + 1,
        .epochs = t->epochs,
        .dice = NAN,
        .classes = &run->plan.card.classes,
        .class_dice = run->class_dice};
    for (size_t c = 0; c < UL_CARD_CLASSES; c++)
        run->class_dice[c] = NAN;
    ul_status status = train_epoch(run, &epoch, error);
    if (status != UL_OK)
        return status;
    run->late = out_of_time(run);
    bool last = epoch.epoch == t->epochs || run->late;
    if (last || (epoch.epoch % t->validate_every == 0 && run->dataset->in_split[UL_SPLIT_VAL] > 0))
        status = validate(run, &epoch, error);
    if (status != UL_OK)
        return status;
    run->state.epoch++;
    run->state.step = 0;
    run->state.loss_sum = 0.0;
    epoch.seconds = seconds_of(run);
    epoch.seconds_left = seconds_left(run);
    status = curves_add(run->csv, run->svg, run->pdf, &epoch, error);
    if (status == UL_OK)
        status = save_checkpoint(run, error);
    if (status == UL_OK && run->listener->epoch)
        run->listener->epoch(run->listener->context, &epoch);
    return status;
}

/* Says what is kept of a run that did not come to its end. */
static ul_status explain_end(const fit_run *run, const ul_error *cause, ul_error *error) {
    char model[160] = "no model yet", resume[160] = "nothing to resume from yet";
    if (run->state.best_epoch > 0)
        snprintf(model, sizeof model, "the model of epoch %zu is kept (validation Dice %.4f)",
            run->state.best_epoch, run->state.best);
    if (run->saved && cause->status == UL_ERROR_DIVERGED)
        snprintf(resume, sizeof resume,
            "the last good checkpoint is kept: --resume --lr X goes on from it at another rate");
    else if (run->saved)
        snprintf(resume, sizeof resume, "the checkpoint is saved: --resume goes on");
    return ul_error_set(error, cause->status, "epoch %zu: %s; %s; %s", run->state.epoch + 1,
        cause->text, model, resume);
}

static ul_status run_epochs(fit_run *run, ul_error *error) {
    ul_error cause = {0};
    ul_status status = UL_OK;
    while (status == UL_OK && run->state.epoch < run->plan.training.epochs && !run->late)
        status = run_epoch(run, &cause);
    if (status == UL_ERROR_INTERRUPTED) {
        ul_status saved = save_checkpoint(run, error);
        if (saved != UL_OK)
            return saved;
    }
    if (status == UL_ERROR_INTERRUPTED || status == UL_ERROR_DIVERGED)
        return explain_end(run, &cause, error);
    return status == UL_OK ? UL_OK : ul_error_set(error, status, "%s", cause.text);
}

/* Seconds of a step, tried for a few. */
static ul_status time_steps(fit_run *run, double *seconds, ul_error *error) {
    enum { WARM = 1, LEAST = 3 };
    double started = ul_seconds(), loss, patience = fmin(5.0, 0.05 * run->limit);
    size_t step = 0;
    for (; step < WARM + LEAST || ul_seconds() - started < patience; step++) {
        if (step == WARM)
            started = ul_seconds();
        ul_status status = train_step(run, step, 0.0, &loss, error);
        if (status == UL_OK && !ul_progress_report(run->progress, "timing", 1, 2))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
        if (status != UL_OK)
            return status;
    }
    *seconds = (ul_seconds() - started) / (double)(step - WARM);
    return UL_OK;
}

/* Seconds of a validation: of a whole one, or as many as its first case says. */
static ul_status time_validation(fit_run *run, bool whole, double *seconds, ul_error *error) {
    ul_model *model;
    ul_fit_score *scores = NULL;
    size_t count, cases = run->dataset->in_split[UL_SPLIT_VAL];
    ul_dataset part = *run->dataset;
    while (!whole && part.count > 1 && part.cases->split != UL_SPLIT_VAL) {
        part.cases++;
        part.count--;
    }
    part.count = whole ? part.count : 1;
    double started = ul_seconds();
    ul_status status = ul_trainer_model(run->trainer, &model, error);
    if (status != UL_OK)
        return status;
    status = ul_fit_evaluate(&part, UL_SPLIT_VAL, &run->plan.training, model, &run->plan.card,
        run->options->threads, run->progress, &scores, &count, error);
    free(scores);
    ul_model_close(model);
    *seconds = (ul_seconds() - started) * (whole ? 1.0 : (double)cases);
    return status;
}

/* Seconds of a step, a validation and the final test. */
typedef struct run_costs {
    double step, validation, test;
} run_costs;

/* Tries steps and a validation, whole or in part, and goes back to the initial weights. */
static ul_status measure_costs(fit_run *run, bool whole, run_costs *costs, ul_error *error) {
    const size_t *cases = run->dataset->in_split;
    ul_status status = time_steps(run, &costs->step, error);
    if (status == UL_OK)
        status = time_validation(run, whole, &costs->validation, error);
    if (status != UL_OK)
        return status;
    costs->test = cases[UL_SPLIT_VAL] ? costs->validation * (double)cases[UL_SPLIT_TEST] /
                                            (double)cases[UL_SPLIT_VAL]
                                      : 0.0;
    return open_trainer(run, error);
}

static double epoch_cost(const ul_training *t, const run_costs *costs) {
    return costs->step * (double)t->steps + costs->validation / (double)t->validate_every;
}

/* Plans as many epochs as fit into the time, the final test included; where not even one does, one
 * of fewer steps. */
static void fill_time(fit_run *run, const run_costs *costs) {
    ul_training *t = &run->plan.training;
    double left = 0.95 * (run->limit - seconds_of(run)) - costs->test;
    double epoch = epoch_cost(t, costs);
    t->epochs = left > epoch ? (size_t)fmin(left / epoch, 1e6) : 1;
    if (left < epoch)
        t->steps =
            (size_t)fmin(fmax((left - costs->validation) / costs->step, 1.0), (double)t->steps);
}

static ul_status resume(fit_run *run, ul_error *error) {
    ul_status status = checkpoint_read(run->checkpoint, &run->plan, run->data, &run->state, error);
    if (status == UL_OK)
        status = ul_trainer_load(run->trainer, run->checkpoint, error);
    run->saved = status == UL_OK;
    run->first_epoch = run->state.epoch;
    return status;
}

/* What the run still takes; NaN where it was resumed before its first epoch was over. */
static double expected_seconds(const fit_run *run, const run_costs *costs) {
    const ul_training *t = &run->plan.training;
    double done = (double)run->state.epoch, left = fmax((double)t->epochs - done, 0.0);
    if (run->options->resume)
        return done > 0.0 ? run->state.seconds / done * left : (double)NAN;
    return left * epoch_cost(t, costs) + costs->test;
}

static ul_status begin(fit_run *run, ul_error *error) {
    ul_training *t = &run->plan.training;
    bool fill = t->epochs == 0 && run->options->minutes > 0.0, ready = run->listener->ready != NULL;
    run_costs costs = {0};
    ul_status status = UL_OK;
    run->limit = 60.0 * run->options->minutes;
    if (run->options->resume)
        status = resume(run, error);
    else if (fill || ready)
        status = measure_costs(run, fill, &costs, error);
    if (status == UL_OK && fill && !run->options->resume)
        fill_time(run, &costs);
    ul_plan_settle(&run->plan);
    if (fill)
        run->limit *= 1.1;
    run->late = run->state.best_epoch > 0 && out_of_time(run);
    if (status == UL_OK && ready)
        run->listener->ready(run->listener->context, t, expected_seconds(run, &costs));
    return status;
}

/* Everything up to the first step. */
static ul_status prepare(fit_run *run, ul_error *error) {
    char *split = NULL;
    ul_status status = ul_output_check(run->options->output, error);
    if (status == UL_OK)
        status = open_buffers(run, error);
    if (status == UL_OK)
        status = split_describe(run->dataset, run->progress, &split, run->data, error);
    if (status == UL_OK)
        status = patch_source_open(
            run->dataset, &run->plan, run->threads, run->progress, &run->patches, error);
    if (status == UL_OK)
        status = open_trainer(run, error);
    if (status == UL_OK)
        status = begin(run, error);
    if (status == UL_OK)
        status = ul_output_write(run->split, split, strlen(split), error);
    if (status == UL_OK && !run->options->resume)
        status = write_plan(run, error);
    free(split);
    return status;
}

ul_status ul_fit(const ul_dataset *dataset, const ul_plan *plan, const ul_fit_options *options,
    const ul_fit_listener *listener, const ul_progress *progress, ul_fit_result *result,
    ul_error *error) {
    fit_run run = {.dataset = dataset,
        .plan = *plan,
        .options = options,
        .listener = listener,
        .progress = progress,
        .state = {.best = -1.0, .schedule = {1.0, -1.0, 0}},
        .started = ul_seconds()};
    ul_status status = prepare(&run, error);
    if (status == UL_OK)
        status = run_epochs(&run, error);
    *result = (ul_fit_result){run.state.epoch, run.plan.training, run.state.best_epoch,
        run.state.best < 0.0 ? (double)NAN : run.state.best,
        status == UL_OK && run.state.epoch < run.plan.training.epochs};
    close_run(&run);
    return status;
}
