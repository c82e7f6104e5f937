#include "io/dicom/shim.h"
#include "io/dicom/value.h"
#include "io/rtstruct/contour.h"
#include "io/rtstruct/rtstruct.h"
#include "io/seg/build.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

static const size_t most_points = 10000000; /* of one contour: a value of 4 GB has no more */

/* Whether a voxel belongs to a segment. */
static bool belongs(const ul_labels &labels, size_t s, size_t voxel) {
    const size_t *size = labels.grid.size;
    if (labels.fractions)
        return labels.fractions[s * size[0] * size[1] * size[2] + voxel] > 127;
    return labels.map[voxel] == labels.segments.items[s].number;
}

/* Millimetres to a ten-thousandth, without zeros at the end. */
static std::string decimal(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", number);
    if (std::strlen(text) > 16)
        dicom_value_decimal(number, text);
    std::string shown = text;
    if (shown.find('.') != std::string::npos) {
        shown.erase(shown.find_last_not_of('0') + 1);
        if (shown.back() == '.')
            shown.pop_back();
    }
    return shown == "-0" ? "0" : shown;
}

static std::string contour_data(const ul_grid &grid, size_t k, const closed_contour &outline) {
    std::string text;
    for (size_t p = 0; p < outline.count; p++) {
        /* Corners lie half a pixel before the centre of their pixel. */
        double i = outline.points[p].x - 0.5, j = outline.points[p].y - 0.5;
        for (int c = 0; c < 3; c++) {
            if (!text.empty())
                text += '\\';
            text += decimal(grid.origin_mm[k][c] + i * grid.spacing_mm[0] * grid.axis_i[c] +
                            j * grid.spacing_mm[1] * grid.axis_j[c]);
        }
    }
    return text;
}

static void put_image_reference(DcmItem &target, const SegPlan &plan, size_t source_slice) {
    const ul_instance *instance = ul_series_instance(plan.source, source_slice);
    DcmItem &image = seg_new_item(target, DCM_ContourImageSequence);
    seg_put_reference(image, *instance);
    if (instance->frame > 0)
        seg_put(image, DCM_ReferencedFrameNumber, std::to_string(instance->frame));
}

/* The outlines of a segment on a slice, appended to data, of which the UIDs are made. */
static void put_slice(DcmItem &roi, const SegPlan &plan, size_t s, size_t k,
    std::vector<uint8_t> &mask, std::string &data) {
    const ul_grid &grid = plan.labels->grid;
    size_t pixels = grid.size[0] * grid.size[1];
    bool any = false;
    for (size_t n = 0; n < pixels; n++) {
        mask[n] = belongs(*plan.labels, s, k * pixels + n);
        any = any || mask[n];
    }
    if (!any)
        return;
    contours found;
    ul_error error = {};
    if (contours_trace(mask.data(), grid.size[0], grid.size[1], &found, &error) != UL_OK)
        throw Failure(error.status, "%s", error.text);
    std::unique_ptr<contours, void (*)(contours *)> owner(&found, contours_free);
    for (size_t n = 0; n < found.count; n++) {
        if (found.items[n].count > most_points)
            throw Failure(UL_ERROR_LIMIT, "a contour of %zu points, at most %zu go into one",
                found.items[n].count, most_points);
        DcmItem &item = seg_new_item(roi, DCM_ContourSequence);
        put_image_reference(item, plan, plan.nearest[k]);
        seg_put(item, DCM_ContourGeometricType, "CLOSED_PLANAR");
        seg_put(item, DCM_NumberOfContourPoints, std::to_string(found.items[n].count));
        std::string text = contour_data(grid, k, found.items[n]);
        seg_put(item, DCM_ContourData, text);
        data += text + "\n";
    }
}

/* The contours of all segments; false where the progress said stop. */
static bool put_contours(DcmItem &target, const SegPlan &plan, std::string &data) {
    const ul_grid &grid = plan.labels->grid;
    std::vector<uint8_t> mask(grid.size[0] * grid.size[1]);
    for (size_t n = 0; n < plan.segments.size(); n++) {
        const ul_segment &segment = plan.segment(n);
        DcmItem &roi = seg_new_item(target, DCM_ROIContourSequence);
        seg_put(roi, DCM_ROIDisplayColor,
            std::to_string(segment.rgb[0]) + "\\" + std::to_string(segment.rgb[1]) + "\\" +
                std::to_string(segment.rgb[2]));
        data += std::to_string(segment.number) + "\n";
        for (size_t k = 0; k < grid.size[2]; k++)
            put_slice(roi, plan, plan.segments[n], k, mask, data);
        seg_put(roi, DCM_ReferencedROINumber, std::to_string(segment.number));
        if (!ul_progress_report(plan.options->progress, "contours", n + 1, plan.segments.size()))
            return false;
    }
    return true;
}

static void put_structures(DcmItem &target, const SegPlan &plan, const std::string &frame_uid) {
    for (size_t n = 0; n < plan.segments.size(); n++) {
        const ul_segment &segment = plan.segment(n);
        std::string number = std::to_string(segment.number);
        DcmItem &roi = seg_new_item(target, DCM_StructureSetROISequence);
        seg_put(roi, DCM_ROINumber, number);
        seg_put(roi, DCM_ReferencedFrameOfReferenceUID, frame_uid);
        seg_put(roi, DCM_ROIName, segment.label);
        const char *note = plan.options->description_note;
        std::string description = segment.description;
        if (note && *note)
            description += (description.empty() ? "" : "; ") + std::string(note);
        if (!description.empty())
            seg_put(roi, DCM_ROIDescription, seg_clipped(description, 1024));
        seg_put(roi, DCM_ROIGenerationAlgorithm,
            *segment.algorithm_type ? segment.algorithm_type : "AUTOMATIC");
        DcmItem &observation = seg_new_item(target, DCM_RTROIObservationsSequence);
        seg_put(observation, DCM_ObservationNumber, std::to_string(n + 1));
        seg_put(observation, DCM_ReferencedROINumber, number);
        if (*segment.type.value)
            seg_put_code(observation, DCM_RTROIIdentificationCodeSequence, segment.type.value,
                segment.type.scheme, segment.type.meaning);
        seg_put(observation, DCM_RTROIInterpretedType, "");
        seg_put(observation, DCM_ROIInterpreter, "");
    }
}

/* The frame of reference, the study, the series and each of its instances once. */
static void put_references(DcmItem &target, const SegPlan &plan, const std::string &frame_uid,
    const std::string &study_uid, char **notes) {
    DcmItem &frame = seg_new_item(target, DCM_ReferencedFrameOfReferenceSequence);
    seg_put(frame, DCM_FrameOfReferenceUID, frame_uid);
    DcmItem &study = seg_new_item(frame, DCM_RTReferencedStudySequence);
    seg_put(study, DCM_ReferencedSOPClassUID, UID_RETIRED_DetachedStudyManagementSOPClass);
    seg_put(study, DCM_ReferencedSOPInstanceUID, study_uid);
    DcmItem &series = seg_new_item(study, DCM_RTReferencedSeriesSequence);
    seg_put(series, DCM_SeriesInstanceUID,
        seg_usable_uid(plan, plan.info->series_uid, "SeriesInstanceUID", notes));
    seg_each_instance(plan, [&](const ul_instance &instance) {
        seg_put_reference(seg_new_item(series, DCM_ContourImageSequence), instance);
    });
}

/* What an image has and a structure set has not goes, dates get their names of it. */
static void rename_source(DcmItem &target) {
    static const DcmTagKey pairs[][2] = {
        {DCM_ContentDate, DCM_StructureSetDate}, {DCM_ContentTime, DCM_StructureSetTime}};
    for (const auto &pair : pairs) {
        seg_put(target, pair[1], dicom_text(target, pair[0]));
        target.findAndDeleteElement(pair[0]);
    }
    for (const DcmTagKey &tag : {DCM_LossyImageCompression, DCM_LossyImageCompressionRatio,
             DCM_LossyImageCompressionMethod, DCM_BodyPartExamined})
        target.findAndDeleteElement(tag);
}

static void put_object(DcmItem &target, const SegPlan &plan, const SegUids &uids, char **notes) {
    seg_put_source(target, plan, notes);
    rename_source(target);
    seg_put_series(target, plan, uids, "RTSTRUCT");
    seg_put(target, DCM_OperatorsName, "");
    seg_put(target, DCM_SOPClassUID, UID_RTStructureSetStorage);
    seg_put(target, DCM_SOPInstanceUID, uids.instance);
    seg_put(target, DCM_InstanceNumber, "1");
    seg_put(target, DCM_StructureSetLabel, "ULITE");
    seg_put(target, DCM_StructureSetName, "ulite");
    seg_put(target, DCM_StructureSetDescription, "Not a medical device; research use");
    seg_put(target, DCM_ApprovalStatus, "UNAPPROVED");
    std::string frame_uid =
        seg_usable_uid(plan, plan.info->frame_of_reference_uid, "FrameOfReferenceUID", notes);
    seg_put(target, DCM_FrameOfReferenceUID, frame_uid);
    seg_put(target, DCM_PositionReferenceIndicator, "");
    put_references(target, plan, frame_uid, dicom_text(target, DCM_StudyInstanceUID), notes);
    put_structures(target, plan, frame_uid);
}

/* Reads the file back and compares it with the labels. */
static void check_file(const char *path, const SegPlan &plan) {
    const ul_labels &labels = *plan.labels;
    ul_labels read = {};
    std::unique_ptr<ul_labels, void (*)(ul_labels *)> owner(&read, ul_labels_free);
    seg_read_back([&] { rtstruct_read_on(path, labels.grid, read, nullptr); });
    size_t voxels = labels.grid.size[0] * labels.grid.size[1] * labels.grid.size[2];
    bool same = read.segments.count == labels.segments.count;
    for (size_t n = 0; same && n < plan.segments.size(); n++) {
        same = read.segments.items[n].number == plan.segment(n).number;
        for (size_t v = 0; same && v < voxels; v++)
            same = belongs(read, n, v) == belongs(labels, plan.segments[n], v);
    }
    if (!same)
        throw Failure(UL_ERROR_OUTPUT,
            "what was read back differs from what was written: the disk or ulite is at fault; the "
            "file was removed");
}

ul_status ul_rtstruct_write(const char *path, const ul_labels *labels, const ul_series *source,
    const ul_seg_options *given, ul_error *error) {
    const ul_seg_options options = seg_options_without_pixels(*labels, given);
    char **notes = given ? given->notes : nullptr;
    ul_status status = ul_series_check_places(source, error);
    if (status == UL_OK)
        status = ul_series_check_references(source, error);
    if (status != UL_OK)
        return status;
    return seg_write_file(path, error, [&](const char *temporary) {
        SegPlan plan = seg_plan(*labels, source, options);
        if (!plan.placed)
            throw Failure(UL_ERROR_GEOMETRY, "images without positions: contours need them");
        DcmFileFormat file;
        std::string data = "RTSTRUCT\n";
        if (!put_contours(*file.getDataset(), plan, data))
            return ul_error_set(error, UL_ERROR_INTERRUPTED, "%s: interrupted", path);
        put_object(*file.getDataset(), plan,
            seg_uids(plan, reinterpret_cast<const uint8_t *>(data.data()), data.size()), notes);
        /* A contour may be longer than the 65534 bytes that DS holds with an explicit VR. */
        seg_save(file, temporary, EXS_LittleEndianImplicit);
        check_file(temporary, plan);
        return UL_OK;
    });
}
