/* From real values to stored pixels, and what a reader should make of them. */
#pragma once

#include "layout.h"

#include <cstdint>

/* One slice as stored. */
struct pixels {
    double slope, intercept;
    std::vector<uint8_t> bytes; /* bits_allocated little-endian samples, channels interleaved or by
                                   plane */
    std::vector<float> truth;   /* what a reader should get: [row][column][channel] */
};

/* Which volume of a folder a slice belongs to. */
struct variant {
    unsigned echo = 0, time = 0;
    bool phase = false, altered = false; /* altered: differs from the slice at the same place */
};

unsigned pixels_channels(const options &o);             /* 1 or 3, as read */
unsigned pixels_samples(const options &o);              /* SamplesPerPixel, as stored */
std::vector<uint16_t> pixels_palette(unsigned channel); /* 256 entries */
std::vector<uint16_t> pixels_modality_lut(const options &o);

pixels pixels_make(const source_volume &source, const layout &l, unsigned k, const variant &which,
    const options &o);
