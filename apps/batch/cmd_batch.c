#include "apps/base/console.h"
#include "apps/base/event.h"
#include "apps/base/seg_type.h"
#include "apps/batch/batch.h"
#include "io/base/uid.h"
#include "ulite/segment.h"
#include "ulite/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int batch_run(int argc, char **argv);

const cli_command cmd_batch = {.name = "batch",
    .summary = "segment every case of a cohort, with a log and one table of volumes",
    .help =
        "Usage: ulite batch INPUT... -m MODEL -o OUT/ [--rules F.json] [--name PATTERN]\n"
        "                   [--include PATTERN] [--format F,...] [--retry failed] [--overwrite]\n"
        "                   [--shard I/N] [--only NAME,...] [--type T] [--rle]\n"
        "                   [--grid original|regular] [--tta] [--force] [--html] [--sc]\n"
        "                   [--threads N]\n"
        "       ulite batch --merge OUT/ [--html]\n"
        "\n"
        "INPUT is a folder of any depth: of DICOM studies, of which each is a case wherever its\n"
        "files lie, of NIfTI, NRRD and PNG files, and of zip and tar archives of studies or of\n"
        "one such file; or a BIDS data set, of which OUT becomes a derivative; or a list (.txt),\n"
        "of which each line is the path of a case. Of a study the series is taken that the model\n"
        "was made for, if there is just one. A case that fails is a line on stderr, and the\n"
        "others go on. OUT gets the outputs, runs.jsonl (a line per case: status, exit code,\n"
        "reason, input, output, time, memory) and volumes.csv (a row per case and segment); the\n"
        "same command again does only what is not done. docs/cohorts.md tells more. Exit 0, 1\n"
        "(some cases failed), 10 (interrupted).\n"
        "\n"
        "  -m, --model MODEL     a file, or the name of a bundled model; required\n"
        "  -o, --output OUT      a folder; required\n"
        "      --rules F.json    which series of a study is meant, in place of the model's card\n"
        "      --name PATTERN    of the outputs below OUT, without ending: %j hash of the series,\n"
        "                        %k of the study, %c of the case, %s series number, %n number of\n"
        "                        the case, %f its path below INPUT, %u subject and %e session as\n"
        "                        BIDS has them in paths, %m model, %h hash of the model, %%;\n"
        "                        default %j-%m-%h for DICOM, else %f-%m-%h\n"
        "      --include PATTERN only those NIfTI, NRRD, PNG files and archives whose path below\n"
        "                        INPUT is of this pattern (*_T1w.nii.gz); default: all, of BIDS\n"
        "                        those in folders anat\n"
        "      --format F,...    dcm, rtstruct, sr (a report, beside dcm), nii, nii.gz, nrrd or\n"
        "                        png; of several the first is the output, the others lie beside\n"
        "                        it; default: the input's kind\n"
        "      --resume          go on where OUT has a runs.jsonl (the default)\n"
        "      --retry failed    run those again that failed before\n"
        "      --overwrite       run all again\n"
        "      --shard I/N       every N-th case, from the I-th on; default: the task of a Slurm\n"
        "                        array (SLURM_ARRAY_TASK_ID, _MIN, _COUNT)\n"
        "      --merge OUT       joins runs.I-of-N.jsonl of shards into runs.jsonl, volumes.csv\n"
        "      --only NAME,...   these classes of the model alone, or groups of them\n"
        "      --type T          of a .dcm: auto (default), binary, fractional, labelmap\n"
        "      --rle             a labelmap with compressed frames\n"
        "      --grid G          original (default) or regular, as of `ulite segment`\n"
        "      --html            a page per case beside its output (.html), and index.html, a "
        "table\n"
        "                        of all with thumbnails; of shards by --merge OUT --html\n"
        "      --sc              a picture per case as a DICOM Secondary Capture (.sc.dcm)\n"
        "      --threads N       0 (default): one per processor\n"
        "      --tta             average flipped runs, where the model allows it\n"
        "      --force           run a model on what it was not made for; outputs say so\n"
        "      --json            events on stdout, a line each: the cases, and the end\n"
        "      --progress P      auto, always or never: done, failed, left, rate, time left\n"
        "  -q, --quiet           no messages but failures\n"
        "\n"
        "Examples:\n"
        "  ulite batch cohort/ -m hippocampus -o out/\n"
        "  ulite batch niftis/ -m brain -o out/ --name %f --only Brain\n"
        "  ulite batch cohort/ -m hippocampus -o out/ --retry failed\n"
        "  ulite batch cohort/ -m hippocampus -o out/ --format dcm,sr --sc\n",
    .run = batch_run};

enum {
    OPTION_RULES = 2000,
    OPTION_NAME,
    OPTION_FORMAT,
    OPTION_INCLUDE,
    OPTION_RESUME,
    OPTION_RETRY,
    OPTION_OVERWRITE,
    OPTION_SHARD,
    OPTION_MERGE,
    OPTION_ONLY,
    OPTION_TYPE,
    OPTION_RLE,
    OPTION_GRID,
    OPTION_THREADS,
    OPTION_TTA,
    OPTION_FORCE,
    OPTION_HTML,
    OPTION_SC
};

static const struct option long_options[] = {CONSOLE_OPTIONS,
    {"model", required_argument, NULL, 'm'}, {"output", required_argument, NULL, 'o'},
    {"rules", required_argument, NULL, OPTION_RULES},
    {"name", required_argument, NULL, OPTION_NAME},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"include", required_argument, NULL, OPTION_INCLUDE},
    {"resume", no_argument, NULL, OPTION_RESUME}, {"retry", required_argument, NULL, OPTION_RETRY},
    {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
    {"shard", required_argument, NULL, OPTION_SHARD},
    {"merge", required_argument, NULL, OPTION_MERGE},
    {"only", required_argument, NULL, OPTION_ONLY}, {"type", required_argument, NULL, OPTION_TYPE},
    {"rle", no_argument, NULL, OPTION_RLE}, {"grid", required_argument, NULL, OPTION_GRID},
    {"threads", required_argument, NULL, OPTION_THREADS}, {"tta", no_argument, NULL, OPTION_TTA},
    {"force", no_argument, NULL, OPTION_FORCE}, {"html", no_argument, NULL, OPTION_HTML},
    {"sc", no_argument, NULL, OPTION_SC}, {0}};

static int take_shard(batch_arguments *a, const char *text) {
    int length = 0;
    if (sscanf(text, "%u/%u%n", &a->shard, &a->shards, &length) == 2 && !text[length] &&
        a->shard >= 1 && a->shard <= a->shards && a->shards <= 1000000)
        return UL_OK;
    return console_usage(&cmd_batch, "--shard takes I/N, I from 1 to N, not \"%s\"", text);
}

/* Words between commas. */
static int take_formats(batch_arguments *a, const char *text) {
    bool seg = false, report = false;
    a->format_count = 0;
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[16];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        const char *ending = target_word_ending(word);
        if (!ending || a->format_count == BATCH_FORMATS)
            return console_usage(
                &cmd_batch, "--format takes some of " TARGET_WORDS ", not \"%s\"", text);
        seg = seg || strcmp(word, "dcm") == 0;
        report = report || strcmp(word, "sr") == 0;
        a->formats[a->format_count++] = ending;
    }
    return seg || !report ? UL_OK
                          : console_usage(&cmd_batch,
                                "--format: a report (sr) needs the segmentation that it is on: "
                                "dcm,sr");
}

static int take_threads(batch_arguments *a, const char *text) {
    long number;
    int code = console_number(&cmd_batch, "--threads", text, 0, UL_MOST_THREADS, &number);
    a->threads = (int)number;
    return code;
}

/* Options of few words; the exit code of a wrong one, else UL_OK. */
static int take_word(batch_arguments *a, int option, const char *argument) {
    if (option == OPTION_RETRY) {
        a->retry = true;
        return strcmp(argument, "failed") == 0
                   ? UL_OK
                   : console_usage(&cmd_batch, "--retry takes failed, not \"%s\"", argument);
    }
    if (option == OPTION_TYPE)
        return seg_type_parse(argument, &a->type)
                   ? UL_OK
                   : console_usage(&cmd_batch, "--type takes " SEG_TYPES ", not \"%s\"", argument);
    a->regular = strcmp(argument, "regular") == 0;
    return a->regular || strcmp(argument, "original") == 0
               ? UL_OK
               : console_usage(
                     &cmd_batch, "--grid takes original or regular, not \"%s\"", argument);
}

static int take_option(batch_arguments *a, int option, const char *argument) {
    ul_error error = {0};
    switch (option) {
    case 'm':
        a->model = argument;
        return UL_OK;
    case 'o':
        a->folder = argument;
        return UL_OK;
    case OPTION_RULES:
        a->rules = argument;
        return UL_OK;
    case OPTION_NAME:
        a->name = argument;
        return batch_name_check(argument, &error) == UL_OK
                   ? UL_OK
                   : console_usage(&cmd_batch, "%s", error.text);
    case OPTION_FORMAT:
        return take_formats(a, argument);
    case OPTION_INCLUDE:
        a->include = argument;
        return UL_OK;
    case OPTION_RESUME:
        return UL_OK;
    case OPTION_OVERWRITE:
        a->overwrite = true;
        return UL_OK;
    case OPTION_SHARD:
        return take_shard(a, argument);
    case OPTION_MERGE:
        a->merge = argument;
        return UL_OK;
    case OPTION_ONLY:
        a->only = argument;
        return UL_OK;
    case OPTION_RLE:
        a->rle = true;
        return UL_OK;
    case OPTION_THREADS:
        return take_threads(a, argument);
    case OPTION_TTA:
        a->flips = true;
        return UL_OK;
    case OPTION_FORCE:
        a->force = true;
        return UL_OK;
    case OPTION_SC:
        a->sc = true;
        return UL_OK;
    case OPTION_HTML:
        a->html = true;
        return UL_OK;
    default:
        return take_word(a, option, argument);
    }
}

/* The task of a Slurm array, where --shard does not say. */
static int take_slurm(batch_arguments *a) {
    const char *id = getenv("SLURM_ARRAY_TASK_ID"), *count = getenv("SLURM_ARRAY_TASK_COUNT"),
               *min = getenv("SLURM_ARRAY_TASK_MIN");
    if (a->shards > 0 || !id || !count)
        return UL_OK;
    unsigned long first = min ? strtoul(min, NULL, 10) : 0, task = strtoul(id, NULL, 10);
    unsigned long tasks = strtoul(count, NULL, 10);
    if (task < first || task - first >= tasks || tasks > 1000000)
        return console_usage(&cmd_batch,
            "task %s of an array of %s tasks from %s on is no shard: number them without steps, "
            "or give --shard",
            id, count, min ? min : "0");
    a->shard = (unsigned)(task - first + 1);
    a->shards = (unsigned)tasks;
    return UL_OK;
}

/* The hash of what a result depends on beside the case. */
static ul_status make_plan(batch *b, ul_error *error) {
    const batch_arguments *a = b->arguments;
    char text[4096], rules[65] = "", hash[17], formats[160] = "";
    for (size_t f = 0; f < a->format_count; f++)
        strncat(formats, a->formats[f], sizeof formats - strlen(formats) - 1);
    ul_status status = a->rules ? ul_sha256_file(a->rules, rules, error) : UL_OK;
    snprintf(text, sizeof text, "1\n%s\n%s\n%s\n%s\n%s\n%d %d %d %d %d", b->model.hash, rules,
        a->name ? a->name : "", formats, a->only ? a->only : "", (int)a->type, a->rle, a->regular,
        a->flips, a->force);
    target_hash(text, hash);
    memcpy(b->plan, hash, sizeof b->plan);
    return status;
}

static ul_status open_runs(batch *b, ul_error *error) {
    const batch_arguments *a = b->arguments;
    char shard[32] = "";
    if (a->shards > 0)
        snprintf(shard, sizeof shard, "%u-of-%u", a->shard, a->shards);
    snprintf(b->scratch, sizeof b->scratch, "%s/.ulite-unpacked%s%s", a->folder, *shard ? "-" : "",
        shard);
    batch_make_folders(b->scratch);
    ul_status status = ul_runs_open(a->folder, shard, &b->runs, error);
    const char *other =
        status == UL_OK ? ul_runs_other_plan(b->runs, b->plan, b->model.hash) : NULL;
    if (other)
        status = ul_error_set(error, UL_ERROR_USAGE,
            "%s holds results of this model with other options (plan %s): take another OUT",
            a->folder, other);
    return status;
}

static ul_status check_only(const batch *b, ul_error *error) {
    ul_class_choice choice = {0};
    ul_status status = ul_class_choice_parse(&b->model.card, b->arguments->only, &choice, error);
    ul_class_choice_free(&choice);
    if (status != UL_OK)
        ul_error_prefix(error, "--only");
    return status;
}

/* Writes the page of all cases of the one log, where it is asked for. */
static ul_status write_index(const char *folder, bool wanted, ul_error *error) {
    char path[TARGET_PATH_BYTES];
    if (!wanted)
        return UL_OK;
    if (snprintf(path, sizeof path, "%s/index.html", folder) >= (int)sizeof path)
        return ul_error_set(error, UL_ERROR_OUTPUT, "%s: too long a path", folder);
    ul_status status = ul_view_write_index(path, error);
    if (status == UL_OK)
        console_say("wrote %s", path);
    return status;
}

static ul_status batch_all(batch *b, ul_error *error) {
    const batch_arguments *a = b->arguments;
    ul_status status = segment_model_open(a->model, &b->model, error);
    if (status == UL_OK && a->only)
        status = check_only(b, error);
    if (status == UL_OK && a->rules)
        status = ul_series_rules_read(a->rules, &b->rules, error);
    if (status == UL_OK)
        status = make_plan(b, error);
    if (status == UL_OK)
        status = ul_cohort_open(a->inputs, a->input_count,
            &(ul_cohort_options){a->folder, a->include, console_settings.debug, a->threads},
            console_progress(), &b->cohort, error);
    if (status == UL_OK) /* makes OUT, which is for what can be run alone */
        status = open_runs(b, error);
    if (status == UL_OK)
        status = batch_bids_begin(b, error);
    if (status == UL_OK) {
        if (!b->model.card.trained)
            console_say("note: %s is untrained, for tests only: its labels mean nothing",
                b->model.card.name);
        status = batch_run_cases(b, error);
    }
    ul_error late = {0};
    if (ul_runs_close(b->runs, &late) != UL_OK && (status == UL_OK || status == UL_ERROR_PARTIAL))
        status = ul_error_set(error, late.status, "%s", late.text);
    if ((status == UL_OK || status == UL_ERROR_PARTIAL) &&
        write_index(a->folder, a->html && a->shards == 0, &late) != UL_OK)
        status = ul_error_set(error, late.status, "%s", late.text);
    ul_cohort_close(&b->cohort);
    ul_series_rules_free(b->rules);
    segment_model_close(&b->model);
    return status;
}

static ul_status merge(const char *folder, bool html, ul_error *error) {
    size_t shards, runs;
    ul_status status = ul_runs_merge(folder, &shards, &runs, error);
    if (status == UL_OK)
        console_say(
            "%zu runs of %zu shards are in %s/runs.jsonl and volumes.csv", runs, shards, folder);
    return status == UL_OK ? write_index(folder, html, error) : status;
}

static int check_usage(const batch_arguments *a) {
    if (a->merge)
        return a->input_count || a->model || a->folder
                   ? console_usage(&cmd_batch, "--merge takes OUT and nothing else but --html")
                   : UL_OK;
    if (a->input_count == 0 || !a->model || !a->folder || !*a->folder)
        return console_usage(&cmd_batch, "%s is missing",
            a->input_count == 0 ? "INPUT"
            : a->model          ? "-o OUT"
                                : "-m MODEL");
    if (a->rle && !seg_type_takes_rle(a->type))
        return console_usage(&cmd_batch, "--rle needs --type labelmap");
    return UL_OK;
}

static int batch_run(int argc, char **argv) {
    batch_arguments a = {0};
    console_settings.events = false; /* of stages: a case is the event */
    console_settings.failed = event_failed;
    for (int option;
         (option = getopt_long(argc, argv, CONSOLE_SHORT "m:o:", long_options, NULL)) >= 0;) {
        int exit_code = UL_OK;
        if (console_option(&cmd_batch, option, optarg, &exit_code)) {
            if (exit_code >= 0)
                return exit_code;
            continue;
        }
        exit_code = take_option(&a, option, optarg);
        if (exit_code != UL_OK)
            return exit_code;
    }
    for (; optind < argc; optind++) {
        if (a.input_count == SEGMENT_MAX_PATHS)
            return console_usage(&cmd_batch,
                "at most %d inputs are allowed: a list (.txt) holds more", SEGMENT_MAX_PATHS);
        a.inputs[a.input_count++] = argv[optind];
    }
    int exit_code = check_usage(&a);
    if (exit_code == UL_OK && !a.merge)
        exit_code = take_slurm(&a);
    if (exit_code != UL_OK)
        return exit_code;
    ul_error error = {0};
    batch b = {.arguments = &a};
    ul_status status = a.merge ? merge(a.merge, a.html, &error) : batch_all(&b, &error);
    if (status == UL_OK || (status == UL_ERROR_PARTIAL && error.status == UL_OK))
        return (int)status;
    return console_fail(&cmd_batch, &error);
}
