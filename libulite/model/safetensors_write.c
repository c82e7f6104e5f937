#include "libulite/model/safetensors.h"

#include "libulite/base/json_cursor.h"
#include "libulite/base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A text that grows; failed once, it stays failed. */
typedef struct text {
    char *bytes;
    size_t length, room;
    bool failed;
} text;

static void put(text *out, const char *bytes, size_t length) {
    if (out->failed)
        return;
    if (out->length + length > out->room) {
        size_t wanted = 2 * (out->length + length) + 4096;
        char *grown = realloc(out->bytes, wanted);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->bytes = grown;
        out->room = wanted;
    }
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void put_text(text *out, const char *string) {
    put(out, string, strlen(string));
}

static void put_size(text *out, size_t number) {
    char digits[24];
    put(out, digits, (size_t)snprintf(digits, sizeof digits, "%zu", number));
}

/* A JSON string; UTF-8 passes as it is. */
static void put_string(text *out, const char *string) {
    put_text(out, "\"");
    for (; *string; string++) {
        unsigned char c = (unsigned char)*string;
        char escape[8];
        if (c == '"' || c == '\\')
            put(out, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
        else if (c < 0x20)
            put(out, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            put(out, string, 1);
    }
    put_text(out, "\"");
}

static size_t stored_bytes(const ul_stored *tensor) {
    return ul_stored_count(tensor) * ul_dtype_bytes(tensor->dtype);
}

static void put_header(text *out, const ul_stored *tensors, size_t tensor_count,
    const ul_metadata *metadata, size_t metadata_count) {
    put_text(out, "{");
    if (metadata_count)
        put_text(out, "\"__metadata__\":{");
    for (size_t i = 0; i < metadata_count; i++) {
        put_string(out, metadata[i].key);
        put_text(out, ":");
        put_string(out, metadata[i].value);
        put_text(out, i + 1 < metadata_count ? "," : "},");
    }
    size_t offset = 0;
    for (size_t i = 0; i < tensor_count; i++) {
        put_text(out, i ? "," : "");
        put_string(out, tensors[i].name);
        put_text(out, ":{\"dtype\":");
        put_string(out, ul_dtype_name(tensors[i].dtype));
        put_text(out, ",\"shape\":[");
        for (size_t j = 0; j < tensors[i].rank; j++) {
            put_text(out, j ? "," : "");
            put_size(out, tensors[i].shape[j]);
        }
        put_text(out, "],\"data_offsets\":[");
        put_size(out, offset);
        put_text(out, ",");
        offset += stored_bytes(&tensors[i]);
        put_size(out, offset);
        put_text(out, "]}");
    }
    put_text(out, "}");
    while (!out->failed && out->length % 8)
        put_text(out, " "); /* so that the data start aligned */
}

/* The reader refuses anything else. */
static ul_status check_metadata(
    const char *path, const ul_metadata *metadata, size_t count, ul_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (!ul_utf8_valid(metadata[i].key) || !ul_utf8_valid(metadata[i].value))
            return ul_error_set(error, UL_ERROR_USAGE,
                "%s: the key or the value of metadata entry %zu is not UTF-8", path, i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(metadata[i].key, metadata[j].key) == 0)
                return ul_error_set(error, UL_ERROR_USAGE,
                    "%s: the metadata have the key \"%.64s\" twice", path, metadata[i].key);
    }
    return UL_OK;
}

static bool write_all(int descriptor, const void *bytes, size_t size_bytes) {
    const char *at = bytes;
    while (size_bytes) {
        ssize_t written = write(descriptor, at, size_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        size_bytes -= (size_t)written;
    }
    return true;
}

/* Over the empty file at path; errno says why not. */
static bool write_file(
    const char *path, const text *header, const ul_stored *tensors, size_t tensor_count) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    uint64_t header_bytes = header->length;
    bool good = write_all(descriptor, &header_bytes, sizeof header_bytes) &&
                write_all(descriptor, header->bytes, header->length);
    for (size_t i = 0; good && i < tensor_count; i++)
        good = write_all(descriptor, tensors[i].data, stored_bytes(&tensors[i]));
    int reason = errno;
    if (close(descriptor) != 0 && good)
        return false;
    errno = reason;
    return good;
}

ul_status ul_safetensors_write(const char *path, const ul_stored *tensors, size_t tensor_count,
    const ul_metadata *metadata, size_t metadata_count, ul_error *error) {
    ul_status status = check_metadata(path, metadata, metadata_count, error);
    if (status != UL_OK)
        return status;
    text header = {0};
    put_header(&header, tensors, tensor_count, metadata, metadata_count);
    ul_output output = {0};
    status = header.failed
                 ? ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory for the header", path)
                 : ul_output_begin(path, &output, error);
    if (status == UL_OK && !write_file(output.temporary, &header, tensors, tensor_count))
        status = ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    if (status == UL_OK)
        status = ul_output_commit(&output, error);
    ul_output_abandon(&output);
    free(header.bytes);
    return status;
}
