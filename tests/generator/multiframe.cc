#include "series.h"

#include <algorithm>

static void put(DcmItem *item, const DcmTagKey &tag, const std::string &value) {
    item->putAndInsertString(tag, value.c_str());
}

static DcmItem *append(DcmItem *item, const DcmTagKey &sequence) {
    DcmItem *created = nullptr;
    item->findOrCreateSequenceItem(sequence, created, -2);
    return created;
}

/* The functional group macros of one frame that say where it lies and what it holds. */
static void fill_frame(
    DcmItem *item, const image &what, const pixels &p, unsigned place, const options &o) {
    DcmItem *content = append(item, DCM_FrameContentSequence);
    const Uint32 index[3] = {what.which.time + 1, what.which.echo + 1, place};
    content->putAndInsertUint32Array(DCM_DimensionIndexValues, index, 3);
    put(content, DCM_StackID, "1");
    content->putAndInsertUint32(DCM_InStackPositionNumber, place);
    content->putAndInsertUint32(DCM_TemporalPositionIndex, what.which.time + 1);
    content->putAndInsertUint16(DCM_FrameAcquisitionNumber, (Uint16)(what.which.time + 1));
    std::string moment = "202002291011" + std::to_string(14 + what.which.time);
    put(content, DCM_FrameAcquisitionDateTime, moment);
    put(content, DCM_FrameReferenceDateTime, moment);
    content->putAndInsertFloat64(DCM_FrameAcquisitionDuration, 10);
    put(append(item, DCM_PlanePositionSequence), DCM_ImagePositionPatient,
        text_of_position(what, o));

    DcmItem *transform = append(item, DCM_PixelValueTransformationSequence);
    put(transform, DCM_RescaleSlope, text_of(p.slope));
    put(transform, DCM_RescaleIntercept, text_of(p.intercept));
    put(transform, DCM_RescaleType, o.modality == "CT" ? "HU" : "US");

    std::string type = std::string("ORIGINAL\\PRIMARY\\") +
                       (what.localizer ? "LOCALIZER" : "VOLUME") + "\\" +
                       (what.which.phase ? "P" : "NONE");
    DcmItem *kind = append(
        item, o.modality == "CT" ? DCM_CTImageFrameTypeSequence : DCM_MRImageFrameTypeSequence);
    put(kind, DCM_FrameType, type);
    put(kind, DCM_PixelPresentation, "MONOCHROME");
    put(kind, DCM_VolumetricProperties, "VOLUME");
    put(kind, DCM_VolumeBasedCalculationTechnique, "NONE");
    if (o.modality == "MR") {
        put(kind, DCM_ComplexImageComponent, what.which.phase ? "PHASE" : "MAGNITUDE");
        put(kind, DCM_AcquisitionContrast, "T1");
        append(item, DCM_MREchoSequence)
            ->putAndInsertFloat64(DCM_EffectiveEchoTime, 4 + 6 * what.which.echo);
    }
}

/* Where Philips keeps what a frame would say as an image of its own. */
static void fill_private(DcmItem *item, const options &o) {
    if (o.philips_slope == 0)
        return;
    const DcmTag sequence(0x2005, 0x140f, EVR_SQ);
    DcmItem *created = nullptr;
    item->putAndInsertString(DcmTag(0x2005, 0x0014, EVR_LO), "Philips MR Imaging DD 005");
    item->findOrCreateSequenceItem(sequence, created, -2);
    header_fill_philips(created, o);
}

static void fill_shared(DcmItem *item, const layout &l, const options &o) {
    DcmItem *measures = append(item, DCM_PixelMeasuresSequence);
    put(measures, DCM_PixelSpacing, text_of(l.spacing_mm[1]) + "\\" + text_of(l.spacing_mm[0]));
    put(measures, DCM_SliceThickness, text_of(l.thickness_mm));
    put(append(item, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient,
        text_of_cosines(l, o));
    DcmItem *anatomy = append(item, DCM_FrameAnatomySequence);
    put(anatomy, DCM_FrameLaterality, "U");
    DcmItem *region = append(anatomy, DCM_AnatomicRegionSequence);
    put(region, DCM_CodeValue, "69536005");
    put(region, DCM_CodingSchemeDesignator, "SCT");
    put(region, DCM_CodeMeaning, "Head");
}

static void fill_dimensions(DcmDataset *d, const options &o) {
    std::string organization = series_uid(o, "dimensions");
    put(append(d, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID, organization);
    const struct {
        DcmTagKey index, group;
    } dimensions[] = {{DCM_TemporalPositionIndex, DCM_FrameContentSequence},
        {o.modality == "MR" ? DCM_EffectiveEchoTime : DCM_FrameAcquisitionNumber,
            o.modality == "MR" ? DCM_MREchoSequence : DCM_FrameContentSequence},
        {DCM_InStackPositionNumber, DCM_FrameContentSequence}};
    for (const auto &one : dimensions) {
        DcmItem *item = append(d, DCM_DimensionIndexSequence);
        put(item, DCM_DimensionOrganizationUID, organization);
        item->putAndInsertTagKey(DCM_DimensionIndexPointer, one.index);
        item->putAndInsertTagKey(DCM_FunctionalGroupPointer, one.group);
    }
}

/* Attributes of the enhanced image modules that stand outside the functional groups. */
static void fill_enhanced(DcmDataset *d, const options &o) {
    put(d, DCM_ImageType, "ORIGINAL\\PRIMARY\\VOLUME\\NONE");
    put(d, DCM_AcquisitionDateTime, "20200229101114");
    put(d, DCM_PixelPresentation, "MONOCHROME");
    put(d, DCM_VolumetricProperties, "VOLUME");
    put(d, DCM_VolumeBasedCalculationTechnique, "NONE");
    put(d, DCM_PresentationLUTShape, "IDENTITY");
    put(d, DCM_BurnedInAnnotation, "NO");
    put(d, DCM_LossyImageCompression, "00");
    put(d, DCM_ContentQualification, "RESEARCH");
    if (o.modality == "MR") {
        put(d, DCM_ComplexImageComponent, "MAGNITUDE");
        put(d, DCM_AcquisitionContrast, "T1");
        put(d, DCM_MagneticFieldStrength, "3");
        put(d, DCM_ResonantNucleus, "1H");
        put(d, DCM_KSpaceFiltering, "NONE");
    }
}

void multiframe_fill(DcmDataset *d, const std::vector<image> &images,
    const std::vector<pixels> &frames, const options &o) {
    const layout &l = *images[0].where;
    put(d, DCM_SOPInstanceUID, images[0].sop_instance_uid);
    put(d, DCM_InstanceNumber, "1");
    put(d, DCM_NumberOfFrames, std::to_string(images.size()));
    header_fill_pixel_module(d, l, o);
    if (o.no_positions) { /* a cine loop */
        put(d, DCM_ImageType, "ORIGINAL\\PRIMARY");
        put(d, DCM_FrameTime, "40");
        d->putAndInsertTagKey(DCM_FrameIncrementPointer, DCM_FrameTime);
        if (o.has_rescale) {
            put(d, DCM_RescaleSlope, text_of(o.slope));
            put(d, DCM_RescaleIntercept, text_of(o.intercept));
            put(d, DCM_RescaleType, "US");
        }
        return;
    }
    fill_enhanced(d, o);
    fill_dimensions(d, o);
    fill_shared(append(d, DCM_SharedFunctionalGroupsSequence), l, o);
    for (size_t n = 0; n < images.size(); n++) {
        size_t place =
            (size_t)(std::find(l.kept.begin(), l.kept.end(), images[n].slice) - l.kept.begin());
        DcmItem *frame = append(d, DCM_PerFrameFunctionalGroupsSequence);
        fill_frame(frame, images[n], frames[n], (unsigned)place + 1, o);
        fill_private(frame, o);
    }
}
