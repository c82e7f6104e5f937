#include "io/pixels/source.h"

#include "io/base/little_endian.h"
#include "io/dicom/header.h"
#include "io/pixels/codec.h"
#include "libulite/base/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG_ITEM DICOM_TAG(0xfffe, 0xe000)
#define TAG_SEQUENCE_END DICOM_TAG(0xfffe, 0xe0dd)

/* Reads count bytes at offset; returns how many there are, or -1. */
static ssize_t read_at(const dicom_source *source, uint64_t offset, void *buffer, size_t count) {
    if (source->inflated) {
        size_t rest = offset < source->inflated_bytes ? source->inflated_bytes - offset : 0;
        size_t got = count < rest ? count : rest;
        memcpy(buffer, source->inflated + offset, got);
        return (ssize_t)got;
    }
    size_t done = 0;
    while (done < count) {
        ssize_t got =
            pread(source->handle, (char *)buffer + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static ul_status read_all(
    const dicom_source *source, uint64_t offset, void *buffer, size_t count, ul_error *error) {
    ssize_t got = read_at(source, offset, buffer, count);
    if (got < 0)
        return ul_error_set(error, UL_ERROR_INPUT, "cannot be read (%s)", strerror(errno));
    if ((size_t)got < count)
        return ul_error_set(error, UL_ERROR_INPUT,
            "truncated: %zu bytes of pixel data are wanted at byte %llu, the file holds %zd", count,
            (unsigned long long)offset, got);
    return UL_OK;
}

dicom_stamp dicom_stamp_of(const char *path, int handle) {
    struct stat info;
    if (handle < 0 ? stat(path, &info) : fstat(handle, &info))
        return (dicom_stamp){0};
    return (dicom_stamp){info.st_dev, info.st_ino, (uint64_t)info.st_size, info.st_mtim.tv_sec,
        info.st_mtim.tv_nsec};
}

ul_status dicom_check_unchanged(const dicom_file *file, int handle, ul_error *error) {
    dicom_stamp now = dicom_stamp_of(file->path, handle), then = file->stamp;
    if (now.device == then.device && now.inode == then.inode && now.size == then.size &&
        now.seconds == then.seconds && now.nanoseconds == then.nanoseconds)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_INPUT,
        "changed while it was read: it is not the file whose header was read; try again");
}

static uint64_t file_end(const dicom_source *source) {
    struct stat info;
    if (source->inflated)
        return source->inflated_bytes;
    return fstat(source->handle, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* Lists the fragments; table receives the place of the basic offset table. */
static ul_status list_fragments(dicom_source *source, dicom_fragment *table, ul_error *error) {
    uint64_t at = source->file->layout.offset, end = file_end(source);
    size_t room = 0;
    bool first = true;
    while (at + 8 <= end) {
        uint8_t head[8];
        ul_status status = read_all(source, at, head, sizeof head, error);
        if (status != UL_OK)
            return status;
        uint32_t tag = DICOM_TAG(little_u16(head), little_u16(head + 2));
        dicom_fragment fragment = {at + 8, little_u32(head + 4)};
        if (tag == TAG_SEQUENCE_END)
            return UL_OK;
        if (tag != TAG_ITEM)
            return ul_error_set(error, UL_ERROR_INPUT,
                "damaged: no fragment of compressed pixels at byte %llu", (unsigned long long)at);
        if (fragment.length > end - fragment.offset)
            return ul_error_set(error, UL_ERROR_INPUT,
                "truncated: %u bytes of compressed pixels are declared, the file holds %llu",
                fragment.length, (unsigned long long)(end - fragment.offset));
        at = fragment.offset + fragment.length;
        if (first) {
            *table = fragment;
            first = false;
            continue;
        }
        dicom_fragment *grown =
            ul_grow(source->fragments, source->fragment_count, &room, sizeof *grown);
        if (!grown)
            return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for fragments");
        source->fragments = grown;
        source->fragments[source->fragment_count++] = fragment;
    }
    return UL_OK; /* the delimiter is missing; whether a frame is, its decoder will say */
}

/* Takes the frames' first fragments from the offset table; false where it does not fit them. */
static bool apply_table(dicom_source *source, const dicom_fragment *table) {
    size_t frames = source->file->layout.frames, at = 0;
    if (table->length != 4 * frames)
        return false;
    uint8_t *bytes = malloc(table->length);
    bool fits = bytes && read_at(source, table->offset, bytes, table->length) == table->length;
    /* Offsets count from the first fragment's item tag. */
    for (size_t f = 0; fits && f < frames; f++) {
        uint64_t offset = table->offset + table->length + 8 + little_u32(bytes + 4 * f);
        while (at < source->fragment_count && source->fragments[at].offset < offset)
            at++;
        fits = at < source->fragment_count && source->fragments[at].offset == offset;
        source->first_fragment[f] = at;
    }
    free(bytes);
    return fits;
}

/* Takes as a frame's first fragment each that begins with a JPEG or JPEG 2000 start marker; false
 * where there are not as many as frames. */
static bool apply_markers(dicom_source *source) {
    size_t frames = source->file->layout.frames, found = 0;
    for (size_t i = 0; i < source->fragment_count; i++) {
        uint8_t marker[2];
        if (read_at(source, source->fragments[i].offset, marker, 2) != 2 || marker[0] != 0xff ||
            (marker[1] != 0xd8 && marker[1] != 0x4f))
            continue;
        if (found == frames)
            return false;
        source->first_fragment[found++] = i;
    }
    return found == frames;
}

static ul_status index_frames(dicom_source *source, ul_error *error) {
    size_t frames = source->file->layout.frames;
    dicom_fragment table = {0, 0};
    ul_status status = list_fragments(source, &table, error);
    if (status != UL_OK)
        return status;
    if (source->fragment_count < frames)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%zu frames are declared, its compressed pixels hold %zu fragments", frames,
            source->fragment_count);
    source->first_fragment = calloc(frames + 1, sizeof *source->first_fragment);
    if (!source->first_fragment)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu frames", frames);
    source->first_fragment[frames] = source->fragment_count;
    if (source->fragment_count == frames) {
        for (size_t f = 0; f < frames; f++)
            source->first_fragment[f] = f;
    } else if (frames > 1 && !apply_table(source, &table) && !apply_markers(source)) {
        return ul_error_set(error, UL_ERROR_INPUT,
            "%zu fragments of compressed pixels cannot be told to %zu frames",
            source->fragment_count, frames);
    }
    return UL_OK;
}

static ul_status read_luts(const dicom_item *data, dicom_source *source, ul_error *error) {
    const dicom_layout *layout = &source->file->layout;
    ul_status status = UL_OK;
    const dicom_item *item = dicom_modality_table(data);
    if (layout->has_modality_lut && item)
        status = dicom_read_lut(item, layout->is_signed, &source->modality, error);
    if (layout->photometric != DICOM_PALETTE)
        return status;
    for (uint16_t color = 0; color < 3 && status == UL_OK; color++)
        status = dicom_read_palette(data, color, layout->is_signed, &source->palette[color], error);
    return status;
}

/* Takes what the scan did not keep: tables, and the pixels of a deflated file. */
static ul_status read_header_again(dicom_source *source, ul_error *error) {
    const dicom_file *file = source->file;
    dicom_header header;
    bool is_dicom;
    ul_status status = dicom_header_read(file->path, &header, &is_dicom, error);
    if (status == UL_OK)
        status = read_luts(header.data, source, error);
    if (status == UL_OK)
        status = dicom_header_inflate(&header, error);
    if (status == UL_OK && header.pixels.inflated) {
        source->inflated = header.pixels.inflated;
        source->inflated_bytes = (size_t)header.pixels.available;
        header.pixels.inflated = NULL;
    }
    dicom_header_free(&header);
    /* The path, which was opened anew, may lead elsewhere by now. */
    ul_status same = dicom_check_unchanged(file, -1, error);
    return same == UL_OK ? status : same;
}

ul_status dicom_source_open(const dicom_file *file, dicom_source *source, ul_error *error) {
    memset(source, 0, sizeof *source);
    source->file = file;
    source->handle = -1;
    const dicom_layout *layout = &file->layout;
    if (!codec_is_native(file->transfer_syntax) && !codec_find(file->transfer_syntax))
        return ul_error_set(error, UL_ERROR_UNSUPPORTED, "transfer syntax %s is not supported",
            codec_syntax_name(file->transfer_syntax));
    if (layout->encapsulated == codec_is_native(file->transfer_syntax))
        return ul_error_set(error, UL_ERROR_INPUT, "its pixel data is %s, its transfer syntax %s",
            layout->encapsulated ? "compressed" : "not compressed",
            codec_syntax_name(file->transfer_syntax));
    source->handle = open(file->path, O_RDONLY | O_CLOEXEC);
    if (source->handle < 0)
        return ul_error_set(error, UL_ERROR_INPUT, "cannot be opened (%s)", strerror(errno));
    ul_status status = dicom_check_unchanged(file, source->handle, error);
    if (status == UL_OK &&
        (layout->deflated || layout->has_modality_lut || layout->photometric == DICOM_PALETTE))
        status = read_header_again(source, error);
    if (status == UL_OK && layout->encapsulated)
        status = index_frames(source, error);
    return status;
}

void dicom_source_close(dicom_source *source) {
    if (source->handle >= 0)
        close(source->handle);
    free(source->inflated);
    free(source->fragments);
    free(source->first_fragment);
    free(source->modality.values);
    for (int color = 0; color < 3; color++)
        free(source->palette[color].values);
    memset(source, 0, sizeof *source);
    source->handle = -1;
}

size_t dicom_frame_bytes(const dicom_layout *layout) {
    size_t bytes = layout->bits_allocated < 8 ? 1 : layout->bits_allocated / 8;
    return layout->rows * layout->columns * layout->samples * bytes;
}

static ul_status compressed_frame(
    const dicom_source *source, size_t frame, void *buffer, bool *is_rgb, ul_error *error) {
    size_t first = source->first_fragment[frame], end = source->first_fragment[frame + 1];
    size_t size = 0;
    for (size_t i = first; i < end; i++)
        size += source->fragments[i].length;
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a frame of %zu bytes", size);
    ul_status status = UL_OK;
    size_t at = 0;
    for (size_t i = first; i < end && status == UL_OK; i++) {
        const dicom_fragment *fragment = &source->fragments[i];
        status = read_all(source, fragment->offset, bytes + at, fragment->length, error);
        at += fragment->length;
    }
    if (status == UL_OK) {
        codec_frame input = {&source->file->layout, source->file->transfer_syntax, bytes, size};
        codec_output output = {buffer, dicom_frame_bytes(&source->file->layout), false};
        status = codec_find(source->file->transfer_syntax)(&input, &output, error);
        *is_rgb = output.is_rgb;
    }
    free(bytes);
    return status;
}

/* Reverses the bytes of every width-byte sample. */
static void swap_samples(uint8_t *bytes, size_t size, size_t width) {
    for (size_t at = 0; at + width <= size; at += width)
        for (size_t low = 0, high = width - 1; low < high; low++, high--) {
            uint8_t kept = bytes[at + low];
            bytes[at + low] = bytes[at + high];
            bytes[at + high] = kept;
        }
}

/* Reads packed bits, which begin anywhere in a byte, as one byte each. */
static ul_status read_bits(
    const dicom_source *source, size_t frame, uint8_t *samples, ul_error *error) {
    const dicom_layout *layout = &source->file->layout;
    size_t count = layout->rows * layout->columns * layout->samples;
    uint64_t first = (uint64_t)frame * count;
    size_t size = (size_t)((first + count + 7) / 8 - first / 8);
    uint8_t *packed = malloc(size);
    if (!packed)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a frame of %zu bytes", size);
    ul_status status = read_all(source, layout->offset + first / 8, packed, size, error);
    for (size_t i = 0; status == UL_OK && i < count; i++) {
        size_t bit = (size_t)(first % 8) + i;
        samples[i] = packed[bit / 8] >> bit % 8 & 1;
    }
    free(packed);
    return status;
}

/* Reads bytes that lie swapped in the words of a big endian value; start counts from its beginning.
 */
static ul_status read_from_words(
    const dicom_source *source, uint64_t start, uint8_t *bytes, size_t count, ul_error *error) {
    uint64_t first = start & ~(uint64_t)1, end = (start + count + 1) & ~(uint64_t)1;
    uint8_t *words = malloc((size_t)(end - first));
    if (!words)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a frame of %zu bytes", count);
    ul_status status =
        read_all(source, source->file->layout.offset + first, words, (size_t)(end - first), error);
    if (status == UL_OK) {
        swap_samples(words, (size_t)(end - first), 2);
        memcpy(bytes, words + (start - first), count);
    }
    free(words);
    return status;
}

/* Spreads Y1 Y2 Cb Cr over two pixels each, from the end so that it works in place. */
static void spread_422(uint8_t *samples, size_t pixels) {
    for (size_t pair = pixels / 2; pair-- > 0;) {
        uint8_t y1 = samples[4 * pair], y2 = samples[4 * pair + 1];
        uint8_t cb = samples[4 * pair + 2], cr = samples[4 * pair + 3];
        uint8_t *to = samples + 6 * pair;
        to[0] = y1, to[3] = y2;
        to[1] = to[4] = cb;
        to[2] = to[5] = cr;
    }
}

static ul_status interleave(
    uint8_t *samples, size_t pixels, size_t channels, size_t width, ul_error *error) {
    size_t size = pixels * channels * width;
    uint8_t *planes = malloc(size);
    if (!planes)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a frame of %zu bytes", size);
    memcpy(planes, samples, size);
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < pixels; i++)
            memcpy(samples + (i * channels + c) * width, planes + (c * pixels + i) * width, width);
    free(planes);
    return UL_OK;
}

static ul_status native_frame(
    const dicom_source *source, size_t frame, uint8_t *buffer, ul_error *error) {
    const dicom_layout *layout = &source->file->layout;
    if (layout->bits_allocated == 1)
        return read_bits(source, frame, buffer, error);
    size_t pixels = layout->rows * layout->columns, width = layout->bits_allocated / 8;
    size_t size = pixels * layout->samples * width;
    bool halved =
        layout->photometric == DICOM_YBR_FULL_422 || layout->photometric == DICOM_YBR_PARTIAL_422;
    if (halved) {
        if (width != 1 || layout->samples != 3 || layout->columns % 2)
            return ul_error_set(error, UL_ERROR_UNSUPPORTED, "%s with %u bits in %zu columns",
                layout->photometric_name, layout->bits_allocated, layout->columns);
        size = pixels * 2;
    }
    bool in_words = width == 1 && layout->big_endian && layout->words;
    ul_status status =
        in_words ? read_from_words(source, (uint64_t)frame * size, buffer, size, error)
                 : read_all(source, layout->offset + (uint64_t)frame * size, buffer, size, error);
    if (status != UL_OK)
        return status;
    bool machine_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    if (width > 1 && layout->big_endian != machine_big)
        swap_samples(buffer, size, width);
    if (halved)
        spread_422(buffer, pixels);
    else if (layout->samples > 1 && layout->planar)
        status = interleave(buffer, pixels, layout->samples, width, error);
    return status;
}

ul_status dicom_source_frame(
    const dicom_source *source, size_t frame, void *buffer, bool *is_rgb, ul_error *error) {
    *is_rgb = source->file->layout.photometric == DICOM_RGB;
    ul_error failure = {0};
    ul_status status = source->file->layout.encapsulated
                           ? compressed_frame(source, frame, buffer, is_rgb, &failure)
                           : native_frame(source, frame, buffer, &failure);
    /* What was written into the file meanwhile may be among the pixels, or be why they failed. */
    ul_status same = dicom_check_unchanged(source->file, source->handle, error);
    if (same != UL_OK)
        return same;
    return status == UL_OK ? UL_OK : ul_error_set(error, status, "%s", failure.text);
}
