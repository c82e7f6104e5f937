#include "ulite/volume.h"

size_t ul_sample_bytes(ul_sample sample) {
    switch (sample) {
    case UL_SAMPLE_U8:
    case UL_SAMPLE_I8:
        return 1;
    case UL_SAMPLE_U16:
    case UL_SAMPLE_I16:
        return 2;
    case UL_SAMPLE_I32:
    case UL_SAMPLE_U32:
    case UL_SAMPLE_F32:
        return 4;
    case UL_SAMPLE_F64:
        return 8;
    }
    return 0;
}
