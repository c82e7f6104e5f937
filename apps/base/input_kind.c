#include "apps/base/input_kind.h"

#include "apps/base/ending.h"
#include "io/base/file_kind.h"
#include "ulite/seg.h"

input_kind input_kind_of(const char *path) {
    static const char *const nifti[] = {".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz"};
    for (size_t i = 0; i < sizeof nifti / sizeof nifti[0]; i++)
        if (ends_in(path, nifti[i]))
            return INPUT_NIFTI;
    if (ends_in(path, ".png"))
        return INPUT_PNG;
    switch (ul_file_kind_of(path)) {
    case UL_FILE_NIFTI:
        return INPUT_NIFTI;
    case UL_FILE_PNG:
        return INPUT_PNG;
    default:
        break;
    }
    return ul_seg_probe(path) ? INPUT_SEG : INPUT_SERIES;
}
