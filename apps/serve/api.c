/* The JSON interface of our own, which docs/openapi.yaml describes. */
#define _XOPEN_SOURCE 700 /* realpath */

#include "apps/serve/serve.h"
#include "jobs/base/folders.h"
#include "jobs/base/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The results that a task may leave: their names to clients, their files and types. */
static const struct {
    const char *name, *file, *type;
} results[] = {{"seg", SERVE_SEG, "application/dicom"}, {"nifti", SERVE_NIFTI, "application/gzip"},
    {"nrrd", SERVE_NRRD, "application/octet-stream"}, {"png", SERVE_PNG, "image/png"},
    {"stats", SERVE_STATS, "application/json"}, {"preview", SERVE_PREVIEW, "image/png"},
    {"view", SERVE_VIEW, "text/html; charset=utf-8"}};

enum { RESULTS = sizeof results / sizeof results[0] };

static void list_models(const serve *s, http_reply *reply) {
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "models");
    for (size_t m = 0; m < s->model_count; m++) {
        const ul_card *card = &s->models[m].model.card;
        cJSON *model = cJSON_CreateObject(), *classes;
        cJSON_AddItemToArray(list, model);
        cJSON_AddStringToObject(model, "name", s->models[m].name);
        cJSON_AddStringToObject(model, "task", card->task);
        cJSON_AddStringToObject(model, "modality", card->modality);
        cJSON_AddStringToObject(model, "licence", card->licence ? card->licence : "");
        cJSON_AddBoolToObject(model, "trained", card->trained);
        classes = cJSON_AddArrayToObject(model, "classes");
        for (size_t n = 0; n < card->classes.count; n++) {
            cJSON *item = cJSON_CreateObject();
            cJSON_AddItemToArray(classes, item);
            cJSON_AddNumberToObject(item, "number", card->classes.items[n].number);
            cJSON_AddStringToObject(item, "name", card->classes.items[n].label);
        }
    }
    serve_reply_json(reply, 200, json);
}

/* A path below the folder of images, links followed; the caller's. */
static ul_status find_path(const serve *s, const char *below, char **path, ul_error *error) {
    char *joined = s->images ? files_join(s->images, below) : NULL;
    *path = joined ? realpath(joined, NULL) : NULL;
    free(joined);
    size_t length = s->images ? strlen(s->images) : 0;
    if (*path && strncmp(*path, s->images, length) == 0 &&
        ((*path)[length] == '/' || !(*path)[length]))
        return UL_OK;
    free(*path);
    *path = NULL;
    return ul_error_set(error, UL_ERROR_INPUT,
        s->images ? "path= names nothing in the folder of images"
                  : "path= needs a folder of images: start the server with --images FOLDER");
}

static bool is_true(const http_request *request, const char *name) {
    const char *value = http_query(request, name);
    return value && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

/* What is to be segmented: what is uploaded, or what is named. */
static ul_status take_input(
    const serve *s, const http_request *request, const char *folder, char **path, ul_error *error) {
    const char *below = http_query(request, "path");
    form_part *parts;
    size_t count;
    *path = NULL;
    if (below)
        return find_path(s, below, path, error);
    if (!request->body && s->dicomweb && http_query(request, "series"))
        return UL_OK; /* fetched by the worker */
    ul_status status = serve_parse_form(request, &parts, &count, error);
    if (status == UL_OK)
        status = serve_take_files(folder, request, parts, count, NULL, path, error);
    free(parts);
    return status;
}

static void add_job(serve *s, const http_request *request, http_reply *reply) {
    serve_request r = {.model = http_query(request, "model"),
        .formats = http_query(request, "formats"),
        .only = http_query(request, "only"),
        .series = http_query(request, "series"),
        .force = is_true(request, "force"),
        .preview = is_true(request, "preview"),
        .view = is_true(request, "view")};
    char id[TASK_ID_BYTES] = "", *folder = NULL, *path = NULL;
    ul_error error = {0};
    ul_status status = UL_OK;
    if (!r.model || !serve_find_model(s, r.model))
        status = ul_error_set(&error, UL_ERROR_USAGE, "model= must name one of /api/models");
    if (status == UL_OK)
        status = serve_make(s, id, &folder, &error);
    if (status == UL_OK)
        status = take_input(s, request, folder, &path, &error);
    r.input = path;
    if (status == UL_OK)
        status = serve_add(s, id, folder, &r, &error);
    if (status == UL_OK) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "id", id);
        serve_reply_json(reply, 202, json);
    } else {
        serve_drop(s, id, folder);
        serve_fail(reply, &error);
    }
    free(folder);
    free(path);
}

/* How far a running task is, as its last event says. */
static void add_progress(serve *s, const char *id, cJSON *json) {
    cJSON *event = serve_last_event(s, id, "progress");
    static const char *const keys[] = {"stage", "done", "total"};
    for (size_t k = 0; event && k < sizeof keys / sizeof keys[0]; k++)
        cJSON_AddItemToObject(json, keys[k], cJSON_DetachItemFromObject(event, keys[k]));
    cJSON_Delete(event);
}

static void add_results(serve *s, const char *id, cJSON *json) {
    cJSON *files = cJSON_AddObjectToObject(json, "results");
    for (size_t r = 0; r < RESULTS; r++) {
        char *path = queue_path(s->queue, id, results[r].file), url[128];
        snprintf(url, sizeof url, "/api/jobs/%s/%s", id, results[r].file);
        if (path && files_exists(path))
            cJSON_AddStringToObject(files, results[r].name, url);
        free(path);
    }
}

static void describe_job(serve *s, const char *id, http_reply *reply) {
    static const char *const states[] = {"waiting", "running", "done", "failed"};
    task_info info;
    if (!queue_look(s->queue, id, &info)) {
        http_reply_error(reply, 404, UL_ERROR_INPUT, "there is no such job, any more or ever");
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", id);
    cJSON_AddStringToObject(json, "state", states[info.state]);
    cJSON_AddNumberToObject(json, "seconds_waited", info.waited);
    cJSON_AddNumberToObject(json, "seconds_run", info.ran);
    if (info.state == TASK_WAITING)
        cJSON_AddNumberToObject(json, "ahead", (double)info.ahead);
    if (info.state == TASK_RUNNING)
        add_progress(s, id, json);
    if (info.state == TASK_DONE)
        add_results(s, id, json);
    if (info.state == TASK_FAILED) {
        ul_error error = {0};
        serve_task_error(s, id, &info, &error);
        cJSON_AddStringToObject(json, "detail", error.text);
        cJSON_AddNumberToObject(json, "exit_code", error.status);
    }
    serve_reply_json(reply, 200, json);
}

static void send_result(serve *s, const char *id, const char *file, http_reply *reply) {
    task_info info;
    bool done = queue_look(s->queue, id, &info) && info.state == TASK_DONE;
    for (size_t r = 0; done && r < RESULTS; r++) {
        char *path = strcmp(file, results[r].file) == 0 ? queue_path(s->queue, id, file) : NULL;
        if (path && files_exists(path)) {
            http_reply_bytes(reply, 200, results[r].type, NULL, 0);
            reply->file = path;
            reply->save_as = results[r].file;
            return;
        }
        free(path);
    }
    http_reply_error(reply, 404, UL_ERROR_INPUT, "there is no such result");
}

/* /api/jobs/ID or /api/jobs/ID/FILE */
static bool one_job(serve *s, const http_request *request, const char *rest, http_reply *reply) {
    char id[TASK_ID_BYTES];
    size_t length = strcspn(rest, "/");
    if (length != TASK_ID_BYTES - 1)
        return false;
    snprintf(id, sizeof id, "%s", rest);
    bool whole = !rest[length], get = strcmp(request->method, "GET") == 0;
    if (!folder_is_secret(id))
        return false;
    if (get && whole)
        describe_job(s, id, reply);
    else if (get)
        send_result(s, id, rest + length + 1, reply);
    else if (whole && strcmp(request->method, "DELETE") == 0 && queue_delete(s->queue, id))
        serve_reply_json(reply, 200, cJSON_CreateObject());
    else
        return false;
    return true;
}

static void tell_health(serve *s, http_reply *reply) {
    size_t waiting, running;
    queue_count(s->queue, &waiting, &running);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "version", ul_version());
    cJSON_AddNumberToObject(json, "waiting", (double)waiting);
    cJSON_AddNumberToObject(json, "running", (double)running);
    serve_reply_json(reply, 200, json);
}

bool serve_api(serve *s, const http_request *request, http_reply *reply) {
    const char *rest = serve_below(request->path, "/api/"), *job;
    bool get = strcmp(request->method, "GET") == 0;
    if (rest && get && strcmp(rest, "models") == 0)
        list_models(s, reply);
    else if (rest && get && strcmp(rest, "health") == 0)
        tell_health(s, reply);
    else if (rest && strcmp(rest, "jobs") == 0 && strcmp(request->method, "POST") == 0)
        add_job(s, request, reply);
    else if (rest && (job = serve_below(rest, "jobs/")) != NULL)
        return one_job(s, request, job, reply);
    else
        return false;
    return true;
}
