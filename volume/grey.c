/* Greys that are stored as colours. */
#include "ulite/volume.h"
#include "volume/sample_types.h"

#include <math.h>

enum { GREY_TOLERANCE = 2 };

static void store(ul_volume *volume, size_t i, double value) {
    bool whole = volume->sample != UL_SAMPLE_F32 && volume->sample != UL_SAMPLE_F64;
    sample_store(volume->sample, volume->samples, i, whole ? round(value) : value);
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
        double r = sample_load(volume, 3 * p), g = sample_load(volume, 3 * p + 1),
               b = sample_load(volume, 3 * p + 2);
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
        double r = sample_load(volume, 3 * p), g = sample_load(volume, 3 * p + 1),
               b = sample_load(volume, 3 * p + 2);
        store(volume, p, r == g && g == b ? r : 0.299 * r + 0.587 * g + 0.114 * b);
    }
    volume->channels = 1; /* pixel p comes from 3 p and later: nothing is read that was written */
}
