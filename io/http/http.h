/* A small HTTP server, by libmicrohttpd, whose clients are hostile: what a request may take in
 * bytes, seconds and connections is bounded, and a web page of another site has no access. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

/* A request that is complete. */
typedef struct http_request {
    const char *method, *path; /* path: without the query, decoded */
    const char *body;          /* mapped from a file without a name; NULL: none */
    size_t body_bytes;
    void *connection; /* what http_query and http_header ask */
} http_request;

/* What of the query or of the headers has that name; NULL: nothing has. Valid as long as the
 * request. */
const char *http_query(const http_request *request, const char *name);
const char *http_header(const http_request *request, const char *name);

/* What is answered: bytes, or a file. Zeroed before the handler is called. */
typedef struct http_reply {
    unsigned status;
    char *bytes; /* malloc'd, owned by the reply; NULL: none */
    size_t size;
    char *file;          /* a path, malloc'd, owned by the reply, in the place of bytes */
    const char *save_as; /* the name that a browser saves it by; NULL: it is shown */
    char type[96];       /* of the content */
} http_reply;

void http_reply_bytes(
    http_reply *reply, unsigned status, const char *type, char *bytes, size_t size);

/* {"detail": text, "exit_code": code}, the text escaped. */
void http_reply_error(http_reply *reply, unsigned status, ul_status code, const char *text);

typedef void http_handler(void *context, const http_request *request, http_reply *reply);

typedef struct http_options {
    const char *address;           /* "127.0.0.1", "::1", "0.0.0.0" */
    unsigned port;                 /* 0: any that is free */
    const char *certificate, *key; /* paths of PEM files: TLS; NULL: none */
    const char *token;             /* what every request must bear; NULL: none */
    const char *open_path;         /* what may be read without it; NULL: nothing */
    const char *const *origins;    /* [origin_count] web pages that may ask, besides our own */
    size_t origin_count;
    const char *host; /* a name that requests may call us by, besides localhost and addresses; NULL:
                         none */
    const char *spool;   /* the folder that bodies are spooled in */
    uint64_t body_bytes; /* at most, of one request */
    unsigned
        body_seconds;     /* at most, for a request to come in, and again for its reply to go out */
    unsigned connections; /* at most, at a time */
    http_handler *handle; /* called by several threads */
    void *context;
} http_options;

typedef struct http_server http_server;

/* Listens, and answers in threads of its own until http_close. The options and what they point to
 * must outlive it. Errors: UL_ERROR_USAGE (an address that is none), UL_ERROR_INPUT (a certificate
 * or key), UL_ERROR_OUTPUT (the port is taken, ...), UL_ERROR_LIMIT. */
ul_status http_open(const http_options *options, http_server **server, ul_error *error);
unsigned http_port(const http_server *server);

/* Ends when every handler has returned. NULL: nothing. */
void http_close(http_server *server);
