/* The process that sends results to one peer. */
#include "apps/base/json_out.h"
#include "apps/node/node.h"
#include "io/net/store_scu.h"
#include "io/net/stow.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_RESULTS = 50, MOST_REFUSALS = 5 }; /* of an association; of a result */

/* What goes to a peer in one association: the files of some results, result by result. */
typedef struct sending {
    node *node;
    const char *peer;
    const name_list *names; /* of the results */
    name_list paths;        /* of their files */
    size_t *results;        /* [paths.count]: which result a file belongs to */
    size_t refused;         /* files of the result that is being sent */
    size_t refused_results;
} sending;

static void tell(const sending *s, size_t result, const char *why, bool aside) {
    cJSON *event = event_begin(*why ? "not_sent" : "sent");
    cJSON_AddStringToObject(event, "peer", s->peer);
    cJSON_AddStringToObject(event, "result", s->names->names[result]);
    if (*why)
        cJSON_AddStringToObject(event, "text", why);
    if (aside)
        cJSON_AddBoolToObject(event, "set_aside", true);
    node_log(event);
}

/* A result is sent when all its files are. */
static bool sent(void *context, size_t index, ul_status status, const char *why) {
    sending *s = context;
    size_t result = s->results[index];
    const char *name = s->names->names[result];
    s->refused += status != UL_OK;
    if (status != UL_OK && s->refused == 1) {
        s->refused_results++;
        node_count(s->node, METRIC_REFUSED_RESULTS, 1);
        tell(s, result, why, outbox_refused(&s->node->spool, name, s->peer, MOST_REFUSALS));
    }
    bool last = index + 1 == s->paths.count || s->results[index + 1] != result;
    if (last && s->refused == 0) {
        outbox_sent(&s->node->spool, name, s->peer);
        node_count(s->node, METRIC_SENT, 1);
        tell(s, result, "", false);
    }
    if (last)
        s->refused = 0;
    return !node_stopping;
}

static ul_status store(
    sending *s, const node_peer_config *config, const char *const *paths, ul_error *error) {
    const node_config *own = &s->node->config;
    const net_peer peer = {.ae_title = config->ae_title,
        .host = config->host,
        .port = config->port,
        .calling_ae = own->ae_title,
        .tls = config->tls ? &own->tls : NULL,
        .seconds = own->idle_seconds};
    return net_store(&peer, paths, s->paths.count, sent, s, error);
}

/* What authorises us is read each time: it may be renewed while the node runs. */
static ul_status stow(
    sending *s, const node_peer_config *config, const char *const *paths, ul_error *error) {
    const node_config *own = &s->node->config;
    char *text = NULL;
    if (config->authorization && files_read_line(config->authorization, 1, &text, error) != UL_OK)
        return error->status;
    const net_web_peer peer = {.url = config->stow,
        .authorization = text,
        .tls = config->tls ? &own->tls : NULL,
        .seconds = own->idle_seconds};
    ul_status status = net_stow(&peer, paths, s->paths.count, sent, s, error);
    free(text);
    return status;
}

static ul_status list_files(sending *s, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t n = 0; n < s->names->count && status == UL_OK; n++) {
        size_t first = s->paths.count;
        status = outbox_files(&s->node->spool, s->names->names[n], &s->paths, error);
        size_t *longer = realloc(s->results, (s->paths.count + 1) * sizeof *longer);
        if (!longer)
            return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the results");
        s->results = longer;
        for (size_t f = first; f < s->paths.count; f++)
            s->results[f] = n;
    }
    return status;
}

static ul_status send_names(sending *s, const node_peer_config *config, ul_error *error) {
    ul_status status = list_files(s, error);
    const char *const *paths = (const char *const *)s->paths.names;
    if (status == UL_OK)
        status = config->stow ? stow(s, config, paths, error) : store(s, config, paths, error);
    free(s->results);
    files_free(&s->paths);
    return status;
}

int node_send(node *n, size_t index) {
    const node_peer_config *config = &n->config.peers[index];
    name_list names;
    ul_error error = {0};
    ul_status status = outbox_list(&n->spool, config->name, MOST_RESULTS, &names, &error);
    sending s = {.node = n, .peer = config->name, .names = &names};
    if (status == UL_OK && names.count > 0)
        status = send_names(&s, config, &error);
    if (status != UL_OK) {
        cJSON *event = event_begin("unreachable");
        cJSON_AddStringToObject(event, "peer", config->name);
        cJSON_AddStringToObject(event, "text", error.text);
        node_log(event);
        node_count(n, METRIC_UNREACHABLE, 1);
    }
    files_free(&names);
    return status == UL_OK && s.refused_results > 0 ? UL_ERROR_PARTIAL : (int)status;
}
