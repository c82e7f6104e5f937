/* From a request to a task, and back from what it left. */
#include "apps/base/json_out.h"
#include "apps/serve/serve.h"
#include "jobs/base/folders.h"
#include "jobs/base/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MOST_EVENT_BYTES = 16 << 10 };

ul_status serve_make(serve *s, char id[TASK_ID_BYTES], char **folder, ul_error *error) {
    return queue_make(s->queue, id, folder, error);
}

void serve_drop(serve *s, const char *id, const char *folder) {
    if (*id && !queue_delete(s->queue, id) && folder)
        files_clear(folder);
}

/* The endings that readers go by; what else a client calls its file is not kept. */
static const char *ending_of(const char *filename) {
    static const char *const endings[] = {".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".png", ".dcm"};
    for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++)
        if (files_ends_with(filename, endings[e]))
            return endings[e];
    return "";
}

static ul_status put_file(const char *folder, size_t number, const char *filename, const char *data,
    size_t size, char **path, ul_error *error) {
    char name[32];
    snprintf(name, sizeof name, "%06zu%s", number, ending_of(filename));
    free(*path);
    return folder_put(folder, name, data, size, path, error);
}

/* Every part that is a file, of that field or, NULL, of any. */
static ul_status put_parts(const char *folder, const form_part *parts, size_t count,
    const char *field, char **path, size_t *files, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t i = 0; i < count && status == UL_OK; i++)
        if (*parts[i].filename && (!field || strcmp(parts[i].name, field) == 0))
            status = put_file(
                folder, ++*files, parts[i].filename, parts[i].data, parts[i].size, path, error);
    return status;
}

ul_status serve_parse_form(
    const http_request *request, form_part **parts, size_t *count, ul_error *error) {
    const char *type = http_header(request, "Content-Type");
    *parts = NULL;
    *count = 0;
    return request->body && type && strncasecmp(type, "multipart/", 10) == 0
               ? multipart_parse(
                     type, request->body, request->body_bytes, SERVE_MAX_FILES, parts, count, error)
               : UL_OK;
}

ul_status serve_take_files(const char *folder, const http_request *request, const form_part *parts,
    size_t count, const char *field, char **path, ul_error *error) {
    char *upload = files_join(folder, "upload");
    size_t files = 0;
    *path = NULL;
    if (!upload || mkdir(upload, 0700) != 0) {
        free(upload);
        return ul_error_set(error, UL_ERROR_OUTPUT, "no folder for the upload can be made");
    }
    ul_status status = UL_OK;
    const char *name = http_query(request, "filename");
    if (parts)
        status = put_parts(upload, parts, count, field, path, &files, error);
    else if (request->body)
        status = put_file(
            upload, ++files, name ? name : "", request->body, request->body_bytes, path, error);
    if (status == UL_OK && files == 0)
        status = ul_error_set(error, UL_ERROR_INPUT, "the request holds no file");
    if (status == UL_OK && files > 1) {
        free(*path);
        *path = upload;
        upload = NULL;
    }
    if (status != UL_OK) {
        free(*path);
        *path = NULL;
    }
    free(upload);
    return status;
}

#define TEXT(member) JSON_FIELD(serve_request, member, JSON_BORROWED), .flags = JSON_SPARSE
#define FLAG(member) JSON_FIELD(serve_request, member, JSON_FLAG)

static const json_field request_fields[] = {{TEXT(model)}, {TEXT(input)}, {TEXT(series)},
    {TEXT(formats)}, {TEXT(only)}, {TEXT(keep_image)}, {TEXT(keep_label)}, {TEXT(keep_id)},
    {TEXT(names)}, {FLAG(force)}, {FLAG(preview)}, {FLAG(view)},
    {JSON_FIELD(serve_request, plain, JSON_WHOLE), .high = 64}, {0}};
const json_table serve_request_table = {
    .fields = request_fields, .wrong = UL_ERROR_INPUT, .no_object = "is not a task"};

ul_status serve_add(
    serve *s, const char *id, const char *folder, const serve_request *r, ul_error *error) {
    cJSON *json = cJSON_CreateObject();
    char *text, *path = NULL;
    ul_json_write_fields(json, &serve_request_table, r); /* memory: json_out_text says so */
    ul_status status = json_out_text(json, false, &text, error);
    if (status == UL_OK)
        status = folder_put(folder, SERVE_TASK, text, strlen(text), &path, error);
    free(path);
    free(text);
    return status == UL_OK ? queue_add(s->queue, id, error) : status;
}

/* The last bytes of a task's events, NUL-terminated; the caller's. */
static char *read_tail(serve *s, const char *id) {
    char *path = queue_path(s->queue, id, SERVE_EVENTS);
    FILE *file = path ? fopen(path, "rb") : NULL;
    char *text = file ? malloc(MOST_EVENT_BYTES + 1) : NULL;
    free(path);
    if (text) {
        if (fseek(file, -MOST_EVENT_BYTES, SEEK_END) != 0)
            rewind(file);
        text[fread(text, 1, MOST_EVENT_BYTES, file)] = '\0';
    }
    if (file)
        fclose(file);
    return text;
}

cJSON *serve_last_event(serve *s, const char *id, const char *kind) {
    char *text = read_tail(s, id), *line;
    cJSON *found = NULL;
    while (text && !found && *text) {
        line = strrchr(text, '\n');
        line = line ? line + 1 : text;
        cJSON *event = cJSON_Parse(line);
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "event"));
        if (name && strcmp(name, kind) == 0)
            found = event;
        else
            cJSON_Delete(event);
        *(line > text ? line - 1 : text) = '\0';
    }
    free(text);
    return found;
}

void serve_task_error(serve *s, const char *id, const task_info *info, ul_error *error) {
    cJSON *event = serve_last_event(s, id, "failed");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "text"));
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(event, "exit_code");
    if (text && cJSON_IsNumber(code) && code->valueint != UL_OK)
        ul_error_set(error, (ul_status)code->valueint, "%s", text);
    else
        ul_error_set(error, info->error.status, "%s", info->error.text);
    cJSON_Delete(event);
}

ul_status serve_wait(serve *s, const char *id, ul_error *error) {
    task_info info;
    if (!queue_wait(s->queue, id, &info))
        return ul_error_set(error, UL_ERROR_INTERRUPTED, "the request was cancelled");
    if (info.state == TASK_FAILED)
        serve_task_error(s, id, &info, error);
    return error->status;
}

void serve_reply_json(http_reply *reply, unsigned status, cJSON *object) {
    char *text;
    if (json_out_text(object, false, &text, NULL) == UL_OK)
        http_reply_bytes(reply, status, "application/json", text, strlen(text));
}

void serve_fail(http_reply *reply, const ul_error *error) {
    static const struct {
        ul_status code;
        unsigned status;
    } table[] = {{UL_ERROR_USAGE, 400}, {UL_ERROR_INPUT, 422}, {UL_ERROR_CHOICE, 422},
        {UL_ERROR_GEOMETRY, 422}, {UL_ERROR_MODEL, 422}, {UL_ERROR_UNSUPPORTED, 422},
        {UL_ERROR_LIMIT, 503}, {UL_ERROR_INTERRUPTED, 503}, {UL_ERROR_OUTPUT, 507}};
    unsigned status = 500;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].code == error->status)
            status = table[i].status;
    http_reply_error(reply, status, error->status, error->text);
}

const char *serve_below(const char *path, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(path, prefix, length) == 0 ? path + length : NULL;
}

const serve_model *serve_find_model(const serve *s, const char *name) {
    for (size_t i = 0; i < s->model_count; i++)
        if (strcmp(s->models[i].name, name) == 0)
            return &s->models[i];
    return NULL;
}
