#include "pixels.h"

#include <algorithm>

/* The colour picture of a grey value: red grows with it, green half as fast, blue falls. */
static double colour(double grey, unsigned channel) {
    grey = std::clamp(std::round(grey), 0.0, 255.0);
    return channel == 0 ? grey : channel == 1 ? std::floor(grey / 2) : 255 - grey;
}

static bool is_colour(const options &o) {
    return o.photometric != "MONOCHROME1" && o.photometric != "MONOCHROME2";
}

unsigned pixels_channels(const options &o) {
    return is_colour(o) ? 3 : 1;
}

unsigned pixels_samples(const options &o) {
    return is_colour(o) && o.photometric != "PALETTE COLOR" ? 3 : 1;
}

std::vector<uint16_t> pixels_palette(unsigned channel) {
    std::vector<uint16_t> table(256);
    for (unsigned n = 0; n < 256; n++)
        table[n] = (uint16_t)((unsigned)colour(n, channel) * 257); /* 8 bits in 16 */
    return table;
}

std::vector<uint16_t> pixels_modality_lut(const options &o) {
    std::vector<uint16_t> table((size_t)1 << std::min(o.bits_stored, 12u));
    for (size_t n = 0; n < table.size(); n++)
        table[n] = (uint16_t)(100 + 3 * n + n * n / 1024); /* not a straight line */
    return table;
}

static double variant_value(double value, const variant &which) {
    if (which.phase)
        return std::fmod(value * 37, 4096) - 2048;
    value *= 1 - 0.25 * which.echo;
    value += 5 * which.time;
    return which.altered ? value + 50 : value;
}

static void store(uint32_t word, unsigned bytes, uint8_t *out) {
    for (unsigned n = 0; n < bytes; n++)
        out[n] = (uint8_t)(word >> (8 * n));
}

static void make_colour(const std::vector<double> &grey, const options &o, pixels *p) {
    size_t count = grey.size();
    p->truth.resize(3 * count);
    bool palette = o.photometric == "PALETTE COLOR";
    bool halved = o.photometric == "YBR_FULL_422"; /* chroma of pixel pairs */
    p->bytes.resize(palette ? count : halved ? 2 * count : 3 * count);
    std::vector<double> ybr(halved ? 3 * count : 0);
    for (size_t n = 0; n < count; n++) {
        double rgb[3];
        for (unsigned c = 0; c < 3; c++)
            p->truth[3 * n + c] = (float)(rgb[c] = colour(grey[n], c));
        double stored[3] = {rgb[0], rgb[1], rgb[2]};
        if (o.photometric.compare(0, 3, "YBR") == 0) { /* PS3.3 C.7.6.3.1.2 */
            stored[0] = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
            stored[1] = -0.168736 * rgb[0] - 0.331264 * rgb[1] + 0.5 * rgb[2] + 128;
            stored[2] = 0.5 * rgb[0] - 0.418688 * rgb[1] - 0.081312 * rgb[2] + 128;
        }
        if (palette)
            p->bytes[n] = (uint8_t)std::clamp(std::round(grey[n]), 0.0, 255.0);
        else if (halved)
            std::copy(stored, stored + 3, &ybr[3 * n]);
        else
            for (unsigned c = 0; c < 3; c++)
                p->bytes[o.planar ? c * count + n : 3 * n + c] =
                    (uint8_t)std::clamp(std::round(stored[c]), 0.0, 255.0);
    }
    for (size_t n = 0; halved && n + 1 < count; n += 2) /* Y Y Cb Cr */
        for (unsigned c = 0; c < 4; c++) {
            double value = c < 2 ? ybr[3 * (n + c)] : (ybr[3 * n + c - 1] + ybr[3 * n + c + 2]) / 2;
            p->bytes[2 * n + c] = (uint8_t)std::clamp(std::round(value), 0.0, 255.0);
        }
}

static void make_grey(
    const std::vector<double> &grey, const layout &l, const options &o, pixels *p) {
    unsigned bytes = o.bits_allocated / 8;
    double low = o.is_signed ? -std::ldexp(1, (int)o.bits_stored - 1) : 0;
    double high = std::ldexp(1, (int)o.bits_stored - (o.is_signed ? 1 : 0)) - 1;
    std::vector<uint16_t> lut;
    if (o.modality_lut) {
        lut = pixels_modality_lut(o);
        high = std::min(high, (double)lut.size() - 1);
    }
    unsigned shift = o.high_bit + 1 - o.bits_stored;
    uint32_t mask = (uint32_t)(((uint64_t)1 << o.bits_stored) - 1);
    p->bytes.resize(grey.size() * bytes);
    p->truth.resize(grey.size());
    for (size_t n = 0; n < grey.size(); n++) {
        double value = std::clamp(std::round((grey[n] - p->intercept) / p->slope), low, high);
        double x = ((double)(n % l.columns) + 0.5) / (double)l.columns * 2 - 1;
        double y = ((double)(n / l.columns) + 0.5) / (double)l.rows * 2 - 1;
        if (o.has_padding && x * x + y * y > 1) /* outside the round field of view */
            value = o.padding;
        p->truth[n] =
            (float)(o.modality_lut ? lut[(size_t)value] : p->slope * value + p->intercept);
        if (o.photometric == "MONOCHROME1")
            value = low + high - value;
        uint32_t word = (uint32_t)(int32_t)value;
        if (o.junk_bits) /* what an overlay or a careless maker leaves in the bits around */
            word = ((word & mask) << shift) | (~(mask << shift) & 0xa5a5a5a5u);
        else if (shift || !o.is_signed)
            word = (word & mask) << shift;
        store(word, bytes, &p->bytes[n * bytes]);
    }
}

pixels pixels_make(const source_volume &source, const layout &l, unsigned k, const variant &which,
    const options &o) {
    std::vector<double> grey(l.rows * l.columns);
    size_t n = 0;
    for (size_t j = 0; j < l.rows; j++)
        for (size_t i = 0; i < l.columns; i++)
            grey[n++] = variant_value(
                o.gain * source_sample(source, layout_position(l, k, i, j)) + o.offset, which);
    pixels p;
    p.slope = o.slope * (o.slope_per_slice ? 1 + 0.125 * (k % 5) : 1);
    p.intercept = o.intercept + (o.slope_per_slice ? k % 3 : 0);
    if (is_colour(o))
        make_colour(grey, o, &p);
    else
        make_grey(grey, l, o, &p);
    return p;
}
