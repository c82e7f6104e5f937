/* The modules of a SEG that ulite itself fills: series, equipment, image, segments. */
#include "io/base/notes.h"
#include "io/dicom/shim.h"
#include "io/pixels/colour.h"
#include "io/seg/build.h"

#include <cstring>

/* "ulite: Liver, Spleen (research use)" in the 64 characters that there are, which some readers
 * count in bytes. */
static std::string series_description(const SegPlan &plan) {
    static const char suffix[] = " (research use)";
    std::string text;
    if (plan.options->series_description) {
        text = plan.options->series_description;
    } else {
        text = "ulite: ";
        for (size_t s = 0; s < plan.segments.size(); s++)
            text += (s ? ", " : "") + std::string(plan.segment(s).label);
    }
    return seg_clipped(text, 64, 64 - (sizeof suffix - 1)) + suffix;
}

/* A series of its own beside the source's: 1000 above it. */
static std::string series_number(int source) {
    return std::to_string(source >= 0 && source < 1000000000 ? 1000 + source : 1000);
}

void seg_put_series(
    DcmItem &target, const SegPlan &plan, const SegUids &uids, const char *modality) {
    seg_put(target, DCM_Modality, modality);
    seg_put(target, DCM_SeriesInstanceUID, uids.series);
    seg_put(target, DCM_SeriesNumber, series_number(plan.info->series_number));
    seg_put(target, DCM_SeriesDescription, series_description(plan));
    seg_put(target, DCM_Manufacturer, "ulite");
    seg_put(target, DCM_ManufacturerModelName, "ulite");
    seg_put(target, DCM_DeviceSerialNumber, "0");
    seg_put(target, DCM_SoftwareVersions, ul_version());
}

static void put_image(DcmItem &target, const SegPlan &plan, const SegUids &uids) {
    seg_put(target, DCM_SOPClassUID,
        plan.kind == SegKind::LABELMAP ? SEG_LABELMAP_CLASS_UID : UID_SegmentationStorage);
    seg_put(target, DCM_SOPInstanceUID, uids.instance);
    seg_put(target, DCM_ImageType, "DERIVED\\PRIMARY");
    seg_put(target, DCM_InstanceNumber, "1");
    seg_put(target, DCM_ContentLabel, "SEGMENTATION");
    seg_put(target, DCM_ContentDescription, "Not a medical device; research use");
    seg_put(target, DCM_ContentCreatorName, "");
    seg_put_us(target, DCM_SamplesPerPixel, 1);
    seg_put(target, DCM_PhotometricInterpretation, "MONOCHROME2");
    seg_put(target, DCM_NumberOfFrames, std::to_string(plan.frames.size()));
    seg_put_us(target, DCM_Rows, unsigned(plan.labels->grid.size[1]));
    seg_put_us(target, DCM_Columns, unsigned(plan.labels->grid.size[0]));
    seg_put_us(target, DCM_BitsAllocated, plan.bits());
    seg_put_us(target, DCM_BitsStored, plan.bits());
    seg_put_us(target, DCM_HighBit, plan.bits() - 1);
    seg_put_us(target, DCM_PixelRepresentation, 0);
    seg_put(target, DCM_SegmentationType, seg_kind_name(plan.kind));
    if (plan.kind == SegKind::LABELMAP)
        seg_put_us(target, DCM_PixelPaddingValue, 0);
    if (plan.kind == SegKind::FRACTIONAL) {
        seg_put(target, DCM_SegmentationFractionalType, "PROBABILITY");
        seg_put_us(target, DCM_MaximumFractionalValue, 255);
    }
    /* One label per voxel cannot overlap; probabilities of several segments do. */
    bool overlap =
        plan.kind == SegKind::FRACTIONAL && plan.labels->fractions && plan.segments.size() > 1;
    seg_put(target, DCM_SegmentsOverlap, overlap ? "UNDEFINED" : "NO");
}

static void put_frame_of_reference(DcmItem &target, const SegPlan &plan, char **notes) {
    if (!plan.placed) {
        seg_put(target, DCM_PatientOrientation, "");
        return;
    }
    seg_put(target, DCM_FrameOfReferenceUID,
        seg_usable_uid(plan, plan.info->frame_of_reference_uid, "FrameOfReferenceUID", notes));
    seg_put(target, DCM_PositionReferenceIndicator, "");
}

/* The source series with every instance once, in slice order. */
static void put_references(DcmItem &target, const SegPlan &plan, char **notes) {
    DcmItem &series = seg_new_item(target, DCM_ReferencedSeriesSequence);
    seg_put(series, DCM_SeriesInstanceUID,
        seg_usable_uid(plan, plan.info->series_uid, "SeriesInstanceUID", notes));
    seg_each_instance(plan, [&](const ul_instance &instance) {
        seg_put_reference(seg_new_item(series, DCM_ReferencedInstanceSequence), instance);
    });
}

static void put_dimension(DcmItem &target, const std::string &organization,
    const DcmTagKey &pointer, const DcmTagKey &group, const char *label) {
    DcmItem &item = seg_new_item(target, DCM_DimensionIndexSequence);
    seg_put(item, DCM_DimensionOrganizationUID, organization);
    seg_stored(
        item.putAndInsertTagKey(DCM_DimensionIndexPointer, pointer), DCM_DimensionIndexPointer);
    seg_stored(
        item.putAndInsertTagKey(DCM_FunctionalGroupPointer, group), DCM_FunctionalGroupPointer);
    seg_put(item, DCM_DimensionDescriptionLabel, label);
}

/* Segment, but for LABELMAP, then position; frames without positions are told apart by their time.
 */
static void put_dimensions(DcmItem &target, const SegPlan &plan, const SegUids &uids) {
    seg_put(seg_new_item(target, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID,
        uids.dimensions);
    if (plan.kind != SegKind::LABELMAP)
        put_dimension(target, uids.dimensions, DCM_ReferencedSegmentNumber,
            DCM_SegmentIdentificationSequence, "ReferencedSegmentNumber");
    if (plan.placed)
        put_dimension(target, uids.dimensions, DCM_ImagePositionPatient, DCM_PlanePositionSequence,
            "ImagePositionPatient");
    else if (plan.timed())
        put_dimension(target, uids.dimensions, DCM_TemporalPositionIndex, DCM_FrameContentSequence,
            "TemporalPositionIndex");
}

void seg_put_object(DcmItem &target, const SegPlan &plan, const SegUids &uids, char **notes) {
    seg_put_series(target, plan, uids, "SEG");
    put_image(target, plan, uids);
    put_frame_of_reference(target, plan, notes);
    put_references(target, plan, notes);
    put_dimensions(target, plan, uids);
}

static void put_code_of(DcmItem &item, const DcmTagKey &sequence, const ul_code &code,
    const DcmTagKey &modifier_sequence, const ul_code &modifier) {
    if (!code.value[0])
        return;
    seg_put_code(item, sequence, code.value, code.scheme, code.meaning);
    DcmItem *nested = nullptr;
    if (modifier.value[0] && item.findAndGetSequenceItem(sequence, nested).good())
        seg_put_code(*nested, modifier_sequence, modifier.value, modifier.scheme, modifier.meaning);
}

static std::string segment_description(const ul_segment &segment, const char *note) {
    std::string text = segment.description;
    if (note && *note)
        text += (text.empty() ? "" : "; ") + std::string(note);
    return seg_clipped(text, 1024);
}

static void put_algorithm(DcmItem &item, const ul_segment &segment) {
    seg_put(item, DCM_SegmentAlgorithmType,
        segment.algorithm_type[0] ? segment.algorithm_type : "AUTOMATIC");
    if (std::strcmp(segment.algorithm_type, "MANUAL") != 0)
        seg_put(item, DCM_SegmentAlgorithmName,
            segment.algorithm_name[0] ? seg_clipped(segment.algorithm_name, 64) : "unspecified");
}

static void put_segment(DcmItem &target, const SegPlan &plan, size_t index) {
    const ul_segment &segment = plan.segment(index);
    DcmItem &item = seg_new_item(target, DCM_SegmentSequence);
    seg_put_charset(item, segment.label + std::string(segment.description) +
                              segment.algorithm_name + segment.tracking_id);
    seg_put_us(item, DCM_SegmentNumber, plan.number(index));
    seg_put(item, DCM_SegmentLabel, seg_clipped(segment.label, 64));
    std::string description = segment_description(segment, plan.options->description_note);
    if (!description.empty())
        seg_put(item, DCM_SegmentDescription, description);
    put_algorithm(item, segment);
    put_code_of(item, DCM_SegmentedPropertyCategoryCodeSequence, segment.category, DCM_Item, {});
    put_code_of(item, DCM_SegmentedPropertyTypeCodeSequence, segment.type,
        DCM_SegmentedPropertyTypeModifierCodeSequence, segment.type_modifier);
    put_code_of(item, DCM_AnatomicRegionSequence, segment.region,
        DCM_AnatomicRegionModifierSequence, segment.region_modifier);
    Uint16 lab[3];
    colour_rgb_to_lab(segment.rgb, lab);
    seg_stored(item.putAndInsertUint16Array(DCM_RecommendedDisplayCIELabValue, lab, 3),
        DCM_RecommendedDisplayCIELabValue);
    if (segment.tracking_id[0] && segment.tracking_uid[0]) {
        seg_put(item, DCM_TrackingID, segment.tracking_id);
        seg_put(item, DCM_TrackingUID, segment.tracking_uid);
    }
    if (segment.number != plan.number(index)) {
        seg_stored(
            item.putAndInsertString(DcmTag(SEG_PRIVATE_CREATOR_TAG, EVR_LO), SEG_PRIVATE_CREATOR),
            SEG_PRIVATE_CREATOR_TAG);
        seg_stored(
            item.putAndInsertUint16(DcmTag(SEG_LABEL_VALUE_TAG, EVR_US), Uint16(segment.number)),
            SEG_LABEL_VALUE_TAG);
    }
}

/* The value of a LABELMAP that belongs to no segment is described like one. */
static void put_background(DcmItem &target, const SegPlan &plan) {
    DcmItem &item = seg_new_item(target, DCM_SegmentSequence);
    seg_put_us(item, DCM_SegmentNumber, 0);
    seg_put(item, DCM_SegmentLabel, "Background");
    put_algorithm(item, plan.segment(0));
    for (const DcmTagKey &sequence :
        {DCM_SegmentedPropertyCategoryCodeSequence, DCM_SegmentedPropertyTypeCodeSequence})
        seg_put_code(item, sequence, "125040", "DCM", "Background");
}

void seg_put_segments(DcmItem &target, const SegPlan &plan) {
    if (plan.kind == SegKind::LABELMAP)
        put_background(target, plan);
    for (size_t s = 0; s < plan.segments.size(); s++) {
        const ul_segment &segment = plan.segment(s);
        if (!segment.label[0] || !segment.category.value[0] || !segment.type.value[0])
            throw Failure(UL_ERROR_INPUT,
                "segment %u needs a label, a category code and a type code", segment.number);
        put_segment(target, plan, s);
    }
}
