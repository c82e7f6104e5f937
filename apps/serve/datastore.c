/* MONAI Label's calls on the images and labels that are kept. */
#include "apps/serve/serve.h"
#include "jobs/base/paths.h"
#include "jobs/serve/store.h"

#include <stdlib.h>
#include <string.h>

/* The names of label values in the field "params" of a form; JSON text, the caller's. NULL: none.
 */
static char *names_in(const form_part *parts, size_t count) {
    const form_part *params = multipart_find(parts, count, "params");
    cJSON *json = params ? cJSON_ParseWithLength(params->data, params->size) : NULL;
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(json, "label_info");
    char *text = names ? cJSON_PrintUnformatted(names) : NULL;
    cJSON_Delete(json);
    return text;
}

/* Reads, in a worker, what is uploaded for an image, and keeps it. */
static ul_status keep(
    serve *s, const http_request *request, const char *id, bool label, ul_error *error) {
    form_part *parts = NULL;
    size_t count = 0;
    char task[TASK_ID_BYTES] = "", *folder = NULL, *path = NULL, *names = NULL;
    ul_status status = multipart_parse(http_header(request, "Content-Type"), request->body,
        request->body_bytes, SERVE_MAX_FILES, &parts, &count, error);
    if (status == UL_OK)
        status = serve_make(s, task, &folder, error);
    if (status == UL_OK)
        status =
            serve_take_files(folder, request, parts, count, label ? "label" : NULL, &path, error);
    if (status == UL_OK)
        names = names_in(parts, count);
    if (status == UL_OK)
        status = serve_add(s, task, folder,
            &(serve_request){.keep_id = id,
                .keep_image = label ? NULL : path,
                .keep_label = label ? path : NULL,
                .names = names},
            error);
    if (status == UL_OK)
        status = serve_wait(s, task, error);
    serve_drop(s, task, folder);
    free(names);
    free(folder);
    free(path);
    free(parts);
    return status;
}

static void put(serve *s, const http_request *request, bool label, http_reply *reply) {
    const char *image = http_query(request, "image");
    char id[STORE_ID_BYTES];
    ul_error error = {0};
    if (!image || !store_id(image, id)) {
        http_reply_error(reply, 400, UL_ERROR_USAGE, "image= must name the image");
        return;
    }
    if (keep(s, request, id, label, &error) != UL_OK) {
        serve_fail(reply, &error);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "image", id);
    if (label)
        cJSON_AddStringToObject(json, "label", id);
    serve_reply_json(reply, 200, json);
}

/* Sends an image or labels back. */
static void get(serve *s, const char *name, bool label, http_reply *reply) {
    char id[STORE_ID_BYTES];
    bool named = name && store_id(name, id);
    char *path = !named ? NULL : label ? store_label(s->store, id) : store_image(s->store, id);
    if (path && files_exists(path)) {
        http_reply_bytes(reply, 200, "application/gzip", NULL, 0);
        reply->file = path;
        reply->save_as = label ? SERVE_NIFTI : "image.nii.gz";
        return;
    }
    free(path);
    http_reply_error(reply, 404, UL_ERROR_INPUT, "nothing is kept under this name");
}

static void count(serve *s, http_reply *reply) {
    size_t images, labelled;
    ul_error error = {0};
    if (store_count(s->store, &images, &labelled, &error) != UL_OK) {
        serve_fail(reply, &error);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "total", (double)images);
    cJSON_AddNumberToObject(json, "completed", (double)labelled);
    serve_reply_json(reply, 200, json);
}

bool serve_store(serve *s, const http_request *request, http_reply *reply) {
    const char *rest = serve_below(request->path, "/datastore");
    bool is_put = strcmp(request->method, "PUT") == 0, is_get = strcmp(request->method, "GET") == 0;
    if (!rest || (!is_put && !is_get))
        return false;
    rest += *rest == '/';
    bool label = strcmp(rest, "label") == 0;
    if (*rest && !label && strcmp(rest, "image") != 0)
        return false;
    if (!s->store)
        http_reply_error(reply, 404, UL_ERROR_USAGE,
            "nothing is kept here: start the server with --store FOLDER");
    else if (is_put)
        put(s, request, label, reply);
    else if (*rest)
        get(s, http_query(request, label ? "label" : "image"), label, reply);
    else
        count(s, reply);
    return true;
}
