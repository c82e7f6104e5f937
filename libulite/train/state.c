/* Checkpoints: the exact state of a trainer as a safetensors file. */
#include "libulite/model/safetensors.h"
#include "libulite/train/trainer_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 48, SETS = 4 };

/* The flat arrays under their names' prefixes; the last may be missing. */
static const char *const prefixes[SETS] = {"", "adam.m.", "adam.v.", "ema."};

static float *set_of(const ul_trainer *t, size_t set) {
    float *const sets[SETS] = {t->values, t->first, t->second, t->average};
    return sets[set];
}

/* Moments are there for what is trained only. */
static bool belongs(const ul_trainer *t, size_t set, size_t tensor) {
    return set_of(t, set) && (set == 0 || set == 3 || ul_layout_trained(t->layout[tensor].role));
}

typedef struct checkpoint {
    ul_stored tensors[SETS * UL_LAYOUT_TENSORS + UL_LAYOUT_NORMS + 1];
    char names[SETS * UL_LAYOUT_TENSORS + UL_LAYOUT_NORMS][NAME_BYTES];
    size_t count;
    int64_t step;
} checkpoint;

static void list_tensors(const ul_trainer *t, checkpoint *c) {
    for (size_t set = 0; set < SETS; set++)
        for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++) {
            if (!belongs(t, set, i))
                continue;
            ul_stored *stored = &c->tensors[c->count];
            char *name = c->names[c->count++];
            snprintf(name, NAME_BYTES, "%s%s", prefixes[set], t->layout[i].name);
            *stored = (ul_stored){.name = name,
                .dtype = UL_DTYPE_F32,
                .rank = t->layout[i].rank,
                .data = set_of(t, set) + t->offset[i]};
            memcpy(stored->shape, t->layout[i].shape, sizeof t->layout[i].shape);
        }
    for (int i = 0; i < UL_LAYOUT_NORMS; i++) {
        ul_stored *stored = &c->tensors[c->count];
        char *name = c->names[c->count++];
        ul_layout_counter_name(i, name);
        *stored = (ul_stored){.name = name, .dtype = UL_DTYPE_I64, .data = &t->batches[i]};
    }
    c->step = (int64_t)t->step;
    c->tensors[c->count++] = (ul_stored){.name = "step", .dtype = UL_DTYPE_I64, .data = &c->step};
}

ul_status ul_trainer_save(const ul_trainer *trainer, const char *path, const ul_metadata *metadata,
    size_t metadata_count, ul_error *error) {
    checkpoint *c = calloc(1, sizeof *c);
    if (!c)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: no memory to write a checkpoint", path);
    list_tensors(trainer, c);
    const ul_status status =
        ul_safetensors_write(path, c->tensors, c->count, metadata, metadata_count, error);
    free(c);
    return status;
}

static bool same_shape(const ul_stored *a, const ul_stored *b) {
    if (a->rank != b->rank)
        return false;
    for (size_t i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i])
            return false;
    return true;
}

static ul_status check_tensor(
    const char *path, const ul_stored *expected, const ul_stored *found, ul_error *error) {
    if (!found)
        return ul_error_set(error, UL_ERROR_MODEL,
            "%s: no tensor %s: not a checkpoint of this kind of training; use a file that "
            "training saved with the same options",
            path, expected->name);
    if (found->dtype != expected->dtype)
        return ul_error_set(error, UL_ERROR_MODEL, "%s: tensor %s is %s, expected %s", path,
            expected->name, ul_dtype_name(found->dtype), ul_dtype_name(expected->dtype));
    if (same_shape(found, expected))
        return UL_OK;
    return ul_error_set(error, UL_ERROR_MODEL,
        "%s: tensor %s has %zu values in another shape than the %zu of this model: the checkpoint "
        "of another model",
        path, expected->name, ul_stored_count(found), ul_stored_count(expected));
}

/* Checks all before it changes anything. */
static ul_status check_checkpoint(
    const char *path, const checkpoint *c, const ul_safetensors *file, ul_error *error) {
    ul_status status = UL_OK;
    for (size_t i = 0; i < c->count && status == UL_OK; i++)
        status = check_tensor(
            path, &c->tensors[i], ul_safetensors_find(file, c->tensors[i].name), error);
    return status;
}

static void copy_checkpoint(ul_trainer *t, const ul_safetensors *file) {
    char name[NAME_BYTES];
    for (size_t set = 0; set < SETS; set++)
        for (size_t i = 0; i < UL_LAYOUT_TENSORS; i++) {
            if (!belongs(t, set, i))
                continue;
            snprintf(name, sizeof name, "%s%s", prefixes[set], t->layout[i].name);
            memcpy(set_of(t, set) + t->offset[i], ul_safetensors_find(file, name)->data,
                t->layout[i].count * sizeof(float));
        }
    for (int i = 0; i < UL_LAYOUT_NORMS; i++) {
        ul_layout_counter_name(i, name);
        memcpy(&t->batches[i], ul_safetensors_find(file, name)->data, sizeof t->batches[i]);
    }
    memcpy(&t->step, ul_safetensors_find(file, "step")->data, sizeof t->step);
}

ul_status ul_trainer_load(ul_trainer *trainer, const char *path, ul_error *error) {
    ul_safetensors *file;
    ul_status status = ul_safetensors_open(path, &file, error);
    if (status != UL_OK)
        return status;
    checkpoint *c = calloc(1, sizeof *c);
    if (c) {
        list_tensors(trainer, c);
        status = check_checkpoint(path, c, file, error);
    } else {
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: no memory to read a checkpoint", path);
    }
    if (status == UL_OK)
        copy_checkpoint(trainer, file);
    free(c);
    ul_safetensors_close(file);
    return status;
}

ul_status ul_trainer_read_metadata(
    const char *path, const char *key, char **value, ul_error *error) {
    *value = NULL;
    ul_safetensors *file;
    ul_status status = ul_safetensors_open(path, &file, error);
    if (status != UL_OK)
        return status;
    const ul_metadata *entry;
    for (size_t i = 0; !*value && (entry = ul_safetensors_metadata_at(file, i)); i++) {
        if (strcmp(entry->key, key) != 0)
            continue;
        *value = strdup(entry->value);
        if (!*value)
            status =
                ul_error_set(error, UL_ERROR_LIMIT, "%s: no memory to read a checkpoint", path);
    }
    ul_safetensors_close(file);
    return status;
}
