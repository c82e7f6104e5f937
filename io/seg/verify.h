/* What the parts of the SEG checker share. C++ only. */
#pragma once

#include "io/seg/object.h"
#include "ulite/seg.h"

class SegFindings {
  public:
    UL_PRINTF(3, 4) void add(const char *who, const char *format, ...);
    std::vector<ul_seg_finding> list;
};

/* The ending of a noun that is counted. */
inline const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

/* What readers make of the stored pixels: each finding has the exact condition of a misreading that
 * was measured (docs/dicom-seg.md). */
void seg_check_readers(const SegObject &object, SegFindings &findings);

/* Whether one empty frame is there so that BINARY frames end in a whole word. */
bool seg_empty_frame_pads(const SegObject &object);

/* Positions of the frames among each other. */
void seg_check_geometry(const SegObject &object, SegFindings &findings);

/* References, with the images of source where it is not NULL. */
void seg_check_references(const SegObject &object, const ul_catalog *source, SegFindings &findings);
