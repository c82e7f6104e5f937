#include "apps/base/console.h"
#include "apps/base/ending.h"
#include "apps/base/event.h"
#include "apps/base/target.h"
#include "apps/train/outline.h"
#include "apps/train/report.h"
#include "jobs/base/paths.h"
#include "ulite/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int train_run(int argc, char **argv);

const cli_command cmd_train = {.name = "train",
    .summary = "train a model on a data set",
    .help =
        "Usage: ulite train DATASET -o MODEL.safetensors [--plan F] [--from MODEL] [--resume]\n"
        "                   [--overwrite] [--epochs N] [--minutes N] [--batch N] [--lr X]\n"
        "                   [--loss L] [--seed N] [--splits F] [--folds K] [--threads N]\n"
        "       ulite train DATASET --dry-run [--samples F.png] [OPTIONS]\n"
        "\n"
        "DATASET holds images/ (or imagesTr/) and labels/ (or labelsTr/, masks/): NIfTI,\n"
        "NRRD, PNG, or folders with a DICOM series and SEG labels; splits.json may name train, "
        "val\n"
        "and test.\n"
        "Images in colour whose channels are all equal are read as grey.\n"
        "The data set is read once and checked, and a plan is derived from it and outlined. The "
        "model\n"
        "with the best validation Dice is kept, and tested at the end. Beside it: curves (.csv,\n"
        ".svg, .pdf), the whole plan (.plan.json), the digests of the images of each split\n"
        "(.split.json) and a .checkpoint.\n"
        "\n"
        "  -o, --output FILE  the model\n"
        "      --plan FILE    JSON that overrides the derived plan\n"
        "      --dry-run      print the whole plan (a file for --plan) and stop\n"
        "      --samples F    with --dry-run: a PNG of the first patches of a run and their "
        "labels\n"
        "      --from MODEL   fine-tune: a file, or the name of a bundled model\n"
        "      --resume       go on from the checkpoint, exactly\n"
        "      --overwrite    begin anew though an earlier run's files are there (else exit 2)\n"
        "      --epochs N     default: what fits into --minutes, else 100\n"
        "      --minutes N    time for the training, earlier runs of a resumed one included\n"
        "      --batch N      slices of a step\n"
        "      --lr X         learning rate at the start, default 0.002\n"
        "      --loss L       dice, cross_entropy, dice_ce (default) or tversky\n"
        "      --seed N       of the initial weights and of all that is drawn, default 1\n"
        "      --splits FILE  a splits file from elsewhere\n"
        "      --folds K      cross-validation: a model for each of K parts of the cases, trained "
        "on\n"
        "                     the others (MODEL.foldN.safetensors), then the model, trained on "
        "all\n"
        "      --threads N    0 (default): one per processor; the model does not depend on it\n"
        "      --json         events on stdout, a line each\n"
        "      --progress P   auto, always or never\n"
        "  -q, --quiet        no messages\n"
        "\n"
        "Ctrl-C saves a checkpoint (exit 10); a diverging loss stops the training (exit 11).\n"
        "\n"
        "Examples:\n"
        "  ulite train liver/ -o liver.safetensors --minutes 20\n"
        "  ulite train liver/ -o liver.safetensors --plan plan.json --resume\n"
        "  ulite train liver/ -o liver.safetensors --folds 5 --minutes 120\n"
        "  ulite train mine/ -o mine.safetensors --from hippocampus --minutes 5\n",
    .run = train_run};

enum {
    OPTION_PLAN = 2000,
    OPTION_DRY_RUN,
    OPTION_SAMPLES,
    OPTION_FROM,
    OPTION_RESUME,
    OPTION_OVERWRITE,
    OPTION_EPOCHS,
    OPTION_MINUTES,
    OPTION_BATCH,
    OPTION_LR,
    OPTION_LOSS,
    OPTION_SEED,
    OPTION_SPLITS,
    OPTION_FOLDS,
    OPTION_THREADS
};

static const struct option long_options[] = {CONSOLE_OPTIONS,
    {"output", required_argument, NULL, 'o'}, {"plan", required_argument, NULL, OPTION_PLAN},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"samples", required_argument, NULL, OPTION_SAMPLES},
    {"from", required_argument, NULL, OPTION_FROM}, {"resume", no_argument, NULL, OPTION_RESUME},
    {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
    {"epochs", required_argument, NULL, OPTION_EPOCHS},
    {"minutes", required_argument, NULL, OPTION_MINUTES},
    {"batch", required_argument, NULL, OPTION_BATCH}, {"lr", required_argument, NULL, OPTION_LR},
    {"loss", required_argument, NULL, OPTION_LOSS}, {"seed", required_argument, NULL, OPTION_SEED},
    {"splits", required_argument, NULL, OPTION_SPLITS},
    {"folds", required_argument, NULL, OPTION_FOLDS},
    {"threads", required_argument, NULL, OPTION_THREADS}, {0}};

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

static int take_loss(const char *text, int *loss) {
    static const char *const losses[] = {"dice", "cross_entropy", "dice_ce", "tversky"};
    for (*loss = 0; *loss < 4; ++*loss)
        if (strcmp(text, losses[*loss]) == 0)
            return UL_OK;
    return console_usage(
        &cmd_train, "--loss takes dice, cross_entropy, dice_ce or tversky, not \"%s\"", text);
}

/* Takes one option; the exit code of a wrong one, else UL_OK. */
static int take_option(request *r, int option, const char *argument) {
    switch (option) {
    case 'o':
        r->output = argument;
        return UL_OK;
    case OPTION_PLAN:
        r->plan = argument;
        return UL_OK;
    case OPTION_DRY_RUN:
        r->dry_run = true;
        return UL_OK;
    case OPTION_SAMPLES:
        r->samples = argument;
        return UL_OK;
    case OPTION_FROM:
        r->from = argument;
        return UL_OK;
    case OPTION_RESUME:
        r->resume = true;
        return UL_OK;
    case OPTION_OVERWRITE:
        r->overwrite = true;
        return UL_OK;
    case OPTION_EPOCHS:
        return console_number(&cmd_train, "--epochs", argument, 1, 1000000, &r->epochs);
    case OPTION_MINUTES:
        return console_positive(&cmd_train, "--minutes", argument, 1e9, &r->minutes);
    case OPTION_BATCH:
        return console_number(&cmd_train, "--batch", argument, 1, 4096, &r->batch);
    case OPTION_LR:
        return console_positive(&cmd_train, "--lr", argument, 1e9, &r->rate);
    case OPTION_LOSS:
        return take_loss(argument, &r->loss);
    case OPTION_SEED:
        return console_number(&cmd_train, "--seed", argument, 0, 999999999, &r->seed);
    case OPTION_SPLITS:
        r->splits = argument;
        return UL_OK;
    case OPTION_FOLDS:
        return console_number(&cmd_train, "--folds", argument, 2, 1000, &r->folds);
    case OPTION_THREADS:
        return console_number(&cmd_train, "--threads", argument, 0, 1024, &r->threads);
    default:
        return console_usage(&cmd_train, "unknown option or missing value");
    }
}

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

static int train_run(int argc, char **argv) {
    request r = {.seed = -1, .loss = -1};
    console_settings.events = true;
    console_settings.failed = event_failed;
    for (int option;
         (option = getopt_long(argc, argv, CONSOLE_SHORT "o:", long_options, NULL)) >= 0;) {
        int exit_code = UL_OK;
        if (console_option(&cmd_train, option, optarg, &exit_code)) {
            if (exit_code >= 0)
                return exit_code;
            continue;
        }
        exit_code = take_option(&r, option, optarg);
        if (exit_code != UL_OK)
            return exit_code;
    }
    if (argc - optind != 1 || (!r.output && !r.dry_run))
        return console_usage(&cmd_train, "takes a data set and -o MODEL.safetensors");
    if (r.samples && (!r.dry_run || !ends_in(r.samples, ".png")))
        return console_usage(
            &cmd_train, "--samples takes a name in .png, and --dry-run: it draws and stops");
    if (r.output && !ends_in(r.output, ".safetensors"))
        return console_usage(&cmd_train, "-o takes a name in .safetensors, not \"%s\"", r.output);
    r.dataset = argv[optind];
    ul_error error = {0};
    if (train(&r, &error) == UL_OK)
        return UL_OK;
    return console_fail(&cmd_train, &error);
}
