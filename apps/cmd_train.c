#include "console.h"
#include "ulite/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cmd_train = {"train", "train a model on a data set",
    "Usage: ulite train DATASET -o MODEL.safetensors [OPTIONS]\n\n"
    "DATASET holds images/ (or imagesTr/) and labels/ (or labelsTr/, masks/): NIfTI, PNG, or\n"
    "folders with a DICOM series and SEG labels; splits.json may name train, val and test.\n\n"
    "  -o, --output FILE  the model; curves, split and checkpoint lie beside it\n"
    "  --splits FILE      a splits file from elsewhere\n"
    "  --plan FILE        JSON that overrides the derived plan\n"
    "  --from MODEL       fine-tune a model file\n"
    "  --resume           go on from the checkpoint, exactly\n"
    "  --epochs N  --minutes N  --batch N  --lr X  --loss dice|cross_entropy|dice_ce|tversky\n"
    "  --seed N  --threads N\n\n"
    "Examples:\n"
    "  ulite train dataset -o liver.safetensors --minutes 20\n"
    "  ulite train dataset -o liver.safetensors --plan plan.json --resume\n",
    run};

typedef struct request {
    const char *output, *splits, *plan, *from, *loss;
    double minutes, rate;
    size_t epochs, batch, seed;
    int threads;
    bool resume, seeded;
} request;

static void say_epoch(void *context, const ul_epoch *e) {
    size_t total = *(const size_t *)context;
    char dice[32] = "";
    if (!isnan(e->dice))
        snprintf(dice, sizeof dice, "  val Dice %.4f%s", e->dice, e->best ? " *" : "");
    console_say("epoch %zu/%zu  rate %.5f  loss %.4f%s  %.0f s", e->epoch, total, e->rate, e->loss,
        dice, e->seconds);
}

static int override(const request *r, ul_training *t) {
    static const char *const losses[] = {"dice", "cross_entropy", "dice_ce", "tversky"};
    t->epochs = r->epochs ? r->epochs : t->epochs;
    t->batch = r->batch ? r->batch : t->batch;
    t->learning_rate = r->rate > 0.0 ? r->rate : t->learning_rate;
    t->seed = r->seeded ? r->seed : t->seed;
    for (unsigned i = 0; r->loss && i < 4; i++)
        if (strcmp(r->loss, losses[i]) == 0) {
            t->loss = (ul_loss)i;
            return 0;
        }
    return r->loss ? console_usage(&cmd_train, "no loss \"%s\"", r->loss) : 0;
}

static ul_status print_test(
    const ul_dataset *dataset, const ul_card *card, const request *r, ul_error *error) {
    ul_model *model;
    ul_fit_score *scores;
    size_t count;
    if (dataset->in_split[UL_SPLIT_TEST] == 0)
        return UL_OK;
    ul_status status = ul_model_open(r->output, &model, error);
    if (status != UL_OK)
        return status;
    status = ul_fit_evaluate(dataset, UL_SPLIT_TEST, model, card, r->threads, console_progress(),
        &scores, &count, error);
    ul_model_close(model);
    if (status != UL_OK)
        return status;
    printf("test split, %zu cases:\n", dataset->in_split[UL_SPLIT_TEST]);
    double *dice = malloc((count + 1) * sizeof *dice);
    size_t classes = card->classes.count;
    for (size_t c = 0; dice && c < classes; c++) {
        ul_summary s, iou;
        for (size_t i = c; i < count; i += classes)
            dice[i / classes] = scores[i].metrics.dice;
        ul_summarise(dice, count / classes, &s, NULL);
        for (size_t i = c; i < count; i += classes)
            dice[i / classes] = scores[i].metrics.iou;
        ul_summarise(dice, count / classes, &iou, NULL);
        printf("  %-24s Dice %.4f [%.4f, %.4f]  IoU %.4f\n", card->classes.items[c].label, s.mean,
            s.low95, s.high95, iou.mean);
    }
    free(dice);
    free(scores);
    return UL_OK;
}

static ul_status train(const char *folder, const request *r, int *usage, ul_error *error) {
    ul_dataset dataset;
    ul_fingerprint fingerprint;
    ul_plan plan = {0};
    ul_model *from = NULL;
    ul_status status = ul_dataset_open(folder, r->splits, 1, &dataset, error);
    if (status != UL_OK)
        return status;
    status = ul_fingerprint_measure(&dataset, console_progress(), &fingerprint, error);
    if (status == UL_OK)
        status = ul_plan_derive(&dataset, &fingerprint, r->plan, &plan, error);
    if (status == UL_OK && (*usage = override(r, &plan.training)) != 0)
        status = UL_ERROR_USAGE;
    char *json = NULL;
    if (status == UL_OK)
        status = ul_plan_write(&plan, &json, error);
    if (status == UL_OK)
        console_say("%s", json);
    free(json);
    if (status == UL_OK && r->from)
        status = ul_model_open(r->from, &from, error);
    const ul_fit_options options = {r->output, from, r->resume, r->minutes, r->threads};
    if (status == UL_OK)
        status = ul_fit(
            &dataset, &plan, &options, say_epoch, &plan.training.epochs, console_progress(), error);
    if (status == UL_OK)
        status = print_test(&dataset, &plan.card, r, error);
    ul_model_close(from);
    ul_plan_free(&plan);
    ul_dataset_free(&dataset);
    return status;
}

static int run(int argc, char **argv) {
    enum { SPLITS = 1, PLAN, FROM, RESUME, EPOCHS, MINUTES, BATCH, RATE, LOSS, SEED, THREADS };
    static const struct option long_options[] = {CONSOLE_OPTIONS,
        {"output", required_argument, NULL, 'o'}, {"splits", required_argument, NULL, SPLITS},
        {"plan", required_argument, NULL, PLAN}, {"from", required_argument, NULL, FROM},
        {"resume", no_argument, NULL, RESUME}, {"epochs", required_argument, NULL, EPOCHS},
        {"minutes", required_argument, NULL, MINUTES}, {"batch", required_argument, NULL, BATCH},
        {"lr", required_argument, NULL, RATE}, {"loss", required_argument, NULL, LOSS},
        {"seed", required_argument, NULL, SEED}, {"threads", required_argument, NULL, THREADS},
        {NULL, 0, NULL, 0}};
    request r = {0};
    int option, exit_code;
    while ((option = getopt_long(argc, argv, CONSOLE_SHORT "o:", long_options, NULL)) != -1) {
        const char **text = option == 'o'      ? &r.output
                            : option == SPLITS ? &r.splits
                            : option == PLAN   ? &r.plan
                            : option == FROM   ? &r.from
                            : option == LOSS   ? &r.loss
                                               : NULL;
        size_t *number = option == EPOCHS  ? &r.epochs
                         : option == BATCH ? &r.batch
                         : option == SEED  ? &r.seed
                                           : NULL;
        double *real = option == MINUTES ? &r.minutes : option == RATE ? &r.rate : NULL;
        char *end = NULL;
        if (text) {
            *text = optarg;
        } else if (number || real || option == THREADS) {
            double value = strtod(optarg, &end);
            if (*end || !(value >= 0.0 && value < 1e9))
                return console_usage(&cmd_train, "\"%s\" is no number", optarg);
            if (number)
                *number = (size_t)value;
            else if (real)
                *real = value;
            else
                r.threads = (int)value;
            r.seeded = r.seeded || option == SEED;
        } else if (option == RESUME) {
            r.resume = true;
        } else if (!console_option(&cmd_train, option, optarg, &exit_code)) {
            return console_usage(&cmd_train, "an option was wrong");
        } else if (exit_code >= 0) {
            return exit_code;
        }
    }
    if (argc - optind != 1 || !r.output)
        return console_usage(&cmd_train, "give a data set and -o MODEL.safetensors");
    ul_error error = {0};
    int usage = 0;
    ul_status status = train(argv[optind], &r, &usage, &error);
    if (usage)
        return usage;
    return status == UL_OK ? 0 : console_fail(&cmd_train, &error);
}
