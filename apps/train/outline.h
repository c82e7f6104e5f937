/* What `ulite train` is about to do, for people: ten lines at most. */
#pragma once

#include "ulite/train.h"

typedef struct train_outline {
    const ul_dataset *dataset;
    const ul_fingerprint *fingerprint;
    const ul_plan *plan;
    const char *output;
    size_t folds;   /* 0: no cross-validation */
    double minutes; /* 0: no limit */
    bool resume;
} train_outline;

/* Cases, images, classes, input, patches, training, files. Errors: UL_ERROR_LIMIT. */
ul_status train_outline_say(const train_outline *outline, ul_error *error);

/* Time and memory, which are known when all is read: the function of a ul_fit_listener whose
 * context is the outline. */
void train_outline_ready(void *context, const ul_training *training, double seconds);
