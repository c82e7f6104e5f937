/* The process that sends results to one peer. */
#include "apps/base/event.h"
#include "apps/node/node.h"
#include "io/net/store_scu.h"
#include "io/net/stow.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_RESULTS = 50, MOST_REFUSALS = 5 }; /* of an association; of a result */

typedef struct sending {
    node *node;
    const char *peer;
    const name_list *names;
    size_t refused;
} sending;

static bool sent(void *context, size_t index, ul_status status, const char *why) {
    sending *s = context;
    const char *name = s->names->names[index];
    bool aside = false;
    cJSON *event = event_begin(status == UL_OK ? "sent" : "not_sent");
    if (status == UL_OK) {
        outbox_sent(&s->node->spool, name, s->peer);
        node_count(s->node, METRIC_SENT, 1);
    } else {
        s->refused++;
        aside = outbox_refused(&s->node->spool, name, s->peer, MOST_REFUSALS);
        node_count(s->node, METRIC_REFUSED_RESULTS, 1);
    }
    cJSON_AddStringToObject(event, "peer", s->peer);
    cJSON_AddStringToObject(event, "result", name);
    if (status != UL_OK)
        cJSON_AddStringToObject(event, "text", why);
    if (aside)
        cJSON_AddBoolToObject(event, "set_aside", true);
    node_log(event);
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
    return net_store(&peer, paths, s->names->count, sent, s, error);
}

/* What authorises us is read each time: it may be renewed while the node runs. */
static ul_status stow(
    sending *s, const node_peer_config *config, const char *const *paths, ul_error *error) {
    const node_config *own = &s->node->config;
    char *text = NULL;
    if (config->authorization && files_read_text(config->authorization, &text, error) != UL_OK)
        return error->status;
    if (text)
        text[strcspn(text, "\r\n")] = '\0';
    const net_web_peer peer = {.url = config->stow,
        .authorization = text,
        .tls = config->tls ? &own->tls : NULL,
        .seconds = own->idle_seconds};
    ul_status status = net_stow(&peer, paths, s->names->count, sent, s, error);
    free(text);
    return status;
}

static ul_status send_names(sending *s, const node_peer_config *config, ul_error *error) {
    size_t count = s->names->count;
    char(*paths)[SPOOL_PATH_BYTES] = malloc((count + 1) * sizeof *paths);
    const char **list = malloc((count + 1) * sizeof *list);
    ul_status status = UL_OK;
    if (!paths || !list)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu results", count);
    for (size_t n = 0; n < count && status == UL_OK; n++) {
        spool_path(&s->node->spool, "outbox", s->names->names[n], "result.seg.dcm", paths[n]);
        list[n] = paths[n];
    }
    if (status == UL_OK)
        status = config->stow ? stow(s, config, list, error) : store(s, config, list, error);
    free(list);
    free(paths);
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
    return status == UL_OK && s.refused > 0 ? UL_ERROR_PARTIAL : (int)status;
}
