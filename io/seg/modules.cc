/* The modules of a SEG that ulite itself fills: series, equipment, image, segments. */
#include "io/base/notes.h"
#include "io/base/sha256.h"
#include "io/base/uid.h"
#include "io/base/utf8.h"
#include "io/dicom/shim.h"
#include "io/dicom/value.h"
#include "io/pixels/colour.h"
#include "io/seg/build.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>

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

/* Names the character set again in an item whose text needs it: dcmjs, and so OHIF, forgets the
 * data set's inside of sequences. */
static void put_charset(DcmItem &item, const std::string &text) {
    for (char c : text)
        if (static_cast<signed char>(c) < 0) {
            seg_put(item, DCM_SpecificCharacterSet, "ISO_IR 192");
            return;
        }
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
    put_charset(item, segment.label + std::string(segment.description) + segment.algorithm_name +
                          segment.tracking_id);
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

/* The functional groups of a SEG: what is shared by all frames, and each frame's own. */

static std::string decimals(const double *numbers, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; i++) {
        char one[17];
        dicom_value_decimal(numbers[i], one);
        text += (i ? "\\" : "") + std::string(one);
    }
    return text;
}

/* The thickness of slices that the macro requires but the source does not tell: their depth. */
static double default_thickness(const ul_grid &grid, char **notes) {
    if (grid.thickness_mm > 0)
        return grid.thickness_mm;
    double depth = ul_grid_depth_mm(&grid, 0);
    if (depth > 0)
        return depth;
    notes_add(notes, "the source tells no slice thickness: SliceThickness is 1 mm");
    return 1;
}

/* What the source says of slice k, 0 where it does not or k is on a grid of its own. */
static double told_thickness(const SegPlan &plan, size_t k) {
    return plan.on_original ? ul_series_instance(plan.source, k)->thickness_mm : 0;
}

static bool thickness_differs(const SegPlan &plan) {
    for (const SegPlanFrame &frame : plan.frames)
        if (told_thickness(plan, frame.slice) != told_thickness(plan, plan.frames[0].slice))
            return true;
    return false;
}

static void put_measures(DcmItem &target, const ul_grid &grid, double thickness) {
    DcmItem &measures = seg_new_item(target, DCM_PixelMeasuresSequence);
    double step = std::fabs(ul_grid_step_mm(&grid));
    seg_put(measures, DCM_SliceThickness, decimals(&thickness, 1));
    if (step > 0) /* uneven: there is no such number */
        seg_put(measures, DCM_SpacingBetweenSlices, decimals(&step, 1));
    const double row_then_column[2] = {grid.spacing_mm[1], grid.spacing_mm[0]};
    seg_put(measures, DCM_PixelSpacing, decimals(row_then_column, 2));
}

static void put_shared(DcmItem &target, const SegPlan &plan, const double *thickness) {
    const ul_grid &grid = plan.labels->grid;
    DcmItem &shared = seg_new_item(target, DCM_SharedFunctionalGroupsSequence);
    if (!plan.placed)
        return;
    double cosines[6];
    for (int c = 0; c < 3; c++) {
        cosines[c] = grid.axis_i[c];
        cosines[3 + c] = grid.axis_j[c];
    }
    seg_put(seg_new_item(shared, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient,
        decimals(cosines, 6));
    if (thickness)
        put_measures(shared, grid, *thickness);
}

static void put_derivation(DcmItem &frame, const SegPlan &plan, size_t slice) {
    DcmItem &derivation = seg_new_item(frame, DCM_DerivationImageSequence);
    DcmItem &image = seg_new_item(derivation, DCM_SourceImageSequence);
    const ul_instance *instance = ul_series_instance(plan.source, plan.nearest[slice]);
    seg_put_reference(image, *instance);
    if (instance->frame > 0)
        seg_put(image, DCM_ReferencedFrameNumber, std::to_string(instance->frame));
    seg_put(image, DCM_SpatialLocationsPreserved, plan.on_original ? "YES" : "NO");
    seg_put_code(image, DCM_PurposeOfReferenceCodeSequence, "121322", "DCM",
        "Source image for image processing operation");
    seg_put_code(derivation, DCM_DerivationCodeSequence, "113076", "DCM", "Segmentation");
}

static DcmItem &put_frame(DcmItem &target, const SegPlan &plan, const SegPlanFrame &planned) {
    const ul_grid &grid = plan.labels->grid;
    DcmItem &frame = seg_new_item(target, DCM_PerFrameFunctionalGroupsSequence);
    put_derivation(frame, plan, planned.slice);

    DcmItem &content = seg_new_item(frame, DCM_FrameContentSequence);
    auto place = Uint32(plan.timed() ? planned.slice + 1 : plan.position_rank[planned.slice]);
    std::vector<Uint32> index;
    if (plan.kind != SegKind::LABELMAP)
        index.push_back(plan.number(planned.segment));
    if (plan.placed || plan.timed())
        index.push_back(place);
    content.putAndInsertUint32Array(DCM_DimensionIndexValues, index.data(), index.size());
    if (plan.timed())
        content.putAndInsertUint32(DCM_TemporalPositionIndex, place);

    if (plan.placed)
        seg_put(seg_new_item(frame, DCM_PlanePositionSequence), DCM_ImagePositionPatient,
            decimals(grid.origin_mm[planned.slice], 3));
    if (plan.kind != SegKind::LABELMAP)
        seg_put_us(seg_new_item(frame, DCM_SegmentIdentificationSequence),
            DCM_ReferencedSegmentNumber, plan.number(planned.segment));
    return frame;
}

/* PixelMeasures are shared, or each frame's own where slices differ in thickness. */
void seg_put_groups(DcmItem &target, const SegPlan &plan, char **notes) {
    double thickness = plan.placed ? told_thickness(plan, plan.frames[0].slice) : 0;
    if (plan.placed && !(thickness > 0))
        thickness = default_thickness(plan.labels->grid, notes);
    bool differs = plan.placed && thickness_differs(plan);
    put_shared(target, plan, differs ? nullptr : &thickness);
    for (const SegPlanFrame &planned : plan.frames) {
        DcmItem &frame = put_frame(target, plan, planned);
        double told = told_thickness(plan, planned.slice);
        if (differs)
            put_measures(frame, plan.labels->grid, told > 0 ? told : thickness);
    }
}

/* Values into a data set: helpers of the modules. */

void seg_stored(const OFCondition &condition, const DcmTagKey &tag) {
    if (condition.bad())
        throw Failure(UL_ERROR_INTERNAL, "%s could not be stored: %s", DcmTag(tag).getTagName(),
            condition.text());
}

void seg_put(DcmItem &item, const DcmTagKey &tag, const std::string &value) {
    seg_stored(item.putAndInsertOFStringArray(tag, value.c_str()), tag);
}

void seg_put_us(DcmItem &item, const DcmTagKey &tag, unsigned value) {
    seg_stored(item.putAndInsertUint16(tag, Uint16(value)), tag);
}

DcmItem &seg_new_item(DcmItem &item, const DcmTagKey &sequence) {
    DcmItem *created = nullptr;
    seg_stored(item.findOrCreateSequenceItem(sequence, created, -2), sequence);
    return *created;
}

void seg_put_reference(DcmItem &item, const ul_instance &instance) {
    seg_put(item, DCM_ReferencedSOPClassUID, instance.sop_class_uid);
    seg_put(item, DCM_ReferencedSOPInstanceUID, instance.sop_instance_uid);
}

std::string seg_clipped(const std::string &text, size_t characters, size_t bytes) {
    std::string buffer(std::min(text.size() * 2, bytes) + 1, '\0');
    ul_utf8_clip(&buffer[0], buffer.size(), characters, text.c_str());
    return buffer.c_str();
}

void seg_each_instance(const SegPlan &plan, const std::function<void(const ul_instance &)> &visit) {
    std::set<std::string> visited;
    for (size_t k = 0; k < ul_series_grid(plan.source)->size[2]; k++) {
        const ul_instance *instance = ul_series_instance(plan.source, k);
        if (visited.insert(instance->sop_instance_uid).second)
            visit(*instance);
    }
}

void seg_save(DcmFileFormat &file, const char *path, E_TransferSyntax syntax) {
    errno = 0; /* DCMTK's own texts speak of its streams */
    OFCondition saved = file.saveFile(path, syntax, EET_ExplicitLength);
    if (saved.bad())
        throw Failure(
            UL_ERROR_OUTPUT, "cannot be written: %s", errno ? std::strerror(errno) : saved.text());
}

void seg_put_code(DcmItem &item, const DcmTagKey &sequence, const char *value, const char *scheme,
    const char *meaning) {
    DcmItem &code = seg_new_item(item, sequence);
    put_charset(code, meaning);
    seg_put(code, std::strlen(value) > 16 ? DCM_LongCodeValue : DCM_CodeValue, value);
    seg_put(code, DCM_CodingSchemeDesignator, scheme);
    seg_put(code, DCM_CodeMeaning, meaning);
}

std::string seg_usable_uid(const SegPlan &plan, const char *uid, const char *what, char **notes) {
    if (uid_usable(uid))
        return uid;
    bool by_series = uid_usable(plan.info->series_uid);
    const char *seed =
        by_series ? plan.info->series_uid : ul_series_instance(plan.source, 0)->sop_instance_uid;
    notes_add(notes, "%s: %s, one was made from the %s", what,
        *uid ? "the source's is invalid" : "the source has none",
        by_series ? "series UID" : "UID of the first image");
    ul_sha256 sha;
    ul_sha256_init(&sha);
    ul_sha256_update(&sha, what, std::strlen(what) + 1);
    ul_sha256_update(&sha, seed, std::strlen(seed));
    uint8_t digest[32];
    ul_sha256_final(&sha, digest);
    char derived[UID_BYTES];
    uid_from_digest(digest, derived);
    return derived;
}
