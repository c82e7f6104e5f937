/* The libraries that read and write pixels, for reports of what was run. */
#pragma once

#include "ulite/error.h"

UL_BEGIN_C

typedef enum library {
    LIBRARY_DCMTK,
    LIBRARY_OPENJPEG,
    LIBRARY_PNG,
    LIBRARY_ZLIB,
    LIBRARIES
} library;

const char *library_name(library which);

/* Of the one that runs; of DCMTK, which does not tell, the one that it was built with. */
const char *library_version(library which);

UL_END_C
