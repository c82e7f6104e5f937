#include "apps/train/report.h"

#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "jobs/base/digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void train_report_data(const ul_dataset *dataset, const ul_fingerprint *f) {
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("data");
    for (ul_split split = 0; split < UL_SPLITS; split++)
        cJSON_AddNumberToObject(event, ul_split_name(split), (double)dataset->in_split[split]);
    cJSON_AddNumberToObject(event, "slices", (double)f->slices);
    cJSON_AddNumberToObject(event, "classes", (double)f->class_count);
    event_print(event);
}

ul_status train_report_plan(const ul_plan *plan, ul_error *error) {
    char *json;
    if (!console_settings.json)
        return UL_OK;
    ul_status status = ul_plan_write(plan, &json, error);
    if (status != UL_OK)
        return status;
    cJSON *event = event_begin("plan");
    cJSON_AddItemToObject(event, "plan", cJSON_Parse(json));
    event_print(event);
    free(json);
    return UL_OK;
}

/* A tensor's layer is its name up to the first dot. */
static bool same_layer(const char *a, const char *b) {
    size_t length = strcspn(a, ".");
    return strcspn(b, ".") == length && strncmp(a, b, length) == 0;
}

ul_status train_report_from(
    const char *path, const ul_model *from, const ul_plan *plan, ul_error *error) {
    const ul_model_shape shape = ul_plan_shape(plan);
    ul_model *fresh;
    ul_status status = ul_model_create(&shape, 1, &fresh, error);
    if (status != UL_OK)
        return status;
    char layers[UL_ERROR_TEXT_BYTES] = "";
    size_t used = 0, count = 0, renewed = 0;
    const char *last = "";
    ul_tensor source, own;
    cJSON *event = console_settings.json ? event_begin("from") : NULL;
    cJSON *list = event ? cJSON_AddArrayToObject(event, "renewed") : NULL;
    for (; ul_model_tensor_at(fresh, count, &own) && ul_model_tensor_at(from, count, &source);
         count++) {
        if (memcmp(own.shape, source.shape, sizeof own.shape) == 0)
            continue;
        renewed++;
        if (same_layer(own.name, last))
            continue;
        last = own.name;
        int length = (int)strcspn(last, ".");
        if (used < sizeof layers)
            used += (size_t)snprintf(
                layers + used, sizeof layers - used, "%s%.*s", used ? ", " : "", length, last);
        char name[64];
        snprintf(name, sizeof name, "%.*s", length, last);
        if (list)
            cJSON_AddItemToArray(list, cJSON_CreateString(name));
    }
    console_say("%s: %zu of %zu tensors are taken; layers that start anew: %s", path,
        count - renewed, count, used ? layers : "none");
    if (event)
        event_print(event);
    ul_model_close(fresh);
    return UL_OK;
}

static void report_epoch(void *context, const ul_epoch *e) {
    (void)context;
    char dice[32] = "", left[32] = "";
    if (!isnan(e->dice))
        snprintf(dice, sizeof dice, "  val Dice %.4f%s", e->dice, e->best ? " *" : "");
    if (e->epoch < e->epochs && !isnan(e->seconds_left)) {
        unsigned long seconds = (unsigned long)(e->seconds_left + 0.5);
        snprintf(left, sizeof left, ", %lu:%02lu left", seconds / 60, seconds % 60);
    }
    console_say("epoch %zu/%zu  rate %.5f  loss %.4f%s  %.0f s%s", e->epoch, e->epochs, e->rate,
        e->loss, dice, e->seconds, left);
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("epoch");
    cJSON_AddNumberToObject(event, "epoch", (double)e->epoch);
    cJSON_AddNumberToObject(event, "epochs", (double)e->epochs);
    cJSON_AddNumberToObject(event, "rate", digits_value(e->rate));
    cJSON_AddNumberToObject(event, "loss", digits_value(e->loss));
    cJSON_AddNumberToObject(event, "dice", digits_share(e->dice));
    cJSON *classes = cJSON_AddArrayToObject(event, "classes");
    for (size_t c = 0; c < e->classes->count; c++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", e->classes->items[c].label);
        cJSON_AddNumberToObject(item, "dice", digits_share(e->class_dice[c]));
        cJSON_AddItemToArray(classes, item);
    }
    cJSON_AddBoolToObject(event, "best", e->best);
    cJSON_AddNumberToObject(event, "seconds", digits_seconds(e->seconds));
    cJSON_AddNumberToObject(event, "seconds_left", digits_seconds(e->seconds_left));
    event_print(event);
}

void train_report_end(const char *model, const ul_fit_result *r) {
    if (r->out_of_time)
        console_say(
            "the time of --minutes was over after epoch %zu of %zu: the learning rate had not come "
            "down to its end; --resume with more minutes goes on",
            r->epochs, r->training.epochs);
    if (isnan(r->best_dice))
        console_say("%s: epoch %zu, trained on all cases", model, r->best_epoch);
    else
        console_say("%s: epoch %zu, validation Dice %.4f", model, r->best_epoch, r->best_dice);
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("trained");
    cJSON_AddStringToObject(event, "path", model);
    cJSON_AddNumberToObject(event, "epochs", (double)r->epochs);
    cJSON_AddNumberToObject(event, "planned", (double)r->training.epochs);
    cJSON_AddNumberToObject(event, "best_epoch", (double)r->best_epoch);
    cJSON_AddNumberToObject(event, "best_dice", digits_share(r->best_dice));
    event_print(event);
}

static void report_fold(void *context, const ul_fold *fold) {
    (void)context;
    const size_t *cases = fold->dataset->in_split;
    if (fold->number)
        console_say("fold %zu of %zu: %zu cases to train on, %zu held out", fold->number,
            fold->folds, cases[UL_SPLIT_TRAIN], cases[UL_SPLIT_VAL]);
    else
        console_say("all %zu cases: epochs %zu, the mean of the best ones of %zu folds",
            cases[UL_SPLIT_TRAIN], fold->plan->training.epochs, fold->folds);
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("fold");
    cJSON_AddNumberToObject(event, "fold", (double)fold->number);
    cJSON_AddNumberToObject(event, "folds", (double)fold->folds);
    cJSON_AddNumberToObject(event, "train", (double)cases[UL_SPLIT_TRAIN]);
    cJSON_AddNumberToObject(event, "val", (double)cases[UL_SPLIT_VAL]);
    event_print(event);
}

static void report_fold_end(void *context, const ul_fold *fold, const ul_fit_result *result) {
    (void)context;
    train_report_end(fold->output, result);
}

/* Dice (or IoU) of one class over its cases. */
static ul_summary summarise(
    const ul_fit_score *scores, size_t cases, size_t classes, size_t c, bool iou) {
    ul_summary summary = {.mean = NAN, .sd = NAN, .low95 = NAN, .high95 = NAN};
    double *values = malloc((cases + 1) * sizeof *values);
    for (size_t i = 0; values && i < cases; i++) {
        const ul_class_metrics *m = &scores[i * classes + c].metrics;
        values[i] = iou ? m->iou : m->dice;
    }
    if (values)
        ul_summarise(values, cases, &summary, NULL);
    free(values);
    return summary;
}

static void add_summary(cJSON *object, const char *key, const ul_summary *s) {
    cJSON *item = cJSON_AddObjectToObject(object, key);
    cJSON_AddNumberToObject(item, "mean", digits_share(s->mean));
    cJSON_AddNumberToObject(item, "sd", digits_share(s->sd));
    cJSON_AddNumberToObject(item, "median", digits_share(s->median));
    cJSON_AddNumberToObject(item, "low95", digits_share(s->low95));
    cJSON_AddNumberToObject(item, "high95", digits_share(s->high95));
}

/* A table, or the event of that name. */
static void report_scores(const char *name, const char *title, const ul_card *card,
    const ul_fit_score *scores, size_t count) {
    size_t classes = card->classes.count, cases = count / classes;
    cJSON *event = console_settings.json ? event_begin(name) : NULL;
    cJSON *list = event ? cJSON_AddArrayToObject(event, "classes") : NULL;
    if (event)
        cJSON_AddNumberToObject(event, "cases", (double)cases);
    else
        printf("%-24s  %-6s  %-6s  %-6s  %-16s  %s\n", title, "Dice", "sd", "median",
            "95 % interval", "IoU");
    for (size_t c = 0; c < classes; c++) {
        ul_summary dice = summarise(scores, cases, classes, c, false);
        ul_summary iou = summarise(scores, cases, classes, c, true);
        if (event) {
            cJSON *item = cJSON_CreateObject();
            cJSON_AddStringToObject(item, "name", card->classes.items[c].label);
            add_summary(item, "dice", &dice);
            add_summary(item, "iou", &iou);
            cJSON_AddItemToArray(list, item);
        } else {
            printf("%-24s  %.4f  %.4f  %.4f  [%.4f, %.4f]  %.4f\n", card->classes.items[c].label,
                dice.mean, dice.sd, dice.median, dice.low95, dice.high95, iou.mean);
        }
    }
    if (event)
        event_print(event);
    else
        printf(
            "%zu case%s; the interval is a bootstrap of the mean\n", cases, cases == 1 ? "" : "s");
}

void train_report_test(const ul_card *card, const ul_fit_score *scores, size_t count) {
    report_scores("test", "test split", card, scores, count);
}

static void report_folds(
    void *context, const ul_card *card, const ul_fit_score *scores, size_t count) {
    (void)context;
    report_scores("out_of_fold", "out of fold", card, scores, count);
    fflush(stdout); /* the last run takes its time */
}

const ul_fit_listener train_report_listener = {
    NULL, report_epoch, NULL, report_fold, report_fold_end, report_folds};
