#include "mutate.h"

#include <string.h>
#include <zlib.h>

static uint8_t plain[MUTATE_MAX_BYTES];

/* Bytes that a stream holds, as many as there is room for, also of one that is cut off. */
static size_t inflate_all(uint8_t *data, size_t size, int window_bits) {
    z_stream stream = {.next_in = data,
        .avail_in = (uInt)size,
        .next_out = plain,
        .avail_out = MUTATE_MAX_BYTES / 2};
    if (inflateInit2(&stream, window_bits) != Z_OK)
        return 0;
    (void)inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return stream.total_out;
}

size_t mutate_stream(uint8_t *data, size_t size, size_t max_size, int window_bits) {
    size_t count = inflate_all(data, size, window_bits);
    if (count == 0)
        return 0;
    count = LLVMFuzzerMutate(plain, count, MUTATE_MAX_BYTES);
    z_stream stream = {
        .next_in = plain, .avail_in = (uInt)count, .next_out = data, .avail_out = (uInt)max_size};
    if (deflateInit2(&stream, 1, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int result = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    return result == Z_STREAM_END ? stream.total_out : 0;
}
