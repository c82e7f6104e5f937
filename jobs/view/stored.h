/* Single samples of a volume, of any type. */
#ifndef STORED_H
#define STORED_H

#include "ulite/volume.h"

/* The n-th stored sample. */
static inline double stored_at(const ul_volume *v, size_t n) {
    switch (v->sample) {
    case UL_SAMPLE_U8:
        return ((const uint8_t *)v->samples)[n];
    case UL_SAMPLE_I8:
        return ((const int8_t *)v->samples)[n];
    case UL_SAMPLE_U16:
        return ((const uint16_t *)v->samples)[n];
    case UL_SAMPLE_I16:
        return ((const int16_t *)v->samples)[n];
    case UL_SAMPLE_I32:
        return ((const int32_t *)v->samples)[n];
    case UL_SAMPLE_U32:
        return ((const uint32_t *)v->samples)[n];
    case UL_SAMPLE_F32:
        return (double)((const float *)v->samples)[n];
    case UL_SAMPLE_F64:
        return ((const double *)v->samples)[n];
    }
    return 0.0;
}

#endif
