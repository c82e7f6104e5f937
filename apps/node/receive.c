/* The process of an association: objects into the spool. */
#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/node/node.h"
#include "io/net/store_scp.h"
#include "jobs/base/digits.h"
#include "libulite/base/resources.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct receiver {
    node *node;
    const char *host; /* numeric */
    size_t slot, number;
} receiver;

/* Whether a host of the configuration is the one at an address. */
static bool is_host(const char *name, const char *address) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    bool found = strcmp(name, address) == 0;
    if (found || getaddrinfo(name, NULL, &hints, &list) != 0)
        return found;
    for (struct addrinfo *a = list; a && !found; a = a->ai_next) {
        char text[NODE_HOST_BYTES];
        found = getnameinfo(
                    a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
                strcmp(text, address) == 0;
    }
    freeaddrinfo(list);
    return found;
}

static bool knows(void *context, const char *calling_ae) {
    const receiver *r = context;
    const node_config *config = &r->node->config;
    for (size_t n = 0; n < config->caller_count; n++) {
        const node_caller *caller = &config->callers[n];
        if ((strcmp(caller->ae_title, "*") == 0 || strcmp(caller->ae_title, calling_ae) == 0) &&
            (!caller->host || is_host(caller->host, r->host)))
            return true;
    }
    return false;
}

static ul_status incoming(void *context, char *path, size_t path_bytes, ul_error *error) {
    receiver *r = context;
    char name[64], whole[SPOOL_PATH_BYTES];
    if (spool_free_bytes(&r->node->spool) <= r->node->config.min_free_bytes)
        return ul_error_set(error, UL_ERROR_LIMIT, "the disk of the spool is full");
    snprintf(name, sizeof name, "%ld-%zu", (long)getpid(), r->number++);
    spool_path(&r->node->spool, "incoming", name, NULL, whole);
    if ((size_t)snprintf(path, path_bytes, "%s", whole) >= path_bytes)
        return ul_error_set(error, UL_ERROR_OUTPUT, "the path of the spool is too long");
    return UL_OK;
}

static ul_status received(
    void *context, const char *path, const net_object *object, ul_error *error) {
    receiver *r = context;
    char study[SPOOL_KEY_BYTES];
    atomic_ullong *mine = &r->node->shared->studies[r->slot];
    /* Before it is there, so that the study is not taken in between. */
    spool_study_key(object->study_uid, study);
    atomic_store(mine, node_study_number(study));
    ul_status status = spool_put(
        &r->node->spool, path, object->study_uid, object->series_uid, object->instance_uid, error);
    if (status == UL_OK) {
        node_count(r->node, METRIC_OBJECTS, 1);
        node_count(r->node, METRIC_BYTES, object->bytes);
    }
    return status;
}

static void tell(
    const receiver *r, const net_session *session, const ul_error *error, double seconds) {
    cJSON *event = event_begin(error->status == UL_ERROR_USAGE ? "refused" : "association");
    if (*session->calling_ae)
        cJSON_AddStringToObject(event, "caller", session->calling_ae);
    cJSON_AddStringToObject(event, "host", r->host);
    cJSON_AddNumberToObject(event, "objects", (double)session->received);
    cJSON_AddNumberToObject(event, "refused_objects", (double)session->refused);
    cJSON_AddNumberToObject(event, "bytes", (double)session->bytes);
    cJSON_AddNumberToObject(event, "seconds", digits_seconds(seconds));
    if (error->status != UL_OK)
        cJSON_AddStringToObject(event, "text", error->text);
    node_log(event);
}

/* Of a process that reads what anybody sends; files of objects are never held in memory. */
static void bound_memory(void) {
#ifndef __SANITIZE_ADDRESS__ /* which keeps more than that for itself */
    const struct rlimit most = {(rlim_t)1 << 30, (rlim_t)1 << 30}; /* bytes */
    setrlimit(RLIMIT_DATA, &most);
#endif
}

int node_receive(node *n, int socket, const char *host, size_t slot, bool full) {
    receiver r = {.node = n, .host = host, .slot = slot};
    const net_server server = {.ae_title = n->config.ae_title,
        .tls = n->config.has_tls ? &n->config.tls : NULL,
        .full = full,
        .max_object_bytes = n->config.max_object_bytes,
        .max_objects = n->config.max_objects,
        .idle_seconds = n->config.idle_seconds,
        .stop = &node_stopping,
        .knows = knows,
        .incoming = incoming,
        .received = received,
        .context = &r};
    net_session session;
    ul_error error = {0};
    double start = ul_seconds();
    bound_memory();
    net_serve(socket, &server, &session, &error);
    node_count(n, METRIC_ASSOCIATIONS, 1);
    node_count(n, METRIC_REFUSED_OBJECTS, session.refused);
    if (error.status == UL_ERROR_USAGE || full)
        node_count(n, METRIC_REFUSED_ASSOCIATIONS, 1);
    tell(&r, &session, &error, ul_seconds() - start);
    return (int)error.status;
}
