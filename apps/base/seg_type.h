/* --type: what kind of DICOM Segmentation is written. */
#ifndef SEG_TYPE_H
#define SEG_TYPE_H

#include "ulite/seg.h"

#define SEG_TYPES "auto, binary, fractional or labelmap"

/* False where text names no type. */
bool seg_type_parse(const char *text, ul_seg_type *type);

const char *seg_type_name(ul_seg_type type);

/* Whether --rle goes with it. */
bool seg_type_takes_rle(ul_seg_type type);

#endif
