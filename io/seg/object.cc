#include "io/seg/object.h"

#include "io/base/utf8.h"
#include "io/dicom/shim.h"
#include "io/pixels/codec.h"
#include "io/pixels/colour.h"
#include "io/pixels/source.h"
#include "io/seg/bits.h"
#include "io/seg/build.h"
#include "libulite/base/resources.h"

#include <cmath>
#include <cstring>

const char *seg_kind_name(SegKind kind) {
    switch (kind) {
    case SegKind::BINARY:
        return "BINARY";
    case SegKind::FRACTIONAL:
        return "FRACTIONAL";
    case SegKind::LABELMAP:
        break;
    }
    return "LABELMAP";
}

bool seg_is_class(const std::string &class_uid) {
    return class_uid == UID_SegmentationStorage || class_uid == SEG_LABELMAP_CLASS_UID;
}

static unsigned required_us(DcmItem &item, const DcmTagKey &tag) {
    Uint16 value = 0;
    if (item.findAndGetUint16(tag, value).bad())
        throw Failure(UL_ERROR_INPUT, "%s is missing", DcmTag(tag).getTagName());
    return value;
}

static unsigned optional_us(DcmItem &item, const DcmTagKey &tag, unsigned otherwise) {
    Uint16 value = 0;
    return item.findAndGetUint16(tag, value).good() ? value : otherwise;
}

/* Numbers of a DS attribute; false unless all are there and finite. */
static bool read_decimals(DcmItem *item, const DcmTagKey &tag, double *numbers, size_t count) {
    return item && dicom_decimals(our_item(*item), DICOM_TAG(tag.getGroup(), tag.getElement()),
                       numbers, count);
}

/* A text attribute as UTF-8; what cannot be converted is read as UTF-8 or Latin-1. One that is
 * absent or empty leaves target alone. */
static void copy_text(
    DcmItem &item, const DcmTagKey &tag, char *target, size_t size_bytes, size_t characters = 64) {
    std::string text = dicom_utf8(item, tag);
    if (DcmTag(tag).getEVR() != EVR_ST)
        text = dicom_first_value(text);
    if (!text.empty())
        ul_utf8_clip(target, size_bytes, characters, text.c_str());
}

static void read_code(DcmItem &item, ul_code &code) {
    code = {};
    for (const DcmTagKey &tag : {DCM_URNCodeValue, DCM_LongCodeValue, DCM_CodeValue})
        copy_text(item, tag, code.value, sizeof code.value);
    copy_text(item, DCM_CodingSchemeDesignator, code.scheme, sizeof code.scheme, 16);
    copy_text(item, DCM_CodeMeaning, code.meaning, sizeof code.meaning);
}

static void read_code_of(DcmItem &item, const DcmTagKey &sequence, ul_code &code,
    const DcmTagKey &modifier_sequence, ul_code &modifier) {
    DcmItem *found = nullptr, *nested = nullptr;
    if (item.findAndGetSequenceItem(sequence, found).bad() || !found)
        return;
    read_code(*found, code);
    if (found->findAndGetSequenceItem(modifier_sequence, nested).good() && nested)
        read_code(*nested, modifier);
}

static ul_segment read_segment(DcmItem &item, unsigned number) {
    ul_segment segment;
    ul_segment_init(&segment, number);
    copy_text(item, DCM_SegmentLabel, segment.label, sizeof segment.label);
    copy_text(item, DCM_SegmentDescription, segment.description, sizeof segment.description, 1024);
    copy_text(
        item, DCM_SegmentAlgorithmType, segment.algorithm_type, sizeof segment.algorithm_type, 16);
    copy_text(
        item, DCM_SegmentAlgorithmName, segment.algorithm_name, sizeof segment.algorithm_name);
    copy_text(item, DCM_TrackingID, segment.tracking_id, sizeof segment.tracking_id);
    copy_text(item, DCM_TrackingUID, segment.tracking_uid, sizeof segment.tracking_uid);
    ul_code unused = {};
    read_code_of(item, DCM_SegmentedPropertyCategoryCodeSequence, segment.category,
        DCM_SegmentedPropertyTypeModifierCodeSequence, unused);
    read_code_of(item, DCM_SegmentedPropertyTypeCodeSequence, segment.type,
        DCM_SegmentedPropertyTypeModifierCodeSequence, segment.type_modifier);
    read_code_of(item, DCM_AnatomicRegionSequence, segment.region,
        DCM_AnatomicRegionModifierSequence, segment.region_modifier);
    Uint16 lab[3];
    bool coloured = true;
    for (unsigned c = 0; c < 3; c++)
        coloured =
            coloured && item.findAndGetUint16(DCM_RecommendedDisplayCIELabValue, lab[c], c).good();
    if (coloured)
        colour_lab_to_rgb(lab, segment.rgb);
    return segment;
}

/* The label value that ulite kept beside a SegmentNumber. A PACS that rewrites the file with
 * implicit VR makes two unknown bytes of it. */
static unsigned read_label_value(DcmItem &item, unsigned number) {
    DcmElement *element = nullptr;
    Uint8 *bytes = nullptr;
    Uint16 value = 0;
    if (seg_text(item, SEG_PRIVATE_CREATOR_TAG) != SEG_PRIVATE_CREATOR ||
        item.findAndGetElement(SEG_LABEL_VALUE_TAG, element).bad())
        return number;
    if (element->getUint16(value).bad() && element->getLength() == 2 &&
        element->getUint8Array(bytes).good() && bytes)
        value = Uint16(bytes[0] | bytes[1] << 8);
    return value ? value : number;
}

static void read_segments(SegObject &object) {
    std::vector<bool> taken(65536, false), value_taken(65536, false);
    seg_each_item(object.data(), DCM_SegmentSequence, [&](DcmItem &item, size_t) {
        unsigned number = required_us(item, DCM_SegmentNumber);
        if (taken[number])
            throw Failure(UL_ERROR_INPUT, "SegmentNumber %u is there twice", number);
        taken[number] = true;
        if (object.kind == SegKind::LABELMAP && number == object.background)
            return;
        if (number == 0)
            throw Failure(UL_ERROR_INPUT, "SegmentNumber 0 is not allowed here");
        object.segments.push_back(read_segment(item, number));
        object.label_value.push_back(read_label_value(item, number));
    });
    bool clash = false;
    for (unsigned value : object.label_value) {
        clash = clash || value_taken[value];
        value_taken[value] = true;
    }
    for (size_t s = 0; clash && s < object.segments.size(); s++)
        object.label_value[s] = object.segments[s].number;
}

/* A macro's item: the frame's own, else the shared one. */
static DcmItem *group_item(DcmItem *shared, DcmItem &frame, const DcmTagKey &sequence) {
    DcmItem *item = nullptr;
    if (frame.findAndGetSequenceItem(sequence, item).good() && item)
        return item;
    if (shared && shared->findAndGetSequenceItem(sequence, item).good())
        return item;
    return nullptr;
}

static void read_sources(DcmItem &derivation, std::vector<SegReference> &sources) {
    seg_each_item(derivation, DCM_SourceImageSequence, [&](DcmItem &image, size_t) {
        SegReference reference;
        reference.class_uid = seg_text(image, DCM_ReferencedSOPClassUID);
        reference.instance_uid = seg_text(image, DCM_ReferencedSOPInstanceUID);
        Sint32 number = 0;
        for (unsigned long f = 0;
             image.findAndGetSint32(DCM_ReferencedFrameNumber, number, f).good(); f++)
            if (number > 0)
                reference.frames.push_back(unsigned(number));
        sources.push_back(reference);
    });
}

static SegFrame read_frame(const SegObject &object, DcmItem *shared, DcmItem &item) {
    SegFrame frame = {};
    if (object.kind != SegKind::LABELMAP) {
        DcmItem *identification = group_item(shared, item, DCM_SegmentIdentificationSequence);
        if (!identification)
            throw Failure(UL_ERROR_INPUT, "frame %zu names no segment", object.frames.size() + 1);
        frame.segment = required_us(*identification, DCM_ReferencedSegmentNumber);
    }
    DcmItem *position = group_item(shared, item, DCM_PlanePositionSequence),
            *orientation = group_item(shared, item, DCM_PlaneOrientationSequence),
            *measures = group_item(shared, item, DCM_PixelMeasuresSequence),
            *content = group_item(shared, item, DCM_FrameContentSequence);
    double row_then_column[2] = {0, 0};
    frame.placed = read_decimals(position, DCM_ImagePositionPatient, frame.position, 3) &&
                   read_decimals(orientation, DCM_ImageOrientationPatient, frame.cosines, 6) &&
                   read_decimals(measures, DCM_PixelSpacing, row_then_column, 2) &&
                   row_then_column[0] > 0 && row_then_column[1] > 0;
    frame.spacing[0] = row_then_column[1];
    frame.spacing[1] = row_then_column[0];
    if (!read_decimals(measures, DCM_SliceThickness, &frame.thickness, 1))
        frame.thickness = 0;
    if (!read_decimals(measures, DCM_SpacingBetweenSlices, &frame.step, 1))
        frame.step = 0;
    Uint32 index = 0;
    for (unsigned long d = 0;
         content && content->findAndGetUint32(DCM_DimensionIndexValues, index, d).good(); d++)
        frame.dimension_index.push_back(index);
    DcmItem *holder = item.tagExists(DCM_DerivationImageSequence) ? &item : shared;
    if (holder)
        seg_each_item(*holder, DCM_DerivationImageSequence,
            [&](DcmItem &derivation, size_t) { read_sources(derivation, frame.sources); });
    return frame;
}

static void read_frames(SegObject &object, size_t count) {
    DcmItem *shared = nullptr;
    object.data().findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared);
    seg_each_item(object.data(), DCM_PerFrameFunctionalGroupsSequence,
        [&](DcmItem &item, size_t) { object.frames.push_back(read_frame(object, shared, item)); });
    if (object.frames.size() != count)
        throw Failure(UL_ERROR_INPUT,
            "NumberOfFrames is %zu, but PerFrameFunctionalGroupsSequence describes %zu", count,
            object.frames.size());
}

static void read_kind(SegObject &object) {
    std::string type = seg_text(object.data(), DCM_SegmentationType);
    if (type == "BINARY")
        object.kind = SegKind::BINARY;
    else if (type == "FRACTIONAL")
        object.kind = SegKind::FRACTIONAL;
    else if (type == "LABELMAP")
        object.kind = SegKind::LABELMAP;
    else
        throw Failure(UL_ERROR_INPUT,
            "SegmentationType is \"%.16s\", must be BINARY, FRACTIONAL or LABELMAP", type.c_str());
    object.bits = required_us(object.data(), DCM_BitsAllocated);
    bool right = object.kind == SegKind::BINARY       ? object.bits == 1
                 : object.kind == SegKind::FRACTIONAL ? object.bits == 8
                                                      : object.bits == 8 || object.bits == 16;
    if (!right)
        throw Failure(UL_ERROR_INPUT, "BitsAllocated %u does not go with %s", object.bits,
            seg_kind_name(object.kind));
    if (optional_us(object.data(), DCM_SamplesPerPixel, 1) != 1)
        throw Failure(UL_ERROR_INPUT, "SamplesPerPixel must be 1");
    object.maximum_fraction = optional_us(object.data(), DCM_MaximumFractionalValue, 255);
    if (object.kind == SegKind::FRACTIONAL &&
        (object.maximum_fraction < 1 || object.maximum_fraction > 255))
        throw Failure(UL_ERROR_INPUT, "MaximumFractionalValue is %u, must be 1 to 255",
            object.maximum_fraction);
    object.background = optional_us(object.data(), DCM_PixelPaddingValue, 0);
}

/* A file as the reader of images sees it. */
struct ImageFile {
    dicom_file file = {};
    dicom_source source = {};
    ImageFile() {
        source.handle = -1;
    }
    ImageFile(const ImageFile &) = delete;
    ImageFile &operator=(const ImageFile &) = delete;
    ~ImageFile() {
        dicom_source_close(&source);
        dicom_file_free(&file);
    }
};

/* Not a vector, which would fill what a wrong header asks for. */
static void make_room(SegObject &object, uint64_t bytes) {
    ul_error error = {};
    if (ul_memory_ask(bytes, &error, "%zu frames of %zux%zu pixels", object.frames.size(),
            object.columns, object.rows) != UL_OK)
        throw Failure(error.status, "%s", error.text);
    object.pixel_bytes = size_t(bytes);
    object.storage.reset(new Uint8[object.pixel_bytes]);
}

/* Decodes compressed frames as those of images are. */
static void decode_frames(SegObject &object, const char *path) {
    ImageFile image;
    image.file.path = image.file.shown = path;
    ul_error error = {};
    auto check = [&](ul_status status) {
        if (status != UL_OK)
            throw Failure(status, "%s", error.text);
    };
    dicom_kind kind;
    check(dicom_scan(&image.file, &kind, &error));
    if (image.file.status != UL_OK)
        throw Failure(image.file.status, "%s", image.file.problem);
    dicom_layout &layout = image.file.layout;
    const size_t pixels = object.frame_pixels(), frames = layout.frames;
    if (object.bits == 1) { /* frames of whole bytes: the last bits of each mean nothing */
        layout.columns = (pixels + 7) / 8;
        layout.rows = 1;
        layout.bits_allocated = layout.bits_stored = 8;
    }
    layout.photometric = DICOM_MONOCHROME2; /* numbers, whatever colours they are shown in */
    layout.has_modality_lut = false;
    check(dicom_source_open(&image.file, &image.source, &error));
    size_t frame_bytes = dicom_frame_bytes(&layout);
    make_room(object, uint64_t(frames) * frame_bytes); /* 1e6 of 2^30 bytes at most */
    for (size_t f = 0; f < frames; f++) {
        bool is_rgb;
        check(dicom_source_frame(
            &image.source, f, object.storage.get() + f * frame_bytes, &is_rgb, &error));
    }
    if (object.bits == 1 && pixels % 8 != 0)
        seg_bits_close_up(object.storage.get(), frames, pixels);
}

[[noreturn]] static void throw_truncated(const dicom_pixels &pixels) {
    throw Failure(UL_ERROR_INPUT,
        "truncated: %llu bytes of pixel data are declared, the file holds %llu",
        static_cast<unsigned long long>(pixels.length),
        static_cast<unsigned long long>(pixels.available));
}

static void check_pixels(const SegObject &object) {
    const dicom_pixels &pixels = object.file->header.pixels;
    if (!pixels.present)
        throw Failure(UL_ERROR_INPUT, "PixelData is missing");
    if (pixels.encapsulated && object.frames.size() > pixels.available / 8)
        throw Failure(UL_ERROR_INPUT, "%zu frames cannot lie in compressed pixels of %llu bytes",
            object.frames.size(), static_cast<unsigned long long>(pixels.available));
    if (!pixels.encapsulated && pixels.length == 0)
        throw Failure(UL_ERROR_INPUT, "PixelData is empty");
    if (pixels.length > pixels.available)
        throw_truncated(pixels);
}

/* Reads pixels that are stored as they are; words are put in the machine's order. */
static void read_native(SegObject &object, const char *path) {
    object.file->inflate();
    const dicom_pixels &pixels = object.file->header.pixels;
    make_room(object, pixels.length);
    if (pixels.inflated) {
        if (pixels.available < pixels.length)
            throw_truncated(pixels);
        std::memcpy(object.storage.get(), pixels.inflated, object.pixel_bytes);
    } else {
        std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path, "rb"), std::fclose);
        if (!file || fseeko(file.get(), off_t(pixels.offset), SEEK_SET) != 0 ||
            std::fread(object.storage.get(), 1, object.pixel_bytes, file.get()) <
                object.pixel_bytes)
            throw Failure(UL_ERROR_INPUT, "PixelData cannot be read");
    }
    if (object.file->header.pixels_big_endian && pixels.words)
        for (size_t at = 0; at + 1 < object.pixel_bytes; at += 2)
            std::swap(object.storage[at], object.storage[at + 1]);
}

static void read_pixels(SegObject &object, const char *path) {
    object.encapsulated = !codec_is_native(object.file->header.transfer_syntax);
    if (object.encapsulated)
        decode_frames(object, path);
    else
        read_native(object, path);
    object.pixels = object.storage.get();
    size_t pixels = object.frames.size() * object.frame_pixels();
    size_t expected = object.bits == 1 ? (pixels + 7) / 8 : pixels * (object.bits / 8);
    if (object.pixel_bytes < expected)
        throw Failure(UL_ERROR_INPUT,
            "PixelData holds %zu bytes, but %zu frames of %zux%zu need %zu", object.pixel_bytes,
            object.frames.size(), object.columns, object.rows, expected);
}

SegObject seg_object_open(const char *path, bool with_pixels) {
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        throw Failure(UL_ERROR_INPUT, "is a folder: name the file of the segmentation");
    dicom_file opened = {}; /* header and pixels are read from one file, not from two */
    opened.path = path;
    opened.stamp = dicom_stamp_of(path, -1);
    SegObject object = {};
    object.file = std::make_unique<DicomObject>(path);
    std::string class_uid = seg_text(object.data(), DCM_SOPClassUID);
    if (!seg_is_class(class_uid))
        throw Failure(UL_ERROR_INPUT, "is not a DICOM Segmentation (its SOP class is %.64s)",
            class_uid.c_str());
    read_kind(object);
    object.rows = required_us(object.data(), DCM_Rows);
    object.columns = required_us(object.data(), DCM_Columns);
    Sint32 count = 0;
    object.data().findAndGetSint32(DCM_NumberOfFrames, count);
    if (object.rows == 0 || object.columns == 0 || count < 1)
        throw Failure(UL_ERROR_INPUT, "has no frames (%zux%zu, NumberOfFrames %ld)", object.columns,
            object.rows, long(count));
    object.frame_of_reference_uid = seg_text(object.data(), DCM_FrameOfReferenceUID);
    read_segments(object);
    read_frames(object, size_t(count));
    check_pixels(object);
    if (with_pixels)
        read_pixels(object, path);
    ul_error error = {};
    if (dicom_check_unchanged(&opened, -1, &error) != UL_OK)
        throw Failure(error.status, "%s", error.text);
    return object;
}
