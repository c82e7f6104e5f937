#include "dicom_header.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PREAMBLE_BYTES 132                 /* with the letters DICM at its end */
#define FIRST_READ_BYTES ((size_t)1 << 15) /* most headers are shorter */
#define MAX_INFLATED_BYTES ((size_t)1 << 32)

#define IMPLICIT_LITTLE "1.2.840.10008.1.2"
#define EXPLICIT_LITTLE "1.2.840.10008.1.2.1"
#define EXPLICIT_BIG "1.2.840.10008.1.2.2"
#define DEFLATED "1.2.840.10008.1.2.1.99"
#define GE_BIG_PIXELS "1.2.840.113619.5.2" /* implicit little endian, pixels big endian */

/* A file of which the first bytes have been read. */
typedef struct header_source {
    int file;
    size_t file_bytes;
    uint8_t *bytes;
    size_t have;
} header_source;

/* Has at least count bytes of the file in memory. */
static ul_status read_up_to(header_source *source, size_t count, ul_error *error) {
    if (count <= source->have)
        return UL_OK;
    uint8_t *grown = realloc(source->bytes, count);
    if (!grown)
        return ul_error_set(
            error, UL_ERROR_LIMIT, "out of memory for a header of %zu bytes", count);
    source->bytes = grown;
    while (source->have < count) {
        ssize_t got = pread(
            source->file, source->bytes + source->have, count - source->have, (off_t)source->have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ul_error_set(error, UL_ERROR_INPUT, "cannot be read (%s)",
                got < 0 ? strerror(errno) : "it became shorter");
        source->have += (size_t)got;
    }
    return UL_OK;
}

static bool has_vr(const uint8_t *element) {
    return isupper(element[4]) && isupper(element[5]);
}

/* Whether a file without preamble begins like a data set: with an element of group 0002 or 0008
 * that has a VR, or a length that a first element can have. */
static bool looks_like_dataset(const uint8_t *bytes, size_t count) {
    if (count < 8)
        return false;
    bool big_endian = bytes[0] == 0;
    unsigned group = dicom_u16(bytes, big_endian), element = dicom_u16(bytes + 2, big_endian);
    if ((group != 0x0002 && group != 0x0008) || element > 0x0100)
        return false;
    return has_vr(bytes) || (!big_endian && dicom_u32(bytes + 4, false) <= 256);
}

/* Replaces the deflated data set after its meta header by the inflated one. */
static ul_status inflate_dataset(
    header_source *source, size_t start, dicom_header *header, ul_error *error) {
    ul_status status = read_up_to(source, source->file_bytes, error);
    if (status != UL_OK)
        return status;
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for inflating");
    stream.next_in = source->bytes + start;
    stream.avail_in = (uInt)(source->have - start);
    size_t capacity = 0, size = 0;
    uint8_t *bytes = NULL;
    int result = Z_OK;
    while (result == Z_OK && status == UL_OK) {
        capacity = capacity ? 2 * capacity : 4 * (source->have - start) + 4096;
        uint8_t *grown = capacity > MAX_INFLATED_BYTES ? NULL : realloc(bytes, capacity);
        if (!grown) {
            status = ul_error_set(
                error, UL_ERROR_LIMIT, "out of memory for %zu inflated bytes", capacity);
            break;
        }
        bytes = grown;
        stream.next_out = bytes + size;
        stream.avail_out = (uInt)(capacity - size);
        result = inflate(&stream, Z_SYNC_FLUSH);
        size = capacity - stream.avail_out;
        if (result == Z_BUF_ERROR || (result == Z_OK && stream.avail_out > 0))
            break; /* the input ended before the stream did */
    }
    inflateEnd(&stream);
    if (status == UL_OK && result != Z_STREAM_END)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s",
            result == Z_DATA_ERROR ? "its deflated data set is damaged"
                                   : "truncated: its deflated data set ends early");
    if (status != UL_OK) {
        free(bytes);
        return status;
    }
    free(source->bytes);
    source->bytes = bytes;
    source->have = source->file_bytes = size;
    header->deflated = true;
    return UL_OK;
}

/* Parses as dicom_parse does, reading more of the file as it needs more. */
static ul_status parse_file(header_source *source, dicom_dataset *data, size_t start,
    unsigned stop_group, size_t *at, ul_error *error) {
    for (;;) {
        data->bytes = source->bytes;
        data->size = source->have;
        size_t needed = 0;
        dicom_outcome outcome = dicom_parse(data, start, stop_group, at, &needed);
        /* A parse that ends where the bytes in memory end has not seen the end of the data set. */
        if (outcome == DICOM_PARSED && *at == source->have && source->have < source->file_bytes) {
            const dicom_element *last = data->count ? &data->elements[data->count - 1] : NULL;
            if (last && last->tag >> 16 == 0x7fe0)
                return UL_OK;
            outcome = DICOM_NEEDS_MORE;
            needed = source->have + 1;
        }
        if (outcome == DICOM_PARSED)
            return UL_OK;
        if (outcome == DICOM_BROKEN)
            return ul_error_set(error, UL_ERROR_INPUT,
                "damaged: no DICOM element at byte %zu of the data set", *at);
        if (needed > source->file_bytes)
            return ul_error_set(error, UL_ERROR_INPUT,
                "truncated: an element at byte %zu needs %zu bytes, the file ends at %zu", *at,
                needed, source->file_bytes);
        size_t wanted = 2 * source->have > needed ? 2 * source->have : needed;
        ul_status status =
            read_up_to(source, wanted < source->file_bytes ? wanted : source->file_bytes, error);
        if (status != UL_OK)
            return status;
    }
}

/* Settles how the data set at start is encoded: as declared, unless its first element shows that
 * the declaration is wrong, which writers of implicit files get wrong. */
static void settle_encoding(const header_source *source, size_t start, dicom_header *header) {
    dicom_dataset *data = &header->data;
    const char *syntax = header->transfer_syntax;
    data->big_endian = strcmp(syntax, EXPLICIT_BIG) == 0;
    data->explicit_vr = strcmp(syntax, IMPLICIT_LITTLE) != 0 && strcmp(syntax, GE_BIG_PIXELS) != 0;
    if (start + 8 <= source->have) {
        const uint8_t *first = source->bytes + start;
        data->explicit_vr = has_vr(first);
        if (!syntax[0])
            data->big_endian = first[0] == 0;
    }
    header->pixels_big_endian = data->big_endian || strcmp(syntax, GE_BIG_PIXELS) == 0;
    if (!syntax[0])
        strcpy(header->transfer_syntax, data->big_endian    ? EXPLICIT_BIG
                                        : data->explicit_vr ? EXPLICIT_LITTLE
                                                            : IMPLICIT_LITTLE);
}

static ul_status read_header(
    header_source *source, dicom_header *header, bool *is_dicom, ul_error *error) {
    size_t first = source->file_bytes < FIRST_READ_BYTES ? source->file_bytes : FIRST_READ_BYTES;
    ul_status status = read_up_to(source, first, error);
    if (status != UL_OK)
        return status;
    size_t start = 0;
    if (source->have >= PREAMBLE_BYTES && memcmp(source->bytes + 128, "DICM", 4) == 0)
        start = PREAMBLE_BYTES;
    else if (!looks_like_dataset(source->bytes, source->have))
        return UL_OK;
    *is_dicom = true;
    if (start + 8 <= source->have && dicom_u16(source->bytes + start, false) == 0x0002) {
        dicom_dataset meta = {.explicit_vr = has_vr(source->bytes + start)};
        status = parse_file(source, &meta, start, 0x0002, &start, error);
        dicom_text(&meta, DICOM_TAG(0x0002, 0x0010), header->transfer_syntax,
            sizeof header->transfer_syntax);
        dicom_text(
            &meta, DICOM_TAG(0x0002, 0x0002), header->media_class, sizeof header->media_class);
        dicom_dataset_free(&meta);
    }
    if (status == UL_OK && strcmp(header->transfer_syntax, DEFLATED) == 0) {
        status = inflate_dataset(source, start, header, error);
        start = 0;
    }
    if (status != UL_OK)
        return status;
    settle_encoding(source, start, header);
    size_t at;
    return parse_file(source, &header->data, start, 0xffff, &at, error);
}

ul_status dicom_header_read(
    const char *path, dicom_header *header, bool *is_dicom, ul_error *error) {
    memset(header, 0, sizeof *header);
    *is_dicom = false;
    header_source source = {.file = open(path, O_RDONLY | O_CLOEXEC)};
    if (source.file < 0)
        return ul_error_set(error, UL_ERROR_INPUT, "cannot be opened (%s)", strerror(errno));
    struct stat info;
    ul_status status = UL_OK;
    if (fstat(source.file, &info) != 0)
        status = ul_error_set(error, UL_ERROR_INPUT, "cannot be read (%s)", strerror(errno));
    if (status == UL_OK) {
        source.file_bytes = (size_t)info.st_size;
        status = read_header(&source, header, is_dicom, error);
    }
    close(source.file);
    header->bytes = source.bytes;
    header->file_bytes = source.file_bytes;
    return status;
}

void dicom_header_free(dicom_header *header) {
    dicom_dataset_free(&header->data);
    free(header->bytes);
    memset(header, 0, sizeof *header);
}

const dicom_element *dicom_header_pixels(const dicom_header *header) {
    const dicom_dataset *data = &header->data;
    const dicom_element *last = data->count ? &data->elements[data->count - 1] : NULL;
    return last && last->tag >= DICOM_TAG(0x7fe0, 0x0008) && last->tag <= DICOM_TAG(0x7fe0, 0x0010)
               ? last
               : NULL;
}
