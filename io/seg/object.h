/* A DICOM Segmentation as it stands in a file, whoever wrote it. C++ only. */
#pragma once

#include "io/dicom/object.h"
#include "ulite/volume.h"

#include <memory>
#include <vector>

enum class SegKind { BINARY, FRACTIONAL, LABELMAP };

const char *seg_kind_name(SegKind kind);

/* Supplement 243 is younger than DCMTK 3.6.7. */
#define SEG_LABELMAP_CLASS_UID "1.2.840.10008.5.1.4.1.1.66.7"

/* A source image that a frame refers to. */
struct SegReference {
    std::string class_uid, instance_uid;
    std::vector<unsigned> frames; /* none for a single-frame image */
};

struct SegFrame {
    unsigned segment; /* ReferencedSegmentNumber; 0 for LABELMAP */
    bool placed;      /* has position, orientation and spacing */
    double position[3], cosines[6];
    double spacing[2]; /* along columns' index i, then j */
    double thickness, step;
    std::vector<SegReference> sources;
    std::vector<Uint32> dimension_index;
};

struct SegObject {
    std::unique_ptr<DicomObject> file;
    SegKind kind;
    size_t columns, rows;
    unsigned bits;                     /* per pixel: 1, 8 or 16 */
    unsigned maximum_fraction;         /* FRACTIONAL */
    unsigned background;               /* LABELMAP: this value belongs to no segment */
    std::vector<ul_segment> segments;  /* number = SegmentNumber */
    std::vector<unsigned> label_value; /* per segment: the number that its labels had when ulite
                                          wrote them, else SegmentNumber */
    std::vector<SegFrame> frames;
    bool encapsulated;   /* frames are compressed, each by itself */
    const Uint8 *pixels; /* NULL unless asked for: storage's */
    size_t pixel_bytes;
    std::unique_ptr<Uint8[]> storage;
    std::string frame_of_reference_uid;

    DcmItem &data() const {
        return file->data();
    }
    size_t frame_pixels() const {
        return columns * rows;
    }
};

/* Calls visit(item, index) for every item of a sequence, in linear time. */
template <class Visit> void seg_each_item(DcmItem &item, const DcmTagKey &tag, Visit visit) {
    DcmSequenceOfItems *sequence = nullptr;
    if (item.findAndGetSequence(tag, sequence).bad() || !sequence)
        return;
    size_t index = 0;
    for (DcmObject *at = sequence->nextInContainer(nullptr); at; at = sequence->nextInContainer(at))
        visit(*static_cast<DcmItem *>(at), index++);
}

/* The first value of a text attribute, empty where there is none. */
inline std::string seg_text(DcmItem &item, const DcmTagKey &tag) {
    return dicom_first_value(dicom_text(item, tag));
}

/* Whether a SOP class is one of the Segmentation classes. */
bool seg_is_class(const std::string &class_uid);

/* Reads and checks what every use needs: sizes, segments, frames and, with pixels, that there are
 * enough of them. Throws Failure (UL_ERROR_INPUT, UL_ERROR_UNSUPPORTED, UL_ERROR_LIMIT). */
SegObject seg_object_open(const char *path, bool with_pixels);
