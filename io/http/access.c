#include "io/http/access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_BYTES = 256 };

/* Takes as long whatever the two have in common. */
static bool same_secret(const char *given, const char *secret) {
    size_t length = strlen(secret);
    if (strlen(given) != length)
        return false;
    unsigned char differs = 0;
    for (size_t i = 0; i < length; i++)
        differs |= (unsigned char)(given[i] ^ secret[i]);
    return differs == 0;
}

static bool bears_token(const char *authorization, const char *token) {
    static const char scheme[] = "Bearer ";
    size_t length = sizeof scheme - 1;
    return authorization && strncasecmp(authorization, scheme, length) == 0 &&
           same_secret(authorization + length, token);
}

/* "name:8000", "[::1]:8000" without port and brackets; false: too long, or broken. */
static bool host_name(const char *host, char name[NAME_BYTES]) {
    const char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    host += *host == '[';
    if (!end || end - host >= NAME_BYTES)
        return false;
    snprintf(name, NAME_BYTES, "%.*s", (int)(end - host), host);
    return true;
}

/* An address cannot be rebound, a name can. */
static bool is_address(const char *name) {
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool is_our_host(const http_options *options, const char *host) {
    char name[NAME_BYTES];
    if (!host || !host_name(host, name))
        return false;
    return is_address(name) || strcasecmp(name, "localhost") == 0 ||
           (options->host && strcasecmp(name, options->host) == 0);
}

bool access_allows_origin(const http_options *options, const char *origin) {
    for (size_t i = 0; origin && i < options->origin_count; i++)
        if (strcasecmp(origin, options->origins[i]) == 0)
            return true;
    return false;
}

/* Whether the page that asks came from here. */
static bool is_own_origin(const char *origin, const char *host) {
    const char *scheme_end = strstr(origin, "://");
    return scheme_end && strcasecmp(scheme_end + 3, host) == 0;
}

unsigned access_check(const http_options *options, const char *authorization, const char *host,
    const char *origin, bool open) {
    if (!is_our_host(options, host))
        return 403;
    if (origin && !is_own_origin(origin, host) && !access_allows_origin(options, origin))
        return 403;
    if (options->token && !open && !bears_token(authorization, options->token))
        return 401;
    return 0;
}
