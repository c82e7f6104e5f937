#include "io/pixels/codec.h"

#include <openjpeg.h>
#include <string.h>

/* A code stream in memory, as OpenJPEG reads it. */
typedef struct memory_stream {
    const uint8_t *bytes;
    size_t size, at;
} memory_stream;

static OPJ_SIZE_T stream_read(void *buffer, OPJ_SIZE_T count, void *context) {
    memory_stream *memory = context;
    size_t rest = memory->size - memory->at;
    if (rest == 0)
        return (OPJ_SIZE_T)-1;
    if (count > rest)
        count = rest;
    memcpy(buffer, memory->bytes + memory->at, count);
    memory->at += count;
    return count;
}

static OPJ_OFF_T stream_skip(OPJ_OFF_T count, void *context) {
    memory_stream *memory = context;
    if (count < 0 || (uint64_t)count > memory->size - memory->at)
        return -1;
    memory->at += (size_t)count;
    return count;
}

static OPJ_BOOL stream_seek(OPJ_OFF_T position, void *context) {
    memory_stream *memory = context;
    if (position < 0 || (uint64_t)position > memory->size)
        return OPJ_FALSE;
    memory->at = (size_t)position;
    return OPJ_TRUE;
}

static ul_status damaged(ul_error *error) {
    return ul_error_set(error, UL_ERROR_INPUT, "its JPEG 2000 code stream is damaged or cut off");
}

static uint32_t big_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Refuses a code stream of more tiles than it has bytes for, each at least a head of 14: OpenJPEG
 * makes room for all that the header declares. Source: ISO/IEC 15444-1, A.5.1. */
static ul_status check_tiles(const codec_frame *frame, ul_error *error) {
    static const uint8_t start[] = {0xff, 0x4f, 0xff, 0x51}; /* SOC, SIZ */
    const uint8_t *siz = frame->bytes, *end = frame->bytes + frame->size;
    while (end - siz >= 40 && memcmp(siz, start, sizeof start) != 0)
        siz++;
    if (end - siz < 40)
        return damaged(error);
    uint64_t tiles = 1;
    for (int axis = 0; axis < 2; axis++) {
        uint64_t size = big_u32(siz + 8 + 4 * axis), tile = big_u32(siz + 24 + 4 * axis);
        uint64_t origin = big_u32(siz + 32 + 4 * axis);
        if (tile == 0 || size < origin)
            return damaged(error);
        tiles *= (size - origin + tile - 1) / tile;
        if (tiles > frame->size / 14)
            return damaged(error);
    }
    return UL_OK;
}

/* Every component against the header: before decoding, which needs memory for what the code stream
 * declares. */
static ul_status check_components(
    const opj_image_t *image, const codec_frame *frame, ul_error *error) {
    ul_status status = image->numcomps > 0 ? UL_OK : damaged(error);
    for (unsigned c = 0; c < image->numcomps && status == UL_OK; c++) {
        const opj_image_comp_t *component = &image->comps[c];
        codec_picture picture = {component->w, component->h, image->numcomps, component->prec};
        status = codec_check_picture(frame, &picture, error);
    }
    return status;
}

/* Decodes the picture; *decoded is the caller's in any case. */
static ul_status decode_image(opj_codec_t *codec, opj_stream_t *stream, const codec_frame *frame,
    opj_image_t **decoded, ul_error *error) {
    ul_status status = UL_OK;
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_image_t *image = NULL;
    if (opj_setup_decoder(codec, &parameters) && opj_decoder_set_strict_mode(codec, OPJ_TRUE) &&
        opj_read_header(stream, codec, &image)) {
        status = check_components(image, frame, error);
        if (status == UL_OK && !opj_decode(codec, stream, image))
            status = damaged(error);
    } else {
        status = damaged(error);
    }
    *decoded = image;
    return status;
}

/* Whether the samples may differ from the encoded ones: so says the syntax, or the wavelet. */
static bool is_lossy(opj_codec_t *codec, const codec_frame *frame) {
    opj_codestream_info_v2_t *info = opj_get_cstr_info(codec);
    bool lossy = codec_is_lossy(frame->transfer_syntax);
    const opj_tccp_info_t *parameters = info ? info->m_default_tile_info.tccp_info : NULL;
    lossy |= parameters && parameters[0].qmfbid == 0; /* 9-7, irreversible */
    opj_destroy_cstr_info(&info);
    return lossy;
}

/* A sample as it is stored: its low bits, whose sign and number the header states. A lossy one that
 * the stream holds in the header's own sense may lie outside of the range of those bits. */
static uint32_t sample_of(
    OPJ_INT32 value, const opj_image_comp_t *component, const dicom_layout *layout, bool lossy) {
    unsigned bits = layout->high_bit + 1;
    bool same_sense = component->sgnd ? layout->is_signed || component->prec > bits : false;
    if (lossy && same_sense && bits < 32 && !layout->has_overlay_bits) {
        OPJ_INT32 most = (OPJ_INT32)((1u << (layout->is_signed ? bits - 1 : bits)) - 1);
        OPJ_INT32 least = layout->is_signed ? -most - 1 : 0;
        value = value < least ? least : value > most ? most : value;
    }
    return (uint32_t)value;
}

/* Copies the decoded samples. */
static ul_status copy_image(const opj_image_t *image, const codec_frame *frame, bool lossy,
    uint8_t *samples, ul_error *error) {
    const dicom_layout *layout = frame->layout;
    size_t count = layout->rows * layout->columns;
    bool from_zero = true;
    unsigned bits = 0;
    for (unsigned c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *component = &image->comps[c];
        if (!component->data)
            return ul_error_set(error, UL_ERROR_INPUT, "its JPEG 2000 code stream is cut off");
        for (size_t i = 0; i < count; i++) {
            size_t at = i * layout->samples + c;
            uint32_t value = sample_of(component->data[i], component, layout, lossy);
            if (layout->bits_allocated == 8)
                samples[at] = (uint8_t)value;
            else if (layout->bits_allocated == 16)
                ((uint16_t *)(void *)samples)[at] = (uint16_t)value;
            else
                ((uint32_t *)(void *)samples)[at] = value;
        }
        from_zero &= !component->sgnd;
        bits = component->prec;
    }
    if (lossy && from_zero)
        codec_clamp(layout, bits, samples);
    return UL_OK;
}

ul_status codec_jpeg2000_decode(const codec_frame *frame, codec_output *output, ul_error *error) {
    static const uint8_t box[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    if (frame->layout->bits_allocated < 8)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED, "JPEG 2000 with %u bits allocated",
            frame->layout->bits_allocated);
    /* The standard wants a bare code stream; some writers wrap it as a JP2 file. */
    bool wrapped = frame->size >= sizeof box && memcmp(frame->bytes, box, sizeof box) == 0;
    memory_stream memory = {frame->bytes, frame->size, 0};
    opj_codec_t *codec = opj_create_decompress(wrapped ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(OPJ_J2K_STREAM_CHUNK_SIZE, OPJ_TRUE);
    ul_status status = UL_OK;
    if (!codec || !stream) {
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a JPEG 2000 decoder");
    } else {
        opj_stream_set_user_data(stream, &memory, NULL);
        opj_stream_set_user_data_length(stream, frame->size);
        opj_stream_set_read_function(stream, stream_read);
        opj_stream_set_skip_function(stream, stream_skip);
        opj_stream_set_seek_function(stream, stream_seek);
        opj_image_t *image = NULL;
        status = check_tiles(frame, error);
        if (status == UL_OK)
            status = decode_image(codec, stream, frame, &image, error);
        if (status == UL_OK)
            status = check_components(image, frame, error); /* what decoding made of it */
        if (status == UL_OK)
            status = copy_image(image, frame, is_lossy(codec, frame), output->samples, error);
        opj_image_destroy(image);
    }
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    /* The inverse colour transform is part of decoding. */
    output->is_rgb =
        frame->layout->photometric == DICOM_YBR_ICT || frame->layout->photometric == DICOM_YBR_RCT;
    return status;
}
