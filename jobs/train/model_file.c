#include "jobs/train/model_file.h"

#include "io/base/utf8.h"
#include "jobs/base/digits.h"
#include "jobs/base/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The path of a model without ".safetensors", then suffix; NULL where memory ran out. */
static char *beside(const char *path, const char *suffix) {
    size_t length = strlen(path);
    const char *ending = ".safetensors";
    if (length > strlen(ending) && strcmp(path + length - strlen(ending), ending) == 0)
        length -= strlen(ending);
    char *base = strndup(path, length);
    char *whole = base ? files_append(base, suffix) : NULL;
    free(base);
    return whole;
}

char *ul_fit_path(const char *output, ul_fit_file file) {
    static const char *const suffixes[UL_FIT_FILES] = {[UL_FIT_CURVES] = ".csv",
        [UL_FIT_PICTURE] = ".svg",
        [UL_FIT_DOCUMENT] = ".pdf",
        [UL_FIT_PLAN] = ".plan.json",
        [UL_FIT_SPLIT] = ".split.json",
        [UL_FIT_CHECKPOINT] = ".checkpoint",
        [UL_FIT_FOLDS] = ".folds.csv"};
    return file == UL_FIT_MODEL ? strdup(output) : beside(output, suffixes[file]);
}

char *ul_fold_path(const char *output, size_t number) {
    char suffix[64];
    snprintf(suffix, sizeof suffix, ".fold%zu.safetensors", number);
    return number ? beside(output, suffix) : strdup(output);
}

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
}

/* Copies "folder" of "some/folder/" as far as it fits; false where memory ran out. */
static bool last_part(const char *path, char *name, size_t size_bytes) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    char *part = strndup(path + start, length - start);
    if (part)
        ul_utf8_clip(name, size_bytes, size_bytes, part);
    free(part);
    return part != NULL;
}

ul_status model_file_set_dice(
    ul_card *card, const char *split, const ul_fit_score *scores, size_t count, ul_error *error) {
    size_t classes = card->classes.count, kept = 0;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s Dice ", split);
    for (size_t i = 0; i < card->metric_count; i++)
        if (strncmp(card->metrics[i].name, prefix, strlen(prefix)) != 0)
            card->metrics[kept++] = card->metrics[i];
    card->metric_count = kept;
    ul_metric *metrics = realloc(card->metrics, (kept + classes + 1) * sizeof *metrics);
    if (!metrics)
        return no_memory(error);
    card->metrics = metrics;
    for (size_t c = 0; c < classes && count >= classes; c++) {
        ul_metric *metric = &metrics[card->metric_count++];
        double sum = 0.0;
        for (size_t i = c; i < count; i += classes)
            sum += scores[i].metrics.dice;
        char label[49]; /* behind the prefix it fits into the name */
        size_t room = sizeof metric->name - strlen(prefix);
        ul_utf8_clip(label, room < sizeof label ? room : sizeof label, sizeof label,
            card->classes.items[c].label);
        snprintf(metric->name, sizeof metric->name, "%s%s", prefix, label);
        metric->value = digits_share(sum / (double)(count / classes));
    }
    return UL_OK;
}

ul_status model_file_save(const ul_model *model, const char *path, const ul_card *card,
    const char *plan_json, ul_error *error) {
    char *text;
    ul_status status = ul_card_write(card, &text, error);
    if (status != UL_OK)
        return status;
    const ul_metadata metadata[] = {{"ulite", text}, {"ulite.plan", plan_json}};
    status = ul_model_save(model, path, metadata, plan_json ? 2 : 1, error);
    free(text);
    return status;
}

static ul_status copy_card(const ul_card *card, ul_card *copy, ul_error *error) {
    char *text;
    ul_status status = ul_card_write(card, &text, error);
    if (status != UL_OK)
        return status;
    status = ul_card_parse(text, copy, error);
    free(text);
    return status;
}

static ul_status describe(ul_card *card, const ul_dataset *dataset, const ul_plan *plan,
    const ul_fit_options *options, size_t epoch, ul_error *error) {
    const ul_training *t = &plan->training;
    if (!*card->name) {
        char *stem = beside(options->output, "");
        bool named = stem && last_part(stem, card->name, sizeof card->name);
        free(stem);
        if (!named)
            return no_memory(error);
    }
    if (card->provenance && *card->provenance)
        return UL_OK;
    char folder[128], text[768];
    if (!last_part(dataset->folder, folder, sizeof folder))
        return no_memory(error);
    const size_t *cases = dataset->in_split;
    char chosen[160];
    if (cases[UL_SPLIT_VAL] > 0)
        snprintf(chosen, sizeof chosen,
            "the best epoch by the Dice of %zu validation cases, %zu of %zu", cases[UL_SPLIT_VAL],
            epoch, t->epochs);
    else
        snprintf(chosen, sizeof chosen,
            "%zu epochs, the mean of the best ones of a cross-validation", epoch);
    snprintf(text, sizeof text,
        "%s by ulite %s on %zu cases of %s; %s; %zu cases held out for the test. Plan in "
        "\"ulite.plan\".",
        options->from ? "Fine-tuned" : "Trained", ul_version(), cases[UL_SPLIT_TRAIN], folder,
        chosen, cases[UL_SPLIT_TEST]);
    free(card->provenance);
    card->provenance = strdup(text);
    return card->provenance ? UL_OK : no_memory(error);
}

ul_status model_file_save_best(const ul_model *model, const ul_dataset *dataset,
    const ul_plan *plan, const volume_range *volumes, const ul_fit_options *options,
    const ul_fit_score *scores, size_t count, size_t epoch, ul_error *error) {
    ul_card card;
    char *plan_json = NULL;
    ul_status status = copy_card(&plan->card, &card, error);
    if (status != UL_OK)
        return status;
    status = describe(&card, dataset, plan, options, epoch, error);
    if (status == UL_OK)
        status = volume_range_store(volumes, &card, error);
    if (status == UL_OK)
        status = model_file_set_dice(&card, "validation", scores, count, error);
    if (status == UL_OK)
        status = ul_plan_write(plan, &plan_json, error);
    if (status == UL_OK)
        status = model_file_save(model, options->output, &card, plan_json, error);
    free(plan_json);
    ul_card_free(&card);
    return status;
}

ul_status model_file_add_dice(const char *path, const char *split, const ul_fit_score *scores,
    size_t count, ul_error *error) {
    ul_model *model;
    ul_card card = {0};
    ul_status status = ul_model_open(path, &model, error);
    if (status == UL_OK)
        status = ul_card_read(model, &card, error);
    if (status == UL_OK)
        status = model_file_set_dice(&card, split, scores, count, error);
    if (status == UL_OK)
        status = model_file_save(model, path, &card, ul_model_metadata(model, "ulite.plan"), error);
    ul_card_free(&card);
    ul_model_close(model);
    return status;
}
