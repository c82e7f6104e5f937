#include "libulite/base/random.h"
#include "libulite/model/model_internal.h"
#include "libulite/model/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ul_model {
    ul_model_shape shape;
    ul_layout_entry layout[UL_LAYOUT_TENSORS];
    const float *data[UL_LAYOUT_TENSORS]; /* into the file's mapping or into values */
    float *values;                        /* what this model owns itself; may be NULL */
    int64_t batches[UL_LAYOUT_NORMS];     /* num_batches_tracked */
    ul_safetensors *file;                 /* NULL for a created model */
    char *path;                           /* NULL for one that was made in memory */
};

/* One dimension of a tensor that the network's shape is read from. */
static ul_status read_dimension(const ul_safetensors *file, const char *name, size_t rank,
    size_t axis, size_t *size, ul_error *error) {
    const ul_stored *tensor = ul_safetensors_find(file, name);
    if (!tensor)
        return ul_error_set(error, UL_ERROR_MODEL,
            "tensor %s is missing: these are not the weights of a U-Lite network", name);
    char got[UL_SHAPE_TEXT_BYTES];
    if (tensor->rank != rank)
        return ul_error_set(error, UL_ERROR_MODEL,
            "tensor %s has the shape %s, expected %zu dimensions", name,
            ul_shape_text(tensor->rank, tensor->shape, got), rank);
    *size = tensor->shape[axis];
    if (*size < 1 || *size > UL_LAYOUT_LIMIT)
        return ul_error_set(error, UL_ERROR_MODEL,
            "tensor %s has the shape %s, expected 1 to %zu channels", name,
            ul_shape_text(tensor->rank, tensor->shape, got), UL_LAYOUT_LIMIT);
    return UL_OK;
}

static ul_status read_shape(const ul_safetensors *file, ul_model_shape *shape, ul_error *error) {
    ul_status status = read_dimension(file, "conv_in.weight", 4, 1, &shape->input_channels, error);
    if (status == UL_OK)
        status = read_dimension(file, "conv_in.weight", 4, 0, &shape->width[0], error);
    for (int stage = 1; status == UL_OK && stage < UL_STAGES; stage++) {
        char name[] = "e0.pw.weight";
        name[1] = (char)('0' + stage);
        status = read_dimension(file, name, 4, 0, &shape->width[stage], error);
    }
    if (status == UL_OK)
        status = read_dimension(file, "b5.pw1.weight", 4, 0, &shape->bottleneck, error);
    if (status == UL_OK)
        status = read_dimension(file, "conv_out.weight", 4, 0, &shape->classes, error);
    return status;
}

/* The index of the first value that is not finite, or count. */
static size_t first_not_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return i;
    return count;
}

static ul_status check_values(const ul_layout_entry *entry, const float *values, ul_error *error) {
    size_t bad = first_not_finite(values, entry->count);
    if (bad < entry->count)
        return ul_error_set(error, UL_ERROR_MODEL,
            "tensor %s holds %g at element %zu, expected finite weights", entry->name,
            (double)values[bad], bad);
    if (entry->role == UL_ROLE_RUNNING_VAR)
        for (size_t i = 0; i < entry->count; i++)
            if (values[i] < 0)
                return ul_error_set(error, UL_ERROR_MODEL,
                    "tensor %s holds %g at element %zu, expected a variance >= 0", entry->name,
                    (double)values[i], i);
    return UL_OK;
}

static bool stays_mapped(const ul_stored *tensor) {
    return tensor->dtype == UL_DTYPE_F32 && (uintptr_t)tensor->data % sizeof(float) == 0;
}

/* Finds a tensor of the layout in the file and checks its type and shape. */
static ul_status match(const ul_safetensors *file, const ul_layout_entry *entry,
    const ul_stored **found, ul_error *error) {
    const ul_stored *tensor = ul_safetensors_find(file, entry->name);
    if (!tensor)
        return ul_error_set(error, UL_ERROR_MODEL, "tensor %s is missing", entry->name);
    char got[UL_SHAPE_TEXT_BYTES], expected[UL_SHAPE_TEXT_BYTES];
    if (tensor->rank != entry->rank ||
        memcmp(tensor->shape, entry->shape, entry->rank * sizeof *entry->shape) != 0)
        return ul_error_set(error, UL_ERROR_MODEL, "tensor %s has the shape %s, expected %s",
            entry->name, ul_shape_text(tensor->rank, tensor->shape, got),
            ul_shape_text(entry->rank, entry->shape, expected));
    if (tensor->dtype != UL_DTYPE_F32 && tensor->dtype != UL_DTYPE_F16 &&
        tensor->dtype != UL_DTYPE_BF16)
        return ul_error_set(error, UL_ERROR_MODEL,
            "tensor %s has the dtype %s, expected F32, F16 or BF16", entry->name,
            ul_dtype_name(tensor->dtype));
    *found = tensor;
    return UL_OK;
}

/* Files without the counters load too: they matter to nobody but PyTorch. */
static ul_status read_batches(ul_model *model, size_t *matched, ul_error *error) {
    for (int norm = 0; norm < UL_LAYOUT_NORMS; norm++) {
        char name[32], got[UL_SHAPE_TEXT_BYTES];
        ul_layout_counter_name(norm, name);
        const ul_stored *tensor = ul_safetensors_find(model->file, name);
        if (!tensor)
            continue;
        if (tensor->dtype != UL_DTYPE_I64 || ul_stored_count(tensor) != 1)
            return ul_error_set(error, UL_ERROR_MODEL,
                "tensor %s has the dtype %s and the shape %s, expected one I64", name,
                ul_dtype_name(tensor->dtype), ul_shape_text(tensor->rank, tensor->shape, got));
        memcpy(&model->batches[norm], tensor->data, sizeof(int64_t));
        ++*matched;
    }
    return UL_OK;
}

/* A file that holds more than the layout: names the first stranger. */
static ul_status find_stranger(const ul_model *model, ul_error *error) {
    for (size_t i = 0; i < ul_safetensors_count(model->file); i++) {
        const char *name = ul_safetensors_at(model->file, i)->name;
        bool known = false;
        for (size_t j = 0; !known && j < UL_LAYOUT_TENSORS; j++)
            known = strcmp(name, model->layout[j].name) == 0;
        for (int norm = 0; !known && norm < UL_LAYOUT_NORMS; norm++) {
            char counter[32];
            ul_layout_counter_name(norm, counter);
            known = strcmp(name, counter) == 0;
        }
        if (!known)
            return ul_error_set(
                error, UL_ERROR_MODEL, "tensor %s is not one of a U-Lite network", name);
    }
    return UL_OK;
}

static ul_status allocate_values(ul_model *model, size_t count, ul_error *error) {
    size_t bytes;
    if (!__builtin_mul_overflow(count, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX)
        model->values = calloc(count, sizeof(float));
    if (!model->values)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu weights", count);
    return UL_OK;
}

/* Points every tensor of the layout at its values: mapped ones in place, others converted. */
static ul_status take_tensors(ul_model *model, ul_error *error) {
    const ul_stored *found[UL_LAYOUT_TENSORS];
    size_t converted = 0, matched = UL_LAYOUT_TENSORS;
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++) {
        ul_status status = match(model->file, &model->layout[i], &found[i], error);
        if (status != UL_OK)
            return status;
        converted += stays_mapped(found[i]) ? 0 : model->layout[i].count;
    }
    ul_status status = read_batches(model, &matched, error);
    if (status == UL_OK && matched != ul_safetensors_count(model->file))
        status = find_stranger(model, error);
    if (status == UL_OK && converted)
        status = allocate_values(model, converted, error);
    float *next = model->values;
    for (size_t i = 0; status == UL_OK && i < UL_LAYOUT_TENSORS; i++) {
        if (stays_mapped(found[i])) {
            model->data[i] = found[i]->data;
        } else {
            ul_stored_floats(found[i], next);
            model->data[i] = next;
            next += model->layout[i].count;
        }
        status = check_values(&model->layout[i], model->data[i], error);
    }
    return status;
}

/* Takes file over. path: NULL of one in memory. */
static ul_status build(const char *path, ul_safetensors *file, ul_model **model, ul_error *error) {
    ul_model *opened = calloc(1, sizeof *opened);
    char *kept = path ? strdup(path) : NULL;
    if (!opened || (path && !kept)) {
        free(opened);
        free(kept);
        ul_safetensors_close(file);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a model");
    }
    opened->path = kept;
    opened->file = file;
    ul_status status = read_shape(file, &opened->shape, error);
    if (status == UL_OK) {
        opened->shape.parameters = ul_layout(&opened->shape, opened->layout);
        status = take_tensors(opened, error);
    }
    if (status == UL_OK)
        *model = opened;
    else
        ul_model_close(opened);
    return status;
}

ul_status ul_model_open(const char *path, ul_model **model, ul_error *error) {
    *model = NULL;
    ul_safetensors *file;
    ul_status status = ul_safetensors_open(path, &file, error);
    if (status != UL_OK)
        return status;
    status = build(path, file, model, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

ul_status ul_model_open_memory(
    const void *bytes, size_t size_bytes, ul_model **model, ul_error *error) {
    *model = NULL;
    ul_safetensors *file;
    ul_status status = ul_safetensors_open_memory(bytes, size_bytes, &file, error);
    return status == UL_OK ? build(NULL, file, model, error) : status;
}

void ul_model_close(ul_model *model) {
    if (!model)
        return;
    ul_safetensors_close(model->file);
    free(model->path);
    free(model->values);
    free(model);
}

static bool valid_size(size_t size) {
    return size >= 1 && size <= UL_LAYOUT_LIMIT;
}

ul_status ul_model_allocate(const ul_model_shape *shape, ul_model **model, ul_error *error) {
    *model = NULL;
    bool valid = valid_size(shape->input_channels) && valid_size(shape->classes) &&
                 valid_size(shape->bottleneck);
    for (int i = 0; i < UL_STAGES; i++)
        valid = valid && valid_size(shape->width[i]);
    if (!valid)
        return ul_error_set(error, UL_ERROR_USAGE,
            "a model takes 1 to %zu input channels, classes and channels per stage",
            UL_LAYOUT_LIMIT);
    ul_model *created = calloc(1, sizeof *created);
    if (!created)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a model");
    created->shape = *shape;
    created->shape.parameters = ul_layout(shape, created->layout);
    size_t count = 0;
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++)
        count += created->layout[i].count;
    ul_status status = allocate_values(created, count, error);
    if (status != UL_OK) {
        free(created);
        return status;
    }
    float *next = created->values;
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++) {
        created->data[i] = next;
        next += created->layout[i].count;
    }
    *model = created;
    return UL_OK;
}

float *ul_model_values(ul_model *model, size_t index) {
    return model->values + (model->data[index] - model->data[0]);
}

const int64_t *ul_model_batches(const ul_model *model) {
    return model->batches;
}

void ul_model_set_batches(ul_model *model, const int64_t batches[UL_LAYOUT_NORMS]) {
    memcpy(model->batches, batches, sizeof model->batches);
}

/* The i-th tensor's initial values from its own random stream, so that they do not depend on the
 * widths of the others. */
static void initialise(const ul_layout_entry *entry, uint64_t seed, size_t index, float *values) {
    ul_random random;
    ul_random_seed(&random, seed, index);
    double bound = entry->fan_in ? 1 / sqrt((double)entry->fan_in) : 0;
    bool one = entry->role == UL_ROLE_NORM_WEIGHT || entry->role == UL_ROLE_RUNNING_VAR;
    for (size_t i = 0; i < entry->count; i++)
        values[i] = entry->fan_in ? (float)ul_random_uniform(&random, -bound, bound)
                    : one         ? 1.0f
                                  : 0.0f;
}

ul_status ul_model_create(
    const ul_model_shape *shape, uint64_t seed, ul_model **model, ul_error *error) {
    ul_status status = ul_model_allocate(shape, model, error);
    for (size_t i = 0; status == UL_OK && i < UL_LAYOUT_TENSORS; i++)
        initialise(&(*model)->layout[i], seed, i, ul_model_values(*model, i));
    return status;
}

ul_status ul_model_adapt(const ul_model *source, const ul_model_shape *shape, uint64_t seed,
    ul_model **model, ul_error *error) {
    ul_status status = ul_model_create(shape, seed, model, error);
    for (size_t i = 0; status == UL_OK && i < UL_LAYOUT_TENSORS; i++) {
        const ul_layout_entry *from = &source->layout[i], *to = &(*model)->layout[i];
        if (memcmp(from->shape, to->shape, sizeof to->shape) == 0)
            memcpy(ul_model_values(*model, i), source->data[i], to->count * sizeof(float));
    }
    return status;
}

const ul_model_shape *ul_model_get_shape(const ul_model *model) {
    return &model->shape;
}

const char *ul_model_metadata(const ul_model *model, const char *key) {
    const char *found, *value;
    for (size_t i = 0; ul_model_metadata_at(model, i, &found, &value); i++)
        if (strcmp(found, key) == 0)
            return value;
    return NULL;
}

const char *ul_model_path(const ul_model *model) {
    return model->path;
}

const void *ul_model_bytes(const ul_model *model, size_t *size_bytes) {
    *size_bytes = 0;
    return model->file ? ul_safetensors_bytes(model->file, size_bytes) : NULL;
}

bool ul_model_metadata_at(
    const ul_model *model, size_t index, const char **key, const char **value) {
    const ul_metadata *entry = model->file ? ul_safetensors_metadata_at(model->file, index) : NULL;
    if (!entry)
        return false;
    *key = entry->key;
    *value = entry->value;
    return true;
}

bool ul_model_tensor_at(const ul_model *model, size_t index, ul_tensor *tensor) {
    if (index >= UL_LAYOUT_TENSORS)
        return false;
    const ul_layout_entry *entry = &model->layout[index];
    *tensor = (ul_tensor){.name = entry->name, .rank = entry->rank, .data = model->data[index]};
    memcpy(tensor->shape, entry->shape, sizeof tensor->shape);
    return true;
}

bool ul_model_tensor(const ul_model *model, const char *name, ul_tensor *tensor) {
    for (size_t i = 0; ul_model_tensor_at(model, i, tensor); i++)
        if (strcmp(tensor->name, name) == 0)
            return true;
    return false;
}

ul_status ul_model_save(const ul_model *model, const char *path, const ul_metadata *metadata,
    size_t metadata_count, ul_error *error) {
    ul_stored stored[UL_LAYOUT_TENSORS + UL_LAYOUT_NORMS];
    char counter_names[UL_LAYOUT_NORMS][32];
    size_t count = 0;
    for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++) {
        const ul_layout_entry *entry = &model->layout[i];
        stored[count] = (ul_stored){.name = entry->name,
            .dtype = UL_DTYPE_F32,
            .rank = entry->rank,
            .data = model->data[i]};
        memcpy(stored[count++].shape, entry->shape, sizeof entry->shape);
        if (entry->role != UL_ROLE_RUNNING_VAR)
            continue;
        ul_layout_counter_name(
            entry->norm, counter_names[entry->norm]); /* follows it in the state dict */
        stored[count++] = (ul_stored){.name = counter_names[entry->norm],
            .dtype = UL_DTYPE_I64,
            .data = &model->batches[entry->norm]};
    }
    return ul_safetensors_write(path, stored, count, metadata, metadata_count, error);
}
