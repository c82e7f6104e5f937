/* Checkpoints of a training run. */
#include "jobs/train/checkpoint.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES];
    ul_plan plan = {.input_channels = 3, .classes = 3};
    run_state state;
    ul_error error = {0};
    fuzz_write_file(data, size, ".checkpoint", path);
    ul_card_init(&plan.card);
    fuzz_check_error(checkpoint_read(path, &plan, "0000", &state, &error), &error);
    ul_plan_free(&plan);
    return 0;
}
