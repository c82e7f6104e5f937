#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "apps/export/onnx_network.h"
#include "apps/options/options.h"
#include "jobs/base/model_path.h"
#include "libulite/base/output.h"

#include <stdlib.h>

static struct export_values { const char *output; } given;

#define CLI_VALUES struct export_values
static const cli_option table[] = {
    {"output", 'o', "FILE", CLI_TEXT(output), .help = "where to write"},
    {"json", 0, NULL, CLI_SAID, .help = "{\"version\": 1, \"path\": FILE} on stdout"},
    {0},
};

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

static ul_status export_model(const char *name, const char *output, ul_error *error) {
    char path[MODEL_PATH_BYTES];
    ul_model *model = NULL;
    ul_status status = model_path_find(name, path, error);
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

static int export_run(char **arguments, ul_error *error) {
    if (!given.output)
        return console_usage(&cmd_export, "needs -o FILE.onnx");
    ul_status status = export_model(arguments[0], given.output, error);
    if (status != UL_OK)
        return status;
    if (!console_settings.json) {
        console_say("wrote %s", given.output);
        return UL_OK;
    }
    cJSON *report = cJSON_CreateObject();
    cJSON_AddNumberToObject(report, "version", 1);
    cJSON_AddStringToObject(report, "path", given.output);
    return json_out_print(report, error);
}

const cli_command cmd_export = {.name = "export",
    .summary = "write a model as ONNX",
    .usage = "MODEL -o FILE.onnx",
    .about =
        "Writes the network as ONNX (operator set 13) with free batch, height and width: input "
        "\"input\" [batch, channels, height, width] float32, height and width multiples of 32, "
        "normalised as the model card says; output \"logits\" [batch, classes, height, width]. "
        "The model's metadata, the card among it, becomes metadata_props.",
    .options = table,
    .values = &given,
    .fewest = 1,
    .most = 1,
    .takes = "one model",
    .examples = "ulite export hippocampus -o hippocampus.onnx\n"
                "ulite export model.safetensors -o model.onnx",
    .run = export_run};
