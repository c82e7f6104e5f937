#include "apps/base/console.h"
#include "apps/base/ending.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "libulite/base/output.h"
#include "ulite/evaluate.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int eval_run(int argc, char **argv);

const cli_command cmd_eval = {.name = "eval",
    .summary = "compare predicted labels with true ones",
    .help =
        "Usage: ulite eval PREDICTED TRUTH [--json] [--csv FILE]\n"
        "\n"
        "Compares two label files (NIfTI, NRRD, PNG, DICOM SEG), or those of two folders paired "
        "by\n"
        "their names without endings: Dice, IoU, precision, recall, HD95 and average surface\n"
        "distance in mm, volumes in mL, per case and class, with mean, sd, median and a\n"
        "bootstrap 95 % interval of the mean over the cases. A class that is empty on both sides\n"
        "counts as agreement (Dice 1), on one side as Dice 0 without distances;\n"
        "docs/evaluation.md defines every number. A truth without a prediction counts as failed\n"
        "(exit 1); a prediction without truth is named and left out.\n"
        "\n"
        "      --csv FILE       a line per case and class\n"
        "      --merge          all segments of a file count as one, for a truth that tells fewer\n"
        "                       apart\n"
        "      --source FOLDER  the DICOM series that a SEG among two files belongs to: needed\n"
        "                       where its slices are unevenly spaced\n"
        "      --json           everything as one JSON object on stdout\n"
        "      --progress P     auto, always or never\n"
        "  -q, --quiet          no messages\n"
        "\n"
        "Examples:\n"
        "  ulite eval out.nii.gz truth.nii.gz\n"
        "  ulite eval out.seg.dcm truth.nii.gz --json\n"
        "  ulite eval predictions/ labels/ --csv scores.csv\n",
    .run = eval_run};

enum { COLUMNS = 11 };
static const char *const columns[COLUMNS] = {"dice", "iou", "precision", "recall", "hd95_mm",
    "asd_mm", "hd95_px", "asd_px", "volume_ml", "truth_volume_ml", "volume_difference_ml"};

/* The columns of one case and class, NaN where undefined. Distances of 0 between empty sets go for
 * any unit. */
static void values_of(const ul_class_metrics *m, double values[COLUMNS]) {
    double mm = m->in_mm || m->hd95 == 0.0 ? 1.0 : NAN, px = m->in_mm ? NAN : 1.0;
    const double all[COLUMNS] = {m->dice, m->iou, m->precision, m->recall, m->hd95 * mm,
        m->asd * mm, m->hd95 * px, m->asd * px, m->volume_ml, m->truth_volume_ml,
        m->volume_ml - m->truth_volume_ml};
    memcpy(values, all, sizeof all);
}

/* A text field of a CSV file, quotes doubled. */
static void put_text(FILE *file, const char *text) {
    fputc('"', file);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (const char[]){*text, '\0'}, file);
    fputc('"', file);
}

static void put_line(FILE *file, const ul_score *score) {
    double values[COLUMNS];
    values_of(&score->metrics, values);
    put_text(file, score->name);
    fprintf(file, ",%u,", score->metrics.number);
    put_text(file, score->class_name);
    for (int c = 0; c < COLUMNS; c++)
        if (isnan(values[c]))
            fputs(",", file);
        else
            fprintf(file, ",%.6f", values[c]);
    fputs("\n", file);
}

static ul_status write_csv(const char *path, const ul_evaluation *evaluation, ul_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory) {
        fputs("case,number,class", memory);
        for (int c = 0; c < COLUMNS; c++)
            fprintf(memory, ",%s", columns[c]);
        fputs("\n", memory);
        for (size_t i = 0; i < evaluation->count; i++)
            put_line(memory, &evaluation->scores[i]);
    }
    ul_status status = memory && fclose(memory) == 0
                           ? ul_output_write(path, text, size, error)
                           : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    free(text);
    return status;
}

/* Summary of one column over the cases of one class. */
static ul_summary summarise(
    const ul_score *scores, size_t count, unsigned number, int column, double *spare) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (scores[i].metrics.number == number) {
            double values[COLUMNS];
            values_of(&scores[i].metrics, values);
            spare[n++] = values[column];
        }
    ul_summary summary;
    ul_summarise(spare, n, &summary, NULL);
    return summary;
}

static bool first_of_class(const ul_score *scores, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (scores[i].metrics.number == scores[index].metrics.number)
            return false;
    return true;
}

static cJSON *json_of_summary(
    const ul_score *scores, size_t count, const ul_score *one, double *spare) {
    cJSON *total = cJSON_CreateObject();
    cJSON_AddStringToObject(total, "name", one->class_name);
    cJSON_AddNumberToObject(total, "number", one->metrics.number);
    for (int c = 0; c < COLUMNS; c++) {
        ul_summary s = summarise(scores, count, one->metrics.number, c, spare);
        cJSON *o = cJSON_AddObjectToObject(total, columns[c]);
        cJSON_AddNumberToObject(o, "count", (double)s.count);
        cJSON_AddNumberToObject(o, "undefined", (double)s.undefined);
        cJSON_AddNumberToObject(o, "mean", s.mean);
        cJSON_AddNumberToObject(o, "sd", s.sd);
        cJSON_AddNumberToObject(o, "median", s.median);
        cJSON_AddNumberToObject(o, "low95", s.low95);
        cJSON_AddNumberToObject(o, "high95", s.high95);
    }
    return total;
}

static cJSON *json_of_score(const ul_score *score) {
    cJSON *item = cJSON_CreateObject();
    double values[COLUMNS];
    values_of(&score->metrics, values);
    cJSON_AddStringToObject(item, "name", score->class_name);
    cJSON_AddNumberToObject(item, "number", score->metrics.number);
    for (int c = 0; c < COLUMNS; c++)
        cJSON_AddNumberToObject(item, columns[c], values[c]);
    return item;
}

static ul_status print_json(const ul_evaluation *evaluation, double *spare, ul_error *error) {
    const ul_score *scores = evaluation->scores;
    cJSON *json = cJSON_CreateObject(), *cases = cJSON_AddArrayToObject(json, "cases");
    cJSON *summary = cJSON_AddArrayToObject(json, "summary"), *classes = NULL;
    for (size_t i = 0; i < evaluation->count; i++) {
        if (i == 0 || strcmp(scores[i].name, scores[i - 1].name) != 0) {
            cJSON *one = cJSON_CreateObject();
            cJSON_AddItemToArray(cases, one);
            cJSON_AddStringToObject(one, "name", scores[i].name);
            classes = cJSON_AddArrayToObject(one, "classes");
        }
        cJSON_AddItemToArray(classes, json_of_score(&scores[i]));
        if (first_of_class(scores, i))
            cJSON_AddItemToArray(
                summary, json_of_summary(scores, evaluation->count, &scores[i], spare));
    }
    cJSON_AddNumberToObject(json, "compared", (double)evaluation->cases);
    cJSON_AddNumberToObject(json, "failed", (double)evaluation->failed);
    return json_out_print(json, error);
}

static void print_table(const ul_evaluation *evaluation, double *spare) {
    const ul_score *scores = evaluation->scores;
    printf("%zu case%s%s\n", evaluation->cases, evaluation->cases == 1 ? "" : "s",
        evaluation->count ? "" : ": no label on either side");
    for (size_t i = 0; i < evaluation->count; i++) {
        if (!first_of_class(scores, i))
            continue;
        printf("%s\n  %-21s %9s  %9s  %9s  %-20s  n\n", scores[i].class_name, "", "mean", "sd",
            "median", "95 % of the mean");
        for (int c = 0; c < COLUMNS; c++) {
            ul_summary s = summarise(scores, evaluation->count, scores[i].metrics.number, c, spare);
            if (s.count > 0)
                printf("  %-21s %9.4f  %9.4f  %9.4f  [%8.4f, %8.4f]  %zu\n", columns[c], s.mean,
                    s.sd, s.median, s.low95, s.high95, s.count);
        }
    }
}

static ul_status report(const ul_evaluation *evaluation, const char *csv, ul_error *error) {
    double *spare = malloc((evaluation->count + 1) * sizeof *spare);
    if (!spare)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the summary");
    ul_status status = UL_OK;
    if (console_settings.json)
        status = print_json(evaluation, spare, error);
    else
        print_table(evaluation, spare);
    free(spare);
    return status == UL_OK && csv ? write_csv(csv, evaluation, error) : status;
}

static int eval_run(int argc, char **argv) {
    enum { OPTION_CSV = 2000, OPTION_SOURCE, OPTION_MERGE };
    static const struct option long_options[] = {CONSOLE_OPTIONS,
        {"csv", required_argument, NULL, OPTION_CSV},
        {"source", required_argument, NULL, OPTION_SOURCE},
        {"merge", no_argument, NULL, OPTION_MERGE}, {0}};
    const char *csv = NULL;
    ul_evaluate_options options = {0};
    int option, exit_code;
    while ((option = getopt_long(argc, argv, CONSOLE_SHORT, long_options, NULL)) != -1) {
        if (option == OPTION_CSV)
            csv = optarg;
        else if (option == OPTION_SOURCE)
            options.source = optarg;
        else if (option == OPTION_MERGE)
            options.merge = true;
        else if (!console_option(&cmd_eval, option, optarg, &exit_code))
            return console_usage(&cmd_eval, "unknown option or missing value");
        else if (exit_code >= 0)
            return exit_code;
    }
    if (argc - optind != 2)
        return console_usage(&cmd_eval, "takes the prediction and the truth");
    if (csv && !ends_in(csv, ".csv"))
        return console_usage(&cmd_eval, "--csv takes a name in .csv, not \"%s\"", csv);
    ul_error error = {0}, output_error = {0};
    ul_evaluation evaluation;
    options.whole_paths = console_settings.debug;
    const char *const inputs[] = {argv[optind], argv[optind + 1], options.source};
    if (csv && target_check(csv, inputs, sizeof inputs / sizeof inputs[0], NULL, &error) != UL_OK)
        return console_fail(&cmd_eval, &error);
    ul_status status = ul_evaluate(
        argv[optind], argv[optind + 1], &options, console_progress(), &evaluation, &error);
    if (status != UL_OK && status != UL_ERROR_PARTIAL)
        return console_fail(&cmd_eval, &error);
    console_lines("", evaluation.notes);
    if (report(&evaluation, csv, &output_error) != UL_OK)
        exit_code = console_fail(&cmd_eval, &output_error);
    else
        exit_code = status == UL_OK ? UL_OK : console_fail(&cmd_eval, &error);
    ul_evaluation_free(&evaluation);
    return exit_code;
}
