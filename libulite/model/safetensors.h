/* Safetensors files, whatever tensors they hold: models, golden data, training checkpoints.
 *
 * Layout: 8 bytes of little-endian header length, a JSON header, the tensors' bytes without gaps.
 * Every length and offset is checked before it is used. */
#pragma once

#include "ulite/error.h"
#include "ulite/model.h"

#include <stddef.h>
#include <stdint.h>

#define UL_STORED_MAX_RANK 8

typedef enum ul_dtype {
    UL_DTYPE_BOOL,
    UL_DTYPE_U8,
    UL_DTYPE_I8,
    UL_DTYPE_U16,
    UL_DTYPE_I16,
    UL_DTYPE_F16,
    UL_DTYPE_BF16,
    UL_DTYPE_U32,
    UL_DTYPE_I32,
    UL_DTYPE_F32,
    UL_DTYPE_U64,
    UL_DTYPE_I64,
    UL_DTYPE_F64,
    UL_DTYPE_COUNT
} ul_dtype;

const char *ul_dtype_name(ul_dtype dtype); /* "F32" */
size_t ul_dtype_bytes(ul_dtype dtype);

/* A tensor as it stands in a file. data is unaligned bytes that belong to the reader, or, when
 * writing, to the caller. */
typedef struct ul_stored {
    const char *name;
    ul_dtype dtype;
    size_t rank; /* 0 is a scalar */
    size_t shape[UL_STORED_MAX_RANK];
    const void *data;
} ul_stored;

size_t ul_stored_count(const ul_stored *tensor); /* number of elements */

#define UL_SHAPE_TEXT_BYTES (UL_STORED_MAX_RANK * 22 + 3)

/* "[16, 3, 7, 7]", for a message; rank <= UL_STORED_MAX_RANK. */
const char *ul_shape_text(size_t rank, const size_t *shape, char text[UL_SHAPE_TEXT_BYTES]);

/* Converts an F32, F16 or BF16 tensor to values[ul_stored_count()]; false for another type. */
bool ul_stored_floats(const ul_stored *tensor, float *values);

typedef struct ul_safetensors ul_safetensors;

/* Maps and checks a file. Errors: UL_ERROR_INPUT (cannot be read), UL_ERROR_MODEL (not what the
 * format says), UL_ERROR_LIMIT. On failure *file is NULL. The mapping must not be truncated by
 * another process while it is open. */
ul_status ul_safetensors_open(const char *path, ul_safetensors **file, ul_error *error);

/* The same from memory, which is copied. */
ul_status ul_safetensors_open_memory(
    const void *bytes, size_t size_bytes, ul_safetensors **file, ul_error *error);

void ul_safetensors_close(ul_safetensors *file); /* NULL is fine */

/* Tensors in the order of their data; NULL past the last, or where there is none of the name. */
size_t ul_safetensors_count(const ul_safetensors *file);
const ul_stored *ul_safetensors_at(const ul_safetensors *file, size_t index);
const ul_stored *ul_safetensors_find(const ul_safetensors *file, const char *name);

/* The whole file, which belongs to it. */
const void *ul_safetensors_bytes(const ul_safetensors *file, size_t *size_bytes);

/* __metadata__ in file order; NULL past the last. */
const ul_metadata *ul_safetensors_metadata_at(const ul_safetensors *file, size_t index);

/* Writes tensors and metadata to a temporary name beside path, syncs and renames. Names must
 * differ. Errors: UL_ERROR_USAGE (metadata keys that do not differ, or text that is not UTF-8),
 * UL_ERROR_OUTPUT, UL_ERROR_LIMIT; nothing is left behind. */
ul_status ul_safetensors_write(const char *path, const ul_stored *tensors, size_t tensor_count,
    const ul_metadata *metadata, size_t metadata_count, ul_error *error);
