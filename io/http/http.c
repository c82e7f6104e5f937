#include "io/http/http.h"

#include "io/http/access.h"
#include "io/http/deadlines.h"
#include "io/http/nameless_file.h"

#include <arpa/inet.h>
#include <cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct http_server {
    const http_options *options;
    struct MHD_Daemon *daemon;
    deadlines *deadlines;
    char *certificate, *key; /* PEM */
};

/* A request while it comes in. */
typedef struct incoming {
    int file; /* its body; -1: none yet */
    uint64_t bytes;
    unsigned refused; /* a status: it is answered so when all of it is there; 0: it is not */
} incoming;

/* A page asks this server alone, and shows what it was sent as blobs. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: "    \
    "blob:; connect-src 'self'; frame-src blob:; frame-ancestors 'none'; form-action 'none'; "     \
    "base-uri 'none'"

enum {
    MOST_PEM_BYTES = 1 << 20,
    MOST_DROPPED_BYTES = 16 << 20,
    STACK_BYTES = 1 << 20,
    REQUEST_POOL_BYTES = 32 << 10
};

const char *http_query(const http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_header(const http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

void http_reply_bytes(
    http_reply *reply, unsigned status, const char *type, char *bytes, size_t size) {
    reply->status = status;
    snprintf(reply->type, sizeof reply->type, "%s", type);
    reply->bytes = bytes;
    reply->size = size;
}

void http_reply_error(http_reply *reply, unsigned status, ul_status code, const char *text) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "detail", text);
    cJSON_AddNumberToObject(object, "exit_code", (double)code);
    char *json = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    http_reply_bytes(reply, status, "application/json", json, json ? strlen(json) : 0);
}

static int socket_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static void set_deadline(const http_server *server, struct MHD_Connection *connection) {
    deadlines_set(server->deadlines, socket_of(connection), server->options->body_seconds);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value) {
    MHD_add_response_header(response, name, value);
}

static struct MHD_Response *response_of(http_reply *reply) {
    struct MHD_Response *response = NULL;
    struct stat about;
    int file = reply->file ? open(reply->file, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode))
        response = MHD_create_response_from_fd64((uint64_t)about.st_size, file);
    else if (reply->file)
        reply->status = 410; /* it was cleared while it was asked for */
    if (response)
        return response;
    if (file >= 0)
        close(file);
    response = MHD_create_response_from_buffer(reply->size, reply->bytes, MHD_RESPMEM_MUST_FREE);
    if (response)
        reply->bytes = NULL;
    return response;
}

/* Sends a reply, and frees what it owns. */
static enum MHD_Result send_reply(
    const http_server *server, struct MHD_Connection *connection, http_reply *reply) {
    struct MHD_Response *response = response_of(reply);
    const char *origin = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
    enum MHD_Result result = MHD_NO;
    char disposition[160];
    if (response) {
        if (*reply->type)
            add_header(response, "Content-Type", reply->type);
        snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"",
            reply->save_as ? reply->save_as : "");
        if (reply->save_as)
            add_header(response, "Content-Disposition", disposition);
        if (access_allows_origin(server->options, origin)) {
            add_header(response, "Access-Control-Allow-Origin", origin);
            add_header(response, "Access-Control-Allow-Methods", "GET, POST, PUT, DELETE");
            add_header(response, "Access-Control-Allow-Headers", "Authorization, Content-Type");
            add_header(response, "Vary", "Origin");
        }
        if (reply->status == 401)
            add_header(response, "WWW-Authenticate", "Bearer");
        if (strncmp(reply->type, "text/html", 9) == 0)
            add_header(response, "Content-Security-Policy", PAGE_POLICY);
        add_header(response, "Cache-Control", "no-store");
        add_header(response, "X-Content-Type-Options", "nosniff");
        add_header(response, "Connection", "close");
        result = MHD_queue_response(connection, reply->status, response);
        MHD_destroy_response(response);
    }
    free(reply->bytes);
    free(reply->file);
    set_deadline(server, connection);
    return result;
}

static enum MHD_Result refuse(
    const http_server *server, struct MHD_Connection *connection, unsigned status) {
    http_reply reply = {0};
    const char *why = status == 401   ? "the request does not bear the token"
                      : status == 403 ? "this host or this origin is not allowed"
                      : status == 411 ? "the length of the body is not stated"
                      : status == 413 ? "the body is larger than allowed"
                                      : "there is no room for the body";
    http_reply_error(&reply, status, UL_ERROR_USAGE, why);
    return send_reply(server, connection, &reply);
}

/* What of a request is refused before its body is looked at; 0: nothing. */
static unsigned check_headers(const http_server *server, struct MHD_Connection *connection,
    const char *method, const char *path) {
    const char *open_path = server->options->open_path;
    bool open = strcmp(method, "OPTIONS") == 0 ||
                (open_path && strcmp(path, open_path) == 0 && strcmp(method, "GET") == 0);
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    const char *coding =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
    unsigned status = access_check(server->options,
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"),
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"),
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin"), open);
    if (status == 0 && coding)
        status = 411;
    if (status == 0 && length && strtoull(length, NULL, 10) > server->options->body_bytes)
        status = 413;
    return status;
}

/* Whether a refused body is so small that it is read and dropped: a client that is cut off while it
 * sends does not see why. */
static bool is_dropped(struct MHD_Connection *connection) {
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return length && strtoull(length, NULL, 10) <= MOST_DROPPED_BYTES;
}

static unsigned add_to_body(
    const http_server *server, incoming *in, const char *data, size_t size) {
    if (in->bytes + size > server->options->body_bytes)
        return 413;
    if (in->file < 0)
        in->file = nameless_file(server->options->spool);
    while (in->file >= 0 && size > 0) {
        ssize_t written = write(in->file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return 507;
        data += written;
        size -= (size_t)written;
        in->bytes += (uint64_t)written;
    }
    return in->file < 0 ? 507 : 0;
}

static enum MHD_Result answer(http_server *server, struct MHD_Connection *connection,
    const char *method, const char *path, const incoming *in) {
    http_reply reply = {0};
    http_request request = {
        .method = method, .path = path, .body_bytes = (size_t)in->bytes, .connection = connection};
    void *mapped = MAP_FAILED;
    if (strcmp(method, "OPTIONS") == 0) {
        reply.status = 204;
        return send_reply(server, connection, &reply);
    }
    if (in->bytes > 0)
        mapped = mmap(NULL, request.body_bytes, PROT_READ, MAP_PRIVATE, in->file, 0);
    if (in->bytes > 0 && mapped == MAP_FAILED)
        return refuse(server, connection, 507);
    request.body = in->bytes > 0 ? mapped : NULL;
    deadlines_forget(server->deadlines, socket_of(connection)); /* the handler has its own limits */
    server->options->handle(server->options->context, &request, &reply);
    if (mapped != MAP_FAILED)
        munmap(mapped, request.body_bytes);
    if (reply.status == 0)
        http_reply_error(&reply, 503, UL_ERROR_LIMIT, "out of memory for the reply");
    return send_reply(server, connection, &reply);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
    const char *path, const char *method, const char *version, const char *data, size_t *size,
    void **state) {
    http_server *server = context;
    incoming *in = *state;
    (void)version;
    if (!in) {
        in = calloc(1, sizeof *in);
        if (!in)
            return MHD_NO;
        in->file = -1;
        *state = in;
        set_deadline(server, connection);
        in->refused = check_headers(server, connection, method, path);
        return in->refused && !is_dropped(connection) ? refuse(server, connection, in->refused)
                                                      : MHD_YES;
    }
    if (*size > 0) {
        if (!in->refused)
            in->refused = add_to_body(server, in, data, *size);
        *size = 0;
        return MHD_YES;
    }
    return in->refused ? refuse(server, connection, in->refused)
                       : answer(server, connection, method, path, in);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode why) {
    incoming *in = *state;
    (void)context;
    (void)connection;
    (void)why;
    if (in && in->file >= 0)
        close(in->file);
    free(in);
    *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
    enum MHD_ConnectionNotificationCode what) {
    http_server *server = context;
    (void)state;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        set_deadline(server, connection);
    else
        deadlines_forget(server->deadlines, socket_of(connection));
}

/* What clients get wrong is told to them. */
static void say_nothing(void *context, const char *format, va_list arguments) {
    (void)context;
    (void)format;
    (void)arguments;
}

static ul_status read_pem(const char *path, char **text, ul_error *error) {
    FILE *file = fopen(path, "rb");
    *text = file ? calloc(1, MOST_PEM_BYTES + 1) : NULL;
    size_t got = *text ? fread(*text, 1, MOST_PEM_BYTES, file) : 0;
    if (file)
        fclose(file);
    if (got > 0)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_INPUT, "%s: no certificate or key can be read", path);
}

typedef union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} socket_address;

static ul_status parse_address(const http_options *o, socket_address *address, ul_error *error) {
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, o->address, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)o->port);
    } else if (inet_pton(AF_INET6, o->address, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)o->port);
    } else {
        return ul_error_set(error, UL_ERROR_USAGE,
            "%s: no address: give one of this machine, such as 127.0.0.1 or ::", o->address);
    }
    return UL_OK;
}

static ul_status start(http_server *server, ul_error *error) {
    const http_options *o = server->options;
    socket_address address;
    ul_status status = parse_address(o, &address, error);
    if (status != UL_OK)
        return status;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "SECURE128:-VERS-TLS1.0:-VERS-TLS1.1"},
        {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    flags |= server->certificate ? MHD_USE_TLS : 0;
    flags |= address.any.sa_family == AF_INET6 ? MHD_USE_DUAL_STACK : 0;
    errno = 0;
    server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL, MHD_OPTION_SOCK_ADDR, &address.any,
        MHD_OPTION_CONNECTION_LIMIT, o->connections, MHD_OPTION_CONNECTION_TIMEOUT, o->body_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_POOL_BYTES,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        server->certificate ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls, MHD_OPTION_END);
    if (server->daemon)
        return UL_OK;
    if (errno == 0 && server->certificate)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s and %s are no certificate and its key in PEM", o->certificate, o->key);
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s port %u: cannot be listened at: %s", o->address,
        o->port, errno ? strerror(errno) : "no reason is known");
}

ul_status http_open(const http_options *options, http_server **server, ul_error *error) {
    http_server *made = calloc(1, sizeof *made);
    *server = NULL;
    if (!made)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the server");
    made->options = options;
    ul_status status = UL_OK;
    if (options->certificate)
        status = read_pem(options->certificate, &made->certificate, error);
    if (status == UL_OK && options->certificate)
        status = read_pem(options->key, &made->key, error);
    if (status == UL_OK)
        status = deadlines_open(options->connections, &made->deadlines, error);
    if (status == UL_OK)
        status = start(made, error);
    if (status == UL_OK)
        *server = made;
    else
        http_close(made);
    return status;
}

unsigned http_port(const http_server *server) {
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

void http_close(http_server *server) {
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    deadlines_close(server->deadlines);
    free(server->certificate);
    free(server->key);
    free(server);
}
