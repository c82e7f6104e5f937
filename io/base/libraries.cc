#include "io/base/libraries.h"

#include <dcmtk/config/osconfig.h>
#include <openjpeg.h>
#include <png.h>
#include <zlib.h>

const char *library_name(library which) {
    static const char *const names[] = {"DCMTK", "OpenJPEG", "libpng", "zlib"};
    return names[which];
}

const char *library_version(library which) {
    switch (which) {
    case LIBRARY_DCMTK:
        return PACKAGE_VERSION;
    case LIBRARY_OPENJPEG:
        return opj_version();
    case LIBRARY_PNG:
        return png_get_libpng_ver(nullptr);
    default:
        return zlibVersion();
    }
}
