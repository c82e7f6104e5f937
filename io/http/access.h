/* Who may ask. */
#pragma once

#include "io/http/http.h"

/* 0, or the status that refuses a request by its headers (any may be NULL): 401 without the token
 * where it is not open to all,
 * 403 where a web page of another origin asks, or by another host name, as after DNS rebinding. */
unsigned access_check(const http_options *options, const char *authorization, const char *host,
    const char *origin, bool open);

/* Whether the options name this origin. */
bool access_allows_origin(const http_options *options, const char *origin);
