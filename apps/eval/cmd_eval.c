#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "apps/eval/columns.h"
#include "apps/eval/tables.h"
#include "apps/options/options.h"
#include "libulite/base/output.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct request {
    const char *csv, *table, *segments;
    ul_evaluate_options options;
} request;

/* "0.5" or "0.5,0.7": between columns, between rows. */
static int take_pixel_size(const cli_command *command, void *values, const char *text) {
    double *pixel_mm = ((request *)values)->options.pixel_mm;
    char *end;
    pixel_mm[0] = pixel_mm[1] = strtod(text, &end);
    if (end != text && *end == ',') {
        text = end + 1;
        pixel_mm[1] = strtod(text, &end);
    }
    if (*end || end == text || !(pixel_mm[0] > 0.0 && pixel_mm[1] > 0.0) ||
        !(pixel_mm[0] < 1e6 && pixel_mm[1] < 1e6))
        return console_usage(
            command, "--pixel-size takes one or two numbers of mm, as 0.5 or 0.5,0.7");
    return UL_OK;
}

static request given = {.options = {.tolerance = 1.0}};
#define CLI_VALUES request
static const cli_option table[] = {
    {"csv", 0, "FILE", CLI_FILE(csv, ".csv"), .help = "a line per case and class"},
    {"table", 0, "FILE", CLI_FILE(table, ".md, .tex or .csv"),
        .help = "for a text: a line per class, mean and standard deviation, in Markdown (.md) or "
                "LaTeX (.tex)"},
    {"segments", 0, "F", CLI_TEXT(segments),
        .help = "what the classes are called: a JSON file (docs/segments.md), or a model"},
    {"tolerance", 0, "MM", CLI_ABOVE_0(options.tolerance, 1e6),
        .help = "of the surface Dice (nsd); default 1, in pixels where there is no spacing"},
    {"pixel-size", 0, "X[,Y]", CLI_CALL(take_pixel_size),
        .help = "mm between columns and rows of pictures (PNG), which do not state it: distances "
                "come in mm then"},
    {"merge", 0, NULL, CLI_FLAG(options.merge),
        .help = "all segments of a file count as one, for a truth that tells fewer apart"},
    {"source", 0, "FOLDER", CLI_TEXT(options.source),
        .help = "the DICOM series that a SEG among two files belongs to: needed where its slices "
                "are unevenly spaced"},
    {"json", 0, NULL, CLI_SAID, .help = "everything as one JSON object on stdout"},
    {"progress", 0, "P", CLI_SAID, .help = "auto, always or never"},
    {0},
};

static cJSON *json_of_summary(const ul_evaluation *evaluation, const ul_score *one, double *spare) {
    cJSON *total = cJSON_CreateObject();
    cJSON_AddStringToObject(total, "name", one->class_name);
    cJSON_AddNumberToObject(total, "number", one->metrics.number);
    for (int c = 0; c < COLUMNS; c++) {
        ul_summary s = columns_summarise(evaluation, one->metrics.number, c, spare);
        cJSON *o = cJSON_AddObjectToObject(total, columns[c].key);
        cJSON_AddNumberToObject(o, "count", (double)s.count);
        cJSON_AddNumberToObject(o, "undefined", (double)s.undefined);
        cJSON_AddNumberToObject(o, "mean", columns[c].written(s.mean));
        cJSON_AddNumberToObject(o, "sd", columns[c].written(s.sd));
        cJSON_AddNumberToObject(o, "median", columns[c].written(s.median));
        cJSON_AddNumberToObject(o, "low95", columns[c].written(s.low95));
        cJSON_AddNumberToObject(o, "high95", columns[c].written(s.high95));
    }
    return total;
}

static cJSON *json_of_score(const ul_score *score) {
    cJSON *item = cJSON_CreateObject();
    double values[COLUMNS];
    columns_of(&score->metrics, values);
    cJSON_AddStringToObject(item, "name", score->class_name);
    cJSON_AddNumberToObject(item, "number", score->metrics.number);
    for (int c = 0; c < COLUMNS; c++)
        cJSON_AddNumberToObject(item, columns[c].key, columns[c].written(values[c]));
    return item;
}

static ul_status print_json(
    const ul_evaluation *evaluation, double tolerance, double *spare, ul_error *error) {
    const ul_score *scores = evaluation->scores;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "version", 1);
    cJSON *cases = cJSON_AddArrayToObject(json, "cases");
    cJSON *summary = cJSON_AddArrayToObject(json, "summary"), *classes = NULL;
    for (size_t i = 0; i < evaluation->count; i++) {
        if (i == 0 || strcmp(scores[i].name, scores[i - 1].name) != 0) {
            cJSON *one = cJSON_CreateObject();
            cJSON_AddItemToArray(cases, one);
            cJSON_AddStringToObject(one, "name", scores[i].name);
            classes = cJSON_AddArrayToObject(one, "classes");
        }
        cJSON_AddItemToArray(classes, json_of_score(&scores[i]));
        if (columns_first_of_class(evaluation, i))
            cJSON_AddItemToArray(summary, json_of_summary(evaluation, &scores[i], spare));
    }
    cJSON_AddNumberToObject(json, "nsd_tolerance", tolerance);
    cJSON_AddNumberToObject(json, "compared", (double)evaluation->cases);
    cJSON_AddNumberToObject(json, "failed", (double)evaluation->failed);
    return json_out_print(json, error);
}

static void print_table(const ul_evaluation *evaluation, double *spare) {
    const ul_score *scores = evaluation->scores;
    printf("%zu case%s%s\n", evaluation->cases, evaluation->cases == 1 ? "" : "s",
        evaluation->count ? "" : ": no label on either side");
    for (size_t i = 0; i < evaluation->count; i++) {
        if (!columns_first_of_class(evaluation, i))
            continue;
        printf("%s\n  %-21s %9s  %9s  %9s  %-20s  n\n", scores[i].class_name, "", "mean", "sd",
            "median", "95 % of the mean");
        for (int c = 0; c < COLUMNS; c++) {
            ul_summary s = columns_summarise(evaluation, scores[i].metrics.number, c, spare);
            if (s.count > 0)
                printf("  %-21s %9.4f  %9.4f  %9.4f  [%8.4f, %8.4f]  %zu\n", columns[c].key, s.mean,
                    s.sd, s.median, s.low95, s.high95, s.count);
        }
    }
}

static ul_status report(const request *r, const ul_evaluation *evaluation, ul_error *error) {
    double *spare = malloc((evaluation->count + 1) * sizeof *spare);
    if (!spare)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the summary");
    ul_status status = UL_OK;
    if (console_settings.json)
        status = print_json(evaluation, r->options.tolerance, spare, error);
    else
        print_table(evaluation, spare);
    free(spare);
    const char *const paths[] = {r->csv, r->table};
    for (int p = 0; p < 2 && status == UL_OK; p++)
        if (paths[p])
            status = table_write(
                paths[p], table_form_of(paths[p]), evaluation, r->options.tolerance, error);
    return status;
}

static int eval_run(char **arguments, ul_error *error) {
    request *r = &given;
    const char *predicted = arguments[0], *truth = arguments[1];
    ul_error output_error = {0};
    ul_segments names = {0};
    ul_evaluation evaluation;
    const char *const inputs[] = {predicted, truth, r->options.source, r->segments};
    const char *const outputs[] = {r->csv, r->table};
    ul_status status = UL_OK;
    for (int o = 0; o < 2 && status == UL_OK; o++)
        if (outputs[o])
            status =
                target_check(outputs[o], inputs, sizeof inputs / sizeof inputs[0], NULL, error);
    if (status == UL_OK && r->csv && r->table && ul_same_file(r->csv, r->table))
        status = ul_error_set(error, UL_ERROR_USAGE, "%s: two outputs are this one file", r->table);
    if (status == UL_OK && r->segments)
        status = segments_given_read(r->segments, &names, error);
    if (status != UL_OK)
        return status;
    r->options.whole_paths = console_settings.debug;
    r->options.names = r->segments ? &names : NULL;
    status = ul_evaluate(predicted, truth, &r->options, console_progress(), &evaluation, error);
    ul_segments_free(&names);
    if (status != UL_OK && status != UL_ERROR_PARTIAL)
        return status;
    console_lines("", evaluation.notes);
    if (report(r, &evaluation, &output_error) != UL_OK)
        *error = output_error;
    ul_evaluation_free(&evaluation);
    return error->status;
}

const cli_command cmd_eval = {.name = "eval",
    .summary = "compare predicted labels with true ones",
    .usage = "PREDICTED TRUTH [OPTION...]",
    .about =
        "Compares two label files (NIfTI, NRRD, PNG, DICOM SEG), or those of two folders paired "
        "by their names without endings: Dice, IoU, precision, recall, surface Dice, HD95 and "
        "average surface distance in mm, volumes in mL, per case and class, with mean, sd, median "
        "and a bootstrap 95 % interval of the mean over the cases. A class that is empty on both "
        "sides counts as agreement (Dice 1), on one side as Dice 0 without distances; "
        "docs/evaluation.md defines every number. A truth without a prediction counts as failed "
        "(exit 1); a prediction without truth is named and left out.",
    .options = table,
    .values = &given,
    .fewest = 2,
    .most = 2,
    .takes = "the prediction and the truth",
    .examples = "ulite eval out.nii.gz truth.nii.gz\n"
                "ulite eval out.seg.dcm truth.nii.gz --json\n"
                "ulite eval predictions/ labels/ --csv scores.csv --table scores.tex",
    .run = eval_run};
