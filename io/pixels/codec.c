#include "io/pixels/codec.h"

#include <string.h>

/* Transfer syntaxes by UID; without a decoder and not native: known, and refused. */
static const struct syntax {
    const char *uid;
    const char *name;
    bool native;
    codec_decode decode;
    bool lossy;
} syntaxes[] = {
    {"1.2.840.10008.1.2", "implicit little endian", true, NULL, false},
    {"1.2.840.10008.1.2.1", "explicit little endian", true, NULL, false},
    {"1.2.840.10008.1.2.2", "explicit big endian", true, NULL, false},
    {"1.2.840.10008.1.2.1.99", "deflated", true, NULL, false},
    {"1.2.840.113619.5.2", "GE implicit little endian, pixels big endian", true, NULL, false},
    {"1.2.840.10008.1.2.5", "RLE", false, codec_rle_decode, false},
    {"1.2.840.10008.1.2.8.1", "deflated image frame", false, codec_deflate_decode, false},
    {"1.2.840.10008.1.2.4.50", "JPEG baseline", false, codec_dcmtk_decode, true},
    {"1.2.840.10008.1.2.4.51", "JPEG extended", false, codec_dcmtk_decode, true},
    {"1.2.840.10008.1.2.4.53", "JPEG spectral selection", false, codec_dcmtk_decode, true},
    {"1.2.840.10008.1.2.4.55", "JPEG progressive", false, codec_dcmtk_decode, true},
    {"1.2.840.10008.1.2.4.57", "JPEG lossless", false, codec_dcmtk_decode, false},
    {"1.2.840.10008.1.2.4.70", "JPEG lossless", false, codec_dcmtk_decode, false},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS lossless", false, codec_dcmtk_decode, false},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS", false, codec_dcmtk_decode, true},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 lossless", false, codec_jpeg2000_decode, false},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", false, codec_jpeg2000_decode, true},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 multi-component lossless", false, NULL, false},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 multi-component", false, NULL, false},
    {"1.2.840.10008.1.2.4.94", "JPIP referenced", false, NULL, false},
    {"1.2.840.10008.1.2.4.95", "JPIP referenced, deflated", false, NULL, false},
    {"1.2.840.10008.1.2.4.100", "MPEG-2", false, NULL, false},
    {"1.2.840.10008.1.2.4.101", "MPEG-2", false, NULL, false},
    {"1.2.840.10008.1.2.4.102", "MPEG-4", false, NULL, false},
    {"1.2.840.10008.1.2.4.103", "MPEG-4", false, NULL, false},
    {"1.2.840.10008.1.2.4.104", "MPEG-4", false, NULL, false},
    {"1.2.840.10008.1.2.4.105", "MPEG-4", false, NULL, false},
    {"1.2.840.10008.1.2.4.106", "MPEG-4", false, NULL, false},
    {"1.2.840.10008.1.2.4.107", "HEVC", false, NULL, false},
    {"1.2.840.10008.1.2.4.108", "HEVC", false, NULL, false},
    {"1.2.840.10008.1.2.4.110", "JPEG XL lossless", false, NULL, false},
    {"1.2.840.10008.1.2.4.111", "JPEG XL", false, NULL, false},
    {"1.2.840.10008.1.2.4.112", "JPEG XL", false, NULL, false},
    {"1.2.840.10008.1.2.4.201", "HTJ2K lossless", false, NULL, false},
    {"1.2.840.10008.1.2.4.202", "HTJ2K lossless", false, NULL, false},
    {"1.2.840.10008.1.2.4.203", "HTJ2K", false, NULL, false},
};

static const struct syntax *find_syntax(const char *uid) {
    for (size_t i = 0; i < sizeof syntaxes / sizeof syntaxes[0]; i++)
        if (strcmp(syntaxes[i].uid, uid) == 0)
            return &syntaxes[i];
    return NULL;
}

codec_decode codec_find(const char *transfer_syntax) {
    const struct syntax *syntax = find_syntax(transfer_syntax);
    return syntax ? syntax->decode : NULL;
}

bool codec_is_native(const char *transfer_syntax) {
    const struct syntax *syntax = find_syntax(transfer_syntax);
    return syntax && syntax->native;
}

const char *codec_syntax_name(const char *transfer_syntax) {
    const struct syntax *syntax = find_syntax(transfer_syntax);
    return syntax ? syntax->name : transfer_syntax;
}

bool codec_is_lossy(const char *transfer_syntax) {
    const struct syntax *syntax = find_syntax(transfer_syntax);
    return syntax && syntax->lossy;
}

/* A decoded sample as the number that the stream holds. */
static int64_t sample_of(const void *samples, size_t i, unsigned bits) {
    return bits == 8    ? ((const uint8_t *)samples)[i]
           : bits == 16 ? ((const uint16_t *)samples)[i]
                        : ((const uint32_t *)samples)[i];
}

/* Whether signed values were encoded with their unused bits cut off: then nothing is in the upper
 * half of the stream's range, and -1 and its neighbours lie at the end of that of the stored bits.
 */
static bool unused_bits_cut(
    const dicom_layout *layout, unsigned bits, unsigned picture_bits, const void *samples) {
    size_t count = layout->rows * layout->columns * layout->samples;
    bool high = false;
    for (size_t i = 0; i < count; i++) {
        int64_t value = sample_of(samples, i, layout->bits_allocated);
        if (value >> (picture_bits - 1))
            return false;
        high |= value >= 3 * ((int64_t)1 << bits) / 4 && value < (int64_t)1 << bits;
    }
    return high;
}

void codec_clamp(const dicom_layout *layout, unsigned picture_bits, void *samples) {
    unsigned bits = layout->high_bit + 1; /* what lies above is masked */
    if (layout->has_overlay_bits || picture_bits <= bits || layout->bits_allocated < 8 ||
        (layout->is_signed && unused_bits_cut(layout, bits, picture_bits, samples)))
        return;
    int64_t most = ((int64_t)1 << (layout->is_signed ? bits - 1 : bits)) - 1;
    int64_t least = layout->is_signed ? -most - 1 : 0;
    size_t count = layout->rows * layout->columns * layout->samples;
    for (size_t i = 0; i < count; i++) {
        int64_t value = sample_of(samples, i, layout->bits_allocated);
        if (layout->is_signed && value >> (picture_bits - 1))
            value -= (int64_t)1 << picture_bits;
        value = value < least ? least : value > most ? most : value;
        if (layout->bits_allocated == 8)
            ((uint8_t *)samples)[i] = (uint8_t)value;
        else if (layout->bits_allocated == 16)
            ((uint16_t *)samples)[i] = (uint16_t)value;
        else
            ((uint32_t *)samples)[i] = (uint32_t)value;
    }
}

ul_status codec_check_picture(
    const codec_frame *frame, const codec_picture *picture, ul_error *error) {
    const dicom_layout *layout = frame->layout;
    const char *name = codec_syntax_name(frame->transfer_syntax);
    if (picture->samples != layout->samples)
        return ul_error_set(error, UL_ERROR_INPUT,
            "the %s picture has %u components, the header declares %u: wrong SamplesPerPixel", name,
            picture->samples, layout->samples);
    if (picture->columns != layout->columns || picture->rows != layout->rows)
        return ul_error_set(error, UL_ERROR_INPUT,
            "the %s picture has %zux%zu pixels, the header declares %zux%zu: wrong Rows or Columns",
            name, picture->columns, picture->rows, layout->columns, layout->rows);
    if (picture->bits > layout->bits_allocated)
        return ul_error_set(error, UL_ERROR_INPUT,
            "the %s picture has %u bits per sample, the header allocates %u: wrong BitsAllocated",
            name, picture->bits, layout->bits_allocated);
    return UL_OK;
}
