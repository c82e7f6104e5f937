#include "codec.h"

#include "dicom_parse.h"

#define HEADER_BYTES 64
#define MAX_SEGMENTS 15

/* Unpacks one PackBits segment into every stride-th byte of output. */
static bool unpack(
    const uint8_t *in, size_t in_bytes, uint8_t *output, size_t stride, size_t count) {
    size_t at = 0, done = 0;
    while (done < count) {
        if (at >= in_bytes)
            return false;
        int control = (int8_t)in[at++];
        if (control == -128)
            continue;
        size_t run = (size_t)(control >= 0 ? control + 1 : 1 - control);
        if (run > count - done)
            run = count - done; /* padded to whole runs by some writers */
        if (control >= 0) {
            if (run > in_bytes - at)
                return false;
            for (size_t i = 0; i < run; i++)
                output[(done + i) * stride] = in[at + i];
            at += (size_t)control + 1;
        } else {
            if (at >= in_bytes)
                return false;
            for (size_t i = 0; i < run; i++)
                output[(done + i) * stride] = in[at];
            at++;
        }
        done += run;
    }
    return true;
}

ul_status codec_rle_decode(const codec_frame *frame, codec_output *output, ul_error *error) {
    const dicom_layout *layout = frame->layout;
    size_t bytes = layout->bits_allocated / 8, stride = bytes * layout->samples;
    if (frame->size < HEADER_BYTES || bytes == 0)
        return ul_error_set(
            error, UL_ERROR_INPUT, "an RLE frame of %zu bytes has no header", frame->size);
    uint32_t segments = dicom_u32(frame->bytes, false);
    if (segments != stride || segments > MAX_SEGMENTS)
        return ul_error_set(
            error, UL_ERROR_INPUT, "an RLE frame has %u segments, expected %zu", segments, stride);
    for (size_t s = 0; s < segments; s++) {
        size_t start = dicom_u32(frame->bytes + 4 * (s + 1), false);
        size_t end = s + 1 < segments ? dicom_u32(frame->bytes + 4 * (s + 2), false) : frame->size;
        if (start < HEADER_BYTES || end < start || end > frame->size)
            return ul_error_set(
                error, UL_ERROR_INPUT, "RLE segment %zu lies outside of its frame", s + 1);
        /* Segments go from the most significant byte of the first sample on. */
        size_t sample = s / bytes, byte = bytes - 1 - s % bytes;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        byte = s % bytes;
#endif
        if (!unpack(frame->bytes + start, end - start, output->samples + sample * bytes + byte,
                stride, layout->rows * layout->columns))
            return ul_error_set(error, UL_ERROR_INPUT,
                "RLE segment %zu ends before its %zux%zu pixels", s + 1, layout->columns,
                layout->rows);
    }
    return UL_OK;
}
