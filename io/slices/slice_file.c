#include "io/slices/slice_file.h"

#include "io/slices/gzip_write.h"
#include "libulite/base/output.h"
#include "volume/planes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

void slice_fill_labels_8(const slice_file *file, size_t k, void *bytes) {
    const ul_labels *labels = file->source;
    uint8_t *to = bytes;
    const uint16_t *from = labels->map + k * file->slice_bytes;
    for (size_t n = 0; n < file->slice_bytes; n++)
        to[n] = (uint8_t)from[n];
}

void slice_fill_labels_16(const slice_file *file, size_t k, void *bytes) {
    const ul_labels *labels = file->source;
    memcpy(bytes, (const char *)labels->map + k * file->slice_bytes, file->slice_bytes);
}

void slice_fill_stored(const slice_file *file, size_t k, void *bytes) {
    const ul_volume *volume = file->source;
    memcpy(bytes, (const char *)volume->samples + k * file->slice_bytes, file->slice_bytes);
}

void slice_fill_values(const slice_file *file, size_t k, void *bytes) {
    ul_volume_slice(file->source, k, bytes);
}

unsigned slice_largest_label(const ul_labels *labels) {
    const size_t *size = labels->grid.size;
    unsigned largest = 0;
    for (size_t n = 0; n < size[0] * size[1] * size[2]; n++)
        largest = labels->map[n] > largest ? labels->map[n] : largest;
    return largest;
}

static size_t count_slices(const slice_file *file) {
    return file->slices * (file->volumes ? file->volumes : 1);
}

static bool stopped(slice_file *file, const char *stage, size_t k) {
    file->stopped =
        file->stopped || !ul_progress_report(file->progress, stage, k, count_slices(file));
    return file->stopped;
}

/* The bytes of the k-th of all slices; false where its volume cannot be had. */
static bool fill(slice_file *file, size_t k, void *buffer, ul_error *error) {
    if (file->open && k % file->slices == 0)
        file->failed = file->open(file, k / file->slices, error);
    if (file->failed == UL_OK)
        file->fill(file, k % file->slices, buffer);
    return file->failed == UL_OK;
}

static bool write_all(slice_file *file, void *buffer, gzip_writer *writer, ul_error *error) {
    if (!file->head_plain && !gzip_write(writer, file->head, file->head_bytes))
        return false;
    for (size_t k = 0; k < count_slices(file); k++) {
        if (stopped(file, "writing", k) || !fill(file, k, buffer, error))
            return false;
        if (!gzip_write(writer, buffer, file->slice_bytes))
            return false;
    }
    return true;
}

static ul_status fill_file(
    const char *path, const char *temporary, slice_file *file, void *buffer, ul_error *error) {
    errno = 0;
    gzip_writer *writer = gzip_write_open(temporary, file->head,
        file->head_plain ? file->head_bytes : 0, file->compressed, file->threads);
    bool written = writer && write_all(file, buffer, writer, error);
    int reason = errno;
    if (!gzip_write_close(writer) && written) {
        written = false;
        reason = errno;
    }
    if (written || file->stopped || file->failed != UL_OK)
        return file->failed;
    if (reason == ENOMEM)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory to write it", path);
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path,
        reason ? strerror(reason) : "the write failed");
}

/* Whether what is read next is `size_bytes` of expected. buffer holds a slice. */
static bool same_bytes(
    gzFile from, const char *expected, size_t size_bytes, void *buffer, size_t buffer_bytes) {
    while (size_bytes > 0) {
        size_t part = size_bytes < buffer_bytes ? size_bytes : buffer_bytes;
        if (gzfread(buffer, 1, part, from) != part || memcmp(buffer, expected, part) != 0)
            return false;
        expected += part;
        size_bytes -= part;
    }
    return true;
}

/* Opens what was written where its compressed part begins; NULL where memory ran out or the part in
 * front differs. */
static gzFile open_written(const char *written, const slice_file *file, void *buffer) {
    int descriptor = open(written, O_RDONLY | O_CLOEXEC);
    bool same = descriptor >= 0;
    for (size_t at = 0; same && file->head_plain && at < file->head_bytes;) {
        size_t part =
            file->head_bytes - at < file->slice_bytes ? file->head_bytes - at : file->slice_bytes;
        ssize_t got = read(descriptor, buffer, part);
        same = got > 0 && memcmp(buffer, (const char *)file->head + at, (size_t)got) == 0;
        at += same ? (size_t)got : 0;
    }
    gzFile from = same ? gzdopen(descriptor, "rb") : NULL;
    if (from)
        gzbuffer(from, 1u << 18);
    else if (descriptor >= 0)
        close(descriptor);
    return from;
}

/* Checks that the file holds what it should, and nothing else. buffer and read hold a slice each.
 */
static ul_status compare_file(const char *path, const char *written, slice_file *file, void *buffer,
    void *read, ul_error *error) {
    gzFile from = open_written(written, file, read);
    bool same = from && (file->head_plain || same_bytes(from, file->head, file->head_bytes, read,
                                                 file->slice_bytes));
    size_t slices = count_slices(file);
    for (size_t k = 0; k < slices && same && !stopped(file, "checking", k); k++) {
        same = fill(file, k, buffer, error) &&
               gzfread(read, 1, file->slice_bytes, from) == file->slice_bytes &&
               memcmp(buffer, read, file->slice_bytes) == 0;
    }
    same = same && !stopped(file, "checking", slices) && gzgetc(from) == -1;
    if (from)
        gzclose(from);
    if (same || file->stopped || file->failed != UL_OK)
        return file->failed;
    return ul_error_set(error, UL_ERROR_OUTPUT,
        "%s: reading back gives something else than was written: is the disk sound?", path);
}

ul_status slice_file_write(const char *path, slice_file *file, ul_error *error) {
    char *buffer = malloc(2 * file->slice_bytes + 1);
    if (!buffer)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_output output;
    ul_status status = ul_output_begin(path, &output, error);
    if (status == UL_OK) {
        status = fill_file(path, output.temporary, file, buffer, error);
        if (status == UL_OK && !file->stopped)
            status = compare_file(
                path, output.temporary, file, buffer, buffer + file->slice_bytes, error);
        if (status == UL_OK && file->stopped)
            status = ul_error_set(
                error, UL_ERROR_INTERRUPTED, "%s: interrupted, nothing was written", path);
        if (status == UL_OK)
            status = ul_output_commit(&output, error);
        ul_output_abandon(&output);
    }
    free(buffer);
    return status;
}
