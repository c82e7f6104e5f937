#include "io/pixels/unpack.h"

#include "volume/sample_types.h"

#include <math.h>
#include <string.h>

ul_sample dicom_sample_for(const dicom_file *file, bool have, ul_sample so_far) {
    const dicom_layout *layout = &file->layout;
    ul_sample own;
    if (layout->is_float)
        own = layout->bits_allocated == 64 ? UL_SAMPLE_F64 : UL_SAMPLE_F32;
    else if (layout->photometric == DICOM_PALETTE)
        own = UL_SAMPLE_U8;
    else if (layout->has_modality_lut)
        own = UL_SAMPLE_U16;
    else if (layout->bits_stored <= 8)
        own = layout->is_signed ? UL_SAMPLE_I8 : UL_SAMPLE_U8;
    else if (layout->bits_stored <= 16)
        own = layout->is_signed ? UL_SAMPLE_I16 : UL_SAMPLE_U16;
    else
        own = layout->is_signed ? UL_SAMPLE_I32 : UL_SAMPLE_U32;
    if (!have || own == so_far)
        return own;
    if (own == UL_SAMPLE_F64 || so_far == UL_SAMPLE_F64)
        return UL_SAMPLE_F64;
    /* Files of one series that differ in sign or width meet in the next signed type. */
    size_t wide = ul_sample_bytes(own) > ul_sample_bytes(so_far) ? ul_sample_bytes(own)
                                                                 : ul_sample_bytes(so_far);
    bool both_unsigned =
        (own == UL_SAMPLE_U8 || own == UL_SAMPLE_U16 || own == UL_SAMPLE_U32) &&
        (so_far == UL_SAMPLE_U8 || so_far == UL_SAMPLE_U16 || so_far == UL_SAMPLE_U32);
    if (wide == 4)
        return UL_SAMPLE_F64; /* of 32 bits and less, with floats perhaps: exact in double */
    if (wide == 2)
        return both_unsigned ? UL_SAMPLE_U16 : UL_SAMPLE_I32;
    return both_unsigned ? UL_SAMPLE_U8 : UL_SAMPLE_I16;
}

/* Masks and sign-extends samples of one width: the stored bits end at the high bit. */
#define DEFINE_UNPACK(type, signed_type, bits)                                                     \
    static void unpack_##bits(type *samples, size_t count, const dicom_layout *layout) {           \
        unsigned shift = layout->high_bit + 1 - layout->bits_stored;                               \
        unsigned spare = bits - layout->bits_stored;                                               \
        if (spare == 0)                                                                            \
            return;                                                                                \
        if (layout->is_signed)                                                                     \
            for (size_t i = 0; i < count; i++) {                                                   \
                type top = (type)(samples[i] << (spare - shift));                                  \
                samples[i] = (type)((signed_type)top >> spare);                                    \
            }                                                                                      \
        else                                                                                       \
            for (size_t i = 0; i < count; i++) {                                                   \
                type top = (type)(samples[i] << (spare - shift));                                  \
                samples[i] = (type)(top >> spare);                                                 \
            }                                                                                      \
    }
DEFINE_UNPACK(uint8_t, int8_t, 8)
DEFINE_UNPACK(uint16_t, int16_t, 16)
DEFINE_UNPACK(uint32_t, int32_t, 32)

/* Turns brightness round within the range of the stored bits. */
static void invert(void *frame, size_t count, const dicom_layout *layout) {
    /* Signed: -1 - v; unsigned: largest - v. Both are a complement of the stored bits. */
    uint32_t mask = layout->is_signed ? UINT32_MAX : (uint32_t)((1ull << layout->bits_stored) - 1);
    switch (layout->bits_allocated) {
    case 16:
        for (size_t i = 0; i < count; i++)
            ((uint16_t *)frame)[i] ^= (uint16_t)mask;
        break;
    case 32:
        for (size_t i = 0; i < count; i++)
            ((uint32_t *)frame)[i] ^= mask;
        break;
    default:
        for (size_t i = 0; i < count; i++)
            ((uint8_t *)frame)[i] ^= (uint8_t)mask;
        break;
    }
}

static uint8_t clamp_byte(double value) {
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : lround(value));
}

/* YBR_FULL to RGB as in PS3.3 C.7.6.3.1.2, 8 bits. */
static void ybr_to_rgb(uint8_t *samples, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *p = samples + 3 * i;
        double y = p[0], cb = p[1] - 128.0, cr = p[2] - 128.0;
        p[0] = clamp_byte(y + 1.402 * cr);
        p[1] = clamp_byte(y - 0.344136 * cb - 0.714136 * cr);
        p[2] = clamp_byte(y + 1.772 * cb);
    }
}

ul_status dicom_normalise(const dicom_source *source, void *frame, bool is_rgb, ul_error *error) {
    const dicom_layout *layout = &source->file->layout;
    size_t count = layout->rows * layout->columns * layout->samples;
    if (layout->is_float)
        return UL_OK;
    if (layout->bits_allocated == 8)
        unpack_8(frame, count, layout);
    else if (layout->bits_allocated == 16)
        unpack_16(frame, count, layout);
    else if (layout->bits_allocated == 32)
        unpack_32(frame, count, layout);
    switch (layout->photometric) {
    case DICOM_MONOCHROME1:
        if (layout->samples == 1 && !source->modality.values)
            invert(frame, count, layout);
        break;
    case DICOM_YBR_FULL:
    case DICOM_YBR_FULL_422:
        if (is_rgb)
            break;
        if (layout->bits_allocated != 8 || layout->samples != 3)
            return ul_error_set(error, UL_ERROR_UNSUPPORTED, "%s with %u bits",
                layout->photometric_name, layout->bits_allocated);
        ybr_to_rgb(frame, count / 3);
        break;
    case DICOM_YBR_PARTIAL_420:
    case DICOM_YBR_PARTIAL_422:
    case DICOM_YBR_ICT:
    case DICOM_YBR_RCT:
    case DICOM_PHOTOMETRIC_OTHER:
        if (!is_rgb)
            return ul_error_set(error, UL_ERROR_UNSUPPORTED, "photometric interpretation \"%s\"",
                layout->photometric_name);
        break;
    case DICOM_MONOCHROME2:
    case DICOM_PALETTE:
    case DICOM_RGB:
        break;
    }
    return UL_OK;
}

/* A normalised sample as a number. */
static double sample_at(const dicom_layout *layout, const void *frame, size_t i) {
    switch (layout->bits_allocated) {
    case 16:
        return layout->is_signed ? ((const int16_t *)frame)[i] : ((const uint16_t *)frame)[i];
    case 32:
        if (layout->is_float)
            return ((const float *)frame)[i];
        return layout->is_signed ? (double)((const int32_t *)frame)[i]
                                 : (double)((const uint32_t *)frame)[i];
    case 64:
        return ((const double *)frame)[i];
    default:
        return layout->is_signed ? ((const int8_t *)frame)[i] : ((const uint8_t *)frame)[i];
    }
}

bool dicom_stored_as_is(const dicom_file *file, ul_sample sample) {
    const dicom_layout *layout = &file->layout;
    return layout->photometric != DICOM_PALETTE && !layout->has_modality_lut &&
           layout->bits_allocated >= 8 && dicom_sample_for(file, false, sample) == sample &&
           ul_sample_bytes(sample) == layout->bits_allocated / 8;
}

void dicom_store_pixels(const dicom_source *source, const void *frame, size_t first, size_t count,
    ul_sample sample, void *samples) {
    const dicom_layout *layout = &source->file->layout;
    size_t width = layout->bits_allocated < 8 ? 1 : layout->bits_allocated / 8;
    if (dicom_stored_as_is(source->file, sample)) {
        memcpy(samples, (const char *)frame + first * layout->samples * width,
            count * layout->samples * width);
        return;
    }
    if (layout->photometric == DICOM_PALETTE) {
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < 3; c++) {
                const dicom_lut *lut = &source->palette[c];
                unsigned value = dicom_look_up(lut, sample_at(layout, frame, first + i));
                sample_store(
                    sample, samples, 3 * i + c, lut->bits > 8 ? value >> (lut->bits - 8) : value);
            }
        return;
    }
    bool inverted = layout->photometric == DICOM_MONOCHROME1;
    for (size_t i = 0; i < count * layout->samples; i++) {
        double value = sample_at(layout, frame, first * layout->samples + i);
        if (source->modality.values) {
            value = dicom_look_up(&source->modality, value);
            if (inverted)
                value = (double)((1u << source->modality.bits) - 1) - value;
        }
        sample_store(sample, samples, i, value);
    }
}
