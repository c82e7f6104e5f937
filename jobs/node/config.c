#include "jobs/node/config.h"

#include "io/base/json.h"
#include "jobs/base/paths.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef ul_status take_key(node_config *c, const cJSON *value, void *into, ul_error *error);

/* A key of an object and what takes its value. */
typedef struct key {
    const char *name;
    take_key *take;
} key;

static ul_status wrong(const cJSON *value, const char *expected, ul_error *error) {
    return ul_json_wrong(value, value->string, expected, UL_ERROR_USAGE, error);
}

static ul_status take_keys(node_config *c, const cJSON *object, const key *keys, void *into,
    const char *what, ul_error *error) {
    if (!cJSON_IsObject(object))
        return ul_error_set(error, UL_ERROR_USAGE, "%s must be an object", what);
    for (const cJSON *value = object->child; value; value = value->next) {
        const key *k = keys;
        while (k->name && strcmp(k->name, value->string) != 0)
            k++;
        if (!k->name)
            return ul_error_set(error, UL_ERROR_USAGE, "\"%s\" is no key of %s (docs/pacs.md)",
                value->string, what);
        if (k->take(c, value, into, error) != UL_OK) {
            ul_error_prefix(error, "%s", what);
            return error->status;
        }
    }
    return UL_OK;
}

static ul_status take_text(const cJSON *value, const char **text, ul_error *error) {
    if (!cJSON_IsString(value) || !*value->valuestring)
        return wrong(value, "a text", error);
    *text = value->valuestring;
    return UL_OK;
}

/* PS3.5 6.2: at most 16 characters without backslashes and control characters. */
static ul_status take_ae(const cJSON *value, const char **title, ul_error *error) {
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    bool good = *text && strlen(text) < NET_AE_BYTES && *text != ' ';
    for (const char *c = text; *c && good; c++)
        good = *c >= ' ' && *c <= '~' && *c != '\\';
    if (!good)
        return wrong(value, "an AE title of at most 16 characters", error);
    *title = text;
    return UL_OK;
}

static ul_status take_number(
    const cJSON *value, double low, double high, double *number, ul_error *error) {
    char expected[80];
    snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= low && value->valuedouble <= high))
        return wrong(value, expected, error);
    *number = value->valuedouble;
    return UL_OK;
}

static ul_status take_whole(const cJSON *value, int low, int high, int *number, ul_error *error) {
    double taken;
    if (take_number(value, low, high, &taken, error) != UL_OK)
        return error->status;
    if (taken != floor(taken))
        return wrong(value, "a whole number", error);
    *number = (int)taken;
    return UL_OK;
}

static ul_status take_bool(const cJSON *value, bool *flag, ul_error *error) {
    if (!cJSON_IsBool(value))
        return wrong(value, "true or false", error);
    *flag = cJSON_IsTrue(value);
    return UL_OK;
}

static ul_status take_url(const cJSON *value, const char **url, ul_error *error) {
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return wrong(value, "a URL that begins with http:// or https://", error);
    *url = text;
    return UL_OK;
}

/* A path; a relative one is seen from the folder of the file. */
static ul_status take_path(const node_config *c, const cJSON *value, char **path, ul_error *error) {
    const char *text = NULL;
    if (take_text(value, &text, error) != UL_OK)
        return error->status;
    free(*path);
    *path = *text == '/' ? strdup(text) : files_join(c->folder, text);
    return *path ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a path");
}

/* Keys that are one text or number of the thing that is filled. */
#define TAKE(name, thing, call)                                                                    \
    static ul_status name(node_config *c, const cJSON *value, void *into, ul_error *error) {       \
        thing *t = into;                                                                           \
        (void)c;                                                                                   \
        (void)t;                                                                                   \
        return call;                                                                               \
    }

TAKE(caller_ae, node_caller, take_ae(value, &t->ae_title, error))
TAKE(caller_host, node_caller, take_text(value, &t->host, error))
static const key caller_keys[] = {{"ae_title", caller_ae}, {"host", caller_host}, {0}};

TAKE(peer_name, node_peer_config, take_text(value, &t->name, error))
TAKE(peer_ae, node_peer_config, take_ae(value, &t->ae_title, error))
TAKE(peer_host, node_peer_config, take_text(value, &t->host, error))
TAKE(peer_port, node_peer_config, take_whole(value, 1, 65535, &t->port, error))
TAKE(peer_stow, node_peer_config, take_url(value, &t->stow, error))
TAKE(peer_authorization, node_peer_config, take_path(c, value, &t->authorization, error))
TAKE(peer_tls, node_peer_config, take_bool(value, &t->tls, error))
static const key peer_keys[] = {{"name", peer_name}, {"ae_title", peer_ae}, {"host", peer_host},
    {"port", peer_port}, {"stow", peer_stow}, {"authorization", peer_authorization},
    {"tls", peer_tls}, {0}};

static ul_status take_send(node_config *c, const cJSON *value, void *into, ul_error *error) {
    node_model_config *model = into;
    const cJSON *name;
    if (!cJSON_IsArray(value))
        return wrong(value, "a list of names of peers", error);
    cJSON_ArrayForEach(name, value) {
        size_t p = 0;
        while (p < c->peer_count && !(cJSON_IsString(name) && c->peers[p].name &&
                                        strcmp(c->peers[p].name, name->valuestring) == 0))
            p++;
        if (p == c->peer_count)
            return ul_json_wrong(
                name, "send", "the name of one of \"peers\"", UL_ERROR_USAGE, error);
        model->peers |= 1u << p;
    }
    return UL_OK;
}

/* "seg" is always among them: the others are made of it. */
static ul_status take_results(node_config *c, const cJSON *value, void *into, ul_error *error) {
    node_model_config *model = into;
    const cJSON *kind;
    bool seg = false;
    (void)c;
    cJSON_ArrayForEach(kind, value) {
        const char *text = cJSON_IsString(kind) ? kind->valuestring : "";
        bool *asked = strcmp(text, "seg") == 0       ? &seg
                      : strcmp(text, "report") == 0  ? &model->report
                      : strcmp(text, "capture") == 0 ? &model->capture
                                                     : NULL;
        if (!asked)
            return ul_json_wrong(
                kind, "results", "\"seg\", \"report\" or \"capture\"", UL_ERROR_USAGE, error);
        *asked = true;
    }
    return cJSON_IsArray(value) && seg ? UL_OK : wrong(value, "a list with \"seg\"", error);
}

TAKE(model_model, node_model_config, take_text(value, &t->model, error))
TAKE(model_rules, node_model_config, take_path(c, value, &t->rules, error))
TAKE(model_only, node_model_config, take_text(value, &t->only, error))
TAKE(model_type, node_model_config, take_text(value, &t->type, error))
TAKE(model_rle, node_model_config, take_bool(value, &t->rle, error))
TAKE(model_tta, node_model_config, take_bool(value, &t->flips, error))
TAKE(model_force, node_model_config, take_bool(value, &t->force, error))
static const key model_keys[] = {{"model", model_model}, {"rules", model_rules},
    {"only", model_only}, {"type", model_type}, {"rle", model_rle}, {"tta", model_tta},
    {"force", model_force}, {"results", take_results}, {"send", take_send}, {0}};

TAKE(tls_key, node_config, take_path(t, value, &t->tls_paths[0], error))
TAKE(tls_certificate, node_config, take_path(t, value, &t->tls_paths[1], error))
TAKE(tls_trusted, node_config, take_path(t, value, &t->tls_paths[2], error))
static const key tls_keys[] = {
    {"key", tls_key}, {"certificate", tls_certificate}, {"trusted", tls_trusted}, {0}};

static ul_status take_bytes(const cJSON *value, uint64_t *bytes, ul_error *error) {
    double mib;
    ul_status status = take_number(value, 0, 1e9, &mib, error);
    *bytes = status == UL_OK ? (uint64_t)(mib * (1 << 20)) : 0;
    return status;
}

static ul_status take_count(const cJSON *value, size_t *count, ul_error *error) {
    int whole = 0;
    ul_status status = take_whole(value, 1, 100000000, &whole, error);
    *count = (size_t)whole;
    return status;
}

TAKE(limit_associations, node_config, take_whole(value, 1, 256, &t->associations, error))
TAKE(limit_host, node_config, take_whole(value, 1, 256, &t->host_associations, error))
TAKE(limit_idle, node_config, take_whole(value, 1, 3600, &t->idle_seconds, error))
TAKE(limit_objects, node_config, take_count(value, &t->max_objects, error))
TAKE(limit_object, node_config, take_bytes(value, &t->max_object_bytes, error))
TAKE(limit_free, node_config, take_bytes(value, &t->min_free_bytes, error))
static const key limit_keys[] = {{"associations", limit_associations},
    {"associations_per_host", limit_host}, {"idle_seconds", limit_idle},
    {"objects_per_association", limit_objects}, {"object_mib", limit_object},
    {"free_mib", limit_free}, {0}};

/* Fills a list of things of the same size. */
static ul_status take_list(node_config *c, const cJSON *value, const key *keys, void *things,
    size_t size, size_t *count, ul_error *error) {
    const cJSON *object;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > NODE_MOST)
        return wrong(value, "a list of at most 16 objects", error);
    cJSON_ArrayForEach(object, value) {
        if (take_keys(c, object, keys, (char *)things + *count * size, value->string, error) !=
            UL_OK)
            return error->status;
        ++*count;
    }
    return UL_OK;
}

static ul_status take_version(node_config *c, const cJSON *value, void *into, ul_error *error) {
    int version;
    (void)c;
    (void)into;
    return take_whole(value, 1, 1, &version, error);
}

/* Models name peers: these are read in a second turn. */
static ul_status take_models(node_config *c, const cJSON *value, void *into, ul_error *error) {
    (void)c;
    (void)value;
    (void)into;
    (void)error;
    return UL_OK;
}

static ul_status take_tls(node_config *c, const cJSON *value, void *into, ul_error *error) {
    (void)into;
    ul_status status = take_keys(c, value, tls_keys, c, "tls", error);
    c->has_tls = true;
    c->tls = (net_tls){c->tls_paths[0], c->tls_paths[1], c->tls_paths[2]};
    if (status == UL_OK && (!c->tls.key || !c->tls.certificate || !c->tls.trusted))
        return ul_error_set(
            error, UL_ERROR_USAGE, "tls: needs key, certificate and trusted, each a PEM file");
    return status;
}

TAKE(node_ae, node_config, take_ae(value, &t->ae_title, error))
TAKE(node_address, node_config, take_text(value, &t->address, error))
TAKE(node_port, node_config, take_whole(value, 1, 65535, &t->port, error))
TAKE(node_metrics, node_config, take_whole(value, 0, 65535, &t->metrics_port, error))
TAKE(node_spool, node_config, take_path(t, value, &t->spool, error))
TAKE(node_quiet, node_config, take_number(value, 0, 86400, &t->quiet_seconds, error))
TAKE(node_keep, node_config, take_number(value, 0, 1e8, &t->keep_seconds, error))
TAKE(node_remember, node_config, take_number(value, 0, 1e9, &t->remember_seconds, error))
TAKE(node_limits, node_config, take_keys(t, value, limit_keys, t, "limits", error))
TAKE(node_accept, node_config,
    take_list(t, value, caller_keys, t->callers, sizeof *t->callers, &t->caller_count, error))
TAKE(node_peers, node_config,
    take_list(t, value, peer_keys, t->peers, sizeof *t->peers, &t->peer_count, error))
static const key node_keys[] = {{"version", take_version}, {"ae_title", node_ae},
    {"address", node_address}, {"port", node_port}, {"metrics_port", node_metrics},
    {"spool", node_spool}, {"quiet_seconds", node_quiet}, {"keep_seconds", node_keep},
    {"remember_seconds", node_remember}, {"limits", node_limits}, {"tls", take_tls},
    {"accept", node_accept}, {"peers", node_peers}, {"models", take_models}, {0}};

static bool is_name(const char *name) {
    size_t length = name ? strlen(name) : 0;
    return length > 0 && length <= 32 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
               length;
}

static ul_status check_peers(const node_config *c, ul_error *error) {
    for (size_t p = 0; p < c->peer_count; p++) {
        const node_peer_config *peer = &c->peers[p];
        if (!is_name(peer->name))
            return ul_error_set(error, UL_ERROR_USAGE,
                "peers: \"name\" must be there, of letters, digits, - and _, at most 32");
        bool store = peer->ae_title && peer->host && peer->port;
        bool part = peer->ae_title || peer->host || peer->port;
        if (peer->stow ? part : !store)
            return ul_error_set(error, UL_ERROR_USAGE,
                "peers: %s needs ae_title, host and port, or stow alone", peer->name);
        if (peer->authorization && !peer->stow)
            return ul_error_set(
                error, UL_ERROR_USAGE, "peers: %s: \"authorization\" is for \"stow\"", peer->name);
        if (peer->tls && !c->has_tls)
            return ul_error_set(error, UL_ERROR_USAGE,
                "peers: %s is to be called by TLS: \"tls\" must say with which key", peer->name);
        for (size_t q = 0; q < p; q++)
            if (strcmp(c->peers[q].name, peer->name) == 0)
                return ul_error_set(error, UL_ERROR_USAGE, "peers: two are called %s", peer->name);
    }
    return UL_OK;
}

/* What must be there. */
static ul_status check_whole(const node_config *c, ul_error *error) {
    const char *missing = !c->ae_title           ? "ae_title"
                          : !c->port             ? "port"
                          : !c->spool            ? "spool"
                          : c->caller_count == 0 ? "accept"
                          : c->model_count == 0  ? "models"
                                                 : NULL;
    if (missing)
        return ul_error_set(error, UL_ERROR_USAGE, "\"%s\" is missing (docs/pacs.md)", missing);
    for (size_t n = 0; n < c->caller_count; n++)
        if (!c->callers[n].ae_title)
            return ul_error_set(
                error, UL_ERROR_USAGE, "accept: \"ae_title\" is missing; \"*\" stands for any");
    for (size_t m = 0; m < c->model_count; m++)
        if (!c->models[m].model)
            return ul_error_set(error, UL_ERROR_USAGE, "models: \"model\" is missing");
        else if (!c->models[m].peers)
            return ul_error_set(error, UL_ERROR_USAGE,
                "models: %s: \"send\" must name a peer at least: no result is kept here",
                c->models[m].model);
    return UL_OK;
}

static void set_defaults(node_config *c) {
    *c = (node_config){.address = "127.0.0.1",
        .quiet_seconds = 10,
        .keep_seconds = 3600,
        .remember_seconds = 30 * 86400,
        .associations = 16,
        .host_associations = 8,
        .idle_seconds = 30,
        .max_object_bytes = (uint64_t)2 << 30,
        .min_free_bytes = (uint64_t)1 << 30,
        .max_objects = 100000};
}

static ul_status read_whole(node_config *c, ul_error *error) {
    ul_status status = take_keys(c, c->json, node_keys, c, "the node", error);
    const cJSON *models = cJSON_GetObjectItemCaseSensitive(c->json, "models");
    if (status == UL_OK)
        status = check_peers(c, error);
    if (status == UL_OK && models)
        status =
            take_list(c, models, model_keys, c->models, sizeof *c->models, &c->model_count, error);
    return status == UL_OK ? check_whole(c, error) : status;
}

ul_status node_config_read(const char *path, node_config *config, ul_error *error) {
    set_defaults(config);
    const char *slash = strrchr(path, '/');
    config->folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!config->folder)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a path");
    ul_status status = files_read_json(path, &config->json, error);
    if (status == UL_OK && read_whole(config, error) != UL_OK) {
        ul_error_prefix(error, "%s", path);
        status = error->status;
    }
    return status;
}

void node_config_free(node_config *config) {
    cJSON_Delete(config->json);
    free(config->folder);
    free(config->spool);
    for (size_t n = 0; n < sizeof config->tls_paths / sizeof *config->tls_paths; n++)
        free(config->tls_paths[n]);
    for (size_t m = 0; m < NODE_MOST; m++)
        free(config->models[m].rules);
    for (size_t p = 0; p < NODE_MOST; p++)
        free(config->peers[p].authorization);
    *config = (node_config){0};
}
