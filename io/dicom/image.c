#include "io/dicom/image.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

ul_status dicom_broken(dicom_file *file, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(file->problem, sizeof file->problem, format, arguments);
    va_end(arguments);
    return file->status = UL_ERROR_INPUT;
}

static void take_key(const dicom_item *data, uint32_t tag, double *key) {
    double value;
    if (dicom_decimals(data, tag, &value, 1))
        *key = value;
}

/* Reads an attribute without which an image would be another one: what is there must be numbers. */
static bool take_numbers(const dicom_item *data, uint32_t tag, const char *name, double *values,
    size_t count, dicom_image *image) {
    if (dicom_decimals(data, tag, values, count))
        return true;
    if (dicom_malformed(data, tag, count))
        image->malformed = name;
    return false;
}

void dicom_set_gradient(const double direction[3], bool lps, dicom_image *image) {
    memcpy(image->gradient, direction, sizeof image->gradient);
    image->gradient_lps = lps;
    image->key[DICOM_KEY_GRADIENT] = direction[0] + 1e3 * direction[1] + 1e6 * direction[2];
}

void dicom_take_placement(const dicom_item *data, dicom_image *image) {
    double values[6];
    if (take_numbers(data, DICOM_TAG(0x0020, 0x0032), "ImagePositionPatient", values, 3, image)) {
        image->has_position = true;
        memcpy(image->position_mm, values, sizeof image->position_mm);
    }
    if (take_numbers(
            data, DICOM_TAG(0x0020, 0x0037), "ImageOrientationPatient", values, 6, image)) {
        image->has_orientation = true;
        memcpy(image->cosines, values, sizeof image->cosines);
    }
    /* PixelSpacing counts rows first. Projection images state it at the detector. */
    if ((dicom_decimals(data, DICOM_TAG(0x0028, 0x0030), values, 2) ||
            dicom_decimals(data, DICOM_TAG(0x0018, 0x1164), values, 2)) &&
        values[0] > 0 && values[1] > 0) {
        image->spacing_mm[0] = values[1];
        image->spacing_mm[1] = values[0];
    }
    if (dicom_decimals(data, DICOM_TAG(0x0018, 0x0050), values, 1) && values[0] > 0)
        image->thickness_mm = values[0];
    if (take_numbers(data, DICOM_TAG(0x0028, 0x1053), "RescaleSlope", values, 1, image))
        image->slope = values[0];
    if (take_numbers(data, DICOM_TAG(0x0028, 0x1052), "RescaleIntercept", values, 1, image))
        image->intercept = values[0];
    take_key(data, DICOM_TAG(0x0020, 0x0012), &image->key[DICOM_KEY_ACQUISITION]);
    take_key(data, DICOM_TAG(0x0018, 0x0086), &image->key[DICOM_KEY_ECHO]);
    take_key(data, DICOM_TAG(0x0018, 0x0081), &image->key[DICOM_KEY_ECHO_TIME]);
    take_key(data, DICOM_TAG(0x0020, 0x0100), &image->key[DICOM_KEY_TIME_POINT]);
    take_key(data, DICOM_TAG(0x0018, 0x9087), &image->key[DICOM_KEY_B_VALUE]);
    take_key(data, DICOM_TAG(0x0018, 0x0082), &image->key[DICOM_KEY_INVERSION_TIME]);
    take_key(data, DICOM_TAG(0x0018, 0x1314), &image->key[DICOM_KEY_FLIP_ANGLE]);
    take_key(data, DICOM_TAG(0x0018, 0x1060), &image->key[DICOM_KEY_TRIGGER_TIME]);
    take_key(data, DICOM_TAG(0x0054, 0x1300), &image->key[DICOM_KEY_FRAME_TIME]);
    if (dicom_decimals(data, DICOM_TAG(0x0018, 0x9089), values, 3))
        dicom_set_gradient(values, true, image);
}

double dicom_seconds(const char *text, bool with_date) {
    if (with_date)
        text = strlen(text) > 8 ? text + 8 : "";
    int hours, minutes;
    double seconds;
    if (sscanf(text, "%2d%2d%lf", &hours, &minutes, &seconds) != 3)
        return NAN;
    return hours * 3600.0 + minutes * 60.0 + seconds;
}

void dicom_take_philips(const dicom_item *data, dicom_image *image) {
    double value;
    uint32_t tag = dicom_private_tag(data, 0x2005, "Philips MR Imaging DD 001", 0x0e);
    if (dicom_decimals(data, tag, &value, 1) && value > 0)
        image->philips_slope = value;
    double direction[3], number[3] = {0};
    bool has_direction = true;
    for (int c = 0; c < 3; c++) /* towards R, A, F */
        has_direction &= dicom_decimals(data,
            dicom_private_tag(data, 0x2005, "Philips MR Imaging DD 001", (uint8_t)(0xb0 + c)),
            &direction[c], 1);
    const double *gradient = &image->key[DICOM_KEY_GRADIENT];
    if (isnan(*gradient) && has_direction)
        dicom_set_gradient(direction, true, image);
    if (isnan(*gradient) && /* GradientOrientationNumber */
        dicom_decimals(data, dicom_private_tag(data, 0x2005, "Philips MR Imaging DD 005", 0x13),
            &number[0], 1))
        dicom_set_gradient(number, false, image);
    dicom_take_asl_label(
        data, dicom_private_tag(data, 0x2005, "Philips MR Imaging DD 005", 0x29), image);
}

void dicom_take_asl_label(const dicom_item *data, uint32_t tag, dicom_image *image) {
    static const char *const labels[] = {"CONTROL", "LABEL", "M_ZERO_SCAN"};
    char text[17];
    dicom_code_text(data, tag, text, sizeof text);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (strcmp(text, labels[i]) == 0)
            image->key[DICOM_KEY_ASL] = (double)i + 1;
}

void dicom_take_private_diffusion(const dicom_item *data, dicom_image *image) {
    static const char siemens[] = "SIEMENS MR HEADER", ge[] = "GEMS_ACQU_01";
    const uint32_t b_values[] = {dicom_private_tag(data, 0x0019, siemens, 0x0c),
        dicom_private_tag(data, 0x2001, "Philips Imaging DD 001", 0x03),
        dicom_private_tag(data, 0x0065, DICOM_UIH, 0x09)};
    double *b = &image->key[DICOM_KEY_B_VALUE], v[3];
    for (size_t i = 0; isnan(*b) && i < sizeof b_values / sizeof b_values[0]; i++)
        take_key(data, b_values[i], b);
    /* GE adds 1e9 where the direction was optimised. */
    if (isnan(*b) &&
        dicom_decimals(data, dicom_private_tag(data, 0x0043, "GEMS_PARM_01", 0x39), v, 1))
        *b = fmod(v[0], 1e5);
    if (!isnan(image->key[DICOM_KEY_GRADIENT]))
        return;
    bool lps = dicom_decimals(data, dicom_private_tag(data, 0x0019, siemens, 0x0e), v, 3);
    if (lps || dicom_decimals(data, dicom_private_tag(data, 0x0065, DICOM_UIH, 0x37), v, 3)) {
        dicom_set_gradient(v, lps, image);
        return;
    }
    for (int c = 0; c < 3; c++)
        if (!dicom_decimals(
                data, dicom_private_tag(data, 0x0019, ge, (uint8_t)(0xbb + c)), &v[c], 1))
            return;
    dicom_set_gradient(v, false, image); /* along frequency, phase and slice */
}
