#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "apps/base/console.h"
#include "apps/base/target.h"
#include "apps/node/node.h"
#include "apps/options/options.h"
#include "ulite/resources.h"
#include "ulite/segment.h"
#include "ulite/view.h"

#include <stdio.h>
#include <sys/mman.h>

static struct node_values {
    bool check;
    int threads;
} given;

#define CLI_VALUES struct node_values
static const cli_option table[] = {
    {"check", 0, NULL, CLI_FLAG(check), .help = "read CONFIG.json and the models, and end"},
    {"threads", 0, "N", CLI_WHOLE(threads, 0, UL_MOST_THREADS),
        .help = "of a segmentation; 0 (default): one per processor"},
    {"json", 0, NULL, CLI_SAID, .help = "events on stdout, a line each"},
    {"quiet", 'q', NULL, CLI_SAID, .help = "no log"},
    {0},
};

/* The hash of what a result depends on beside the series. */
static void make_plan(const node_model_config *config, const segment_model *model, char plan[17]) {
    char text[4096];
    snprintf(text, sizeof text, "1\n%s\n%s\n%s\n%d %d %d %d %d", model->hash,
        config->only ? config->only : "", config->type ? config->type : "", config->rle,
        config->flips, config->force, config->capture, config->report);
    target_hash(text, plan);
}

static ul_status check_model(node *n, size_t m, ul_error *error) {
    const node_model_config *config = &n->config.models[m];
    ul_class_choice choice = {0};
    ul_status status = UL_OK;
    if (config->type && !seg_type_parse(config->type, &n->types[m]))
        status = ul_error_set(
            error, UL_ERROR_USAGE, "\"type\" takes " SEG_TYPES ", not \"%s\"", config->type);
    if (status == UL_OK && config->rle && !seg_type_takes_rle(n->types[m]))
        status = ul_error_set(error, UL_ERROR_USAGE, "\"rle\" needs \"type\": \"labelmap\"");
    if (status == UL_OK && config->capture && !ul_view_draws())
        status = ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "\"capture\" needs cairo, without which this ulite was built");
    if (status == UL_OK && config->only) {
        status = ul_class_choice_parse(&n->models[m].card, config->only, &choice, error);
        ul_class_choice_free(&choice);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "models: %s", config->model);
    return status;
}

static ul_status open_models(node *n, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t m = 0; m < n->config.model_count && status == UL_OK; m++) {
        const node_model_config *config = &n->config.models[m];
        status = segment_model_open(config->model, &n->models[m], error);
        if (status == UL_OK && config->rules)
            status = ul_series_rules_read(config->rules, &n->rules[m], error);
        if (status == UL_OK)
            status = check_model(n, m, error);
        if (status == UL_OK && !n->models[m].card.trained)
            console_say("note: %s is untrained, for tests only: its labels mean nothing",
                n->models[m].card.name);
        make_plan(config, &n->models[m], n->plans[m]);
    }
    return status;
}

static ul_status share(node *n, ul_error *error) {
    void *memory =
        mmap(NULL, sizeof *n->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for counters");
    n->shared = memory; /* zeros */
    return UL_OK;
}

static ul_status node_all(node *n, const char *path, bool check, ul_error *error) {
    n->spool.owner = -1;
    ul_status status = node_config_read(path, &n->config, error);
    if (status == UL_OK && n->config.has_tls)
        status = net_tls_check(&n->config.tls, error);
    if (status == UL_OK)
        status = open_models(n, error);
    if (status == UL_OK && check)
        console_say("%s: %zu models, %zu peers: all good", path, n->config.model_count,
            n->config.peer_count);
    else if (status == UL_OK) {
        status = share(n, error);
        if (status == UL_OK)
            status = spool_open(n->config.spool, &n->spool, error);
        if (status == UL_OK)
            status = node_supervise(n, error);
        spool_close(&n->spool);
    }
    if (n->shared)
        munmap(n->shared, sizeof *n->shared);
    for (size_t m = 0; m < NODE_MOST; m++) {
        ul_series_rules_free(n->rules[m]);
        segment_model_close(&n->models[m]);
    }
    node_config_free(&n->config);
    return status;
}

static int node_run(char **arguments, ul_error *error) {
    static node n; /* some hundred KiB */
    console_settings.progress = PROGRESS_NEVER;
    n.threads = given.threads;
    return node_all(&n, arguments[0], given.check, error);
}

const cli_command cmd_node = {.name = "node",
    .summary = NODE_SUMMARY,
    .usage = "CONFIG.json [--check] [--threads N]",
    .about =
        "A DICOM node: a storage SCP (C-STORE, C-ECHO) that takes what the AEs of CONFIG.json "
        "send, runs models on each study once it is complete, and sends DICOM Segmentations to "
        "the peers by C-STORE. What was acknowledged is on the disk, in the spool, and is worked "
        "off whenever the node is killed and started again. A log line for each event, without a "
        "name, a date or a UID, is on stderr, or under --json on stdout as JSON. Not for clinical "
        "use. docs/pacs.md has the keys of CONFIG.json, and Orthanc as an example.\n"
        "\n"
        "It runs until SIGTERM or Ctrl-C: objects that are being received are finished, a study "
        "that is being segmented is begun anew at the next start.",
    .options = table,
    .values = &given,
    .fewest = 1,
    .most = 1,
    .takes = "one CONFIG.json",
    .stream = true,
    .examples = "ulite node node.json --check\n"
                "ulite node node.json",
    .run = node_run};
