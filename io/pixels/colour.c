#include "io/pixels/colour.h"

#include <math.h>

/* The standard speaks of PCS values, whose white is D50. Every viewer that we know (3D Slicer
 * through dcmqi, OHIF through dcmjs, DCMTK) reads the words with sRGB's own white, D65; so a colour
 * shows as it was chosen only if it is written with D65. Greys are the same either way. */
static const double white[3] = {0.9504559271, 1.0, 1.0890577508};

static const double rgb_to_xyz[3][3] = {
    {0.4123907993, 0.3575843394, 0.1804807884},
    {0.2126390059, 0.7151686788, 0.0721923154},
    {0.0193308187, 0.1191947798, 0.9505321522},
};

static const double xyz_to_rgb[3][3] = {
    {3.2409699419, -1.5373831776, -0.4986107603},
    {-0.9692436363, 1.8759675015, 0.0415550574},
    {0.0556300797, -0.2039769589, 1.0569715142},
};

/* Where the cube root of CIELab gives way to its tangent. */
#define KNEE (6.0 / 29.0)

static double to_linear(double srgb) {
    return srgb <= 0.04045 ? srgb / 12.92 : pow((srgb + 0.055) / 1.055, 2.4);
}

static double to_srgb(double linear) {
    return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
}

static double compress(double t) {
    return t > KNEE * KNEE * KNEE ? cbrt(t) : t / (3 * KNEE * KNEE) + 4.0 / 29.0;
}

static double expand(double f) {
    return f > KNEE ? f * f * f : 3 * KNEE * KNEE * (f - 4.0 / 29.0);
}

static uint16_t to_word(double value, double low, double high) {
    double word = round((value - low) / (high - low) * 65535);
    return (uint16_t)fmin(fmax(word, 0), 65535);
}

static double from_word(uint16_t word, double low, double high) {
    return low + word / 65535.0 * (high - low);
}

void colour_rgb_to_lab(const uint8_t rgb[3], uint16_t lab[3]) {
    double linear[3], f[3];
    for (int c = 0; c < 3; c++)
        linear[c] = to_linear(rgb[c] / 255.0);
    for (int c = 0; c < 3; c++)
        f[c] = compress((rgb_to_xyz[c][0] * linear[0] + rgb_to_xyz[c][1] * linear[1] +
                            rgb_to_xyz[c][2] * linear[2]) /
                        white[c]);
    lab[0] = to_word(116 * f[1] - 16, 0, 100);
    lab[1] = to_word(500 * (f[0] - f[1]), -128, 127);
    lab[2] = to_word(200 * (f[1] - f[2]), -128, 127);
}

/* The compressed X, Y and Z. */
static void unpack_lab(const uint16_t lab[3], double f[3]) {
    f[1] = (from_word(lab[0], 0, 100) + 16) / 116;
    f[0] = f[1] + from_word(lab[1], -128, 127) / 500;
    f[2] = f[1] - from_word(lab[2], -128, 127) / 200;
}

bool colour_is_dark(const uint16_t lab[3]) {
    double f[3];
    unpack_lab(lab, f);
    return fmin(f[0], fmin(f[1], f[2])) <= KNEE;
}

void colour_lab_to_rgb(const uint16_t lab[3], uint8_t rgb[3]) {
    double f[3], xyz[3];
    unpack_lab(lab, f);
    for (int c = 0; c < 3; c++)
        xyz[c] = expand(f[c]) * white[c];
    for (int c = 0; c < 3; c++) {
        double linear =
            xyz_to_rgb[c][0] * xyz[0] + xyz_to_rgb[c][1] * xyz[1] + xyz_to_rgb[c][2] * xyz[2];
        rgb[c] = (uint8_t)lround(fmin(fmax(to_srgb(linear), 0), 1) * 255);
    }
}
