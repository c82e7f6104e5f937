#define _GNU_SOURCE /* mkostemp */

#include "io/net/wado.h"

#include "io/http/multipart.h"

#include <cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
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
} incoming;

/* What of it was written, in memory. */
typedef struct mapped {
    char *bytes; /* NULL: it is empty */
    size_t size;
    char type[256]; /* Content-Type */
} mapped;

static bool is_uid(const char *text) {
    size_t length = strlen(text);
    return length > 0 && length <= 64 && strspn(text, "0123456789.") == length;
}

static size_t take(char *data, size_t size, size_t count, void *context) {
    incoming *in = context;
    size_t bytes = size * count;
    in->larger = in->larger || bytes > in->left;
    if (in->larger)
        return 0;
    in->left -= bytes;
    return fwrite(data, 1, bytes, in->file);
}

static struct curl_slist *make_headers(const wado_server *server, const char *accept) {
    char text[PATH_BYTES];
    snprintf(text, sizeof text, "Accept: %s", accept);
    struct curl_slist *list = curl_slist_append(NULL, text), *longer;
    if (!list || !server->authorization)
        return list;
    snprintf(text, sizeof text, "Authorization: %s", server->authorization);
    longer = curl_slist_append(list, text);
    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

static void set_options(CURL *curl, const wado_server *server, const char *url,
    struct curl_slist *headers, incoming *in) {
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)server->seconds);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)server->seconds);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, in);
}

static ul_status judge(CURLcode done, long code, const incoming *in, ul_error *error) {
    if (in->larger)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "the DICOMweb server's answer is larger than allowed");
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
    CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    struct curl_slist *headers = curl ? make_headers(server, accept) : NULL;
    ul_status status = UL_OK;
    long code = 0;
    const char *said = NULL;
    if (!headers) {
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a request");
    } else {
        set_options(curl, server, url, headers, in);
        CURLcode done = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
        curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &said);
        snprintf(type, 256, "%s", said ? said : "");
        status = judge(done, code, in, error);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return status;
}

/* Gets an answer into memory by way of a file without a name in the folder. */
static ul_status fetch(const wado_server *server, const char *url, const char *accept,
    uint64_t bytes, const char *folder, mapped *answer, ul_error *error) {
    char path[PATH_BYTES];
    incoming in = {.left = bytes};
    *answer = (mapped){0};
    snprintf(path, sizeof path, "%s/answer-XXXXXX", folder);
    int file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    in.file = file >= 0 ? fdopen(file, "w+b") : NULL;
    if (!in.file) {
        if (file >= 0)
            close(file);
        return ul_error_set(error, UL_ERROR_OUTPUT, "no room for the DICOMweb server's answer");
    }
    ul_status status = get(server, url, accept, &in, answer->type, error);
    if (status == UL_OK && fflush(in.file) != 0)
        status =
            ul_error_set(error, UL_ERROR_OUTPUT, "the series cannot be kept: %s", strerror(errno));
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
    ul_status status =
        fetch(server, url, "application/dicom+json", MOST_JSON_BYTES, folder, &answer, error);
    if (status == UL_OK) {
        cJSON *json = cJSON_ParseWithLength(answer.bytes ? answer.bytes : "", answer.size);
        const cJSON *study =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(json, 0), "0020000D");
        const char *uid = cJSON_GetStringValue(
            cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(study, "Value"), 0));
        if (uid && is_uid(uid))
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
    ul_status status = multipart_parse(answer->type, answer->bytes ? answer->bytes : "",
        answer->size, MOST_INSTANCES, &parts, &count, error);
    for (size_t i = 0; i < count && status == UL_OK; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%06zu.dcm", folder, i + 1);
        FILE *file = fopen(path, "wbxe");
        bool good = file && fwrite(parts[i].data, 1, parts[i].size, file) == parts[i].size;
        if ((file && fclose(file) != 0) || !good)
            status = ul_error_set(
                error, UL_ERROR_OUTPUT, "the series cannot be kept: %s", strerror(errno));
    }
    free(parts);
    return status;
}

ul_status wado_fetch_series(
    const wado_server *server, const char *series_uid, const char *folder, ul_error *error) {
    char study_uid[65] = "", url[URL_BYTES];
    mapped answer;
    if (!is_uid(series_uid))
        return ul_error_set(
            error, UL_ERROR_USAGE, "the name of the series is no SeriesInstanceUID");
    ul_status status = find_study(server, series_uid, folder, study_uid, error);
    if (status != UL_OK)
        return status;
    snprintf(url, sizeof url, "%s/studies/%s/series/%s", server->url, study_uid, series_uid);
    status = fetch(server, url, "multipart/related; type=\"application/dicom\"; transfer-syntax=*",
        server->bytes, folder, &answer, error);
    if (status == UL_OK)
        status = write_instances(&answer, folder, error);
    release(&answer);
    return status;
}
