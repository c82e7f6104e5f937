/* What today's readers make of the way in which a SEG stores its pixels. */
#include "io/seg/verify.h"

#include <algorithm>

/* The first frame that dcmqi up to 1.4 (DCMTK up to 3.6.8) misplaces, from 0: it takes as many
 * bytes as a frame has bits for, and a frame that begins inside a byte can reach into one more. */
static size_t first_displaced(size_t pixels, size_t frames) {
    for (size_t f = 0; f < frames; f++)
        if (f * pixels % 8 + pixels % 8 > 8)
            return f;
    return frames;
}

/* An empty frame that makes the packed length even is there for those readers. */
bool seg_empty_frame_pads(const SegObject &object) {
    size_t frame_bytes = object.frame_pixels() / 8;
    return object.kind == SegKind::BINARY && object.frame_pixels() % 8 == 0 &&
           frame_bytes % 2 != 0 && object.frames.size() % 2 == 0;
}

/* Frames of bits that are packed across their borders. */
static void check_packing(const SegObject &object, SegFindings &findings) {
    size_t pixels = object.frame_pixels(), frames = object.frames.size();
    size_t length = (pixels * frames + 7) / 8, displaced = first_displaced(pixels, frames);
    if (pixels % 8 != 0 && length % 2 == 0)
        findings.add("ohif",
            "shows scrambled labels: BINARY frames of %zux%zu pixels, no multiple of 8, in an even "
            "number of bytes; LABELMAP is read right",
            object.columns, object.rows);
    if (length % 2 != 0 && object.columns % 8 != 0)
        findings.add("ohif",
            "never opens it from Orthanc (1.10): its BINARY frames of %zu columns, in an odd "
            "number "
            "of bytes, are asked for singly and refused; LABELMAP is read right",
            object.columns);
    if (length % 2 != 0)
        findings.add("adapters",
            "refuse BINARY frames of an odd number of bytes (%zu), which a byte must pad", length);
    if (displaced < frames)
        findings.add("dcmqi",
            "up to 1.4, and 3D Slicer with it, displaces BINARY frames of %zux%zu pixels from "
            "frame %zu on; LABELMAP is refused, not misread",
            object.columns, object.rows, displaced + 1);
}

/* Whether a FRACTIONAL object holds nothing between none and all. */
static bool all_or_nothing(const SegObject &object) {
    size_t count = object.frames.size() * object.frame_pixels();
    return std::all_of(object.pixels, object.pixels + count,
        [&](Uint8 value) { return value == 0 || value == object.maximum_fraction; });
}

void seg_check_readers(const SegObject &object, SegFindings &findings) {
    switch (object.kind) {
    case SegKind::BINARY:
        if (!object.encapsulated)
            check_packing(object, findings);
        break;
    case SegKind::FRACTIONAL:
        findings.add("dcmqi", "takes the values of FRACTIONAL objects for label numbers");
        if (!all_or_nothing(object))
            findings.add("ohif", "refuses FRACTIONAL objects with values between 0 and %u",
                object.maximum_fraction);
        break;
    case SegKind::LABELMAP:
        findings.add("dcmqi", "up to 1.4, and 3D Slicer with it, refuses LABELMAP objects "
                              "(Supplement 243)");
        if (object.bits == 16)
            findings.add("ohif",
                "takes the low 8 bits of LABELMAP objects of 16: segments beyond 255 are "
                "shown as others");
        break;
    }
}
