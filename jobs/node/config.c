#include "jobs/node/config.h"

#include "io/base/json.h"
#include "io/base/json_fields.h"
#include "jobs/base/paths.h"

#include <stdlib.h>
#include <string.h>

/* PS3.5 6.2: at most 16 characters without backslashes and control characters. */
static ul_status read_ae(const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    bool good = *text && strlen(text) < NET_AE_BYTES && *text != ' ';
    for (const char *c = text; *c && good; c++)
        good = *c >= ' ' && *c <= '~' && *c != '\\';
    if (!good)
        return ul_json_wrong(
            value, f->name, "an AE title of at most 16 characters", UL_ERROR_USAGE, error);
    return ul_json_read_value(value, f, (char *)thing + f->offset, UL_ERROR_USAGE, error);
}

static ul_status read_url(const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return ul_json_wrong(
            value, f->name, "a URL that begins with http:// or https://", UL_ERROR_USAGE, error);
    return ul_json_read_value(value, f, (char *)thing + f->offset, UL_ERROR_USAGE, error);
}

static ul_status read_mib(const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    double mib;
    ul_status status = ul_json_read_value(value, f, &mib, UL_ERROR_USAGE, error);
    if (status == UL_OK)
        *(uint64_t *)((char *)thing + f->offset) = (uint64_t)(mib * (1 << 20));
    return status;
}

#define TEXT(type, member) JSON_FIELD(type, member, JSON_BORROWED), .low = 1
#define AE(type) JSON_FIELD(type, ae_title, JSON_BORROWED), .read = read_ae
#define FLAG(type, member) JSON_FIELD(type, member, JSON_FLAG)
#define SECONDS(key, most)                                                                         \
    { JSON_FIELD(node_config, key##_seconds, JSON_NUMBER), .high = (most) }
#define WHOLE(key, member, least, most)                                                            \
    {                                                                                              \
        .name = key, .kind = JSON_WHOLE, JSON_AT(node_config, member), .low = (least),             \
        .high = (most)                                                                             \
    }
#define MIB(key, member)                                                                           \
    {                                                                                              \
        .name = key, .kind = JSON_NUMBER, JSON_AT(node_config, member), .high = 1e9,               \
        .read = read_mib                                                                           \
    }
#define PATH(type, key, member) .name = key, .kind = JSON_OWNED, JSON_AT(type, member), .low = 1
#define TABLE(name, what, ...)                                                                     \
    static const json_table name##_table = {.fields = name##_fields,                               \
        .wrong = UL_ERROR_USAGE,                                                                   \
        .no_object = "is not a JSON object",                                                       \
        .unknown = {"", " is no key of " what " (docs/pacs.md)"},                                  \
        __VA_ARGS__}

/* Fills a list of things of the same size. */
static ul_status read_things(const cJSON *list, const json_field *f, void *things, size_t size,
    size_t *count, ul_error *error) {
    if (cJSON_GetArraySize(list) > NODE_MOST)
        return ul_json_wrong(list, f->name, f->expected, UL_ERROR_USAGE, error);
    return ul_json_read_list(list, f, things, size, count, error);
}

static const json_field caller_fields[] = {{AE(node_caller)}, {TEXT(node_caller, host)}, {0}};
TABLE(caller, "accept", .check = NULL);

static ul_status read_callers(
    const cJSON *list, const json_field *f, void *thing, ul_error *error) {
    node_config *c = thing;
    return read_things(list, f, c->callers, sizeof *c->callers, &c->caller_count, error);
}

static const json_field peer_fields[] = {{TEXT(node_peer_config, name)}, {AE(node_peer_config)},
    {TEXT(node_peer_config, host)},
    {JSON_FIELD(node_peer_config, port, JSON_WHOLE), .low = 1, .high = 65535},
    {TEXT(node_peer_config, stow), .read = read_url},
    {PATH(node_peer_config, "authorization", authorization)}, {FLAG(node_peer_config, tls)}, {0}};
TABLE(peer, "peers", .check = NULL);

/* A model and whose it is: its peers are named there. */
typedef struct owned_model {
    const node_config *config;
    node_model_config model;
} owned_model;

static ul_status read_send(const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    owned_model *owned = thing;
    const node_config *c = owned->config;
    const cJSON *name;
    if (!cJSON_IsArray(value))
        return ul_json_wrong(value, f->name, "a list of names of peers", UL_ERROR_USAGE, error);
    cJSON_ArrayForEach(name, value) {
        size_t p = 0;
        while (p < c->peer_count &&
               !(cJSON_IsString(name) && strcmp(c->peers[p].name, name->valuestring) == 0))
            p++;
        if (p == c->peer_count)
            return ul_json_wrong(
                name, f->name, "the name of one of \"peers\"", UL_ERROR_USAGE, error);
        owned->model.peers |= 1u << p;
    }
    return UL_OK;
}

/* "seg" is always among them: the others are made of it. */
static ul_status read_results(
    const cJSON *value, const json_field *f, void *thing, ul_error *error) {
    node_model_config *model = &((owned_model *)thing)->model;
    const cJSON *kind;
    bool seg = false;
    cJSON_ArrayForEach(kind, value) {
        const char *text = cJSON_IsString(kind) ? kind->valuestring : "";
        bool *asked = strcmp(text, "seg") == 0       ? &seg
                      : strcmp(text, "report") == 0  ? &model->report
                      : strcmp(text, "capture") == 0 ? &model->capture
                                                     : NULL;
        if (!asked)
            return ul_json_wrong(
                kind, f->name, "\"seg\", \"report\" or \"capture\"", UL_ERROR_USAGE, error);
        *asked = true;
    }
    if (cJSON_IsArray(value) && seg)
        return UL_OK;
    return ul_json_wrong(value, f->name, "a list with \"seg\"", UL_ERROR_USAGE, error);
}

#define MODEL_TEXT(key)                                                                            \
    { .name = #key, .kind = JSON_BORROWED, JSON_AT(owned_model, model.key), .low = 1 }
#define MODEL_FLAG(key, member)                                                                    \
    { .name = key, .kind = JSON_FLAG, JSON_AT(owned_model, model.member) }

static const json_field model_fields[] = {MODEL_TEXT(model),
    {PATH(owned_model, "rules", model.rules)}, MODEL_TEXT(only), MODEL_TEXT(type),
    MODEL_FLAG("rle", rle), MODEL_FLAG("tta", flips), MODEL_FLAG("force", force),
    {.name = "results", .read = read_results}, {.name = "send", .read = read_send}, {0}};
TABLE(model, "models", .check = NULL);

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

static ul_status read_peers(const cJSON *list, const json_field *f, void *thing, ul_error *error) {
    node_config *c = thing;
    ul_status status = read_things(list, f, c->peers, sizeof *c->peers, &c->peer_count, error);
    return status == UL_OK ? check_peers(c, error) : status;
}

static ul_status read_models(const cJSON *list, const json_field *f, void *thing, ul_error *error) {
    node_config *c = thing;
    owned_model owned[NODE_MOST] = {{0}};
    for (size_t m = 0; m < NODE_MOST; m++)
        owned[m].config = c;
    ul_status status = read_things(list, f, owned, sizeof *owned, &c->model_count, error);
    for (size_t m = 0; m < c->model_count; m++)
        c->models[m] = owned[m].model;
    return status;
}

static ul_status check_tls(const cJSON *object, void *thing, ul_error *error) {
    node_config *c = thing;
    (void)object;
    c->has_tls = true;
    if (c->tls_paths[0] && c->tls_paths[1] && c->tls_paths[2])
        return UL_OK;
    return ul_error_set(
        error, UL_ERROR_USAGE, "needs key, certificate and trusted, each a PEM file");
}

static const json_field tls_fields[] = {{PATH(node_config, "key", tls_paths[0])},
    {PATH(node_config, "certificate", tls_paths[1])}, {PATH(node_config, "trusted", tls_paths[2])},
    {0}};
TABLE(tls, "tls", .check = check_tls);

static const json_field limit_fields[] = {WHOLE("associations", associations, 1, 256),
    WHOLE("associations_per_host", host_associations, 1, 256),
    WHOLE("idle_seconds", idle_seconds, 1, 3600),
    WHOLE("objects_per_association", max_objects, 1, 1e8), MIB("object_mib", max_object_bytes),
    MIB("free_mib", min_free_bytes), {0}};
TABLE(limit, "limits", .check = NULL);

/* What must be there. */
static ul_status check_whole(const cJSON *object, void *thing, ul_error *error) {
    const node_config *c = thing;
    (void)object;
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

#define LIST(key, form, reader)                                                                    \
    {                                                                                              \
        .name = key, .table = &form##_table, .read = reader, .flags = JSON_NAMED,                  \
        .expected = "a list of at most 16 objects"                                                 \
    }

/* Peers are read after the key that calls them, and models, which name them, after the peers. */
static const json_field node_fields[] = {JSON_VERSION_FIELD, {AE(node_config)},
    {TEXT(node_config, address)}, WHOLE("port", port, 1, 65535),
    WHOLE("metrics_port", metrics_port, 0, 65535), {PATH(node_config, "spool", spool)},
    SECONDS(quiet, 86400), SECONDS(keep, 1e8), SECONDS(remember, 1e9),
    {.name = "limits", .kind = JSON_OBJECT, .flags = JSON_NAMED, .table = &limit_table},
    {.name = "tls", .kind = JSON_OBJECT, .flags = JSON_NAMED, .table = &tls_table},
    LIST("accept", caller, read_callers), LIST("peers", peer, read_peers),
    LIST("models", model, read_models), {0}};
TABLE(node, "the node", .check = check_whole);

/* A relative path is seen from the folder of the file; false where memory ran out. */
static bool place_path(const node_config *c, char **path) {
    if (!*path || **path == '/')
        return true;
    char *placed = files_join(c->folder, *path);
    free(*path);
    *path = placed;
    return placed;
}

static ul_status place_paths(node_config *c, ul_error *error) {
    bool placed = place_path(c, &c->spool);
    for (size_t n = 0; n < sizeof c->tls_paths / sizeof *c->tls_paths; n++)
        placed = placed && place_path(c, &c->tls_paths[n]);
    for (size_t n = 0; n < NODE_MOST; n++)
        placed = placed && place_path(c, &c->models[n].rules) &&
                 place_path(c, &c->peers[n].authorization);
    c->tls = (net_tls){c->tls_paths[0], c->tls_paths[1], c->tls_paths[2]};
    return placed ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a path");
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

ul_status node_config_read(const char *path, node_config *config, ul_error *error) {
    set_defaults(config);
    const char *slash = strrchr(path, '/');
    config->folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!config->folder)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a path");
    ul_status status = ul_json_read(path, &config->json, error);
    if (status != UL_OK)
        return status;
    status = ul_json_read_fields(config->json, &node_table, config, error);
    if (status == UL_OK)
        status = place_paths(config, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
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
