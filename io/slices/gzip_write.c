#include "io/slices/gzip_write.h"

#include "io/base/parallel.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Pieces are compressed side by side, each with the end of the one before as its dictionary, and
 * end on a whole byte: their streams one after another are one deflate stream (as pigz does it). */
enum {
    LEVEL = 6,
    DICTIONARY_BYTES = 32 << 10, /* deflate's window */
    PIECE_BYTES = 256 << 10,
    PIECES = 32, /* made ready together */
    RAW = -15    /* zlib's window bits of a stream without header */
};

typedef struct piece {
    unsigned char *bytes; /* deflated, owned */
    size_t size_bytes;
    uLong crc; /* of what is in it */
} piece;

struct gzip_writer {
    FILE *file;
    bool compressed, last;
    int threads;
    size_t before, held; /* bytes of dictionary, and those not compressed yet behind them */
    uLong crc;
    uint32_t length; /* modulo 2^32, as the format has it */
    piece pieces[PIECES];
    unsigned char buffer[DICTIONARY_BYTES + PIECES * PIECE_BYTES];
};

static const unsigned char header[10] = {0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, 0, 3 /* Unix */};

static bool write_start(
    const gzip_writer *writer, const void *head, size_t head_bytes, bool compressed) {
    return (head_bytes == 0 || fwrite(head, head_bytes, 1, writer->file) == 1) &&
           (!compressed || fwrite(header, sizeof header, 1, writer->file) == 1);
}

gzip_writer *gzip_write_open(
    const char *path, const void *head, size_t head_bytes, bool compressed, int threads) {
    gzip_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->compressed = compressed;
    writer->threads = threads;
    writer->crc = crc32(0, NULL, 0);
    writer->file = fopen(path, "wb");
    if (writer->file && write_start(writer, head, head_bytes, compressed))
        return writer;
    int reason = errno;
    if (writer->file)
        fclose(writer->file);
    free(writer);
    errno = reason;
    return NULL;
}

/* How many pieces hold what is held; the last one of the file may be empty. */
static size_t count_pieces(const gzip_writer *writer) {
    size_t count = (writer->held + PIECE_BYTES - 1) / PIECE_BYTES;
    return count == 0 && writer->last ? 1 : count;
}

static bool deflate_into(
    piece *into, const unsigned char *from, size_t size_bytes, size_t dictionary_bytes, bool last) {
    z_stream stream = {0};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, RAW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&stream, size_bytes) + 16; /* and the empty block that aligns it */
    into->bytes = malloc(room);
    bool done = into->bytes;
    if (done && dictionary_bytes > 0)
        done =
            deflateSetDictionary(&stream, from - dictionary_bytes, (uInt)dictionary_bytes) == Z_OK;
    stream.next_in = (Bytef *)(uintptr_t)from; /* zlib without ZLIB_CONST; it only reads */
    stream.avail_in = (uInt)size_bytes;
    stream.next_out = into->bytes;
    stream.avail_out = (uInt)room;
    if (done)
        done = deflate(&stream, last ? Z_FINISH : Z_SYNC_FLUSH) == (last ? Z_STREAM_END : Z_OK) &&
               stream.avail_in == 0 && stream.avail_out > 0;
    into->size_bytes = room - stream.avail_out;
    into->crc = crc32(crc32(0, NULL, 0), from, (uInt)size_bytes);
    deflateEnd(&stream);
    return done;
}

static ul_status compress_piece(void *context, size_t item, ul_error *error) {
    gzip_writer *writer = context;
    size_t at = item * PIECE_BYTES, left = writer->held - at;
    size_t before = writer->before + at;
    bool done = deflate_into(&writer->pieces[item], writer->buffer + DICTIONARY_BYTES + at,
        left < PIECE_BYTES ? left : PIECE_BYTES,
        before < DICTIONARY_BYTES ? before : DICTIONARY_BYTES,
        writer->last && item + 1 == count_pieces(writer));
    return done ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory to compress");
}

/* Writes what is held, and keeps its end as the dictionary of what follows. */
static bool flush(gzip_writer *writer) {
    size_t count = count_pieces(writer);
    bool done = parallel_each(count, writer->threads, "compressing", NULL, compress_piece, writer,
                    NULL) == UL_OK;
    int reason = ENOMEM;
    errno = 0;
    for (size_t n = 0; n < count; n++) {
        piece *into = &writer->pieces[n];
        size_t left = writer->held - n * PIECE_BYTES;
        z_off_t length = (z_off_t)(left < PIECE_BYTES ? left : PIECE_BYTES);
        if (done && fwrite(into->bytes, 1, into->size_bytes, writer->file) != into->size_bytes) {
            done = false;
            reason = errno;
        }
        writer->crc = crc32_combine(writer->crc, into->crc, length);
        free(into->bytes);
        into->bytes = NULL;
    }
    writer->length += (uint32_t)writer->held;
    size_t known = writer->before + writer->held;
    size_t kept = known < DICTIONARY_BYTES ? known : DICTIONARY_BYTES;
    memmove(writer->buffer + DICTIONARY_BYTES - kept,
        writer->buffer + DICTIONARY_BYTES + writer->held - kept, kept);
    writer->before = kept;
    writer->held = 0;
    if (!done)
        errno = reason;
    return done;
}

bool gzip_write(gzip_writer *writer, const void *bytes, size_t size_bytes) {
    if (!writer->compressed)
        return fwrite(bytes, 1, size_bytes, writer->file) == size_bytes;
    const unsigned char *from = bytes;
    while (size_bytes > 0) {
        size_t room = PIECES * PIECE_BYTES - writer->held;
        size_t part = size_bytes < room ? size_bytes : room;
        memcpy(writer->buffer + DICTIONARY_BYTES + writer->held, from, part);
        writer->held += part;
        from += part;
        size_bytes -= part;
        if (writer->held == PIECES * PIECE_BYTES && !flush(writer))
            return false;
    }
    return true;
}

static bool write_trailer(gzip_writer *writer) {
    unsigned char trailer[8];
    for (int n = 0; n < 4; n++) {
        trailer[n] = (unsigned char)(writer->crc >> 8 * n);
        trailer[4 + n] = (unsigned char)(writer->length >> 8 * n);
    }
    return fwrite(trailer, sizeof trailer, 1, writer->file) == 1;
}

bool gzip_write_close(gzip_writer *writer) {
    if (!writer)
        return true;
    writer->last = true;
    bool done = !ferror(writer->file);
    errno = done ? 0 : EIO;
    if (done && writer->compressed)
        done = flush(writer) && write_trailer(writer);
    int reason = errno;
    if (fclose(writer->file) != 0 && done) {
        done = false;
        reason = errno;
    }
    free(writer);
    errno = reason;
    return done;
}
