#include "jobs/train/checkpoint.h"

#include "io/base/json.h"
#include "jobs/base/paths.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_KEY "ulite.run"
#define PLAN_KEY "ulite.plan"

/* All digits: cJSON's own numbers may be off in the last one, and a run must go on exactly. */
static bool add_exact(cJSON *json, const char *key, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return cJSON_AddRawToObject(json, key, text);
}

/* NULL where memory ran out. */
static char *write_state(const run_state *state, const char *data_digest) {
    cJSON *json = cJSON_CreateObject();
    bool written = add_exact(json, "epoch", (double)state->epoch) &&
                   add_exact(json, "step", (double)state->step) &&
                   add_exact(json, "loss_sum", state->loss_sum) &&
                   add_exact(json, "best", state->best) &&
                   add_exact(json, "best_epoch", (double)state->best_epoch) &&
                   add_exact(json, "seconds", state->seconds) &&
                   add_exact(json, "plateau_factor", state->schedule.factor) &&
                   add_exact(json, "plateau_best", state->schedule.best) &&
                   add_exact(json, "plateau_stale", (double)state->schedule.stale) &&
                   cJSON_AddStringToObject(json, "data", data_digest);
    char *text = written ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

ul_status checkpoint_save(const char *path, const ul_trainer *trainer, const run_state *state,
    const ul_plan *plan, const char *data_digest, ul_error *error) {
    char *plan_json;
    ul_status status = ul_plan_write(plan, &plan_json, error);
    if (status != UL_OK)
        return status;
    char *run = write_state(state, data_digest);
    if (run) {
        const ul_metadata metadata[] = {{RUN_KEY, run}, {PLAN_KEY, plan_json}};
        status = ul_trainer_save(trainer, path, metadata, 2, error);
    } else {
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    free(run);
    free(plan_json);
    return status;
}

static bool take_real(const cJSON *json, const char *key, double *value) {
    const cJSON *item = cJSON_GetObjectItem(json, key);
    if (!cJSON_IsNumber(item))
        return false;
    *value = item->valuedouble;
    return true;
}

static bool take_count(const cJSON *json, const char *key, size_t *value) {
    double real;
    if (!take_real(json, key, &real) || !(real >= 0.0 && real < 1e15))
        return false;
    *value = (size_t)real;
    return true;
}

static bool take_state(const cJSON *json, run_state *state) {
    return take_count(json, "epoch", &state->epoch) && take_count(json, "step", &state->step) &&
           take_real(json, "loss_sum", &state->loss_sum) && take_real(json, "best", &state->best) &&
           take_count(json, "best_epoch", &state->best_epoch) &&
           take_real(json, "seconds", &state->seconds) &&
           take_real(json, "plateau_factor", &state->schedule.factor) &&
           take_real(json, "plateau_best", &state->schedule.best) &&
           take_count(json, "plateau_stale", &state->schedule.stale);
}

/* How long and how fast, not what is learnt. */
static const char *const may_differ[] = {"epochs", "learning_rate"};

/* The path of the first value that differs, as "training.batch"; false where none does. */
static bool find_difference(const cJSON *a, const cJSON *b, char *path, size_t room) {
    const cJSON *item;
    const size_t length = strlen(path);
    if (!cJSON_IsObject(a) || !cJSON_IsObject(b))
        return !cJSON_Compare(a, b, true);
    cJSON_ArrayForEach(item, a) {
        snprintf(path + length, room - length, "%s%s", length ? "." : "", item->string);
        if (find_difference(item, cJSON_GetObjectItemCaseSensitive(b, item->string), path, room))
            return true;
    }
    cJSON_ArrayForEach(item, b) {
        snprintf(path + length, room - length, "%s%s", length ? "." : "", item->string);
        if (!cJSON_GetObjectItemCaseSensitive(a, item->string))
            return true;
    }
    path[length] = '\0';
    return false;
}

static void drop_what_may_differ(cJSON *plan) {
    cJSON *training = cJSON_GetObjectItem(plan, "training");
    cJSON_DeleteItemFromObject(plan, "version"); /* older plans had none */
    for (size_t i = 0; i < sizeof may_differ / sizeof *may_differ; i++)
        cJSON_DeleteItemFromObject(training, may_differ[i]);
}

/* Takes what the plan leaves open from the checkpoint's: where the time decides on the epochs, it
 * may have shortened them. */
static void fill_open(const cJSON *saved, ul_training *training) {
    if (training->epochs == 0) {
        take_count(saved, "epochs", &training->epochs);
        take_count(saved, "steps", &training->steps);
    }
    if (training->learning_rate == 0.0)
        take_real(saved, "learning_rate", &training->learning_rate);
}

static ul_status check_plan(const char *path, cJSON *saved, ul_plan *plan, ul_error *error) {
    fill_open(cJSON_GetObjectItem(saved, "training"), &plan->training);
    char *text, key[256] = "";
    ul_status status = ul_plan_write(plan, &text, error);
    if (status != UL_OK)
        return status;
    cJSON *now = cJSON_Parse(text);
    free(text);
    if (!now)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory for the plan", path);
    drop_what_may_differ(now);
    drop_what_may_differ(saved);
    if (find_difference(now, saved, key, sizeof key))
        status = ul_error_set(error, UL_ERROR_MODEL,
            "%s: the checkpoint of another model: its plan has another %s; resume with the plan "
            "and options that it began with, or start without --resume",
            path, key);
    cJSON_Delete(now);
    return status;
}

static ul_status not_a_checkpoint(const char *path, ul_error *error) {
    return ul_error_set(
        error, UL_ERROR_MODEL, "%s: holds no state of a training run to go on from", path);
}

/* A JSON value of the file's metadata; NULL with *error set where it is missing. */
static cJSON *read_json(const char *path, const char *key, ul_error *error) {
    char *text;
    if (ul_trainer_read_metadata(path, key, &text, error) != UL_OK)
        return NULL;
    cJSON *json = NULL;
    if (!text)
        not_a_checkpoint(path, error);
    else if (ul_json_parse(text, UL_ERROR_MODEL, &json, error) != UL_OK)
        ul_error_prefix(error, "%s: \"%s\"", path, key);
    free(text);
    return json;
}

ul_status checkpoint_read(
    const char *path, ul_plan *plan, const char *data_digest, run_state *state, ul_error *error) {
    if (!files_exists(path))
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: there is no checkpoint to go on from: start without --resume", path);
    ul_error own = {0};
    ul_status status = UL_OK;
    cJSON *run = read_json(path, RUN_KEY, &own);
    cJSON *saved = run ? read_json(path, PLAN_KEY, &own) : NULL;
    if (!saved)
        status = ul_error_set(error, own.status, "%s", own.text);
    else if (!take_state(run, state))
        status = not_a_checkpoint(path, error);
    if (status == UL_OK)
        status = check_plan(path, saved, plan, error);
    const cJSON *digest = cJSON_GetObjectItem(run, "data");
    if (status == UL_OK &&
        !(cJSON_IsString(digest) && strcmp(digest->valuestring, data_digest) == 0))
        status = ul_error_set(error, UL_ERROR_MODEL,
            "%s: the data set or its split has changed since: start without --resume", path);
    cJSON_Delete(run);
    cJSON_Delete(saved);
    return status;
}
