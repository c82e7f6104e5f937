#include "io/net/web_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add_header(web_request *request, const char *line) {
    struct curl_slist *longer = curl_slist_append(request->headers, line);
    if (longer)
        request->headers = longer;
    return longer != NULL;
}

static bool add_authorization(web_request *request, const char *value) {
    static const char name[] = "Authorization: ";
    size_t room = sizeof name + strlen(value); /* tokens have no longest length */
    char *line = malloc(room);
    if (line)
        snprintf(line, room, "%s%s", name, value);
    bool added = line && add_header(request, line);
    free(line);
    return added;
}

static void set_options(const web_request *request, const char *url, long seconds) {
    curl_easy_setopt(request->curl, CURLOPT_URL, url);
    curl_easy_setopt(request->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(request->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(request->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(request->curl, CURLOPT_CONNECTTIMEOUT, seconds);
    curl_easy_setopt(request->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(request->curl, CURLOPT_LOW_SPEED_TIME, seconds);
    curl_easy_setopt(request->curl, CURLOPT_HTTPHEADER, request->headers);
}

ul_status web_request_begin(web_request *request, const char *url, const char *const *headers,
    size_t count, const char *authorization, int seconds, ul_error *error) {
    *request = (web_request){0};
    bool good = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    request->curl = good ? curl_easy_init() : NULL;
    good = request->curl != NULL;
    for (size_t h = 0; h < count && good; h++)
        good = add_header(request, headers[h]);
    if (good && authorization)
        good = add_authorization(request, authorization);
    if (!good)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a request");
    set_options(request, url, seconds);
    return UL_OK;
}

void web_request_end(web_request *request) {
    curl_slist_free_all(request->headers);
    curl_easy_cleanup(request->curl);
    curl_global_cleanup();
    *request = (web_request){0};
}
