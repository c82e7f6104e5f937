/* The page, and the description of the interface: files of the source tree, within the program. */
#include "apps/serve/pages.h"
#include "apps/serve/serve.h"

#include <stdlib.h>
#include <string.h>

static void send_bytes(
    http_reply *reply, const char *type, const unsigned char *bytes, size_t size) {
    char *copy = malloc(size);
    if (copy)
        memcpy(copy, bytes, size);
    http_reply_bytes(reply, copy ? 200 : 503, type, copy, copy ? size : 0);
}

bool serve_page(const http_request *request, http_reply *reply) {
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        return false;
    if (strcmp(request->path, "/") == 0)
        send_bytes(reply, "text/html; charset=utf-8", serve_page_html, serve_page_html_bytes);
    else if (strcmp(request->path, "/api/openapi.yaml") == 0)
        send_bytes(reply, "application/yaml", serve_openapi_yaml, serve_openapi_yaml_bytes);
    else
        return false;
    return true;
}
