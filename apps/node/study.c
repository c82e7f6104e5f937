/* The process of a study: each model on the series that it is for. Whatever of it is killed when,
 * the next one comes to the same results. */
#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/node/node.h"
#include "jobs/base/digits.h"
#include "libulite/base/resources.h"

#include <stdlib.h>

/* One model on one study. */
typedef struct turn {
    node *node;
    const char *study;
    size_t model;
    const ul_catalog *catalog;
    const ul_series *series;
    char choice[256], name[SPOOL_KEY_BYTES];
    cJSON *flags; /* what was said of it */
    segment_result result;
    double seconds;
} turn;

static ul_status choose(turn *t, ul_error *error) {
    size_t count = ul_catalog_size(t->catalog);
    const ul_series **series = malloc((count + 1) * sizeof *series);
    if (!series)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu series", count);
    for (size_t i = 0; i < count; i++)
        series[i] = ul_catalog_at(t->catalog, i);
    ul_status status = choose_in_study(t->node->rules[t->model], &t->node->models[t->model].card,
        t->catalog, series, count, &t->series, t->choice, sizeof t->choice, error);
    free(series);
    if (status == UL_OK)
        result_name(t->series, ul_series_grid(t->series)->size[2], t->node->plans[t->model],
            t->name, error);
    return error->status;
}

/* As `ulite batch` does it, and `ulite segment`. */
static ul_status segment(turn *t, const char *path, ul_error *error) {
    const node_model_config *config = &t->node->config.models[t->model];
    const segment_model *model = &t->node->models[t->model];
    char folder[SPOOL_PATH_BYTES], capture[SPOOL_PATH_BYTES], report[SPOOL_PATH_BYTES];
    spool_path(&t->node->spool, "work", t->study, NULL, folder);
    spool_path(&t->node->spool, "making", t->name, "result.sc.dcm", capture);
    spool_path(&t->node->spool, "making", t->name, "result.sr.dcm", report);
    segment_arguments arguments = {.inputs = {folder},
        .input_count = 1,
        .outputs = {path, report},
        .output_count = config->report ? 2 : 1,
        .model = model->path,
        .sc = config->capture ? capture : NULL,
        .only = config->only,
        .threads = t->node->threads,
        .type = t->node->types[t->model],
        .rle = config->rle,
        .flips = config->flips,
        .force = config->force,
        .measured = true,
        .catalog = t->catalog,
        .chosen = t->series};
    bool json = console_settings.json;
    console_settings.json = false; /* a result is one event */
    console_listen(segment_keep_note, t->flags);
    ul_status status = segment_case(&arguments, model, &t->result, error);
    console_listen(NULL, NULL);
    console_settings.json = json;
    return status;
}

/* The record of a result, and the event of it. */
static cJSON *describe(const turn *t, const char *kind, const ul_error *error) {
    const segment_model *model = &t->node->models[t->model];
    cJSON *event = event_begin(kind);
    cJSON_AddStringToObject(event, "study", t->study);
    if (*t->name)
        cJSON_AddStringToObject(event, "result", t->name);
    cJSON_AddStringToObject(event, "model", model->card.name);
    cJSON_AddNumberToObject(event, "exit_code", (double)error->status);
    if (error->status != UL_OK)
        cJSON_AddStringToObject(event, "text", error->text);
    cJSON_AddNumberToObject(event, "seconds", digits_seconds(t->seconds));
    return event;
}

static cJSON *make_record(turn *t, const ul_error *error) {
    const segment_model *model = &t->node->models[t->model];
    cJSON *record = describe(t, error->status == UL_OK ? "done" : "failed", error);
    cJSON_AddNumberToObject(record, "version", 1);
    cJSON_AddStringToObject(record, "choice", t->choice);
    cJSON_AddStringToObject(record, "model_sha256", model->hash);
    cJSON_AddStringToObject(record, "plan", t->node->plans[t->model]);
    cJSON_AddStringToObject(record, "ulite", ul_version());
    cJSON_AddItemToObject(record, "flags", t->flags);
    t->flags = NULL;
    if (error->status == UL_OK)
        segment_add_volumes(record, &t->result);
    return record;
}

static ul_status post(turn *t, const cJSON *record, ul_error *error) {
    const node_config *config = &t->node->config;
    const char *peers[NODE_MOST];
    size_t count = 0;
    for (size_t p = 0; p < config->peer_count; p++)
        if (config->models[t->model].peers & 1u << p)
            peers[count++] = config->peers[p].name;
    return result_post(&t->node->spool, t->name, peers, count, record, error);
}

/* Whether another try may come to something else: the disk was full, or we are to stop. */
static bool passes(ul_status status) {
    return status == UL_ERROR_OUTPUT || status == UL_ERROR_INTERRUPTED;
}

static ul_status make_result(turn *t, ul_error *error) {
    char path[SPOOL_PATH_BYTES];
    double start = ul_seconds();
    t->flags = cJSON_CreateArray();
    ul_status status = result_begin(&t->node->spool, t->name, path, error);
    if (status == UL_OK)
        status = segment(t, path, error);
    t->seconds = ul_seconds() - start;
    if (passes(status))
        return status;
    ul_error late = {0};
    cJSON *record = make_record(t, error);
    if (status == UL_OK)
        status = post(t, record, error);
    else if (result_fail(&t->node->spool, t->name, record, &late) != UL_OK)
        status = late.status;
    cJSON_Delete(record);
    return status;
}

/* That a model has nothing to do in a study is no failure of the study. */
static bool is_unfit(ul_status status) {
    return status == UL_ERROR_CHOICE || status == UL_ERROR_MODEL;
}

static void tell(const turn *t, const ul_error *error) {
    bool done = error->status == UL_OK;
    const char *kind = done ? "done" : is_unfit(error->status) ? "passed_over" : "failed";
    node_count(t->node,
        done                      ? METRIC_DONE
        : is_unfit(error->status) ? METRIC_PASSED_OVER
                                  : METRIC_FAILED,
        1);
    node_count(t->node, METRIC_MILLISECONDS, (unsigned long long)(t->seconds * 1e3));
    node_log(describe(t, kind, error));
}

static ul_status run_model(turn *t, ul_error *error) {
    ul_status status = choose(t, error);
    if (status == UL_OK && result_known(&t->node->spool, t->name)) {
        node_count(t->node, METRIC_KNOWN, 1);
        node_log(describe(t, "known", error));
        return UL_OK;
    }
    if (status == UL_OK)
        status = make_result(t, error);
    if (!passes(status))
        tell(t, error);
    return status;
}

static ul_status run_models(
    node *n, const char *study, const ul_catalog *catalog, ul_error *error) {
    for (size_t m = 0; m < n->config.model_count; m++) {
        turn t = {.node = n, .study = study, .model = m, .catalog = catalog};
        ul_error own = {0};
        ul_status status = run_model(&t, &own);
        cJSON_Delete(t.flags);
        segment_result_free(&t.result);
        if (passes(status))
            return ul_error_set(error, status, "%s", own.text);
    }
    return UL_OK;
}

static void tell_study(const char *kind, const char *study, const ul_error *error) {
    cJSON *event = event_begin(kind);
    cJSON_AddStringToObject(event, "study", study);
    cJSON_AddNumberToObject(event, "exit_code", (double)error->status);
    cJSON_AddStringToObject(event, "text", error->text);
    node_log(event);
}

int node_segment(node *n, const char *study) {
    char folder[SPOOL_PATH_BYTES];
    const char *path = folder;
    ul_catalog *catalog = NULL;
    ul_error error = {0};
    spool_path(&n->spool, "work", study, NULL, folder);
    ul_status status = choose_open(&path, 1, n->threads, &catalog, &error);
    if (status == UL_OK)
        status = run_models(n, study, catalog, &error);
    else if (!passes(status)) { /* no images, or none that can be read */
        node_count(n, METRIC_FAILED, 1);
        tell_study("failed", study, &error);
    }
    ul_catalog_close(catalog);
    if (passes(status)) {
        if (status != UL_ERROR_INTERRUPTED)
            tell_study("put_off", study, &error);
        return (int)status;
    }
    error = (ul_error){0};
    if (spool_finish(&n->spool, study, &error) != UL_OK) {
        tell_study("put_off", study, &error);
        return (int)error.status;
    }
    node_count(n, METRIC_STUDIES, 1);
    return UL_OK;
}
