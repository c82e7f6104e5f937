/* The functional groups of a SEG: what is shared by all frames, and each frame's own. */
#include "io/base/notes.h"
#include "io/dicom/shim.h"
#include "io/dicom/value.h"
#include "io/seg/build.h"

#include <cmath>

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
