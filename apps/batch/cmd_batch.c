#include "apps/base/console.h"
#include "apps/base/target.h"
#include "apps/batch/batch.h"
#include "apps/options/options.h"
#include "io/base/sha256.h"
#include "ulite/segment.h"
#include "ulite/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_shard(const cli_command *command, void *values, const char *text) {
    batch_arguments *a = values;
    int length = 0;
    if (sscanf(text, "%u/%u%n", &a->shard, &a->shards, &length) == 2 && !text[length] &&
        a->shard >= 1 && a->shard <= a->shards && a->shards <= 1000000)
        return UL_OK;
    return console_usage(command, "--shard takes I/N, I from 1 to N, not \"%s\"", text);
}

/* Words between commas. */
static int take_formats(const cli_command *command, void *values, const char *text) {
    batch_arguments *a = values;
    bool seg = false, report = false;
    a->format_count = 0;
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[16];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        const char *ending = target_word_ending(word);
        if (!ending || a->format_count == BATCH_FORMATS)
            return console_usage(
                command, "--format takes some of " TARGET_WORDS ", not \"%s\"", text);
        seg = seg || strcmp(word, "dcm") == 0;
        report = report || strcmp(word, "sr") == 0;
        a->formats[a->format_count++] = ending;
    }
    return seg || !report ? UL_OK
                          : console_usage(command,
                                "--format: a report (sr) needs the segmentation that it is on: "
                                "dcm,sr");
}

static int take_name(const cli_command *command, void *values, const char *text) {
    ul_error error = {0};
    ((batch_arguments *)values)->name = text;
    return batch_name_check(text, &error) == UL_OK ? UL_OK
                                                   : console_usage(command, "%s", error.text);
}

static batch_arguments given;
#define CLI_VALUES batch_arguments
static const cli_option table[] = {
    {"model", 'm', "MODEL", CLI_TEXT(model),
        .help = "a file, or the name of a bundled model; required"},
    {"output", 'o', "OUT", CLI_TEXT(folder), .help = "a folder; required"},
    {"rules", 0, "F.json", CLI_TEXT(rules),
        .help = "which series of a study is meant, in place of the model's card"},
    {"name", 0, "PATTERN", CLI_CALL(take_name),
        .help = "of the outputs below OUT, without ending: %j hash of the series, %k of the "
                "study, %c of the case, %s series number, %n number of the case, %f its path "
                "below INPUT, %u subject and %e session as BIDS has them in paths, %m model, %h "
                "hash of the model, %%; default %j-%m-%h for DICOM, else %f-%m-%h"},
    {"include", 0, "PATTERN", CLI_TEXT(include),
        .help = "only those NIfTI, NRRD, PNG files and archives whose path below INPUT is of this "
                "pattern (*_T1w.nii.gz); default: all, of BIDS those in folders anat"},
    {"format", 0, "F,...", CLI_CALL(take_formats),
        .help = "dcm, rtstruct, sr (a report, beside dcm), nii, nii.gz, nrrd or png; of several "
                "the first is the output, the others lie beside it; default: the input's kind"},
    {"resume", 0, NULL, CLI_NOTHING, .help = "go on where OUT has a runs.jsonl (the default)"},
    {"retry", 0, "failed", CLI_WORD(retry, "failed"), .low = 1,
        .help = "run those again that failed before"},
    {"overwrite", 0, NULL, CLI_FLAG(overwrite), .help = "run all again"},
    {"shard", 0, "I/N", CLI_CALL(take_shard),
        .help = "every N-th case, from the I-th on; default: the task of a Slurm array "
                "(SLURM_ARRAY_TASK_ID, _MIN, _COUNT)"},
    {"merge", 0, "OUT", CLI_TEXT(merge),
        .help = "joins runs.I-of-N.jsonl of shards into runs.jsonl, volumes.csv"},
    {"only", 0, "NAME,...", CLI_TEXT(only),
        .help = "these classes of the model alone, or groups of them"},
    {"type", 0, "T", CLI_WORD(type, SEG_TYPES),
        .help = "of a .dcm: auto (default), binary, fractional, labelmap"},
    {"rle", 0, NULL, CLI_FLAG(rle), .help = "a labelmap with compressed frames"},
    {"grid", 0, "G", CLI_WORD(regular, "original or regular"),
        .help = "original (default) or regular, as of `ulite segment`"},
    {"html", 0, NULL, CLI_FLAG(html),
        .help = "a page per case beside its output (.html), and index.html, a table of all with "
                "thumbnails; of shards by --merge OUT --html"},
    {"sc", 0, NULL, CLI_FLAG(sc),
        .help = "a picture per case as a DICOM Secondary Capture (.sc.dcm)"},
    {"threads", 0, "N", CLI_WHOLE(threads, 0, UL_MOST_THREADS),
        .help = "0 (default): one per processor"},
    {"tta", 0, NULL, CLI_FLAG(flips), .help = "average flipped runs, where the model allows it"},
    {"force", 0, NULL, CLI_FLAG(force),
        .help = "run a model on what it was not made for; outputs say so"},
    {"json", 0, NULL, CLI_SAID, .help = "events on stdout, a line each: the cases, and the end"},
    {"progress", 0, "P", CLI_SAID,
        .help = "auto, always or never: done, failed, left, rate, time left"},
    {"quiet", 'q', NULL, CLI_SAID, .help = "no messages but failures"},
    {0},
};

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

static int batch_run(char **arguments, ul_error *error) {
    batch_arguments *a = &given;
    batch b = {.arguments = a};
    for (; *arguments; arguments++)
        a->inputs[a->input_count++] = *arguments;
    int exit_code = check_usage(a);
    if (exit_code == UL_OK && !a->merge)
        exit_code = take_slurm(a);
    if (exit_code != UL_OK)
        return exit_code;
    return a->merge ? merge(a->merge, a->html, error) : batch_all(&b, error);
}

const cli_command cmd_batch = {.name = "batch",
    .summary = "segment every case of a cohort, with a log and one table of volumes",
    .usage =
        "INPUT... -m MODEL -o OUT/ [--rules F.json] [--name PATTERN] [--include PATTERN] "
        "[--format F,...] [--retry failed] [--overwrite] [--shard I/N] [--only NAME,...] [--type "
        "T] [--rle] [--grid original|regular] [--tta] [--force] [--html] [--sc] [--threads N]\n"
        "--merge OUT/ [--html]",
    .about =
        "INPUT is a folder of any depth: of DICOM studies, of which each is a case wherever its "
        "files lie, of NIfTI, NRRD and PNG files, and of zip and tar archives of studies or of "
        "one such file; or a BIDS data set, of which OUT becomes a derivative; or a list (.txt), "
        "of which each line is the path of a case. Of a study the series is taken that the model "
        "was made for, if there is just one. A case that fails is a line on stderr, and the "
        "others go on. OUT gets the outputs, runs.jsonl (a line per case: status, exit code, "
        "reason, input, output, time, memory) and volumes.csv (a row per case and segment); the "
        "same command again does only what is not done. docs/cohorts.md tells more.",
    .options = table,
    .values = &given,
    .most = SEGMENT_MAX_PATHS,
    .takes = "at most 64 inputs (a list, .txt, holds more)",
    .stream = true,
    .exits = "Exit 0, 1 (some cases failed), 10 (interrupted).",
    .examples = "ulite batch cohort/ -m hippocampus -o out/\n"
                "ulite batch niftis/ -m brain -o out/ --name %f --only Brain\n"
                "ulite batch cohort/ -m hippocampus -o out/ --retry failed\n"
                "ulite batch cohort/ -m hippocampus -o out/ --format dcm,sr --sc",
    .run = batch_run};
