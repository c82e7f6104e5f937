#include "apps/base/console.h"
#include "apps/base/target.h"
#include "apps/options/options.h"
#include "apps/train/outline.h"
#include "apps/train/report.h"
#include "jobs/base/model_path.h"
#include "ulite/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct request {
    const char *dataset, *output, *splits, *plan, *from, *samples;
    double minutes, rate;
    long epochs, batch, threads;
    long folds; /* 0: no cross-validation */
    long seed;  /* -1: the plan's */
    int loss;   /* a ul_loss, -1: the plan's */
    bool resume, overwrite, dry_run;
    char from_path[MODEL_PATH_BYTES];
} request;

static request given = {.seed = -1, .loss = -1};
#define CLI_VALUES request
static const cli_option table[] = {
    {"output", 'o', "FILE", CLI_FILE(output, ".safetensors"), .help = "the model"},
    {"plan", 0, "FILE", CLI_TEXT(plan), .help = "JSON that overrides the derived plan"},
    {"dry-run", 0, NULL, CLI_FLAG(dry_run),
        .help = "print the whole plan (a file for --plan) and stop"},
    {"samples", 0, "F", CLI_TEXT(samples),
        .help = "with --dry-run: a PNG of the first patches of a run and their labels"},
    {"from", 0, "MODEL", CLI_TEXT(from),
        .help = "fine-tune: a file, or the name of a bundled model"},
    {"resume", 0, NULL, CLI_FLAG(resume), .help = "go on from the checkpoint, exactly"},
    {"overwrite", 0, NULL, CLI_FLAG(overwrite),
        .help = "begin anew though an earlier run's files are there (else exit 2)"},
    {"epochs", 0, "N", CLI_WHOLE(epochs, 1, 1000000),
        .help = "default: what fits into --minutes, else 100"},
    {"minutes", 0, "N", CLI_ABOVE_0(minutes, 1e9),
        .help = "time for the training, earlier runs of a resumed one included"},
    {"batch", 0, "N", CLI_WHOLE(batch, 1, 4096), .help = "slices of a step"},
    {"lr", 0, "X", CLI_ABOVE_0(rate, 1e9), .help = "learning rate at the start, default 0.002"},
    {"loss", 0, "L", CLI_WORD(loss, "dice, cross_entropy, dice_ce or tversky"),
        .help = "dice, cross_entropy, dice_ce (default) or tversky"},
    {"seed", 0, "N", CLI_WHOLE(seed, 0, 999999999),
        .help = "of the initial weights and of all that is drawn, default 1"},
    {"splits", 0, "FILE", CLI_TEXT(splits), .help = "a splits file from elsewhere"},
    {"folds", 0, "K", CLI_WHOLE(folds, 2, 1000),
        .help = "cross-validation: a model for each of K parts of the cases, trained on the "
                "others (MODEL.foldN.safetensors), then the model, trained on all"},
    {"threads", 0, "N", CLI_WHOLE(threads, 0, UL_MOST_THREADS),
        .help = "0 (default): one per processor; the model does not depend on it"},
    {"json", 0, NULL, CLI_SAID, .help = "events on stdout, a line each"},
    {"progress", 0, "P", CLI_SAID, .help = "auto, always or never"},
    {0},
};

static void override(const request *r, ul_training *t) {
    t->epochs = r->epochs ? (size_t)r->epochs : t->epochs;
    t->batch = r->batch ? (size_t)r->batch : t->batch;
    t->learning_rate = r->rate > 0.0 ? r->rate : t->learning_rate;
    t->seed = r->seed >= 0 ? (uint64_t)r->seed : t->seed;
    t->loss = r->loss >= 0 ? (ul_loss)r->loss : t->loss;
}

static ul_status test(
    const ul_dataset *dataset, const ul_training *training, const request *r, ul_error *error) {
    ul_card card;
    ul_fit_score *scores;
    size_t count;
    if (dataset->in_split[UL_SPLIT_TEST] == 0)
        return UL_OK;
    ul_status status = ul_fit_test(dataset, training, r->output, (int)r->threads,
        console_progress(), &card, &scores, &count, error);
    if (status != UL_OK)
        return status;
    train_report_test(&card, scores, count);
    free(scores);
    ul_card_free(&card);
    return UL_OK;
}

static ul_status fit(train_outline *outline, const request *r, ul_error *error) {
    const ul_dataset *dataset = outline->dataset;
    const ul_plan *plan = outline->plan;
    ul_model *from = NULL;
    ul_fit_result result;
    ul_status status = r->from ? ul_model_open(r->from, &from, error) : UL_OK;
    if (status == UL_OK && from)
        status = train_report_from(r->from, from, plan, error);
    const ul_fit_options options = {r->output, from, r->resume, r->minutes, (int)r->threads};
    ul_fit_listener listener = train_report_listener;
    listener.context = outline;
    listener.ready = train_outline_ready;
    if (status == UL_OK && r->folds)
        status = ul_fit_folds(dataset, plan, &options, (size_t)r->folds, &listener,
            console_progress(), &result, error);
    else if (status == UL_OK)
        status = ul_fit(dataset, plan, &options, &listener, console_progress(), &result, error);
    ul_model_close(from);
    if (status != UL_OK)
        return status;
    if (!r->folds)
        train_report_end(r->output, &result);
    return test(dataset, &plan->training, r, error);
}

/* What --dry-run asks for. */
static ul_status show_plan(
    const request *r, const ul_dataset *dataset, const ul_plan *plan, ul_error *error) {
    char *json;
    ul_status status = ul_plan_write(plan, &json, error);
    if (status == UL_OK)
        puts(json);
    free(json);
    if (status == UL_OK && r->samples)
        status = ul_sheet_write(r->samples, dataset, plan, console_progress(), error);
    return status;
}

static ul_status run(const request *r, const ul_dataset *dataset, const ul_fingerprint *fingerprint,
    const ul_plan *plan, ul_error *error) {
    train_outline outline = {
        dataset, fingerprint, plan, r->output, (size_t)r->folds, r->minutes, r->resume};
    train_report_data(dataset, fingerprint);
    ul_status status = train_report_plan(plan, error);
    if (status == UL_OK)
        status = train_outline_say(&outline, error);
    return status == UL_OK ? fit(&outline, r, error) : status;
}

/* That nothing which the run writes replaces a file that it reads. */
static ul_status check_inputs(const request *r, const char *path, ul_error *error) {
    const char *const inputs[] = {r->plan, r->from, r->splits};
    return target_check(path, inputs, sizeof inputs / sizeof inputs[0], NULL, error);
}

/* That a new run does not end what an earlier one left. */
static ul_status check_earlier(const request *r, const char *path, ul_error *error) {
    if (r->resume || r->overwrite || r->dry_run || access(path, F_OK) != 0)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_USAGE,
        "%s: an earlier run wrote it: --resume goes on with that run, --overwrite replaces it, "
        "another -o keeps both",
        path);
}

typedef ul_status (*output_check)(const request *r, const char *path, ul_error *error);

/* Of a run, or of one of a cross-validation. */
static ul_status check_outputs_of(
    const request *r, size_t fold, output_check check, ul_error *error) {
    char *output = ul_fold_path(r->output, fold);
    ul_status status = UL_OK;
    for (int file = 0; status == UL_OK && file < UL_FIT_FILES; file++) {
        char *path = output ? ul_fit_path(output, (ul_fit_file)file) : NULL;
        status = path ? check(r, path, error)
                      : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", r->output);
        free(path);
    }
    free(output);
    return status;
}

static ul_status check_outputs(const request *r, output_check check, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t fold = 0; r->output && status == UL_OK && fold <= (size_t)r->folds; fold++)
        status = check_outputs_of(r, fold, check, error);
    return status;
}

static ul_status train(request *r, ul_error *error) {
    ul_dataset dataset;
    ul_fingerprint fingerprint = {0};
    ul_plan plan = {0};
    ul_status status = UL_OK;
    if (r->from) { /* a bundled model's name becomes its path */
        status = model_path_find(r->from, r->from_path, error);
        r->from = r->from_path;
    }
    if (status == UL_OK)
        status = check_outputs(r, check_inputs, error);
    if (status == UL_OK)
        status = check_outputs(r, check_earlier, error);
    if (status == UL_OK)
        status = ul_dataset_open(
            r->dataset, r->splits, 1, r->folds > 0, console_settings.debug, &dataset, error);
    if (status != UL_OK)
        return status;
    dataset.threads = (int)r->threads;
    if (r->folds)
        status = ul_folds_check(&dataset, (size_t)r->folds, error);
    if (status == UL_OK)
        status = ul_fingerprint_measure(&dataset, console_progress(), &fingerprint, error);
    if (status == UL_OK)
        status = ul_plan_derive(&dataset, &fingerprint, r->plan, &plan, error);
    if (status == UL_OK) {
        override(r, &plan.training);
        if (!r->resume && r->minutes <= 0.0)
            ul_plan_settle(&plan);
        status = r->dry_run ? show_plan(r, &dataset, &plan, error)
                            : run(r, &dataset, &fingerprint, &plan, error);
    }
    ul_plan_free(&plan);
    ul_fingerprint_free(&fingerprint);
    ul_dataset_free(&dataset);
    return status;
}

static int train_run(char **arguments, ul_error *error) {
    request *r = &given;
    console_settings.events = true;
    if (!r->output && !r->dry_run)
        return console_usage(
            &cmd_train, "takes a data set and -o MODEL.safetensors: there is no -o");
    if (r->samples && (!r->dry_run || !ends_in(r->samples, ".png")))
        return console_usage(
            &cmd_train, "--samples takes a name in .png, and --dry-run: it draws and stops");
    r->dataset = arguments[0];
    return train(r, error);
}

const cli_command cmd_train = {.name = "train",
    .summary = "train a model on a data set",
    .usage = "DATASET -o MODEL.safetensors [--plan F] [--from MODEL] [--resume] [--overwrite] "
             "[--epochs N] [--minutes N] [--batch N] [--lr X] [--loss L] [--seed N] [--splits F] "
             "[--folds K] [--threads N]\n"
             "DATASET --dry-run [--samples F.png] [OPTIONS]",
    .about =
        "DATASET holds images/ (or imagesTr/) and labels/ (or labelsTr/, masks/): NIfTI, NRRD, "
        "PNG, or folders with a DICOM series and SEG labels; splits.json may name train, val and "
        "test.\n"
        "Images in colour whose channels are all equal are read as grey.\n"
        "The data set is read once and checked, and a plan is derived from it and outlined. The "
        "model with the best validation Dice is kept, and tested at the end. Beside it: curves "
        "(.csv, .svg, .pdf), the whole plan (.plan.json), the digests of the images of each split "
        "(.split.json) and a .checkpoint.",
    .options = table,
    .values = &given,
    .fewest = 1,
    .most = 1,
    .takes = "a data set and -o MODEL.safetensors",
    .stream = true,
    .exits = "Ctrl-C saves a checkpoint (exit 10); a diverging loss stops the training (exit 11).",
    .examples = "ulite train liver/ -o liver.safetensors --minutes 20\n"
                "ulite train liver/ -o liver.safetensors --plan plan.json --resume\n"
                "ulite train liver/ -o liver.safetensors --folds 5 --minutes 120\n"
                "ulite train mine/ -o mine.safetensors --from hippocampus --minutes 5",
    .run = train_run};
