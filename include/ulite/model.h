/* U-Lite weights: open, look at, create and save safetensors files.
 *
 * A model is read-only once it is open and may be shared by threads and sessions. */
#ifndef ULITE_MODEL_H
#define ULITE_MODEL_H

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

#define UL_STAGES 6 /* conv_in and e1..e5 give six widths, 16..512 in the paper */
#define UL_TENSOR_MAX_RANK 4

/* Slices that a network takes: sides are multiples of UL_SLICE_STEP pixels (the bottleneck has one
 * for each 32 x 32), up to UL_SLICE_MAX. */
enum { UL_SLICE_STEP = 32, UL_SLICE_MAX = 16384 };

typedef struct ul_model ul_model;

/* The network's shape, read off the tensors. */
typedef struct ul_model_shape {
    size_t input_channels;   /* C_in >= 1 */
    size_t classes;          /* K >= 1 output channels */
    size_t width[UL_STAGES]; /* 16, 32, 64, 128, 256, 512 in the paper */
    size_t bottleneck;       /* gc of b5: width[5] / 4 in the paper */
    size_t parameters;       /* trainable, 878,417 in the paper */
} ul_model_shape;

/* A view of one tensor, float32 whatever the file holds. data belongs to the model. */
typedef struct ul_tensor {
    const char *name;
    size_t rank;
    size_t shape[UL_TENSOR_MAX_RANK];
    const float *data;
} ul_tensor;

/* Opens a safetensors file of U-Lite weights under the paper's state-dict names. The file is mapped
 * and checked whole: lengths, offsets, overlaps, missing or misshapen tensors, NaN or infinite
 * weights. On success *model is the caller's (ul_model_close); on failure it is NULL. Errors:
 * UL_ERROR_INPUT (cannot be read), UL_ERROR_MODEL (names the tensor), UL_ERROR_LIMIT (memory).
 *
 * The file must not be changed in place until ul_model_close: weights that another program writes
 * over show in results, and one that cuts the file short ends this process with SIGBUS. Replace a
 * model by renaming a new file over it, as ul_model_save does, which leaves open ones whole; where
 * that is not in your hands, read the file and use ul_model_open_memory. */
UL_API ul_status ul_model_open(const char *path, ul_model **model, ul_error *error);

/* The same from memory, which is copied. Errors: UL_ERROR_MODEL, UL_ERROR_LIMIT. */
UL_API ul_status ul_model_open_memory(
    const void *bytes, size_t size_bytes, ul_model **model, ul_error *error);

/* A new model with the paper's initialisation (U(-b, b), b = 1/sqrt(fan_in); batch norm
 * 1, 0), the same for one seed on every machine. shape->parameters is ignored. *model is the
 * caller's, NULL on failure. Errors: UL_ERROR_USAGE (a size that is not 1 to 65536),
 * UL_ERROR_LIMIT (memory). */
UL_API ul_status ul_model_create(
    const ul_model_shape *shape, uint64_t seed, ul_model **model, ul_error *error);

/* ul_model_create, then the values of source wherever a tensor has the same shape: fine-tuning to
 * other input channels or classes. Metadata are not taken over. Errors as of ul_model_create. */
UL_API ul_status ul_model_adapt(const ul_model *source, const ul_model_shape *shape, uint64_t seed,
    ul_model **model, ul_error *error);

UL_API void ul_model_close(ul_model *model); /* NULL is fine */

UL_API const ul_model_shape *ul_model_get_shape(const ul_model *model);

/* The path that the model was opened from, which belongs to it; NULL where it was made in memory.
 */
UL_API const char *ul_model_path(const ul_model *model);

/* The bytes of the file that the model was opened from, which belong to it; NULL, and 0, for one
 * that was made by ul_model_create or ul_model_adapt. */
UL_API const void *ul_model_bytes(const ul_model *model, size_t *size_bytes);

/* The value of a string key of __metadata__, NULL where absent; the model card is under "ulite".
 * Texts and tensors belong to the model, and last until ul_model_close. */
UL_API const char *ul_model_metadata(const ul_model *model, const char *key);

/* The i-th key and value of __metadata__ in file order; false past the last. */
UL_API bool ul_model_metadata_at(
    const ul_model *model, size_t index, const char **key, const char **value);

/* Tensors in the state dict's order, num_batches_tracked left out; false past the last. */
UL_API bool ul_model_tensor_at(const ul_model *model, size_t index, ul_tensor *tensor);

/* The tensor of that name; false where there is none. */
UL_API bool ul_model_tensor(const ul_model *model, const char *name, ul_tensor *tensor);

/* A key and value for __metadata__, UTF-8. */
typedef struct ul_metadata {
    const char *key;
    const char *value;
} ul_metadata;

/* Writes the model as float32 safetensors with the given metadata (replacing the model's own), to a
 * temporary name beside path that is renamed when it is complete. Any number of threads may save to
 * one path: one of their files stands there in the end. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT
 * (memory), UL_ERROR_USAGE (a key twice, or text that is not UTF-8); a file at path is kept then.
 */
UL_API ul_status ul_model_save(const ul_model *model, const char *path, const ul_metadata *metadata,
    size_t metadata_count, ul_error *error);

UL_END_C
#endif
