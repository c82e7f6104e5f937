#include "ulite/view.h"

#include "jobs/view/thumbnail.h"
#include "jobs/view/web.h"
#include "libulite/base/output.h"

#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A page holds no more of thumbnails; cases beyond have none. */
static const size_t MOST_THUMBNAIL_BYTES = (size_t)24 << 20;

enum { HEAD_BYTES = 1 << 18 }; /* of a page, which holds its thumbnail */

/* Adds the thumbnail that stands in the head of a case's page, where that can be read. */
static void add_thumbnail(cJSON *run, const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    char *head = calloc(HEAD_BYTES + 1, 1);
    if (file && head && fread(head, 1, HEAD_BYTES, file) > 0) {
        char *begin = strstr(head, THUMBNAIL_BEGIN);
        begin = begin ? begin + strlen(THUMBNAIL_BEGIN) : NULL;
        size_t length = begin ? strspn(begin, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789+/=")
                              : 0;
        if (length > 0 && begin[length] == '"' && *bytes + length <= MOST_THUMBNAIL_BYTES) {
            begin[length] = '\0';
            cJSON_AddStringToObject(run, "thumbnail", begin);
            *bytes += length;
        }
    }
    free(head);
    if (file)
        fclose(file);
}

/* A failure's reason without the path of the input, which may hold a patient's name. */
static void hide_input(cJSON *run) {
    const char *input = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "input"));
    const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "reason"));
    const char *found = input && *input && reason ? strstr(reason, input) : NULL;
    char text[4096];
    if (found) {
        snprintf(text, sizeof text, "%.*sits input%s", (int)(found - reason), reason,
            found + strlen(input));
        cJSON_ReplaceItemInObjectCaseSensitive(run, "reason", cJSON_CreateString(text));
    }
    cJSON_DeleteItemFromObjectCaseSensitive(run, "input");
}

/* Leaves out what may name a patient, and adds the thumbnail of a page below the folder. */
static void prepare_run(cJSON *run, const char *folder, size_t *bytes) {
    hide_input(run);
    const char *page = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "page"));
    if (!page)
        return;
    char path[4096];
    if (*page == '/' || strstr(page, "..") ||
        snprintf(path, sizeof path, "%s/%s", folder, page) >= (int)sizeof path)
        cJSON_DeleteItemFromObjectCaseSensitive(run, "page");
    else
        add_thumbnail(run, path, bytes);
}

/* The lines of a log as a JSON array; one that a killed run left unfinished is passed over. *json:
 * free. */
static ul_status read_runs(const char *log, const char *folder, char **json, ul_error *error) {
    char *line = NULL;
    size_t room = 0, bytes = 0, number = 0;
    ssize_t length;
    ul_status status = UL_OK;
    *json = NULL;
    FILE *file = fopen(log, "rb");
    if (!file)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be read: %s", log, strerror(errno));
    cJSON *runs = cJSON_CreateArray();
    while (
        status == UL_OK && (length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n') {
        cJSON *run = cJSON_Parse(line);
        number++;
        if (cJSON_IsObject(run)) {
            prepare_run(run, folder, &bytes);
            cJSON_AddItemToArray(runs, run);
        } else {
            cJSON_Delete(run);
            status =
                ul_error_set(error, UL_ERROR_INPUT, "%s: line %zu is no JSON object", log, number);
        }
    }
    free(line);
    fclose(file);
    if (status == UL_OK) {
        *json = cJSON_PrintUnformatted(runs);
        if (!*json)
            status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", log);
    }
    cJSON_Delete(runs);
    return status;
}

ul_status ul_view_write_index(const char *path, ul_error *error) {
    const char *slash = strrchr(path, '/');
    char folder[4096], log[4096 + 16];
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    snprintf(log, sizeof log, "%s/runs.jsonl", folder);
    char *json, *bytes = NULL;
    size_t size;
    ul_status status = read_runs(log, folder, &json, error);
    FILE *stream = status == UL_OK ? open_memstream(&bytes, &size) : NULL;
    if (stream) {
        web_begin(stream, "Cohort");
        web_body(stream, WEB_INDEX);
        web_json(stream, "runs", json);
        web_end(stream, WEB_INDEX);
    }
    free(json);
    if (stream && fclose(stream) == 0)
        status = ul_output_write(path, bytes, size, error);
    else if (status == UL_OK)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    free(bytes);
    return status;
}
