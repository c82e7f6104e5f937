#include "io/net/wado.h"

#include "io/base/uid.h"
#include "io/http/multipart.h"
#include "io/http/nameless_file.h"
#include "io/net/web_request.h"

#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_JSON_BYTES = 1 << 20, MOST_INSTANCES = 65536, URL_BYTES = 2048, PATH_BYTES = 4096 };

/* An answer while it comes in, into a file. */
typedef struct incoming {
    FILE *file;
    uint64_t left; /* bytes */
    bool larger;   /* than allowed */
    int why;       /* errno, where it cannot be written; else 0 */
} incoming;

/* What of it was written, in memory. */
typedef struct mapped {
    char *bytes; /* NULL: it is empty */
    size_t size;
    char type[256]; /* Content-Type */
} mapped;

static ul_status cannot_keep(int why, ul_error *error) {
    return ul_error_set(error, UL_ERROR_OUTPUT, "the series cannot be kept: %s", strerror(why));
}

static size_t take(char *data, size_t size, size_t count, void *context) {
    incoming *in = context;
    size_t bytes = size * count;
    in->larger = in->larger || bytes > in->left;
    if (in->larger)
        return 0;
    in->left -= bytes;
    size_t written = fwrite(data, 1, bytes, in->file);
    in->why = written == bytes ? 0 : errno;
    return written;
}

static ul_status judge(CURLcode done, long code, const incoming *in, ul_error *error) {
    if (in->larger)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "the DICOMweb server's answer is larger than allowed");
    if (in->why)
        return cannot_keep(in->why, error);
    if (done != CURLE_OK)
        return ul_error_set(error, UL_ERROR_INPUT, "the DICOMweb server cannot be read: %s",
            curl_easy_strerror(done));
    if (code == 204 || code == 404)
        return ul_error_set(error, UL_ERROR_INPUT, "the DICOMweb server has no such series");
    if (code != 200)
        return ul_error_set(
            error, UL_ERROR_INPUT, "the DICOMweb server answered with HTTP status %ld", code);
    return UL_OK;
}

static ul_status get(const wado_server *server, const char *url, const char *accept, incoming *in,
    char type[256], ul_error *error) {
    web_request request;
    long code = 0;
    const char *said = NULL;
    ul_status status =
        web_request_begin(&request, url, &accept, 1, server->authorization, server->seconds, error);
    if (status == UL_OK) {
        curl_easy_setopt(request.curl, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(request.curl, CURLOPT_WRITEDATA, in);
        CURLcode done = curl_easy_perform(request.curl);
        curl_easy_getinfo(request.curl, CURLINFO_RESPONSE_CODE, &code);
        curl_easy_getinfo(request.curl, CURLINFO_CONTENT_TYPE, &said);
        snprintf(type, 256, "%s", said ? said : "");
        status = judge(done, code, in, error);
    }
    web_request_end(&request);
    return status;
}

/* Gets an answer into memory by way of a file without a name in the folder. */
static ul_status fetch(const wado_server *server, const char *url, const char *accept,
    uint64_t bytes, const char *folder, mapped *answer, ul_error *error) {
    incoming in = {.left = bytes};
    *answer = (mapped){0};
    int file = nameless_file(folder);
    in.file = file >= 0 ? fdopen(file, "w+b") : NULL;
    if (!in.file) {
        if (file >= 0)
            close(file);
        return ul_error_set(error, UL_ERROR_OUTPUT, "no room for the DICOMweb server's answer");
    }
    ul_status status = get(server, url, accept, &in, answer->type, error);
    if (status == UL_OK && fflush(in.file) != 0)
        status = cannot_keep(errno, error);
    answer->size = (size_t)(bytes - in.left);
    if (status == UL_OK && answer->size > 0) {
        void *at = mmap(NULL, answer->size, PROT_READ, MAP_PRIVATE, file, 0);
        answer->bytes = at == MAP_FAILED ? NULL : at;
        if (!answer->bytes)
            status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the series");
    }
    fclose(in.file);
    return status;
}

static void release(mapped *answer) {
    if (answer->bytes)
        munmap(answer->bytes, answer->size);
    *answer = (mapped){0};
}

/* The study of a series, as QIDO-RS has it. */
static ul_status find_study(const wado_server *server, const char *series_uid, const char *folder,
    char study_uid[65], ul_error *error) {
    char url[URL_BYTES];
    mapped answer;
    snprintf(url, sizeof url, "%s/series?SeriesInstanceUID=%s&limit=1", server->url, series_uid);
    ul_status status = fetch(
        server, url, "Accept: application/dicom+json", MOST_JSON_BYTES, folder, &answer, error);
    if (status == UL_OK) {
        cJSON *json = cJSON_ParseWithLength(answer.bytes ? answer.bytes : "", answer.size);
        const cJSON *study =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(json, 0), "0020000D");
        const char *uid = cJSON_GetStringValue(
            cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(study, "Value"), 0));
        if (uid && uid_usable(uid))
            snprintf(study_uid, 65, "%s", uid);
        else
            status = ul_error_set(error, UL_ERROR_INPUT, "the DICOMweb server has no such series");
        cJSON_Delete(json);
    }
    release(&answer);
    return status;
}

static ul_status write_instances(const mapped *answer, const char *folder, ul_error *error) {
    form_part *parts;
    size_t count;
    ul_status status = multipart_parse(
        answer->type, answer->bytes, answer->size, MOST_INSTANCES, &parts, &count, error);
    for (size_t i = 0; i < count && status == UL_OK; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%06zu.dcm", folder, i + 1);
        FILE *file = fopen(path, "wbxe");
        bool good = file && fwrite(parts[i].data, 1, parts[i].size, file) == parts[i].size;
        if ((file && fclose(file) != 0) || !good)
            status = cannot_keep(errno, error);
    }
    free(parts);
    return status;
}

ul_status wado_fetch_series(
    const wado_server *server, const char *series_uid, const char *folder, ul_error *error) {
    char study_uid[65] = "", url[URL_BYTES];
    mapped answer;
    if (!uid_usable(series_uid))
        return ul_error_set(
            error, UL_ERROR_USAGE, "the name of the series is no SeriesInstanceUID");
    ul_status status = find_study(server, series_uid, folder, study_uid, error);
    if (status != UL_OK)
        return status;
    snprintf(url, sizeof url, "%s/studies/%s/series/%s", server->url, study_uid, series_uid);
    status = fetch(server, url,
        "Accept: multipart/related; type=\"application/dicom\"; transfer-syntax=*", server->bytes,
        folder, &answer, error);
    if (status == UL_OK)
        status = write_instances(&answer, folder, error);
    release(&answer);
    return status;
}
