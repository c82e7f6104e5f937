/* Plans of a training: what overrides one, and the checkpoint that keeps it. */
#include "jobs/dataset/plan_json.h"
#include "jobs/train/checkpoint.h"

#include "fuzz_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void start(ul_plan *plan) {
    *plan = (ul_plan){.input_channels = 3, .classes = 3};
    ul_card_init(&plan->card);
    ul_segment *items = calloc(2, sizeof *items);
    fuzz_check(items != NULL);
    ul_segment_init(&items[0], 1);
    ul_segment_init(&items[1], 2);
    plan->card.classes = (ul_segments){2, items};
    plan->training.steps = 20;
    plan->training.batch = 4;
    plan->training.patch[0] = plan->training.patch[1] = 64;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES], *json = NULL;
    ul_plan plan;
    ul_error error = {0}, failure = {0};
    fuzz_write_file(data, size, ".json", path);
    start(&plan);
    ul_status status = plan_override(&plan, path, &error);
    fuzz_check_error(status, &error);
    if (status == UL_OK)
        fuzz_check(ul_plan_write(&plan, &json, &failure) == UL_OK);
    free(json);
    ul_plan_free(&plan);
    return 0;
}
