#include "io/net/stow.h"

#include "io/net/web_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Of parts that are no text, it need not be looked for in them: a UUID of our own. */
#define BOUNDARY "ulite-7e0b6f5c-2a54-4d0b-9a6e-5d3f0c1b8f42"

static const char HEAD[] = "--" BOUNDARY "\r\nContent-Type: application/dicom\r\n\r\n";
static const char TAIL[] = "\r\n--" BOUNDARY "--\r\n";

/* A request's body: a head, a file, a tail. */
typedef struct body {
    FILE *file;
    size_t head, tail; /* bytes of them that were handed out */
} body;

static size_t hand_out(const char *text, size_t length, size_t *done, char *buffer, size_t room) {
    size_t count = length - *done < room ? length - *done : room;
    memcpy(buffer, text + *done, count);
    *done += count;
    return count;
}

static size_t read_body(char *buffer, size_t size, size_t count, void *context) {
    body *b = context;
    size_t room = size * count, given = 0;
    if (b->head < sizeof HEAD - 1)
        return hand_out(HEAD, sizeof HEAD - 1, &b->head, buffer, room);
    given = fread(buffer, 1, room, b->file);
    if (given > 0)
        return given;
    if (ferror(b->file))
        return CURL_READFUNC_ABORT;
    return hand_out(TAIL, sizeof TAIL - 1, &b->tail, buffer, room);
}

static size_t drop_answer(char *data, size_t size, size_t count, void *context) {
    size_t *bytes = context;
    (void)data;
    *bytes += size * count;
    return *bytes <= (1 << 20) ? size * count : 0;
}

static void set_options(CURL *curl, const net_web_peer *peer) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_answer);
    if (peer->tls) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, peer->tls->trusted);
        curl_easy_setopt(curl, CURLOPT_SSLCERT, peer->tls->certificate);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, peer->tls->key);
    }
}

/* What the status of an answer means; 5xx, 408 and 429 say: later (RFC 9110). */
static ul_status judge(long code, char why[64], ul_error *error) {
    if (code == 200)
        return UL_OK;
    if (code >= 500 || code == 408 || code == 429 || code < 200)
        return ul_error_set(error, UL_ERROR_OUTPUT, "answered with HTTP status %ld", code);
    snprintf(why, 64, "refused with HTTP status %ld", code);
    return UL_OK;
}

/* why: empty where the file was taken. */
static ul_status stow_one(CURL *curl, const char *path, char why[64], ul_error *error) {
    body b = {.file = fopen(path, "rbe")};
    struct stat info;
    size_t answer = 0;
    long code = 0;
    if (!b.file || fstat(fileno(b.file), &info) != 0) {
        ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be read: %s", path, strerror(errno));
        if (b.file)
            fclose(b.file);
        return error->status;
    }
    curl_off_t size = (curl_off_t)(sizeof HEAD - 1 + sizeof TAIL - 1) + info.st_size;
    curl_easy_setopt(curl, CURLOPT_READDATA, &b);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
    CURLcode done = curl_easy_perform(curl);
    fclose(b.file);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    if (done != CURLE_OK)
        return ul_error_set(
            error, UL_ERROR_OUTPUT, "cannot be reached: %s", curl_easy_strerror(done));
    return judge(code, why, error);
}

ul_status net_stow(const net_web_peer *peer, const char *const *paths, size_t count, net_sent *sent,
    void *context, ul_error *error) {
    static const char *const headers[] = {
        "Content-Type: multipart/related; type=\"application/dicom\"; boundary=" BOUNDARY,
        "Accept: application/dicom+json", "Expect:" /* no wait for a 100 */};
    web_request request;
    ul_status status = web_request_begin(&request, peer->url, headers,
        sizeof headers / sizeof *headers, peer->authorization, peer->seconds, error);
    if (status == UL_OK)
        set_options(request.curl, peer);
    for (size_t i = 0; i < count && status == UL_OK; i++) {
        char why[64] = "";
        status = stow_one(request.curl, paths[i], why, error);
        if (status == UL_OK && !sent(context, i, *why ? UL_ERROR_OUTPUT : UL_OK, why))
            break;
    }
    web_request_end(&request);
    return status;
}
