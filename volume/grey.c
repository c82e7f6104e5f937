/* Greys that are stored as colours. */
#include "ulite/volume.h"

#include <math.h>

enum { GREY_TOLERANCE = 2 };

static double stored(const ul_volume *volume, size_t i) {
    switch (volume->sample) {
    case UL_SAMPLE_U8:
        return ((const uint8_t *)volume->samples)[i];
    case UL_SAMPLE_I8:
        return ((const int8_t *)volume->samples)[i];
    case UL_SAMPLE_U16:
        return ((const uint16_t *)volume->samples)[i];
    case UL_SAMPLE_I16:
        return ((const int16_t *)volume->samples)[i];
    case UL_SAMPLE_I32:
        return ((const int32_t *)volume->samples)[i];
    case UL_SAMPLE_U32:
        return ((const uint32_t *)volume->samples)[i];
    case UL_SAMPLE_F32:
        return ((const float *)volume->samples)[i];
    case UL_SAMPLE_F64:
        return ((const double *)volume->samples)[i];
    }
    return 0;
}

static void store(ul_volume *volume, size_t i, double value) {
    bool whole = volume->sample != UL_SAMPLE_F32 && volume->sample != UL_SAMPLE_F64;
    if (whole)
        value = round(value);
    switch (volume->sample) {
    case UL_SAMPLE_U8:
        ((uint8_t *)volume->samples)[i] = (uint8_t)value;
        break;
    case UL_SAMPLE_I8:
        ((int8_t *)volume->samples)[i] = (int8_t)value;
        break;
    case UL_SAMPLE_U16:
        ((uint16_t *)volume->samples)[i] = (uint16_t)value;
        break;
    case UL_SAMPLE_I16:
        ((int16_t *)volume->samples)[i] = (int16_t)value;
        break;
    case UL_SAMPLE_I32:
        ((int32_t *)volume->samples)[i] = (int32_t)value;
        break;
    case UL_SAMPLE_U32:
        ((uint32_t *)volume->samples)[i] = (uint32_t)value;
        break;
    case UL_SAMPLE_F32:
        ((float *)volume->samples)[i] = (float)value;
        break;
    case UL_SAMPLE_F64:
        ((double *)volume->samples)[i] = value;
        break;
    }
}

static size_t pixels_of(const ul_volume *volume) {
    return volume->grid.size[0] * volume->grid.size[1] * volume->grid.size[2];
}

bool ul_volume_is_grey(const ul_volume *volume) {
    if (volume->channels != 3)
        return volume->channels == 1;
    bool whole = volume->sample != UL_SAMPLE_F32 && volume->sample != UL_SAMPLE_F64;
    size_t count = pixels_of(volume);
    for (size_t p = 0; p < count; p++) {
        double r = stored(volume, 3 * p), g = stored(volume, 3 * p + 1),
               b = stored(volume, 3 * p + 2);
        double least = fmin(r, fmin(g, b)), most = fmax(r, fmax(g, b));
        if (most - least > (whole ? GREY_TOLERANCE : 0))
            return false;
    }
    return true;
}

void ul_volume_make_grey(ul_volume *volume) {
    if (volume->channels != 3)
        return;
    size_t count = pixels_of(volume);
    for (size_t p = 0; p < count; p++) {
        double r = stored(volume, 3 * p), g = stored(volume, 3 * p + 1),
               b = stored(volume, 3 * p + 2);
        store(volume, p, r == g && g == b ? r : 0.299 * r + 0.587 * g + 0.114 * b);
    }
    volume->channels = 1; /* pixel p comes from 3 p and later: nothing is read that was written */
}
