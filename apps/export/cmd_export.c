#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "apps/export/onnx_network.h"
#include "apps/options/options.h"
#include "jobs/base/paths.h"
#include "libulite/base/output.h"

#include <stdlib.h>

static int export_run(int argc, char **argv);

typedef struct export_arguments {
    const char *output;
} export_arguments;

#define CLI_VALUES export_arguments
static const cli_option table[] = {
    {"output", 'o', "FILE", CLI_TEXT(output), .help = "where to write"},
    {"json", 0, NULL, CLI_SAID, .help = "{\"version\": 1, \"path\": FILE} on stdout"},
    {0},
};

const cli_command cmd_export = {.name = "export",
    .summary = "write a model as ONNX",
    .usage = "MODEL -o FILE.onnx",
    .about =
        "Writes the network as ONNX (operator set 13) with free batch, height and width: input "
        "\"input\" [batch, channels, height, width] float32, height and width multiples of 32, "
        "normalised as the model card says; output \"logits\" [batch, classes, height, width]. "
        "The model's metadata, the card among it, becomes metadata_props.",
    .options = table,
    .examples = "ulite export hippocampus -o hippocampus.onnx\n"
                "ulite export model.safetensors -o model.onnx",
    .run = export_run};

static ul_status pack(const ul_model *model, uint8_t **bytes, size_t *size_bytes, ul_error *error) {
    onnx_graph *graph = onnx_graph_new();
    if (!graph)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the ONNX model");
    onnx_add_network(graph, model);
    const char *key, *value;
    for (size_t i = 0; ul_model_metadata_at(model, i, &key, &value); i++)
        onnx_metadata(graph, key, value);
    ul_status status = onnx_graph_pack(graph, bytes, size_bytes, error);
    onnx_graph_free(graph);
    return status;
}

static ul_status export_model(const char *given, const char *output, ul_error *error) {
    char path[MODEL_PATH_BYTES];
    ul_model *model = NULL;
    ul_status status = model_path_find(given, path, error);
    const char *const inputs[] = {path};
    if (status == UL_OK)
        status = target_check(output, inputs, 1, NULL, error);
    if (status == UL_OK)
        status = ul_model_open(path, &model, error);
    uint8_t *bytes = NULL;
    size_t size_bytes = 0;
    if (status == UL_OK)
        status = pack(model, &bytes, &size_bytes, error);
    if (status == UL_OK)
        status = ul_output_write(output, bytes, size_bytes, error);
    free(bytes);
    ul_model_close(model);
    return status;
}

static int export_run(int argc, char **argv) {
    export_arguments a = {0};
    int exit_code = options_parse(&cmd_export, argc, argv, &a);
    if (exit_code >= 0)
        return exit_code;
    if (argc - optind != 1)
        return console_usage(&cmd_export, "takes one model, not %d", argc - optind);
    if (!a.output)
        return console_usage(&cmd_export, "needs -o FILE.onnx");
    ul_error error = {0};
    if (export_model(argv[optind], a.output, &error) != UL_OK)
        return console_fail(&cmd_export, &error);
    if (!console_settings.json) {
        console_say("wrote %s", a.output);
        return UL_OK;
    }
    cJSON *report = cJSON_CreateObject();
    cJSON_AddNumberToObject(report, "version", 1);
    cJSON_AddStringToObject(report, "path", a.output);
    if (json_out_print(report, &error) != UL_OK)
        return console_fail(&cmd_export, &error);
    return UL_OK;
}
