#include "apps/base/seg_type.h"

#include <string.h>

static const char *const names[] = {[UL_SEG_AUTO] = "auto",
    [UL_SEG_BINARY] = "binary",
    [UL_SEG_FRACTIONAL] = "fractional",
    [UL_SEG_LABELMAP] = "labelmap"};

bool seg_type_parse(const char *text, ul_seg_type *type) {
    for (int t = UL_SEG_AUTO; t <= UL_SEG_LABELMAP; t++)
        if (strcmp(names[t], text) == 0) {
            *type = (ul_seg_type)t;
            return true;
        }
    return false;
}

const char *seg_type_name(ul_seg_type type) {
    return names[type];
}

bool seg_type_takes_rle(ul_seg_type type) {
    return type == UL_SEG_AUTO || type == UL_SEG_LABELMAP;
}
