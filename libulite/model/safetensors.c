#include "libulite/model/safetensors.h"

#include "libulite/base/json_cursor.h"
#include "libulite/base/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian and so must the machine be"
#endif

/* The reference reader's limit on the header, and one that keeps the tables small. */
#define MAX_HEADER_BYTES ((size_t)100000000)
#define MAX_TENSORS ((size_t)65536)

/* Names stand in one-line messages. */
#define MAX_NAME_BYTES 255

struct ul_safetensors {
    unsigned char *bytes; /* mapped or malloc'd */
    size_t size_bytes;
    bool mapped;
    char *text; /* every decoded string */
    ul_stored *tensors;
    size_t tensor_count, tensor_room;
    ul_metadata *metadata;
    size_t metadata_count, metadata_room;
    bool has_metadata;
    ul_stored **by_name; /* sorted, for ul_safetensors_find */
};

static const struct {
    const char *name;
    size_t bytes;
} dtypes[UL_DTYPE_COUNT] = {
    [UL_DTYPE_BOOL] = {"BOOL", 1},
    [UL_DTYPE_U8] = {"U8", 1},
    [UL_DTYPE_I8] = {"I8", 1},
    [UL_DTYPE_U16] = {"U16", 2},
    [UL_DTYPE_I16] = {"I16", 2},
    [UL_DTYPE_F16] = {"F16", 2},
    [UL_DTYPE_BF16] = {"BF16", 2},
    [UL_DTYPE_U32] = {"U32", 4},
    [UL_DTYPE_I32] = {"I32", 4},
    [UL_DTYPE_F32] = {"F32", 4},
    [UL_DTYPE_U64] = {"U64", 8},
    [UL_DTYPE_I64] = {"I64", 8},
    [UL_DTYPE_F64] = {"F64", 8},
};

const char *ul_dtype_name(ul_dtype dtype) {
    return dtypes[dtype].name;
}

size_t ul_dtype_bytes(ul_dtype dtype) {
    return dtypes[dtype].bytes;
}

size_t ul_stored_count(const ul_stored *tensor) {
    size_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    return count;
}

const char *ul_shape_text(size_t rank, const size_t *shape, char text[UL_SHAPE_TEXT_BYTES]) {
    size_t used = (size_t)snprintf(text, UL_SHAPE_TEXT_BYTES, "[");
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(
            text + used, UL_SHAPE_TEXT_BYTES - used, i ? ", %zu" : "%zu", shape[i]);
    snprintf(text + used, UL_SHAPE_TEXT_BYTES - used, "]");
    return text;
}

static float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f; /* zero and subnormals, exact */
        return sign ? -value : value;
    }
    uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool ul_stored_floats(const ul_stored *tensor, float *values) {
    size_t count = ul_stored_count(tensor);
    if (count == 0)
        return tensor->dtype == UL_DTYPE_F32 || tensor->dtype == UL_DTYPE_F16 ||
               tensor->dtype == UL_DTYPE_BF16;
    const unsigned char *data = tensor->data;
    switch (tensor->dtype) {
    case UL_DTYPE_F32:
        memcpy(values, data, count * sizeof *values);
        return true;
    case UL_DTYPE_F16:
    case UL_DTYPE_BF16:
        for (size_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, data + 2 * i, sizeof half);
            uint32_t wide = (uint32_t)half << 16; /* BF16 is the upper half of a float */
            if (tensor->dtype == UL_DTYPE_F16)
                values[i] = half_to_float(half);
            else
                memcpy(&values[i], &wide, sizeof wide);
        }
        return true;
    default:
        return false;
    }
}

static ul_status out_of_memory(size_t bytes, ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT,
        "out of memory for the header of a safetensors file of %zu bytes", bytes);
}

/* `where` in the header something else stands than the format has. */
static ul_status header_fault(const ul_json *json, const char *where, ul_error *error) {
    char found[UL_JSON_FOUND_BYTES];
    return ul_error_set(error, UL_ERROR_MODEL, "%s: expected %s, got %s at byte %zu of the JSON",
        where, json->fault ? json->fault : "something else", ul_json_found(json, found),
        (size_t)(json->at - json->start));
}

/* What a message can show on its one line. */
static bool printable(const char *string) {
    for (; *string; string++)
        if ((unsigned char)*string < 0x20 || *string == 0x7F)
            return false;
    return true;
}

static const char *shown(const char *string) {
    return printable(string) ? string : "?";
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Readers differ in which of two values they take. */
static ul_status check_keys(const ul_safetensors *file, ul_error *error) {
    if (file->metadata_count < 2)
        return UL_OK;
    const char **keys = malloc(file->metadata_count * sizeof *keys);
    if (!keys)
        return out_of_memory(file->size_bytes, error);
    for (size_t i = 0; i < file->metadata_count; i++)
        keys[i] = file->metadata[i].key;
    qsort(keys, file->metadata_count, sizeof *keys, compare_keys);
    ul_status status = UL_OK;
    for (size_t i = 1; i < file->metadata_count && status == UL_OK; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            status = ul_error_set(error, UL_ERROR_MODEL,
                "__metadata__: the key \"%.64s\" stands twice", shown(keys[i]));
    free(keys);
    return status;
}

static ul_status parse_metadata(ul_safetensors *file, ul_json *json, ul_error *error) {
    static const char where[] = "__metadata__";
    if (file->has_metadata)
        return ul_error_set(error, UL_ERROR_MODEL, "__metadata__ stands twice in the header");
    file->has_metadata = true;
    bool first = true;
    if (!ul_json_take(json, '{'))
        return header_fault(json, where, error);
    while (ul_json_next(json, '}', &first)) {
        ul_metadata entry;
        if (!ul_json_string(json, &entry.key) || !ul_json_take(json, ':'))
            return header_fault(json, where, error);
        if (!ul_json_string(json, &entry.value)) {
            header_fault(json, "value", error);
            ul_error_prefix(error, "%s: key \"%.64s\"", where, shown(entry.key));
            return UL_ERROR_MODEL;
        }
        ul_metadata *grown =
            ul_grow(file->metadata, file->metadata_count, &file->metadata_room, sizeof entry);
        if (!grown)
            return out_of_memory(file->size_bytes, error);
        file->metadata = grown;
        file->metadata[file->metadata_count++] = entry;
    }
    return json->fault ? header_fault(json, where, error) : check_keys(file, error);
}

/* What follows reads one tensor's entry; parse_tensor puts the tensor's name before the messages.
 */

static ul_status find_dtype(const char *name, ul_dtype *dtype, ul_error *error) {
    for (int i = 0; i < UL_DTYPE_COUNT; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            *dtype = (ul_dtype)i;
            return UL_OK;
        }
    return ul_error_set(error, UL_ERROR_MODEL,
        "dtype \"%.16s\" is not served; F32, F16 and BF16 weights are", shown(name));
}

/* Checks one entry's shape and offsets against the file and each other; data_bytes is what follows
 * the header. */
static ul_status check_extent(
    const ul_stored *tensor, const size_t offsets[2], size_t data_bytes, ul_error *error) {
    if (offsets[0] > offsets[1])
        return ul_error_set(error, UL_ERROR_MODEL,
            "data_offsets [%zu, %zu]: expected the first not to be above the second", offsets[0],
            offsets[1]);
    if (offsets[1] > data_bytes)
        return ul_error_set(error, UL_ERROR_MODEL,
            "data_offsets [%zu, %zu], but the file has %zu bytes of data: it is cut short or "
            "damaged",
            offsets[0], offsets[1], data_bytes);
    char shape[UL_SHAPE_TEXT_BYTES];
    ul_shape_text(tensor->rank, tensor->shape, shape);
    size_t bytes = dtypes[tensor->dtype].bytes;
    for (size_t i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(bytes, tensor->shape[i], &bytes))
            return ul_error_set(error, UL_ERROR_MODEL, "the shape %s is too large to exist", shape);
    if (bytes != offsets[1] - offsets[0])
        return ul_error_set(error, UL_ERROR_MODEL,
            "%zu bytes of data, but the shape %s of %s takes %zu", offsets[1] - offsets[0], shape,
            dtypes[tensor->dtype].name, bytes);
    return UL_OK;
}

/* Reads an array of at most `limit` unsigned integers. */
static ul_status parse_sizes(
    ul_json *json, const char *key, size_t limit, size_t *sizes, size_t *count, ul_error *error) {
    bool first = true;
    *count = 0;
    if (!ul_json_take(json, '['))
        return header_fault(json, key, error);
    while (ul_json_next(json, ']', &first)) {
        if (*count == limit)
            return ul_error_set(error, UL_ERROR_MODEL, "%s: more than %zu numbers", key, limit);
        if (!ul_json_size(json, &sizes[(*count)++]))
            return header_fault(json, key, error);
    }
    return json->fault ? header_fault(json, key, error) : UL_OK;
}

enum { SEEN_DTYPE = 1, SEEN_SHAPE = 2, SEEN_OFFSETS = 4, SEEN_ALL = 7 };

/* Reads the value of one key of a tensor's entry. */
static ul_status parse_field(ul_json *json, const char *key, int *seen, ul_stored *tensor,
    size_t offsets[2], ul_error *error) {
    int field = strcmp(key, "dtype") == 0          ? SEEN_DTYPE
                : strcmp(key, "shape") == 0        ? SEEN_SHAPE
                : strcmp(key, "data_offsets") == 0 ? SEEN_OFFSETS
                                                   : 0;
    if (!field || (*seen & field))
        return ul_error_set(error, UL_ERROR_MODEL, "%s \"%.32s\" in its header entry",
            field ? "a second" : "an unknown key", shown(key));
    *seen |= field;
    if (field == SEEN_DTYPE) {
        const char *name;
        return ul_json_string(json, &name) ? find_dtype(name, &tensor->dtype, error)
                                           : header_fault(json, key, error);
    }
    if (field == SEEN_SHAPE)
        return parse_sizes(json, key, UL_STORED_MAX_RANK, tensor->shape, &tensor->rank, error);
    size_t count;
    ul_status status = parse_sizes(json, key, 2, offsets, &count, error);
    if (status == UL_OK && count != 2)
        status = ul_error_set(error, UL_ERROR_MODEL, "%zu data_offsets, expected 2", count);
    return status;
}

/* Reads {"dtype": ..., "shape": ..., "data_offsets": ...} in any order. */
static ul_status parse_entry(ul_json *json, ul_stored *tensor, size_t offsets[2], ul_error *error) {
    static const char where[] = "header entry";
    int seen = 0;
    bool first = true;
    if (!ul_json_take(json, '{'))
        return header_fault(json, where, error);
    while (ul_json_next(json, '}', &first)) {
        const char *key;
        if (!ul_json_string(json, &key) || !ul_json_take(json, ':'))
            return header_fault(json, where, error);
        ul_status status = parse_field(json, key, &seen, tensor, offsets, error);
        if (status != UL_OK)
            return status;
    }
    if (json->fault)
        return header_fault(json, where, error);
    if (seen != SEEN_ALL)
        return ul_error_set(error, UL_ERROR_MODEL, "no %s in its header entry",
            !(seen & SEEN_DTYPE)   ? "dtype"
            : !(seen & SEEN_SHAPE) ? "shape"
                                   : "data_offsets");
    return UL_OK;
}

static ul_status parse_tensor(
    ul_safetensors *file, ul_json *json, const char *name, size_t data_start, ul_error *error) {
    if (file->tensor_count == MAX_TENSORS)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "more than %zu tensors in one file", MAX_TENSORS);
    if (!printable(name) || strlen(name) > MAX_NAME_BYTES)
        return ul_error_set(error, UL_ERROR_MODEL,
            "tensor %zu has a name that is too long or holds control characters",
            file->tensor_count);
    ul_stored tensor = {.name = name};
    size_t offsets[2] = {0, 0};
    ul_status status = parse_entry(json, &tensor, offsets, error);
    if (status == UL_OK)
        status = check_extent(&tensor, offsets, file->size_bytes - data_start, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "tensor %s", name);
        return status;
    }
    tensor.data = file->bytes + data_start + offsets[0];
    ul_stored *grown =
        ul_grow(file->tensors, file->tensor_count, &file->tensor_room, sizeof tensor);
    if (!grown)
        return out_of_memory(file->size_bytes, error);
    file->tensors = grown;
    file->tensors[file->tensor_count++] = tensor;
    return UL_OK;
}

static int compare_data(const void *a, const void *b) {
    const ul_stored *left = a, *right = b;
    if (left->data != right->data)
        return (const unsigned char *)left->data < (const unsigned char *)right->data ? -1 : 1;
    size_t left_count = ul_stored_count(left), right_count = ul_stored_count(right);
    if (left_count != right_count)
        return left_count < right_count ? -1 : 1; /* an empty tensor before the next one's data */
    return strcmp(left->name, right->name);
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(ul_stored *const *)a)->name, (*(ul_stored *const *)b)->name);
}

/* The format wants the data covered once, without gaps, and every name used once. */
static ul_status check_cover(ul_safetensors *file, size_t data_start, ul_error *error) {
    if (file->tensor_count == 0)
        return ul_error_set(error, UL_ERROR_MODEL, "the file holds no tensors");
    qsort(file->tensors, file->tensor_count, sizeof *file->tensors, compare_data);
    const unsigned char *covered = file->bytes + data_start;
    const char *before = "the header";
    for (size_t i = 0; i < file->tensor_count; i++) {
        const ul_stored *tensor = &file->tensors[i];
        const unsigned char *data = tensor->data;
        if (data != covered)
            return ul_error_set(error, UL_ERROR_MODEL, "tensor %s %s %s by %zu bytes", tensor->name,
                data < covered ? "overlaps" : "leaves a gap after", before,
                (size_t)(data < covered ? covered - data : data - covered));
        covered = data + ul_stored_count(tensor) * dtypes[tensor->dtype].bytes;
        before = tensor->name;
    }
    size_t left = (size_t)(file->bytes + file->size_bytes - covered);
    if (left)
        return ul_error_set(error, UL_ERROR_MODEL,
            "%zu bytes follow the last tensor, %s, expected none", left, before);
    file->by_name = malloc(file->tensor_count * sizeof(ul_stored *));
    if (!file->by_name)
        return out_of_memory(file->size_bytes, error);
    for (size_t i = 0; i < file->tensor_count; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->tensor_count, sizeof(ul_stored *), compare_names);
    for (size_t i = 1; i < file->tensor_count; i++)
        if (compare_names(&file->by_name[i - 1], &file->by_name[i]) == 0)
            return ul_error_set(error, UL_ERROR_MODEL, "tensor %s stands twice in the header",
                file->by_name[i]->name);
    return UL_OK;
}

static ul_status parse(ul_safetensors *file, ul_error *error) {
    uint64_t header_bytes;
    if (file->size_bytes < sizeof header_bytes)
        return ul_error_set(error, UL_ERROR_MODEL,
            "the file has %zu bytes, too few for a safetensors file", file->size_bytes);
    memcpy(&header_bytes, file->bytes, sizeof header_bytes);
    if (header_bytes > MAX_HEADER_BYTES || header_bytes > file->size_bytes - sizeof header_bytes)
        return ul_error_set(error, UL_ERROR_MODEL,
            "not a safetensors file, or one cut short: it claims a header of %llu bytes and has "
            "%zu bytes in all",
            (unsigned long long)header_bytes, file->size_bytes);
    size_t data_start = sizeof header_bytes + (size_t)header_bytes;
    file->text = malloc((size_t)header_bytes + 1);
    if (!file->text)
        return out_of_memory(file->size_bytes, error);
    const char *start = (const char *)file->bytes + sizeof header_bytes;
    ul_json json = {.start = start, .at = start, .end = start + header_bytes, .text = file->text};
    static const char where[] = "not a valid safetensors header";
    bool first = true;
    if (!ul_json_take(&json, '{'))
        return header_fault(&json, where, error);
    while (ul_json_next(&json, '}', &first)) {
        const char *name;
        if (!ul_json_string(&json, &name) || !ul_json_take(&json, ':'))
            return header_fault(&json, where, error);
        ul_status status = strcmp(name, "__metadata__") == 0
                               ? parse_metadata(file, &json, error)
                               : parse_tensor(file, &json, name, data_start, error);
        if (status != UL_OK)
            return status;
    }
    if (json.fault || !ul_json_end(&json))
        return header_fault(&json, where, error);
    return check_cover(file, data_start, error);
}

/* Takes over bytes, which are freed or unmapped with the result or on failure. */
static ul_status finish_open(
    unsigned char *bytes, size_t size_bytes, bool mapped, ul_safetensors **file, ul_error *error) {
    ul_safetensors *opened = calloc(1, sizeof *opened);
    if (!opened) {
        if (mapped)
            munmap(bytes, size_bytes);
        else
            free(bytes);
        return out_of_memory(size_bytes, error);
    }
    opened->bytes = bytes;
    opened->size_bytes = size_bytes;
    opened->mapped = mapped;
    ul_status status = parse(opened, error);
    if (status == UL_OK)
        *file = opened;
    else
        ul_safetensors_close(opened);
    return status;
}

ul_status ul_safetensors_open_memory(
    const void *bytes, size_t size_bytes, ul_safetensors **file, ul_error *error) {
    *file = NULL;
    unsigned char *copy = malloc(size_bytes ? size_bytes : 1);
    if (!copy)
        return out_of_memory(size_bytes, error);
    if (size_bytes)
        memcpy(copy, bytes, size_bytes);
    return finish_open(copy, size_bytes, false, file, error);
}

static ul_status map_file(
    const char *path, unsigned char **bytes, size_t *size_bytes, ul_error *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return ul_error_set(error, UL_ERROR_INPUT, "cannot open: %s", strerror(errno));
    struct stat about;
    ul_status status = UL_OK;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode))
        status = ul_error_set(error, UL_ERROR_INPUT, "not a regular file");
    else if (about.st_size == 0)
        status = ul_error_set(error, UL_ERROR_MODEL, "the file is empty, expected safetensors");
    if (status == UL_OK) {
        *size_bytes = (size_t)about.st_size;
        void *mapping = mmap(NULL, *size_bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (mapping == MAP_FAILED)
            status = ul_error_set(error, errno == ENOMEM ? UL_ERROR_LIMIT : UL_ERROR_INPUT,
                "cannot map %zu bytes: %s", *size_bytes, strerror(errno));
        else
            *bytes = mapping;
    }
    close(descriptor);
    return status;
}

ul_status ul_safetensors_open(const char *path, ul_safetensors **file, ul_error *error) {
    *file = NULL;
    unsigned char *bytes = NULL;
    size_t size_bytes = 0;
    ul_status status = map_file(path, &bytes, &size_bytes, error);
    if (status == UL_OK)
        status = finish_open(bytes, size_bytes, true, file, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

void ul_safetensors_close(ul_safetensors *file) {
    if (!file)
        return;
    if (file->mapped)
        munmap(file->bytes, file->size_bytes);
    else
        free(file->bytes);
    free(file->text);
    free(file->tensors);
    free(file->metadata);
    free(file->by_name);
    free(file);
}

size_t ul_safetensors_count(const ul_safetensors *file) {
    return file->tensor_count;
}

const ul_stored *ul_safetensors_at(const ul_safetensors *file, size_t index) {
    return index < file->tensor_count ? &file->tensors[index] : NULL;
}

const ul_stored *ul_safetensors_find(const ul_safetensors *file, const char *name) {
    ul_stored key = {.name = name}, *pointer = &key;
    ul_stored **found = bsearch(&pointer, file->by_name, file->tensor_count,
        sizeof pointer, /* NOLINT(bugprone-sizeof-expression): pointers are what is sorted */
        compare_names);
    return found ? *found : NULL;
}

const void *ul_safetensors_bytes(const ul_safetensors *file, size_t *size_bytes) {
    *size_bytes = file->size_bytes;
    return file->bytes;
}

const ul_metadata *ul_safetensors_metadata_at(const ul_safetensors *file, size_t index) {
    return index < file->metadata_count ? &file->metadata[index] : NULL;
}
