/* RLE: DCMTK's decoder of one segment. DCMTK's codec of whole frames (3.6.7) is not used: it trusts
 * the segment offsets in a damaged frame's header, and fills a segment that ends early with its
 * last value as if nothing were missing. */
#include "codec.h"

#include "little_endian.h"
#include "shim.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcrledec.h>

namespace {

constexpr size_t HEADER_BYTES = 64; /* the number of segments and 15 offsets */

struct Segment {
    size_t start, end; /* bytes of the frame */
};

/* Segment s of count, as the frame's header places it. */
Segment find_segment(const codec_frame *frame, size_t s, size_t count) {
    Segment segment = {little_u32(frame->bytes + 4 * (s + 1)), frame->size};
    if (s + 1 < count)
        segment.end = little_u32(frame->bytes + 4 * (s + 2));
    if (segment.start < HEADER_BYTES || segment.end < segment.start || segment.end > frame->size)
        throw Failure(UL_ERROR_INPUT, "RLE segment %zu lies outside of its frame", s + 1);
    return segment;
}

ul_status decode(const codec_frame *frame, codec_output *output) {
    const dicom_layout *layout = frame->layout;
    size_t width = layout->bits_allocated / 8, stride = width * layout->samples;
    size_t pixels = layout->rows * layout->columns;
    if (frame->size < HEADER_BYTES || width == 0)
        throw Failure(UL_ERROR_INPUT, "an RLE frame of %zu bytes has no header", frame->size);
    size_t count = little_u32(frame->bytes);
    if (count != stride || HEADER_BYTES < 4 * (count + 1))
        throw Failure(UL_ERROR_INPUT, "an RLE frame has %zu segments, expected %zu", count, stride);
    /* Encoders may pad a segment to an even length; what is longer is another picture. */
    DcmRLEDecoder decoder(pixels + 2);
    for (size_t s = 0; s < count; s++) {
        Segment segment = find_segment(frame, s, count);
        decoder.clear();
        decoder.decompress(frame->bytes + segment.start, segment.end - segment.start);
        if (decoder.size() < pixels)
            throw Failure(UL_ERROR_INPUT, "RLE segment %zu ends before its %zux%zu pixels", s + 1,
                layout->columns, layout->rows);
        if (decoder.size() > pixels + 1)
            throw Failure(UL_ERROR_INPUT,
                "RLE segment %zu holds more than %zux%zu pixels: wrong Rows or Columns", s + 1,
                layout->columns, layout->rows);
        /* Segments go from the most significant byte of the first sample on. */
        size_t byte = s % width;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        byte = width - 1 - byte;
#endif
        auto *from = static_cast<const uint8_t *>(decoder.getOutputBuffer());
        uint8_t *to = output->samples + s / width * width + byte;
        for (size_t i = 0; i < pixels; i++)
            to[i * stride] = from[i];
    }
    return UL_OK;
}

} // namespace

ul_status codec_rle_decode(const codec_frame *frame, codec_output *output, ul_error *error) {
    return shim_guard(nullptr, error, [&] { return decode(frame, output); });
}
