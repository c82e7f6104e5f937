#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/options/options.h"
#include "jobs/base/model_path.h"
#include "ulite/card.h"

#include <cJSON.h>
#include <stdio.h>

static const cli_option table[] = {
    {"json", 0, NULL, CLI_SAID, .help = "one JSON object on stdout: {\"version\", \"models\"}"},
    {0},
};

typedef struct model_list {
    cJSON *json, *models; /* under --json; models belongs to json */
    size_t count, failed;
} model_list;

/* "MR HEAD, axial, coronal, grey, 1x1 mm" */
static void describe_input(const ul_card *card, char *text, size_t room) {
    static const char *const channels[] = {"grey", "RGB", "neighbouring slices"};
    size_t used = 0;
#define ADD(...) used += used < room ? (size_t)snprintf(text + used, room - used, __VA_ARGS__) : 0
    ADD("%s", *card->modality ? card->modality : "any modality");
    if (*card->body_part)
        ADD(" %s", card->body_part);
    for (size_t i = 0; i < card->plane_count; i++)
        ADD(", %s", ul_plane_name(card->planes[i]));
    ADD(", %s", channels[card->channels]);
    if (card->spacing_mm[0] > 0)
        ADD(", %gx%g mm", card->spacing_mm[0], card->spacing_mm[1]);
    if (card->size[0] > 0)
        ADD(", scaled to %zux%zu", card->size[0], card->size[1]);
    if (card->fov_mm[1] > 0)
        ADD(", %g to %g mm wide", card->fov_mm[0], card->fov_mm[1]);
#undef ADD
}

static void print_entry(const char *name, const ul_card *card, const char *input) {
    printf("%s\n  task      %s\n  input     %s\n", name, card->task, input);
    for (size_t i = 0; i < card->metric_count; i++)
        printf("  metric    %s %.4g\n", card->metrics[i].name, card->metrics[i].value);
    printf("  licence   %s\n", card->licence ? card->licence : "not stated");
    if (!card->trained)
        printf("  untrained: for tests only\n");
}

static void add_entry(model_list *list, const char *name, const ul_card *card, const char *input) {
    cJSON *entry = cJSON_CreateObject(), *metrics;
    cJSON_AddStringToObject(entry, "name", name);
    cJSON_AddStringToObject(entry, "task", card->task);
    cJSON_AddStringToObject(entry, "modality", card->modality);
    cJSON_AddStringToObject(entry, "input", input);
    cJSON_AddStringToObject(entry, "licence", card->licence ? card->licence : "");
    cJSON_AddBoolToObject(entry, "trained", card->trained);
    metrics = cJSON_AddObjectToObject(entry, "metrics");
    for (size_t i = 0; i < card->metric_count; i++)
        cJSON_AddNumberToObject(metrics, card->metrics[i].name, card->metrics[i].value);
    cJSON_AddItemToArray(list->models, entry);
}

static void visit(void *context, const char *name, const char *path) {
    model_list *list = context;
    ul_model *model;
    ul_card card;
    ul_error error = {0};
    ul_status status = ul_model_open(path, &model, &error);
    if (status == UL_OK) {
        status = ul_card_read(model, &card, &error);
        ul_model_close(model);
    }
    if (status != UL_OK) {
        console_say("ulite models: %s: %s", name, error.text);
        list->failed++;
        return;
    }
    list->count++;
    char input[256];
    describe_input(&card, input, sizeof input);
    if (list->json)
        add_entry(list, name, &card, input);
    else
        print_entry(name, &card, input);
    ul_card_free(&card);
}

static int models_run(char **arguments, ul_error *error) {
    model_list list = {0};
    (void)arguments;
    if (console_settings.json) {
        list.json = cJSON_CreateObject();
        cJSON_AddNumberToObject(list.json, "version", 1);
        list.models = cJSON_AddArrayToObject(list.json, "models");
    }
    model_path_each(visit, &list);
    if (list.json && json_out_print(list.json, error) != UL_OK)
        return error->status;
    if (!list.json && list.count == 0)
        console_say("no bundled models found; see `ulite help models`");
    return list.failed ? UL_ERROR_PARTIAL : UL_OK;
}

const cli_command cmd_models = {.name = "models",
    .summary = "list the bundled models",
    .usage = "[--json]",
    .about =
        "Lists the models that a name stands for: task, input, metrics and licence as their cards "
        "say. They are the files NAME.safetensors or NAME/NAME.safetensors in the folders of the "
        "environment variable ULITE_MODELS (colon-separated), in share/ulite/models of the "
        "install prefix, and in models/ of the source tree that the program was built in.",
    .options = table,
    .examples = "ulite models\n"
                "ULITE_MODELS=$HOME/models ulite models --json",
    .run = models_run};
