/* What the requests to DICOMweb servers have in common, by libcurl. */
#pragma once

#include "ulite/error.h"

#include <curl/curl.h>

typedef struct web_request {
    CURL *curl;
    struct curl_slist *headers;
} web_request;

/* Sets up requests to a URL over http or https, past any proxy. headers: [count] whole lines.
 * authorization: the value of that header, NULL: none. seconds: the server may be silent so long.
 * Errors: UL_ERROR_LIMIT. End it in any case. */
ul_status web_request_begin(web_request *request, const char *url, const char *const *headers,
    size_t count, const char *authorization, int seconds, ul_error *error);
void web_request_end(web_request *request);
