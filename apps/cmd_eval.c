#include "console.h"
#include "ulite/evaluate.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cmd_eval = {"eval", "compare predicted labels with true ones",
    "Usage: ulite eval PREDICTED TRUTH [--json] [--csv FILE]\n\n"
    "Compares label files (NIfTI, PNG, DICOM SEG), or the files of two folders by their names:\n"
    "Dice, IoU, precision, recall, HD95 and average surface distance, volumes, per case and "
    "class,\n"
    "with mean, sd, median and a bootstrap 95 % interval. A class that is empty on both sides\n"
    "counts as agreement (Dice 1); on one side as Dice 0 with undefined distances.\n\n"
    "  --csv FILE   write a line per case and class\n"
    "  --json       print everything as one JSON object\n"
    "  -q, --quiet  no messages\n\n"
    "Examples:\n"
    "  ulite eval out.nii.gz truth.nii.gz\n"
    "  ulite eval predictions/ labels/ --csv scores.csv --json\n",
    run};

enum { COLUMNS = 9 };
static const char *const columns[COLUMNS] = {"dice", "iou", "precision", "recall", "hd95_mm",
    "asd_mm", "volume_ml", "truth_volume_ml", "volume_difference_ml"};

static void values_of(const ul_class_metrics *m, double values[COLUMNS]) {
    double mm = m->in_mm || m->hd95 == 0.0 ? 1.0 : NAN;
    const double all[COLUMNS] = {m->dice, m->iou, m->precision, m->recall, m->hd95 * mm,
        m->asd * mm, m->volume_ml, m->truth_volume_ml, m->volume_ml - m->truth_volume_ml};
    memcpy(values, all, sizeof all);
}

static ul_status write_csv(
    const char *path, const ul_score *scores, size_t count, ul_error *error) {
    FILE *file = fopen(path, "w");
    if (!file)
        return ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    fputs("case,number,class", file);
    for (int c = 0; c < COLUMNS; c++)
        fprintf(file, ",%s", columns[c]);
    for (size_t i = 0; i < count; i++) {
        double values[COLUMNS];
        values_of(&scores[i].metrics, values);
        fprintf(file, "\n\"%s\",%u,\"%s\"", scores[i].name, scores[i].metrics.number,
            scores[i].class_name);
        for (int c = 0; c < COLUMNS; c++)
            if (isnan(values[c]))
                fputs(",", file);
            else
                fprintf(file, ",%.6f", values[c]);
    }
    fputs("\n", file);
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    return failed ? ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written", path) : UL_OK;
}

static void add_number(cJSON *object, const char *name, double value) {
    if (isnan(value))
        cJSON_AddNullToObject(object, name);
    else
        cJSON_AddNumberToObject(object, name, value);
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

static void print_json(const ul_score *scores, size_t count, double *spare) {
    cJSON *json = cJSON_CreateObject(), *cases = cJSON_AddArrayToObject(json, "cases");
    cJSON *summary = cJSON_AddArrayToObject(json, "summary"), *classes = NULL;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(scores[i].name, scores[i - 1].name) != 0) {
            cJSON *one = cJSON_CreateObject();
            cJSON_AddItemToArray(cases, one);
            cJSON_AddStringToObject(one, "name", scores[i].name);
            classes = cJSON_AddArrayToObject(one, "classes");
        }
        cJSON *item = cJSON_CreateObject();
        double values[COLUMNS];
        values_of(&scores[i].metrics, values);
        cJSON_AddItemToArray(classes, item);
        cJSON_AddStringToObject(item, "name", scores[i].class_name);
        cJSON_AddNumberToObject(item, "number", scores[i].metrics.number);
        for (int c = 0; c < COLUMNS; c++)
            add_number(item, columns[c], values[c]);
        if (!scores[i].metrics.in_mm) {
            add_number(item, "hd95_px", scores[i].metrics.hd95);
            add_number(item, "asd_px", scores[i].metrics.asd);
        }
        if (!first_of_class(scores, i))
            continue;
        cJSON *total = cJSON_CreateObject();
        cJSON_AddItemToArray(summary, total);
        cJSON_AddStringToObject(total, "name", scores[i].class_name);
        for (int c = 0; c < COLUMNS; c++) {
            ul_summary s = summarise(scores, count, scores[i].metrics.number, c, spare);
            cJSON *o = cJSON_AddObjectToObject(total, columns[c]);
            cJSON_AddNumberToObject(o, "count", (double)s.count);
            cJSON_AddNumberToObject(o, "undefined", (double)s.undefined);
            add_number(o, "mean", s.mean);
            add_number(o, "sd", s.sd);
            add_number(o, "median", s.median);
            add_number(o, "low95", s.low95);
            add_number(o, "high95", s.high95);
        }
    }
    char *text = cJSON_Print(json);
    if (text)
        puts(text);
    free(text);
    cJSON_Delete(json);
}

static void print_table(const ul_score *scores, size_t count, double *spare) {
    for (size_t i = 0; i < count; i++) {
        if (!first_of_class(scores, i))
            continue;
        printf("%s\n", scores[i].class_name);
        for (int c = 0; c < COLUMNS; c++) {
            ul_summary s = summarise(scores, count, scores[i].metrics.number, c, spare);
            if (s.count > 0)
                printf("  %-21s mean %.4f  sd %.4f  median %.4f  95%% [%.4f, %.4f]  n %zu\n",
                    columns[c], s.mean, s.sd, s.median, s.low95, s.high95, s.count);
        }
    }
}

static int run(int argc, char **argv) {
    static const struct option long_options[] = {
        CONSOLE_OPTIONS, {"csv", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    const char *csv = NULL;
    int option, exit_code;
    while ((option = getopt_long(argc, argv, CONSOLE_SHORT, long_options, NULL)) != -1) {
        if (option == 'c')
            csv = optarg;
        else if (!console_option(&cmd_eval, option, optarg, &exit_code))
            return console_usage(&cmd_eval, "an option was wrong");
        else if (exit_code >= 0)
            return exit_code;
    }
    if (argc - optind != 2)
        return console_usage(&cmd_eval, "give the prediction and the truth");
    ul_error error = {0};
    ul_score *scores;
    size_t count, failed;
    ul_status status = ul_evaluate(
        argv[optind], argv[optind + 1], console_progress(), &scores, &count, &failed, &error);
    if (status != UL_OK && status != UL_ERROR_PARTIAL)
        return console_fail(&cmd_eval, &error);
    double *spare = malloc((count + 1) * sizeof *spare);
    if (spare && console_settings.json)
        print_json(scores, count, spare);
    else if (spare)
        print_table(scores, count, spare);
    free(spare);
    if (status == UL_ERROR_PARTIAL) {
        console_fail(&cmd_eval, &error);
        console_say("%zu cases failed", failed);
    }
    ul_error csv_error = {0};
    if (csv && write_csv(csv, scores, count, &csv_error) != UL_OK)
        status = (ul_status)console_fail(&cmd_eval, &csv_error);
    free(scores);
    return (int)status;
}
