/* Deflated Image Frame Compression (Supplement 244): each frame is a deflate stream of its own. */
#include "io/pixels/codec.h"

#include <limits.h>
#include <zlib.h>

/* Inflates what fills the output. What the stream may hold behind it: a byte of padding. */
static ul_status inflate_frame(z_stream *stream, codec_output *output, ul_error *error) {
    uint8_t beyond[2];
    stream->next_out = output->samples;
    stream->avail_out = (uInt)output->size;
    int state = inflate(stream, Z_FINISH);
    if (state != Z_STREAM_END && stream->avail_out > 0)
        return ul_error_set(error, UL_ERROR_INPUT,
            state == Z_DATA_ERROR ? "a deflated frame is damaged after %zu of %zu bytes"
                                  : "a deflated frame ends after %zu of %zu bytes",
            output->size - stream->avail_out, output->size);
    if (stream->avail_out > 0)
        return ul_error_set(error, UL_ERROR_INPUT,
            "a deflated frame holds %zu bytes, its header declares %zu: wrong Rows or Columns",
            output->size - stream->avail_out, output->size);
    if (state == Z_STREAM_END)
        return UL_OK;
    stream->next_out = beyond;
    stream->avail_out = sizeof beyond;
    state = inflate(stream, Z_FINISH);
    if (state != Z_STREAM_END || stream->avail_out == 0)
        return ul_error_set(error, UL_ERROR_INPUT,
            "a deflated frame holds more than the %zu bytes that its header declares, or is "
            "damaged at its end",
            output->size);
    return UL_OK;
}

ul_status codec_deflate_decode(const codec_frame *frame, codec_output *output, ul_error *error) {
    z_stream stream = {.next_in = frame->bytes, .avail_in = (uInt)frame->size};
    if (frame->size > UINT_MAX || output->size > UINT_MAX)
        return ul_error_set(error, UL_ERROR_LIMIT,
            "a deflated frame of %zu bytes, at most %u are allowed", output->size, UINT_MAX);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a deflated frame");
    ul_status status = inflate_frame(&stream, output, error);
    inflateEnd(&stream);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    size_t width = frame->layout->bits_allocated / 8;
    for (size_t at = 0; width > 1 && at + width <= output->size; at += width)
        for (size_t low = 0, high = width - 1; low < high; low++, high--) {
            uint8_t kept = output->samples[at + low];
            output->samples[at + low] = output->samples[at + high];
            output->samples[at + high] = kept;
        }
#endif
    return status;
}
