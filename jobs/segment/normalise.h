/* Values of a volume on the scale that a network was trained on. */
#ifndef NORMALISE_H
#define NORMALISE_H

#include "ulite/card.h"
#include "volume/orient.h"

/* Maps real-world values: (v - offset) * factor, to 0..1 where it clips. */
typedef struct value_scale {
    double offset, factor;
    bool clips;
    float padding; /* real-world value that padding pixels get: the smallest of the others */
} value_scale;

/* The scale of every slice of o, where the card normalises slices alone, else the one of all. Reads
 * the volume slice by slice, on so many threads (0: all); padding is left out. scales: [o->size[2]]
 * or [1], the caller's. Errors: UL_ERROR_LIMIT. */
ul_status normalise_measure(const ul_volume *volume, const orientation *o,
    const ul_normalisation *normalisation, int threads, value_scale *scales, ul_error *error);

/* Scales values [pixels][channels] in place; mask [pixels] is 1 on padding, or NULL. */
void normalise_apply(
    const value_scale *scale, const uint8_t *mask, size_t pixels, size_t channels, float *values);

#endif
