/* The CSV of a training run, to which an epoch is added. */
#include "jobs/train/curves.h"

#include "fuzz_file.h"

#include <math.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_BYTES], drawn[2][FUZZ_PATH_BYTES + 8];
    ul_segment items[2] = {{.number = 1, .label = "one"}, {.number = 2, .label = "two, three"}};
    const ul_segments classes = {2, items};
    const double class_dice[2] = {0.5, (double)NAN};
    const ul_epoch epoch = {.epoch = 7,
        .epochs = 9,
        .rate = 1e-3,
        .loss = 1,
        .dice = (double)NAN,
        .classes = &classes,
        .class_dice = class_dice};
    ul_error error = {0};
    fuzz_write_file(data, size, ".csv", path);
    snprintf(drawn[0], sizeof drawn[0], "%s/f.svg", fuzz_folder());
    snprintf(drawn[1], sizeof drawn[1], "%s/f.pdf", fuzz_folder());
    fuzz_check_error(curves_add(path, drawn[0], drawn[1], &epoch, &error), &error);
    return 0;
}
