#include "apps/base/input_kind.h"

#include "jobs/base/image_file.h"
#include "ulite/rtstruct.h"

input_kind input_kind_of(const char *path) {
    switch (image_file_kind(path)) {
    case IMAGE_NIFTI:
        return INPUT_NIFTI;
    case IMAGE_NRRD:
        return INPUT_NRRD;
    case IMAGE_PNG:
        return INPUT_PNG;
    case IMAGE_NONE:
        break;
    }
    return ul_seg_probe(path) ? INPUT_SEG : ul_rtstruct_probe(path) ? INPUT_RTSTRUCT : INPUT_SERIES;
}
