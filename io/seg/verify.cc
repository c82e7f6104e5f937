#include "io/seg/verify.h"

#include "io/dicom/shim.h"
#include "io/pixels/colour.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <set>

/* Attributes that must be there (type 2: may be empty), whatever the kind of segmentation. */
struct Required {
    DcmTagKey tag;
    bool may_be_empty;
};

static const Required required[] = {
    {DCM_PatientName, true},
    {DCM_PatientID, true},
    {DCM_PatientBirthDate, true},
    {DCM_PatientSex, true},
    {DCM_SOPInstanceUID, false},
    {DCM_StudyInstanceUID, false},
    {DCM_StudyDate, true},
    {DCM_StudyTime, true},
    {DCM_ReferringPhysicianName, true},
    {DCM_StudyID, true},
    {DCM_AccessionNumber, true},
    {DCM_SeriesInstanceUID, false},
    {DCM_SeriesNumber, false},
    {DCM_Manufacturer, false},
    {DCM_ManufacturerModelName, false},
    {DCM_DeviceSerialNumber, false},
    {DCM_SoftwareVersions, false},
    {DCM_InstanceNumber, false},
    {DCM_ContentDate, false},
    {DCM_ContentTime, false},
    {DCM_ContentLabel, false},
    {DCM_ContentDescription, true},
    {DCM_ContentCreatorName, true},
    {DCM_PixelRepresentation, false},
    {DCM_LossyImageCompression, false},
    {DCM_ImageType, false},
    {DCM_DimensionOrganizationSequence, false},
    {DCM_DimensionIndexSequence, false},
    {DCM_SharedFunctionalGroupsSequence, false},
};

static void check_attributes(const SegObject &object, SegFindings &findings) {
    for (const Required &attribute : required) {
        DcmTag tag(attribute.tag);
        if (!object.data().tagExists(tag))
            findings.add("standard", "%s is missing", tag.getTagName());
        else if (!attribute.may_be_empty && !object.data().tagExistsWithValue(tag))
            findings.add("standard", "%s is empty", tag.getTagName());
    }
    if (object.data().tagExists(DCM_FrameOfReferenceUID) &&
        !object.data().tagExists(DCM_PositionReferenceIndicator))
        findings.add("standard", "PositionReferenceIndicator is missing");
    if (seg_text(object.data(), DCM_PatientIdentityRemoved) == "YES" &&
        !object.data().tagExistsWithValue(DCM_DeidentificationMethod) &&
        !object.data().tagExistsWithValue(DCM_DeidentificationMethodCodeSequence))
        findings.add("standard", "PatientIdentityRemoved is YES without DeidentificationMethod");
    if (seg_text(object.data(), DCM_Modality) != "SEG")
        findings.add("standard", "Modality is not SEG");
    if (object.kind == SegKind::BINARY && object.data().tagExists(DCM_PixelPaddingValue))
        findings.add("standard", "PixelPaddingValue does not belong in a BINARY object");
    if (object.kind == SegKind::FRACTIONAL &&
        (!object.data().tagExists(DCM_MaximumFractionalValue) ||
            !object.data().tagExists(DCM_SegmentationFractionalType)))
        findings.add(
            "standard", "FRACTIONAL needs MaximumFractionalValue and SegmentationFractionalType");
    if (seg_text(object.data(), DCM_LossyImageCompression) == "01" &&
        !object.data().tagExistsWithValue(DCM_LossyImageCompressionRatio))
        findings.add("standard", "LossyImageCompression 01 needs a ratio and a method");
}

static bool has_code(DcmItem &segment, const DcmTagKey &sequence, bool &retired) {
    DcmItem *code = nullptr;
    if (segment.findAndGetSequenceItem(sequence, code).bad() || !code)
        return false;
    std::string scheme = seg_text(*code, DCM_CodingSchemeDesignator);
    retired = retired || scheme == "SRT" || scheme == "SNM3";
    return !scheme.empty() && !seg_text(*code, DCM_CodeMeaning).empty() &&
           (code->tagExistsWithValue(DCM_CodeValue) ||
               code->tagExistsWithValue(DCM_LongCodeValue) ||
               code->tagExistsWithValue(DCM_URNCodeValue));
}

static void check_colour(
    const SegObject &object, DcmItem &segment, unsigned number, SegFindings &findings) {
    Uint16 lab[3];
    bool coloured = true;
    for (unsigned c = 0; c < 3; c++)
        coloured = coloured &&
                   segment.findAndGetUint16(DCM_RecommendedDisplayCIELabValue, lab[c], c).good();
    if (!coloured && object.kind != SegKind::LABELMAP)
        findings.add("ohif",
            "segment %u has no RecommendedDisplayCIELabValue: some versions of OHIF hang", number);
    if (coloured && colour_is_dark(lab))
        findings.add("dcmqi",
            "the colour of segment %u is so dark that dcmqi and 3D Slicer show a lighter one",
            number);
}

static void check_segment(
    const SegObject &object, DcmItem &segment, unsigned number, SegFindings &findings) {
    bool retired = false;
    if (!segment.tagExistsWithValue(DCM_SegmentLabel))
        findings.add("slicer", "segment %u has no SegmentLabel", number);
    if (!has_code(segment, DCM_SegmentedPropertyCategoryCodeSequence, retired) ||
        !has_code(segment, DCM_SegmentedPropertyTypeCodeSequence, retired))
        findings.add("standard", "segment %u lacks a category or type code", number);
    if (retired)
        findings.add("standard", "segment %u has codes of the retired scheme SRT; use SCT", number);
    std::string algorithm = seg_text(segment, DCM_SegmentAlgorithmType);
    if (algorithm != "AUTOMATIC" && algorithm != "SEMIAUTOMATIC" && algorithm != "MANUAL")
        findings.add("standard", "segment %u has no valid SegmentAlgorithmType", number);
    else if (algorithm != "MANUAL" && !segment.tagExistsWithValue(DCM_SegmentAlgorithmName))
        findings.add("standard", "segment %u has no SegmentAlgorithmName", number);
    if (segment.tagExists(DCM_TrackingID) != segment.tagExists(DCM_TrackingUID))
        findings.add("standard", "segment %u has only one of TrackingID and TrackingUID", number);
    check_colour(object, segment, number, findings);
}

static void check_segments(const SegObject &object, SegFindings &findings) {
    unsigned highest = 0, count = 0;
    seg_each_item(object.data(), DCM_SegmentSequence, [&](DcmItem &segment, size_t) {
        Uint16 number = 0;
        segment.findAndGetUint16(DCM_SegmentNumber, number);
        highest = std::max<unsigned>(highest, number);
        count++;
        if (object.kind != SegKind::LABELMAP || number != object.background)
            check_segment(object, segment, number, findings);
    });
    if (count == 0)
        findings.add("standard", "SegmentSequence is missing");
    if (object.kind != SegKind::LABELMAP && highest != count)
        findings.add("standard",
            "segment numbers run to %u for %u segments: they must run from 1 without gaps", highest,
            count);
    std::vector<bool> described(65536, false);
    for (const ul_segment &segment : object.segments)
        described[segment.number] = true;
    size_t nameless = 0;
    for (const SegFrame &frame : object.frames)
        nameless += object.kind != SegKind::LABELMAP && !described[frame.segment];
    if (nameless)
        findings.add("standard", "%zu frame%s of a segment that is not described", nameless,
            plural(nameless));
}

/* Whether a text holds what its representation forbids: PS3.5 6.1.3 allows line breaks and tabs in
 * long texts only, and the escapes of ISO 2022 where a character set says so. */
static bool has_control(const std::string &text, DcmEVR vr, bool escapes) {
    const char *allowed = vr == EVR_ST || vr == EVR_LT || vr == EVR_UT ? "\n\r\f\t" : "";
    for (char c : text)
        if ((static_cast<unsigned char>(c) < ' ' || c == '\177') && !std::strchr(allowed, c) &&
            !(escapes && c == '\x1b'))
            return true;
    return false;
}

static void check_texts(const SegObject &object, SegFindings &findings) {
    bool escapes =
        dicom_text(object.data(), DCM_SpecificCharacterSet).find("2022") != std::string::npos;
    std::set<std::string> names;
    DcmStack stack;
    while (object.data().nextObject(stack, OFTrue).good()) {
        auto element = dynamic_cast<DcmElement *>(stack.top());
        if (element && element->isaString() &&
            has_control(dicom_element_text(element), element->ident(), escapes))
            names.insert(DcmTag(element->getTag()).getTagName());
    }
    for (const std::string &name : names)
        findings.add("standard", "%s holds control characters", name.c_str());
}

static bool is_empty(const SegObject &object, size_t f) {
    size_t pixels = object.frame_pixels();
    if (object.bits == 1) {
        for (size_t at = f * pixels; at < (f + 1) * pixels; at++) {
            if (at % 8 == 0 && at + 8 <= (f + 1) * pixels && object.pixels[at / 8] == 0)
                at += 7; /* a byte at a time */
            else if (object.pixels[at / 8] >> (at % 8) & 1)
                return false;
        }
        return true;
    }
    size_t bytes = pixels * (object.bits / 8);
    for (size_t i = 0; i < bytes; i++)
        if (object.pixels[f * bytes + i])
            return false;
    return true;
}

static void check_frames(const SegObject &object, SegFindings &findings) {
    size_t dimensions = 0, empty = 0, wrong = 0, underived = 0, repeated = 0;
    seg_each_item(
        object.data(), DCM_DimensionIndexSequence, [&](DcmItem &, size_t) { dimensions++; });
    std::vector<std::vector<Uint32>> seen;
    for (size_t f = 0; f < object.frames.size(); f++) {
        empty += is_empty(object, f);
        wrong += object.frames[f].dimension_index.size() != dimensions;
        underived += object.frames[f].sources.empty();
        seen.push_back(object.frames[f].dimension_index);
    }
    std::sort(seen.begin(), seen.end());
    for (size_t f = 1; f < seen.size(); f++)
        repeated += !seen[f].empty() && seen[f] == seen[f - 1];
    if (empty > seg_empty_frame_pads(object) && object.frames.size() > 1)
        findings.add("standard", "%zu of %zu frames are empty: they make the object slow to load",
            empty, object.frames.size());
    if (wrong)
        findings.add("standard",
            "%zu frame%s with DimensionIndexValues that do not match the %zu dimensions", wrong,
            plural(wrong), dimensions);
    if (repeated)
        findings.add("standard", "%zu frame%s with the DimensionIndexValues of another", repeated,
            plural(repeated));
    if (underived)
        findings.add("references", "%zu frame%s without a source image (DerivationImageSequence)",
            underived, plural(underived));
}

/* Attributes, segments, colours and frames as the standard and the readers need them. */
static void seg_check_object(const SegObject &object, SegFindings &findings) {
    check_attributes(object, findings);
    check_segments(object, findings);
    check_texts(object, findings);
    check_frames(object, findings);
}

ul_status ul_seg_verify(const char *path, const ul_catalog *source, ul_seg_finding **findings,
    size_t *count, ul_error *error) {
    *findings = nullptr;
    *count = 0;
    return shim_guard(path, error, [&] {
        SegObject object = seg_object_open(path, true);
        SegFindings found;
        seg_check_object(object, found);
        seg_check_readers(object, found);
        seg_check_geometry(object, found);
        seg_check_references(object, source, found);
        if (found.list.empty())
            return UL_OK;
        size_t bytes = found.list.size() * sizeof found.list[0];
        *findings = static_cast<ul_seg_finding *>(std::malloc(bytes));
        if (!*findings)
            throw std::bad_alloc();
        std::memcpy(*findings, found.list.data(), bytes);
        *count = found.list.size();
        return UL_OK;
    });
}

ul_status ul_seg_count(const char *path, ul_seg_counts *counts, ul_error *error) {
    *counts = {0, 0};
    return shim_guard(path, error, [&] {
        SegObject object = seg_object_open(path, false);
        *counts = {object.segments.size(), object.frames.size()};
        return UL_OK;
    });
}

bool ul_seg_probe(const char *path) {
    try {
        DicomObject file(path, DCM_SOPInstanceUID);
        return seg_is_class(seg_text(file.data(), DCM_SOPClassUID));
    } catch (...) {
        return false;
    }
}

void SegFindings::add(const char *who, const char *format, ...) {
    ul_seg_finding finding = {};
    std::snprintf(finding.who, sizeof finding.who, "%s", who);
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(finding.text, sizeof finding.text, format, arguments);
    va_end(arguments);
    list.push_back(finding);
}
