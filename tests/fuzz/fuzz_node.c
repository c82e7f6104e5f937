/* The configuration of a node. */
#include "jobs/node/config.h"

#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES];
    node_config config;
    ul_error error = {0};
    fuzz_write_file(data, size, ".json", path);
    ul_status status = node_config_read(path, &config, &error);
    fuzz_check_error(status, &error);
    if (status == UL_OK)
        fuzz_check(config.model_count > 0 && config.caller_count > 0 && config.models[0].peers);
    node_config_free(&config);
    return 0;
}
