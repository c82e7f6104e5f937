#include "io/pixels/codec.h"

#include "io/dicom/header.h"
#include "io/dicom/shim.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>

namespace {

void put_number(DcmDataset &dataset, const DcmTagKey &key, size_t value) {
    DcmUnsignedShort *element = new DcmUnsignedShort(DcmTag(key, EVR_US));
    element->putUint16(static_cast<Uint16>(value), 0);
    dataset.insert(element, OFTrue);
}

void put_text(DcmDataset &dataset, const DcmTagKey &key, DcmEVR vr, const char *value) {
    DcmElement *element = nullptr;
    if (vr == EVR_CS)
        element = new DcmCodeString(DcmTag(key, vr));
    else
        element = new DcmIntegerString(DcmTag(key, vr));
    element->putString(value);
    dataset.insert(element, OFTrue);
}

/* A data set of one frame: what DCMTK's codecs want to see. Attributes are made with their VRs,
 * which saves looking them up. */
void fill_dataset(DcmDataset &dataset, const codec_frame *frame, E_TransferSyntax syntax) {
    const dicom_layout *layout = frame->layout;
    put_number(dataset, DCM_SamplesPerPixel, layout->samples);
    put_text(dataset, DCM_PhotometricInterpretation, EVR_CS, layout->photometric_name);
    put_text(dataset, DCM_NumberOfFrames, EVR_IS, "1");
    put_number(dataset, DCM_Rows, layout->rows);
    put_number(dataset, DCM_Columns, layout->columns);
    put_number(dataset, DCM_BitsAllocated, layout->bits_allocated);
    put_number(dataset, DCM_BitsStored, layout->bits_stored);
    put_number(dataset, DCM_HighBit, layout->high_bit);
    put_number(dataset, DCM_PixelRepresentation, layout->is_signed);
    if (layout->samples > 1)
        put_number(dataset, DCM_PlanarConfiguration, layout->planar);
    DcmPixelSequence *sequence = new DcmPixelSequence(DcmTag(DCM_PixelSequenceTag, EVR_pixelSQ));
    DcmPixelItem *table = new DcmPixelItem(DcmTag(DCM_PixelItemTag, EVR_pixelItem));
    sequence->insert(table);
    DcmPixelItem *item = new DcmPixelItem(DcmTag(DCM_PixelItemTag, EVR_pixelItem));
    sequence->insert(item);
    item->putUint8Array(frame->bytes, static_cast<unsigned long>(frame->size));
    DcmPixelData *pixels = new DcmPixelData(DcmTag(DCM_PixelData, EVR_OB));
    pixels->putOriginalRepresentation(syntax, nullptr, sequence);
    dataset.insert(pixels, OFTrue);
}

unsigned big_u16(const uint8_t *bytes) {
    return unsigned(bytes[0] << 8 | bytes[1]);
}

/* Whether a marker begins a frame header: SOF0 to SOF15 without DHT, JPG and DAC, or JPEG-LS's. */
bool starts_frame(unsigned marker) {
    return marker == 0xf7 ||
           (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc);
}

/* Whether a segment is one that decoders take the colours from: JFIF's or Adobe's. */
bool states_colours(unsigned marker, const uint8_t *content, size_t size) {
    return (marker == 0xe0 && size >= 5 && std::memcmp(content, "JFIF", 5) == 0) ||
           (marker == 0xee && size >= 12 && std::memcmp(content, "Adobe", 5) == 0);
}

/* A stream up to its frame header. */
struct jpeg_head {
    codec_picture picture; /* zeros where there is no frame header */
    bool states_colours;   /* by a segment, or by the usual numbers of YCbCr components */
};

/* Walks the segments from the start of image on, each a marker and a length that counts itself. */
jpeg_head head_of(const codec_frame *frame) {
    const uint8_t *bytes = frame->bytes;
    bool stated = false;
    size_t at = 2;
    while (at + 4 <= frame->size && bytes[at] == 0xff) {
        if (bytes[at + 1] == 0xff) { /* fill */
            at++;
            continue;
        }
        size_t length = big_u16(bytes + at + 2);
        const uint8_t *content = bytes + at + 4;
        bool whole = length >= 2 && at + 2 + length <= frame->size;
        if (starts_frame(bytes[at + 1]) && length >= 8 && whole) {
            bool usual = content[5] == 3 && length >= 17 && content[6] == 1 && content[9] == 2 &&
                         content[12] == 3;
            return {{big_u16(content + 3), big_u16(content + 1), content[5], content[0]},
                stated || usual};
        }
        stated |= whole && states_colours(bytes[at + 1], content, length - 2);
        at += 2 + length;
    }
    return {};
}

codec_picture picture_of(const codec_frame *frame) {
    return head_of(frame).picture;
}

/* Without a word of the stream on its colours the decoder takes three components for YCbCr; where
 * the header says RGB that is put into the stream: Adobe's segment, "no transform". */
std::vector<uint8_t> marked_rgb(const codec_frame *frame) {
    static const uint8_t segment[] = {
        0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};
    std::vector<uint8_t> bytes(frame->bytes, frame->bytes + frame->size);
    bytes.insert(bytes.begin() + 2, segment, segment + sizeof segment);
    return bytes;
}

/* JPEG proper, whose decoder may convert colours; JPEG-LS and lossless JPEG are taken as they are.
 */
bool is_lossy_jpeg(E_TransferSyntax syntax) {
    return syntax == EXS_JPEGProcess1 || syntax == EXS_JPEGProcess2_4 ||
           syntax == EXS_JPEGProcess6_8 || syntax == EXS_JPEGProcess10_12;
}

/* DCMTK fills the buffer with whatever the stream holds: that this is the declared picture is
 * checked here. */
ul_status check_picture(const codec_frame *frame, ul_error *error) {
    codec_picture picture = picture_of(frame);
    if (!picture.samples)
        return ul_error_set(error, UL_ERROR_INPUT, "its %s frame is damaged: it has no header",
            codec_syntax_name(frame->transfer_syntax));
    ul_status status = codec_check_picture(frame, &picture, error);
    if (status == UL_OK && (picture.bits + 7) / 8 != frame->layout->bits_allocated / 8)
        return ul_error_set(error, UL_ERROR_INPUT,
            "the %s picture has %u bits per sample, the header allocates %u: wrong BitsAllocated",
            codec_syntax_name(frame->transfer_syntax), picture.bits, frame->layout->bits_allocated);
    return status;
}

ul_status decode(const codec_frame *frame, codec_output *output, ul_error *error) {
    ul_status status = check_picture(frame, error);
    if (status != UL_OK)
        return status;
    dcmtk_prepare();
    DcmXfer syntax(frame->transfer_syntax);
    DcmDataset dataset;
    codec_frame marked = *frame;
    std::vector<uint8_t> bytes;
    if (frame->layout->photometric == DICOM_RGB && frame->layout->samples == 3 &&
        is_lossy_jpeg(syntax.getXfer()) && !head_of(frame).states_colours) {
        bytes = marked_rgb(frame);
        marked.bytes = bytes.data();
        marked.size = bytes.size();
    }
    fill_dataset(dataset, &marked, syntax.getXfer());
    DcmElement *element = nullptr;
    OFCondition result = dataset.findAndGetElement(DCM_PixelData, element);
    if (result.bad())
        return ul_error_set(error, UL_ERROR_INTERNAL, "no frame for the decoder");
    /* DCMTK writes whole words. */
    std::vector<uint8_t> padded;
    uint8_t *samples = output->samples;
    if (output->size % 2) {
        padded.resize(output->size + 1);
        samples = padded.data();
    }
    Uint32 fragment = 1;
    OFString color;
    result = static_cast<DcmPixelData *>(element)->getUncompressedFrame(&dataset, 0, fragment,
        samples, static_cast<Uint32>(output->size + output->size % 2), color);
    if (result.bad())
        return ul_error_set(error, UL_ERROR_INPUT,
            "its %s frame is damaged, cut off or of a kind that the decoder does not take (%s)",
            codec_syntax_name(frame->transfer_syntax), result.text());
    if (output->size % 2)
        std::copy(padded.begin(), padded.end() - 1, output->samples);
    output->is_rgb = color == "RGB";
    if (codec_is_lossy(frame->transfer_syntax))
        codec_clamp(frame->layout, picture_of(frame).bits, output->samples);
    return UL_OK;
}

} // namespace

ul_status codec_dcmtk_decode(const codec_frame *frame, codec_output *output, ul_error *error) {
    return shim_guard(codec_syntax_name(frame->transfer_syntax), error,
        [&] { return decode(frame, output, error); });
}
