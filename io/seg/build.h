/* What the parts of the SEG writer share: the plan of an object before it is built. C++ only. */
#pragma once

#include "io/base/uid.h"
#include "io/dicom/shim.h"
#include "io/seg/object.h"
#include "libulite/base/output.h"
#include "ulite/seg.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <functional>
#include <string>
#include <vector>

/* One frame: a segment, or all of a LABELMAP, on a slice of the label grid. */
struct SegPlanFrame {
    size_t segment; /* index into SegPlan::segments: SegmentNumber - 1; 0 for LABELMAP */
    size_t slice;
    size_t first_row, past_row; /* BINARY: the rows of the slice that hold the segment */
};

/* Everything that is decided before the data set is built. Pointers are the caller's. */
struct SegPlan {
    const ul_labels *labels;
    const ul_series *source;
    const ul_series_info *info;
    const ul_seg_options *options;
    SegKind kind;
    bool placed;                  /* positions are known, so the plane macros are written */
    bool on_original;             /* slice k lies on source slice k, else on a grid of its own */
    std::vector<size_t> segments; /* indices into labels->segments.items by rising number */
    std::vector<uint16_t> stored; /* LABELMAP: the SegmentNumber of each label value */
    std::vector<SegPlanFrame> frames;  /* by segment, then slice */
    std::vector<size_t> nearest;       /* per slice: the source slice that it is derived from */
    std::vector<size_t> position_rank; /* per slice: its place among the slices with frames, from 1;
                                          0 without */

    size_t pixels() const {
        return labels->grid.size[0] * labels->grid.size[1];
    }
    const ul_segment &segment(size_t index) const {
        return labels->segments.items[segments[index]];
    }
    /* Frames without positions are told apart by their time: where a LABELMAP has no other
     * dimension, or there are several slices. */
    bool timed() const {
        return !placed && (kind == SegKind::LABELMAP || labels->grid.size[2] > 1);
    }
    /* A LABELMAP's numbers are the label values where 8 bits hold them; OHIF (3.13) reads no 16. */
    bool keeps_values() const {
        return kind == SegKind::LABELMAP && segment(segments.size() - 1).number <= 255;
    }
    /* SegmentNumber. */
    unsigned number(size_t index) const {
        return keeps_values() ? segment(index).number : unsigned(index + 1);
    }
    /* Allocated and stored per pixel. */
    unsigned bits() const {
        if (kind == SegKind::LABELMAP)
            return number(segments.size() - 1) > 255 ? 16 : 8;
        return kind == SegKind::FRACTIONAL ? 8 : 1;
    }
    /* The fractions of a frame; NULL where the labels have none. */
    const uint8_t *fractions(const SegPlanFrame &frame) const {
        if (!labels->fractions)
            return nullptr;
        return labels->fractions +
               (segments[frame.segment] * labels->grid.size[2] + frame.slice) * pixels();
    }
    const uint16_t *map(size_t slice) const {
        return labels->map + slice * pixels();
    }
};

/* Chooses the kind, frames and source slices; a note says why AUTO chose LABELMAP. Throws Failure.
 */
SegPlan seg_plan(const ul_labels &labels, const ul_series *source, const ul_seg_options &options);

/* Bytes of the pixel data, padded to an even count. */
size_t seg_pixel_bytes(const SegPlan &plan);

/* The options, with the labels' provenance where they do not say another. */
ul_seg_options seg_options_for(const ul_labels &labels, const ul_seg_options *given);

/* The same for an object without pixels: nothing of how a SEG packs them, and no notes on it. The
 * caller's notes are cleared. */
ul_seg_options seg_options_without_pixels(const ul_labels &labels, const ul_seg_options *given);

/* Has work(temporary), which returns a ul_status, fill the file of that name, which is there
 * before, and then gives it the name path. */
template <class Work> ul_status seg_write_file(const char *path, ul_error *error, Work work) {
    ul_output output = {};
    ul_status status = ul_output_begin(path, &output, error);
    if (status == UL_OK)
        status = shim_guard(path, error, [&] { return work(output.temporary); });
    if (status == UL_OK)
        status = ul_output_commit(&output, error);
    ul_output_abandon(&output);
    return status;
}

/* UIDs of one object. */
struct SegUids {
    std::string series, instance, dimensions;
};
SegUids seg_uids(const SegPlan &plan, const uint8_t *bytes, size_t byte_count);

/* The modules of the data set. They throw Failure where DCMTK refuses a value. */
void seg_put_source(DcmItem &target, const SegPlan &plan, char **notes); /* patient, study, dates */
/* Series and equipment of an object that was made from the plan's labels, as "SEG". */
void seg_put_series(
    DcmItem &target, const SegPlan &plan, const SegUids &uids, const char *modality);
void seg_put_object(DcmItem &target, const SegPlan &plan, const SegUids &uids, char **notes);
void seg_put_segments(DcmItem &target, const SegPlan &plan);
void seg_put_groups(DcmItem &target, const SegPlan &plan, char **notes);

/* A UID of the source as it is, or, where it is missing or no UID, one made from the series UID or,
 * where that is none either, from the first image's; a note says so. */
std::string seg_usable_uid(const SegPlan &plan, const char *uid, const char *what, char **notes);

/* Helpers over dcmdata; they throw Failure. */
void seg_stored(const OFCondition &condition, const DcmTagKey &tag); /* throws where it is bad */
void seg_put(DcmItem &item, const DcmTagKey &tag, const std::string &value);
void seg_put_us(DcmItem &item, const DcmTagKey &tag, unsigned value);
void seg_put_code(DcmItem &item, const DcmTagKey &sequence, const char *value, const char *scheme,
    const char *meaning);
DcmItem &seg_new_item(DcmItem &item, const DcmTagKey &sequence);    /* appended to the sequence */
void seg_put_reference(DcmItem &item, const ul_instance &instance); /* class and instance UID */
/* Text cut to so many characters and, where they are given, bytes. */
std::string seg_clipped(const std::string &text, size_t characters, size_t bytes = SIZE_MAX);

/* Calls visit for every object of the source once, in slice order: a multi-frame one has several
 * slices. */
void seg_each_instance(const SegPlan &plan, const std::function<void(const ul_instance &)> &visit);

/* Writes the file. Throws Failure (UL_ERROR_OUTPUT). */
void seg_save(DcmFileFormat &file, const char *path, E_TransferSyntax syntax);

/* Reads what was just written. DCMTK does not notice a write that fails when the file is closed:
 * then it cannot be read here, and the Failure is UL_ERROR_OUTPUT. */
template <class Read> auto seg_read_back(Read read) -> decltype(read()) {
    try {
        return read();
    } catch (const Failure &failure) {
        throw Failure(failure.status == UL_ERROR_INPUT ? UL_ERROR_OUTPUT : failure.status,
            "cannot be written: what was read back %s (is the disk full?)", failure.text);
    }
}

/* The private block (group 0x0063) that keeps label values that a SEG cannot number. */
#define SEG_PRIVATE_CREATOR "ULITE"
#define SEG_PRIVATE_CREATOR_TAG DcmTagKey(0x0063, 0x0010)
#define SEG_LABEL_VALUE_TAG DcmTagKey(0x0063, 0x1001)
