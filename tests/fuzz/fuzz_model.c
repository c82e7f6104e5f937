/* Safetensors and model parsing: any bytes give a model or an error with a text, never both. */
#include "ulite/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ul_error error = {0};
    ul_model *model;
    ul_status status = ul_model_open_memory(data, size, &model, &error);
    if (status != UL_OK) {
        check(!model && error.status == status && error.text[0] && !strchr(error.text, '\n'));
        return 0;
    }
    check(model && error.status == UL_OK);
    ul_tensor tensor;
    for (size_t i = 0; ul_model_tensor_at(model, i, &tensor); i++) {
        size_t count = 1;
        for (size_t j = 0; j < tensor.rank; j++)
            count *= tensor.shape[j];
        for (size_t j = 0; j < count; j++)
            check(isfinite(tensor.data[j]));
    }
    const char *key, *value;
    for (size_t i = 0; ul_model_metadata_at(model, i, &key, &value); i++)
        check(strlen(key) + strlen(value) < size);
    ul_model_close(model);
    return 0;
}
