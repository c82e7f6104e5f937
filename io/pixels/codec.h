/* Decoding compressed frames. A codec turns the bytes of one frame into samples of
 * layout->bits_allocated / 8 bytes in the machine's byte order, pixel by pixel (colours
 * interleaved). */
#pragma once

#include "io/dicom/file.h"

UL_BEGIN_C

typedef struct codec_frame {
    const dicom_layout *layout;
    const char *transfer_syntax;
    uint8_t *bytes; /* of the frame, its fragments joined */
    size_t size;
} codec_frame;

/* Where the samples go: size is rows * columns * samples * bits_allocated / 8. */
typedef struct codec_output {
    uint8_t *samples;
    size_t size;
    bool is_rgb; /* set by a codec that turned YBR into RGB */
} codec_output;

typedef ul_status (*codec_decode)(const codec_frame *frame, codec_output *output, ul_error *error);

/* The decoder of a compressed transfer syntax, NULL where there is none. */
codec_decode codec_find(const char *transfer_syntax);

/* Whether frames of the syntax are stored as they are, not compressed. */
bool codec_is_native(const char *transfer_syntax);

/* A name for messages: "HTJ2K", or the UID itself. */
const char *codec_syntax_name(const char *transfer_syntax);

/* What a compressed picture says of itself. */
typedef struct codec_picture {
    size_t columns, rows;
    unsigned samples, bits; /* per pixel; per sample */
} codec_picture;

/* Whether a frame of the syntax may be lossy: its samples lie near the encoded ones, and so outside
 * of the range of the stored bits, rather than carrying something else in the bits above. */
bool codec_is_lossy(const char *transfer_syntax);

/* Brings the decoded samples of a lossy frame, which the stream holds as numbers from 0 of
 * picture_bits each, into the range of the stored bits: masking would wrap them round. */
void codec_clamp(const dicom_layout *layout, unsigned picture_bits, void *samples);

/* Refuses a picture that is not the one that the header declares: UL_ERROR_INPUT. */
ul_status codec_check_picture(
    const codec_frame *frame, const codec_picture *picture, ul_error *error);

ul_status codec_rle_decode(const codec_frame *frame, codec_output *output, ul_error *error);
/* Deflated Image Frame: a frame as it is, deflated without a header (RFC 1951). */
ul_status codec_deflate_decode(const codec_frame *frame, codec_output *output, ul_error *error);
ul_status codec_jpeg2000_decode(const codec_frame *frame, codec_output *output, ul_error *error);

/* JPEG and JPEG-LS, through DCMTK. */
ul_status codec_dcmtk_decode(const codec_frame *frame, codec_output *output, ul_error *error);

UL_END_C
