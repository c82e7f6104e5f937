/* RLE (PS3.5 annex G). Decoded here, since DCMTK (3.6.7) trusts the segment offsets in a damaged
 * frame's header, fills a segment that ends early with its last value, and takes the code 0x80,
 * which stands for nothing, for a run. */
#include "io/pixels/codec.h"

#include "io/base/little_endian.h"

#define HEADER_BYTES 64 /* the number of segments and 15 offsets */
#define NOTHING 0x80

typedef struct segment {
    const uint8_t *at, *end;
} segment;

/* Segment s of count, as the frame's header places it. */
static bool find_segment(const codec_frame *frame, size_t s, size_t count, segment *found) {
    size_t start = little_u32(frame->bytes + 4 * (s + 1)), end = frame->size;
    if (s + 1 < count)
        end = little_u32(frame->bytes + 4 * (s + 2));
    *found = (segment){frame->bytes + start, frame->bytes + end};
    return start >= HEADER_BYTES && start <= end && end <= frame->size;
}

/* Unpacks at most count bytes to every stride-th byte of to; returns how many there were. s->at
 * then stands behind what was read. */
static size_t unpack(segment *s, size_t count, size_t stride, uint8_t *to) {
    size_t done = 0;
    while (done < count && s->at < s->end) {
        uint8_t code = *s->at++;
        if (code == NOTHING)
            continue;
        bool literal = code < NOTHING;
        size_t run = literal ? code + 1u : 257u - code, left = (size_t)(s->end - s->at);
        size_t wanted = run < count - done ? run : count - done;
        if (left < (literal ? wanted : 1))
            break;
        for (size_t i = 0; i < wanted; i++)
            to[done++ * stride] = s->at[literal ? i : 0];
        s->at += !literal ? 1 : run < left ? run : left;
    }
    return done;
}

/* Encoders pad with either. */
static bool only_padding(const segment *s) {
    for (const uint8_t *at = s->at; at < s->end; at++)
        if (*at != 0 && *at != NOTHING)
            return false;
    return true;
}

ul_status codec_rle_decode(const codec_frame *frame, codec_output *output, ul_error *error) {
    const dicom_layout *layout = frame->layout;
    size_t width = layout->bits_allocated / 8, stride = width * layout->samples;
    size_t pixels = layout->rows * layout->columns;
    if (frame->size < HEADER_BYTES || width == 0)
        return ul_error_set(
            error, UL_ERROR_INPUT, "an RLE frame of %zu bytes has no header", frame->size);
    size_t count = little_u32(frame->bytes);
    if (count != stride || HEADER_BYTES < 4 * (count + 1))
        return ul_error_set(
            error, UL_ERROR_INPUT, "an RLE frame has %zu segments, expected %zu", count, stride);
    for (size_t s = 0; s < count; s++) {
        segment found;
        if (!find_segment(frame, s, count, &found))
            return ul_error_set(
                error, UL_ERROR_INPUT, "RLE segment %zu lies outside of its frame", s + 1);
        /* Segments go from the most significant byte of the first sample on. */
        size_t byte = s % width;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        byte = width - 1 - byte;
#endif
        uint8_t *to = output->samples + s / width * width + byte;
        if (unpack(&found, pixels, stride, to) < pixels)
            return ul_error_set(error, UL_ERROR_INPUT,
                "RLE segment %zu ends before its %zux%zu pixels", s + 1, layout->columns,
                layout->rows);
        if (!only_padding(&found))
            return ul_error_set(error, UL_ERROR_INPUT,
                "RLE segment %zu holds more than %zux%zu pixels: wrong Rows or Columns", s + 1,
                layout->columns, layout->rows);
    }
    return UL_OK;
}
