/* The process that tells metrics by HTTP, on the loopback alone. */
#include "apps/base/json_out.h"
#include "apps/node/node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* In the text format of Prometheus. */
static const struct {
    node_metric metric;
    const char *name, *help;
} metrics[] = {
    {METRIC_ASSOCIATIONS, "associations", "Associations that have ended."},
    {METRIC_REFUSED_ASSOCIATIONS, "refused_associations", "Of them, refused."},
    {METRIC_OBJECTS, "received_objects", "Objects that were acknowledged."},
    {METRIC_REFUSED_OBJECTS, "refused_objects", "Objects that were refused."},
    {METRIC_BYTES, "received_bytes", "Bytes of the objects that were acknowledged."},
    {METRIC_STUDIES, "studies", "Studies that were worked off."},
    {METRIC_DONE, "done", "Results that were made."},
    {METRIC_FAILED, "failed", "Results, or studies, that failed."},
    {METRIC_PASSED_OVER, "passed_over", "Times that a model had no series in a study."},
    {METRIC_KNOWN, "known", "Results that were there before: a series came again."},
    {METRIC_CRASHES, "crashes", "Processes that died of a study."},
    {METRIC_SENT, "sent", "Results that a peer has taken."},
    {METRIC_REFUSED_RESULTS, "refused_results", "Times that a peer refused a result."},
    {METRIC_UNREACHABLE, "unreachable", "Times that a peer could not be reached."},
};

static size_t write_metrics(node *n, char *text, size_t bytes) {
    spool_counts counts;
    size_t used = 0;
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++)
        used += (size_t)snprintf(text + used, bytes - used,
            "# HELP ulite_node_%s_total %s\n# TYPE ulite_node_%s_total counter\n"
            "ulite_node_%s_total %llu\n",
            metrics[m].name, metrics[m].help, metrics[m].name, metrics[m].name,
            atomic_load(&n->shared->metrics[metrics[m].metric]));
    spool_count(&n->spool, &counts);
    used += (size_t)snprintf(text + used, bytes - used,
        "# HELP ulite_node_seconds_total Seconds of segmenting.\n"
        "# TYPE ulite_node_seconds_total counter\nulite_node_seconds_total %.3f\n"
        "# HELP ulite_node_waiting Studies that are received, that wait, and results to be sent.\n"
        "# TYPE ulite_node_waiting gauge\nulite_node_waiting{what=\"receiving\"} %zu\n"
        "ulite_node_waiting{what=\"segmenting\"} %zu\nulite_node_waiting{what=\"sending\"} %zu\n"
        "# HELP ulite_node_free_bytes Free on the spool's disk.\n"
        "# TYPE ulite_node_free_bytes gauge\nulite_node_free_bytes %llu\n",
        (double)atomic_load(&n->shared->metrics[METRIC_MILLISECONDS]) * 1e-3, counts.receiving,
        counts.waiting, counts.sending, (unsigned long long)spool_free_bytes(&n->spool));
    return used;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_bytes,
    void **state) {
    char text[8192] = "no such page\n";
    size_t size = strlen(text);
    unsigned code = MHD_HTTP_NOT_FOUND;
    (void)version;
    (void)upload;
    (void)upload_bytes;
    (void)state;
    if (strcmp(method, "GET") != 0)
        return MHD_NO;
    if (strcmp(url, "/metrics") == 0) {
        size = write_metrics(context, text, sizeof text);
        code = MHD_HTTP_OK;
    } else if (strcmp(url, "/health") == 0) {
        size = (size_t)snprintf(text, sizeof text, "ok\n");
        code = MHD_HTTP_OK;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4");
    enum MHD_Result queued = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return queued;
}

int node_serve_metrics(node *n) {
    struct sockaddr_in loopback = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)n->config.metrics_port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    errno = 0;
    struct MHD_Daemon *server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
        answer, n, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_CONNECTION_LIMIT, 16u,
        MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    if (!server) {
        cJSON *event = event_begin("no_metrics");
        cJSON_AddNumberToObject(event, "port", n->config.metrics_port);
        cJSON_AddStringToObject(
            event, "text", errno ? strerror(errno) : "the port cannot be listened at");
        node_log(event);
        return UL_ERROR_OUTPUT;
    }
    while (!node_stopping) /* a signal may come between the look and the sleep */
        nanosleep(&(struct timespec){0, 200000000}, NULL);
    MHD_stop_daemon(server);
    return UL_OK;
}
