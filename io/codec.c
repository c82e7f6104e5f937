#include "codec.h"

#include <string.h>

/* Transfer syntaxes by UID; without a decoder and not native: known, and refused. */
static const struct syntax {
    const char *uid;
    const char *name;
    bool native;
    codec_decode decode;
} syntaxes[] = {
    {"1.2.840.10008.1.2", "implicit little endian", true, NULL},
    {"1.2.840.10008.1.2.1", "explicit little endian", true, NULL},
    {"1.2.840.10008.1.2.2", "explicit big endian", true, NULL},
    {"1.2.840.10008.1.2.1.99", "deflated", true, NULL},
    {"1.2.840.113619.5.2", "GE implicit little endian, pixels big endian", true, NULL},
    {"1.2.840.10008.1.2.5", "RLE", false, codec_rle_decode},
    {"1.2.840.10008.1.2.8.1", "deflated image frame", false, codec_deflate_decode},
    {"1.2.840.10008.1.2.4.50", "JPEG baseline", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.51", "JPEG extended", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.53", "JPEG spectral selection", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.55", "JPEG progressive", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.57", "JPEG lossless", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.70", "JPEG lossless", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS lossless", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS", false, codec_dcmtk_decode},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 lossless", false, codec_jpeg2000_decode},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", false, codec_jpeg2000_decode},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 multi-component lossless", false, NULL},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 multi-component", false, NULL},
    {"1.2.840.10008.1.2.4.94", "JPIP referenced", false, NULL},
    {"1.2.840.10008.1.2.4.95", "JPIP referenced, deflated", false, NULL},
    {"1.2.840.10008.1.2.4.100", "MPEG-2", false, NULL},
    {"1.2.840.10008.1.2.4.101", "MPEG-2", false, NULL},
    {"1.2.840.10008.1.2.4.102", "MPEG-4", false, NULL},
    {"1.2.840.10008.1.2.4.103", "MPEG-4", false, NULL},
    {"1.2.840.10008.1.2.4.104", "MPEG-4", false, NULL},
    {"1.2.840.10008.1.2.4.105", "MPEG-4", false, NULL},
    {"1.2.840.10008.1.2.4.106", "MPEG-4", false, NULL},
    {"1.2.840.10008.1.2.4.107", "HEVC", false, NULL},
    {"1.2.840.10008.1.2.4.108", "HEVC", false, NULL},
    {"1.2.840.10008.1.2.4.110", "JPEG XL lossless", false, NULL},
    {"1.2.840.10008.1.2.4.111", "JPEG XL", false, NULL},
    {"1.2.840.10008.1.2.4.112", "JPEG XL", false, NULL},
    {"1.2.840.10008.1.2.4.201", "HTJ2K lossless", false, NULL},
    {"1.2.840.10008.1.2.4.202", "HTJ2K lossless", false, NULL},
    {"1.2.840.10008.1.2.4.203", "HTJ2K", false, NULL},
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
