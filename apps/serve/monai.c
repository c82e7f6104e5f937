/* What clients of MONAI Label ask: 3D Slicer's extension and OHIF's plugin. */
#include "apps/base/json_out.h"
#include "apps/serve/serve.h"
#include "jobs/base/paths.h"
#include "jobs/serve/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUNDARY "ulite-answer-7c2f9a41b6d05e83"

/* {"label": number, ...} of a model. */
static cJSON *labels_of(const ul_card *card) {
    cJSON *labels = cJSON_CreateObject();
    for (size_t n = 0; n < card->classes.count; n++)
        cJSON_AddNumberToObject(
            labels, card->classes.items[n].label, card->classes.items[n].number);
    return labels;
}

static void add_model(cJSON *models, cJSON *all_labels, const serve_model *m) {
    const ul_card *card = &m->model.card;
    cJSON *model = cJSON_AddObjectToObject(models, m->name);
    cJSON_AddStringToObject(model, "type", "segmentation");
    cJSON_AddItemToObject(model, "labels", labels_of(card));
    cJSON_AddNumberToObject(model, "dimension", 3);
    cJSON_AddStringToObject(model, "description", card->task);
    cJSON_AddObjectToObject(model, "config");
    for (size_t n = 0; n < card->classes.count; n++) {
        const cJSON *known;
        bool twice = false;
        cJSON_ArrayForEach(known, all_labels) twice |=
            strcmp(known->valuestring, card->classes.items[n].label) == 0;
        if (!twice)
            cJSON_AddItemToArray(all_labels, cJSON_CreateString(card->classes.items[n].label));
    }
}

static void info(serve *s, http_reply *reply) {
    cJSON *json = cJSON_CreateObject();
    size_t images = 0, labelled = 0;
    cJSON_AddStringToObject(json, "name", "ulite");
    cJSON_AddStringToObject(
        json, "description", "U-Lite segmentation on the CPU. Research use only.");
    cJSON_AddStringToObject(json, "version", ul_version());
    cJSON *labels = cJSON_AddArrayToObject(json, "labels");
    cJSON_AddItemToArray(
        labels, cJSON_CreateString("background")); /* clients leave the first out */
    cJSON *models = cJSON_AddObjectToObject(json, "models");
    for (size_t m = 0; m < s->model_count; m++)
        add_model(models, labels, &s->models[m]);
    cJSON_AddObjectToObject(json, "trainers"); /* none: the extension shows no Train */
    cJSON_AddObjectToObject(json, "strategies");
    cJSON_AddObjectToObject(json, "scoring");
    cJSON_AddObjectToObject(json, "train_stats");
    if (s->store)
        store_count(s->store, &images, &labelled, NULL);
    cJSON *store = cJSON_AddObjectToObject(json, "datastore");
    cJSON_AddNumberToObject(store, "total", (double)images);
    cJSON_AddNumberToObject(store, "completed", (double)labelled);
    serve_reply_json(reply, 200, json);
}

static void make_session(serve *s, const http_request *request, http_reply *reply) {
    form_part *parts = NULL;
    size_t count = 0;
    char id[SECRET_BYTES] = "", *folder = NULL, *path = NULL;
    ul_error error = {0};
    ul_status status = multipart_parse(http_header(request, "Content-Type"), request->body,
        request->body_bytes, SERVE_MAX_FILES, &parts, &count, &error);
    if (status == UL_OK)
        status = sessions_make(s->sessions, request->body_bytes, id, &folder, &error);
    if (status == UL_OK)
        status = serve_take_files(folder, request, parts, count, NULL, &path, &error);
    if (status == UL_OK) {
        sessions_fill(s->sessions, id, path);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "session_id", id);
        cJSON_AddObjectToObject(json, "session_info");
        serve_reply_json(reply, 200, json);
    } else {
        sessions_drop(s->sessions, id);
        serve_fail(reply, &error);
    }
    free(folder);
    free(parts);
}

static void session(serve *s, const http_request *request, const char *id, http_reply *reply) {
    if (strcmp(request->method, "PUT") == 0 && !*id) {
        make_session(s, request, reply);
        return;
    }
    bool delete = strcmp(request->method, "DELETE") == 0;
    char *path = strcmp(request->method, "GET") == 0 ? sessions_use(s->sessions, id) : NULL;
    if (delete)
        sessions_drop(s->sessions, id);
    if (path || delete) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "session_id", id);
        serve_reply_json(reply, 200, json);
    } else {
        http_reply_error(reply, 404, UL_ERROR_INPUT, "there is no such session: upload it again");
    }
    free(path);
}

/* What an image that a request names is: of a session, uploaded with it, kept, or a series in the
 * folder of images or, where *path is NULL, of the DICOMweb server. *path: the caller's. */
static ul_status find_image(serve *s, const http_request *request, const form_part *parts,
    size_t count, const char *folder, serve_request *r, char **path, ul_error *error) {
    const char *session_id = http_query(request, "session_id");
    const char *image = http_query(request, "image");
    const form_part *file = multipart_find(parts, count, "file");
    char id[STORE_ID_BYTES];
    *path = NULL;
    if (session_id && *session_id) {
        *path = sessions_use(s->sessions, session_id);
        if (!*path)
            return ul_error_set(error, UL_ERROR_INPUT, "there is no such session: upload it again");
    } else if (file && *file->filename) {
        return serve_take_files(folder, request, parts, count, "file", path, error);
    } else if (s->store && image && store_id(image, id)) {
        *path = store_image(s->store, id);
    }
    if (*path && files_exists(*path))
        return UL_OK;
    free(*path);
    *path = s->images ? strdup(s->images) : NULL;
    if ((!*path && !s->dicomweb) || !image || !*image)
        return ul_error_set(error, UL_ERROR_INPUT,
            "there is no image of this name: upload it, or start the server with --images FOLDER "
            "or --dicomweb URL");
    r->series = image;
    return UL_OK;
}

/* A file whole; NULL: it cannot be read, or memory ran out. */
static char *read_file(const char *path, size_t *size) {
    FILE *file = path ? fopen(path, "rb") : NULL;
    char *bytes = NULL;
    long length = -1;
    if (file && fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0)
        bytes = malloc((size_t)length + 1);
    *size = (size_t)length;
    if (bytes && (fseek(file, 0, SEEK_SET) != 0 || fread(bytes, 1, *size, file) != *size)) {
        free(bytes);
        bytes = NULL;
    }
    if (file)
        fclose(file);
    return bytes;
}

/* What a client wants of the labels. */
typedef struct wanted {
    const char *formats, *file; /* of the task; the name of the file that is sent */
    unsigned plain;
} wanted;

/* By the parameters of a form; else what 3D Slicer takes. */
static wanted read_wanted(const form_part *parts, size_t count) {
    const form_part *params = multipart_find(parts, count, "params");
    cJSON *json = params ? cJSON_ParseWithLength(params->data, params->size) : NULL;
    const char *ending =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "result_extension"));
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "result_dtype"));
    wanted w = {"nrrd", SERVE_NRRD, 0};
    if (ending && strncmp(ending, ".nii", 4) == 0)
        w = (wanted){"nifti", SERVE_NIFTI, 0};
    else if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "result_compress")))
        w = (wanted){"nrrd", SERVE_PLAIN, type && strcmp(type, "uint16") == 0 ? 16 : 8};
    cJSON_Delete(json);
    return w;
}

/* What is told beside the labels: their names and, for viewers, places. */
static cJSON *params_of(serve *s, const serve_model *model, const char *id, const wanted *w) {
    cJSON *params = cJSON_CreateObject();
    cJSON_AddItemToObject(params, "label_names", labels_of(&model->model.card));
    cJSON_AddStringToObject(params, "model", model->name);
    char *path = w->plain ? queue_path(s->queue, id, SERVE_CENTROIDS) : NULL;
    size_t size;
    char *text = path ? read_file(path, &size) : NULL;
    if (text)
        cJSON_AddItemToObject(params, "centroids", cJSON_ParseWithLength(text, size));
    free(text);
    free(path);
    return params;
}

/* Both parts of an answer as MONAI Label's clients parse it. params: freed. */
static void reply_parts(
    cJSON *params, const char *file, size_t size, const wanted *w, http_reply *reply) {
    char *text, *body;
    if (json_out_text(params, false, &text, NULL) != UL_OK)
        return;
    size_t room = size + strlen(text) + 512;
    body = malloc(room);
    if (body) {
        size_t used = (size_t)snprintf(body, room,
            "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"params\"\r\n"
            "Content-Type: application/json\r\n\r\n%s\r\n"
            "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"image\"; filename=\"%s\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\n",
            text, w->plain ? SERVE_NRRD : w->file);
        memcpy(body + used, file, size);
        used += size;
        used += (size_t)snprintf(body + used, room - used, "\r\n--" BOUNDARY "--\r\n");
        http_reply_bytes(reply, 200, "multipart/form-data; boundary=" BOUNDARY, body, used);
    }
    free(text);
}

/* output: of the query, "all" (NULL, too), "image" or "json". */
static void reply_labels(serve *s, const serve_model *model, const char *id, const char *output,
    const wanted *w, http_reply *reply) {
    char *path = queue_path(s->queue, id, w->file);
    size_t size;
    char *bytes = path ? read_file(path, &size) : NULL;
    if (output && strcmp(output, "json") == 0) {
        serve_reply_json(reply, 200, params_of(s, model, id, w));
    } else if (bytes && output && strcmp(output, "image") == 0) {
        http_reply_bytes(reply, 200, "application/octet-stream", bytes, size);
        bytes = NULL;
    } else if (bytes) {
        reply_parts(params_of(s, model, id, w), bytes, size, w, reply);
    }
    free(bytes);
    free(path);
}

/* Runs a model on an image, and answers when it is done. */
static void infer(serve *s, const http_request *request, const char *name, http_reply *reply) {
    const serve_model *model = serve_find_model(s, name);
    serve_request r = {.model = name};
    form_part *parts = NULL;
    size_t count = 0;
    char id[TASK_ID_BYTES] = "", *folder = NULL, *path = NULL;
    ul_error error = {0};
    if (!model) {
        http_reply_error(reply, 404, UL_ERROR_MODEL, "there is no such model");
        return;
    }
    ul_status status = serve_parse_form(request, &parts, &count, &error);
    if (status == UL_OK)
        status = serve_make(s, id, &folder, &error);
    if (status == UL_OK)
        status = find_image(s, request, parts, count, folder, &r, &path, &error);
    const wanted w = read_wanted(parts, count);
    r.input = path;
    r.formats = w.formats;
    r.plain = w.plain;
    if (status == UL_OK)
        status = serve_add(s, id, folder, &r, &error);
    if (status == UL_OK)
        status = serve_wait(s, id, &error);
    if (status == UL_OK)
        reply_labels(s, model, id, http_query(request, "output"), &w, reply);
    else
        serve_fail(reply, &error);
    serve_drop(s, id, folder);
    free(folder);
    free(path);
    free(parts);
}

bool serve_monai(serve *s, const http_request *request, http_reply *reply) {
    const char *rest;
    if (strcmp(request->path, "/info/") == 0 || strcmp(request->path, "/info") == 0)
        info(s, reply);
    else if ((rest = serve_below(request->path, "/session/")) != NULL)
        session(s, request, rest, reply);
    else if ((rest = serve_below(request->path, "/infer/")) != NULL &&
             strcmp(request->method, "POST") == 0)
        infer(s, request, rest, reply);
    else
        return false;
    return true;
}
