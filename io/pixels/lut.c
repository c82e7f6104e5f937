#include "io/pixels/lut.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LUT_DESCRIPTOR DICOM_TAG(0x0028, 0x3002)
#define LUT_DATA DICOM_TAG(0x0028, 0x3006)

/* The values of a table data element: bytes, or words of 16 bits. */
typedef struct lut_data {
    const uint8_t *bytes;
    size_t count; /* of values */
    bool wide;    /* words, in the machine's byte order */
} lut_data;

static unsigned value_at(const lut_data *data, size_t index) {
    if (!data->wide)
        return data->bytes[index];
    uint16_t word;
    memcpy(&word, data->bytes + 2 * index, sizeof word);
    return word;
}

/* Opcodes of segmented palettes, PS3.3 C.7.9.2. */
enum { SEGMENT_DISCRETE = 0, SEGMENT_LINEAR = 1, SEGMENT_INDIRECT = 2 };

/* Expands segments from *at on; false where they do not fit the table. *done counts its entries. */
static bool expand(
    const lut_data *data, size_t *at, size_t segments, int depth, dicom_lut *lut, size_t *done) {
    for (; segments > 0 && *done < lut->count; segments--) {
        if (data->count - *at < 3)
            return false;
        unsigned opcode = value_at(data, *at), length = value_at(data, *at + 1);
        *at += 2;
        if (opcode == SEGMENT_DISCRETE) {
            if (length > data->count - *at || length > lut->count - *done)
                return false;
            for (unsigned i = 0; i < length; i++)
                lut->values[(*done)++] = (uint16_t)value_at(data, (*at)++);
        } else if (opcode == SEGMENT_LINEAR) {
            if (*done == 0 || length == 0 || length > lut->count - *done)
                return false;
            double start = lut->values[*done - 1], end = value_at(data, (*at)++);
            for (unsigned i = 1; i <= length; i++)
                lut->values[(*done)++] = (uint16_t)(start + (end - start) * i / length + 0.5);
        } else if (opcode == SEGMENT_INDIRECT && depth == 0) {
            /* A byte offset in four bytes, the least significant part first. */
            size_t parts = data->wide ? 2 : 4, offset = 0;
            if (data->count - *at < parts)
                return false;
            for (size_t p = 0; p < parts; p++)
                offset |= (size_t)value_at(data, (*at)++) << (p * (data->wide ? 16 : 8));
            size_t copied = data->wide ? offset / 2 : offset;
            if (copied > data->count || !expand(data, &copied, length, depth + 1, lut, done))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

static ul_status read_table(const dicom_item *data, uint32_t descriptor_tag, uint32_t data_tag,
    bool segmented, bool signed_first, dicom_lut *lut, ul_error *error) {
    double descriptor[3];
    lut_data values = {0};
    size_t size;
    if (!dicom_decimals(data, descriptor_tag, descriptor, 3) ||
        !dicom_bytes(data, data_tag, &values.bytes, &size))
        return ul_error_set(error, UL_ERROR_INPUT, "a lookup table lacks its descriptor or data");
    for (int i = 0; i < 3; i++)
        if (!(fabs(descriptor[i]) <= 65536))
            return ul_error_set(
                error, UL_ERROR_INPUT, "a lookup table's descriptor is %g", descriptor[i]);
    lut->count = (uint16_t)(long)descriptor[0];
    if (lut->count == 0)
        lut->count = 65536;
    lut->first = signed_first ? (int16_t)(long)descriptor[1] : (long)(uint16_t)(long)descriptor[1];
    lut->bits = (unsigned)descriptor[2];
    /* Tables of 8 bits come as bytes, or one byte per word. */
    values.wide = lut->bits > 8 || (!segmented && size >= 2 * lut->count);
    values.count = size / (values.wide ? 2 : 1);
    if (lut->bits == 0 || lut->bits > 16 || (!segmented && values.count < lut->count))
        return ul_error_set(error, UL_ERROR_INPUT,
            "a lookup table declares %zu entries of %u bits, its data has %zu bytes", lut->count,
            lut->bits, size);
    lut->values = malloc(lut->count * sizeof *lut->values);
    if (!lut->values)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a lookup table");
    size_t at = 0, done = 0;
    if (!segmented)
        for (; done < lut->count; done++)
            lut->values[done] = (uint16_t)value_at(&values, done);
    else if (!expand(&values, &at, SIZE_MAX, 0, lut, &done))
        return ul_error_set(error, UL_ERROR_INPUT,
            "a segmented palette of %zu entries is damaged after %zu", lut->count, done);
    return UL_OK;
}

const dicom_item *dicom_modality_table(const dicom_item *data) {
    const dicom_item *item = dicom_first_item(data, DICOM_TAG(0x0028, 0x3000));
    double value;
    const uint8_t *bytes;
    size_t size;
    bool holds = dicom_decimals(item, LUT_DESCRIPTOR, &value, 1) ||
                 dicom_bytes(item, LUT_DATA, &bytes, &size);
    return holds ? item : NULL;
}

ul_status dicom_read_lut(
    const dicom_item *item, bool signed_first, dicom_lut *lut, ul_error *error) {
    return read_table(item, LUT_DESCRIPTOR, LUT_DATA, false, signed_first, lut, error);
}

ul_status dicom_read_palette(
    const dicom_item *data, uint16_t color, bool signed_first, dicom_lut *lut, ul_error *error) {
    uint32_t plain = DICOM_TAG(0x0028, 0x1201 + color),
             segments = DICOM_TAG(0x0028, 0x1221 + color);
    bool segmented = !dicom_has(data, plain);
    return read_table(data, DICOM_TAG(0x0028, 0x1101 + color), segmented ? segments : plain,
        segmented, signed_first, lut, error);
}

uint16_t dicom_look_up(const dicom_lut *lut, double value) {
    double index = value - (double)lut->first;
    if (!(index >= 0)) /* NaN too */
        index = 0;
    if (index > (double)(lut->count - 1))
        index = (double)(lut->count - 1);
    return lut->values[(size_t)index];
}
