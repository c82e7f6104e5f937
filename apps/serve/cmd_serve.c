#define _XOPEN_SOURCE 700 /* realpath */

#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/options/options.h"
#include "apps/serve/serve.h"
#include "jobs/base/model_path.h"
#include "jobs/base/paths.h"
#include "jobs/serve/store.h"
#include "ulite/resources.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The command line. */
typedef struct serve_arguments {
    const char *models[SERVE_MAX_MODELS], *origins[SERVE_MAX_ORIGINS];
    size_t model_count, origin_count;
    const char *images, *store, *dicomweb, *dicomweb_auth, *address, *token_file, *certificate,
        *key, *host;
    bool insecure;
    long port, workers, threads, seconds, connections;
    uint64_t upload_bytes, memory_bytes;
} serve_arguments;

#define GIB ((uint64_t)1 << 30)
static serve_arguments given = {.address = "127.0.0.1",
    .port = 8000,
    .workers = 1,
    .seconds = 600,
    .connections = 64,
    .upload_bytes = 2 * GIB,
    .memory_bytes = 8 * GIB};
#define CLI_VALUES serve_arguments
static const cli_option table[] = {
    {"model", 'm', "MODEL", CLI_LIST(models, model_count),
        .help = "a model to offer; again for more. Default: all bundled ones"},
    {"images", 0, "FOLDER", CLI_TEXT(images),
        .help = "requests may name series and files in this folder"},
    {"dicomweb", 0, "URL", CLI_TEXT(dicomweb),
        .help = "requests may name series of this DICOMweb server; the folder wins"},
    {"dicomweb-auth", 0, "FILE", CLI_TEXT(dicomweb_auth),
        .help = "its first line is sent there as the header Authorization"},
    {"store", 0, "FOLDER", CLI_TEXT(store),
        .help = "keeps uploaded images with corrected labels, for `ulite train`"},
    {"port", 0, "N", CLI_WHOLE(port, 0, 65535), .help = "8000 (default); 0: any that is free"},
    {"address", 0, "A", CLI_TEXT(address),
        .help = "127.0.0.1 (default). Any but the loopback needs --token-file, --certificate and "
                "--key, or --insecure"},
    {"token-file", 0, "FILE", CLI_TEXT(token_file),
        .help = "requests must bear what its first line holds"},
    {"certificate", 0, "FILE", CLI_TEXT(certificate),
        .help = "TLS, by this PEM file and that of --key"},
    {"key", 0, "FILE", CLI_TEXT(key), .help = "the private key of --certificate"},
    {"insecure", 0, NULL, CLI_FLAG(insecure),
        .help = "no token and no TLS are needed: whoever reaches the address may ask"},
    {"host", 0, "NAME", CLI_TEXT(host), .help = "a name of this machine that requests may use"},
    {"origin", 0, "ORIGIN", CLI_LIST(origins, origin_count),
        .help = "a web page that may ask, as of OHIF (http://localhost:3000); again for more"},
    {"workers", 0, "N", CLI_WHOLE(workers, 1, QUEUE_MOST_WORKERS),
        .help = "requests that are segmented at a time; 1 (default)"},
    {"threads", 0, "N", CLI_WHOLE(threads, 0, UL_MOST_THREADS),
        .help = "of them all; 0 (default): one per processor"},
    {"max-upload", 0, "SIZE", CLI_SIZE(upload_bytes, 1), .help = "of a request; 2G (default)"},
    {"max-task-memory", 0, "SIZE", CLI_SIZE(memory_bytes, 0),
        .help = "of a request that is segmented; 8G (default), 0: any"},
    {"max-seconds", 0, "N", CLI_WHOLE(seconds, 1, 86400), .help = "for it; 600 (default)"},
    {"connections", 0, "N", CLI_WHOLE(connections, 1, 4096), .help = "at a time; 64 (default)"},
    {"json", 0, NULL, CLI_SAID,
        .help = "{\"event\": \"listening\", \"url\": URL} on stdout, then nothing"},
    {"quiet", 'q', NULL, CLI_SAID, .help = "no line for each request"},
    {0},
};

/* Whether only this machine reaches an address. False and *wrong: it is none. */
static bool is_loopback(const char *address, bool *wrong) {
    struct in6_addr v6;
    struct in_addr v4;
    *wrong = false;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    *wrong = inet_pton(AF_INET6, address, &v6) != 1;
    return !*wrong && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int check_usage(const serve_arguments *a) {
    if (!a->certificate != !a->key)
        return console_usage(&cmd_serve, "--certificate and --key need one another");
    if (a->dicomweb && strncmp(a->dicomweb, "http://", 7) != 0 &&
        strncmp(a->dicomweb, "https://", 8) != 0)
        return console_usage(
            &cmd_serve, "--dicomweb takes a URL of http or https, not \"%s\"", a->dicomweb);
    if (a->dicomweb_auth && !a->dicomweb)
        return console_usage(&cmd_serve, "--dicomweb-auth needs --dicomweb");
    bool wrong, local = is_loopback(a->address, &wrong);
    if (wrong)
        return console_usage(&cmd_serve,
            "--address takes an address such as 127.0.0.1 or ::, not \"%s\"", a->address);
    if (!local && !a->insecure && (!a->token_file || !a->certificate))
        return console_usage(&cmd_serve,
            "--address %s can be reached from other machines: it needs --token-file, "
            "--certificate and --key, or --insecure",
            a->address);
    return UL_OK;
}

/* The name by which requests call a model: that of its file. */
static void name_model(const char *path, char name[65]) {
    const char *slash = strrchr(path, '/');
    path = slash ? slash + 1 : path;
    size_t length = strlen(path) - (files_ends_with(path, ".safetensors") ? 12 : 0);
    snprintf(name, 65, "%.*s", (int)length, path);
}

static ul_status add_model(serve *s, const char *model, ul_error *error) {
    serve_model *m = &s->models[s->model_count];
    if (s->model_count == SERVE_MAX_MODELS)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "more than %d models: name those to offer", SERVE_MAX_MODELS);
    ul_status status = segment_model_open(model, &m->model, error);
    s->model_count++; /* also one that was opened in part is closed */
    if (status != UL_OK)
        return status;
    name_model(m->model.path, m->name);
    if (serve_find_model(s, m->name) != m)
        return ul_error_set(error, UL_ERROR_USAGE, "two models are called %s", m->name);
    return UL_OK;
}

/* The bundled models while they are visited. */
typedef struct bundled {
    serve *s;
    ul_status status;
    ul_error *error;
} bundled;

static void visit_bundled(void *context, const char *name, const char *path) {
    bundled *all = context;
    (void)name;
    if (all->status == UL_OK)
        all->status = add_model(all->s, path, all->error);
}

static ul_status open_models(serve *s, const serve_arguments *a, ul_error *error) {
    bundled all = {s, UL_OK, error};
    if (a->model_count == 0)
        model_path_each(visit_bundled, &all);
    for (size_t m = 0; m < a->model_count && all.status == UL_OK; m++)
        all.status = add_model(s, a->models[m], error);
    if (all.status == UL_OK && s->model_count == 0)
        return ul_error_set(error, UL_ERROR_INPUT, "no bundled models found: name some by -m");
    return all.status;
}

static ul_status make_folder(const char *parent, const char *name, char **path, ul_error *error) {
    *path = files_join(parent, name);
    if (*path && mkdir(*path, 0700) == 0)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: no folder can be made", parent);
}

static ul_status make_folders(serve *s, ul_error *error) {
    ul_status status = folder_make_temporary("ulite-serve", &s->folder, error);
    if (status == UL_OK)
        status = make_folder(s->folder, "tasks", &s->tasks_folder, error);
    return status == UL_OK ? make_folder(s->folder, "sessions", &s->sessions_folder, error)
                           : status;
}

static ul_status open_store(serve *s, const char *folder, ul_error *error) {
    ul_status status = store_open(folder, error);
    if (status == UL_OK && !(s->store = realpath(folder, NULL)))
        status = ul_error_set(error, UL_ERROR_OUTPUT, "%s: %s", folder, strerror(errno));
    return status;
}

static ul_status open_parts(serve *s, const serve_arguments *a, ul_error *error) {
    enum { MOST_SESSIONS = 256, MOST_WAITING = 64, MOST_KEPT = 256, KEEP_SECONDS = 3600 };
    enum { SESSIONS_UPLOADS = 8 };
    ul_status status = open_models(s, a, error);
    if (status == UL_OK)
        status = make_folders(s, error);
    if (status == UL_OK && a->store)
        status = open_store(s, a->store, error);
    if (status == UL_OK)
        status = sessions_open(s->sessions_folder, MOST_SESSIONS,
            SESSIONS_UPLOADS * a->upload_bytes, KEEP_SECONDS, &s->sessions, error);
    const queue_options options = {.limits = {.memory_bytes = a->memory_bytes,
                                       .file_bytes = 16 * a->upload_bytes,
                                       .seconds = (unsigned)a->seconds},
        .workers = (unsigned)a->workers,
        .most_waiting = MOST_WAITING,
        .most_kept = MOST_KEPT,
        .keep_seconds = KEEP_SECONDS,
        .folder = s->tasks_folder};
    if (status == UL_OK)
        status = queue_open(&options, serve_work, s, &s->queue, error);
    return status;
}

static void close_parts(serve *s) {
    queue_close(s->queue);
    sessions_close(s->sessions);
    for (size_t m = 0; m < s->model_count; m++)
        segment_model_close(&s->models[m].model);
    if (s->folder)
        files_clear(s->folder);
    free(s->folder);
    free(s->store);
    free(s->tasks_folder);
    free(s->sessions_folder);
}

static void tell_listening(const serve_arguments *a, const http_server *server) {
    char url[128];
    snprintf(url, sizeof url, strchr(a->address, ':') ? "%s://[%s]:%u/" : "%s://%s:%u/",
        a->certificate ? "https" : "http", a->address, http_port(server));
    console_say("listening at %s; not for clinical use", url);
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("listening");
    cJSON_AddStringToObject(event, "url", url);
    event_print(event);
}

/* Serves until a signal comes. token: NULL: none. */
static ul_status serve_until_told(
    serve *s, const serve_arguments *a, const char *token, ul_error *error) {
    enum { BODY_SECONDS = 300 };
    http_options options = {.address = a->address,
        .port = (unsigned)a->port,
        .certificate = a->certificate,
        .key = a->key,
        .token = token,
        .open_path = "/",
        .origins = a->origins,
        .origin_count = a->origin_count,
        .host = a->host,
        .body_bytes = a->upload_bytes,
        .body_seconds = BODY_SECONDS,
        .connections = (unsigned)a->connections,
        .handle = serve_handle,
        .context = s};
    sigset_t ends;
    int number;
    http_server *server;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* inherited by every thread from here on */
    ul_status status = open_parts(s, a, error);
    options.spool = s->folder;
    if (status == UL_OK)
        status = http_open(&options, &server, error);
    if (status != UL_OK)
        return status;
    tell_listening(a, server);
    sigwait(&ends, &number);
    console_say("stopping");
    queue_stop(s->queue); /* whoever waits for a task is answered */
    http_close(server);
    return UL_OK;
}

static int serve_run(char **arguments, ul_error *error) {
    const serve_arguments *a = &given;
    int status = check_usage(a);
    (void)arguments;
    char *token = NULL, *images = NULL, *authorization = NULL;
    serve *s = calloc(1, sizeof *s);
    if (status == UL_OK && !s)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the server");
    if (status == UL_OK && a->token_file)
        status = files_read_line(a->token_file, 16, &token, error);
    if (status == UL_OK && a->dicomweb_auth)
        status = files_read_line(a->dicomweb_auth, 1, &authorization, error);
    if (status == UL_OK && a->images && !(images = realpath(a->images, NULL)))
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: no such folder", a->images);
    if (status == UL_OK) {
        int threads = a->threads ? (int)a->threads : ul_default_threads();
        s->images = images;
        s->dicomweb = a->dicomweb;
        s->authorization = authorization;
        s->upload_bytes = a->upload_bytes;
        s->threads = threads > a->workers ? threads / (int)a->workers : 1;
        status = serve_until_told(s, a, token, error);
        close_parts(s);
    }
    free(s);
    free(images);
    free(authorization);
    free(token);
    return status;
}

const cli_command cmd_serve = {.name = "serve",
    .summary = SERVE_SUMMARY,
    .usage = "[-m MODEL]... [OPTIONS]",
    .about =
        "Answers HTTP requests on this machine until it is interrupted: the MONAI Label extension "
        "of 3D Slicer and plugin of OHIF, a page in the browser to drop images on, and a JSON "
        "interface for scripts (GET /api/openapi.yaml describes it). Every upload is read and "
        "segmented in a process of its own, of bounded memory and time. Nothing is kept but what "
        "--store asks for. Not for clinical use.",
    .options = table,
    .values = &given,
    .stream = true,
    .examples = "ulite serve\n"
                "ulite serve -m brain --store corrected/\n"
                "curl -T head.nii.gz 'http://127.0.0.1:8000/api/jobs?model=brain' -X POST",
    .run = serve_run};
