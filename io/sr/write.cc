#include "io/base/sha256.h"
#include "io/base/uid.h"
#include "io/dicom/shim.h"
#include "io/seg/build.h"
#include "ulite/sr.h"

#include <cmath>
#include <cstring>
#include <dcmtk/dcmsr/cmr/tid1500.h>
#include <dcmtk/dcmsr/dsrdoc.h>

using Report = TID1500_MeasurementReport;
using Group = Report::TID1411_Measurements;
using Quantity = CID7469_GenericIntensityAndSizeMeasurements;
using Unit = CID7181_AbstractMultiDimensionalImageModelComponentUnits;

static void made(const OFCondition &condition, const char *what) {
    if (condition.bad())
        throw Failure(
            UL_ERROR_INTERNAL, "the report's %s cannot be made: %s", what, condition.text());
}

/* Six digits, which is more than voxels tell. */
static std::string decimal(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", number);
    return text;
}

static DSRCodedEntryValue coded(const ul_code &code) {
    return DSRCodedEntryValue(code.value, code.scheme, code.meaning);
}

/* What the labels and the SEG say of one segment. */
struct Reported {
    unsigned number; /* SegmentNumber */
    const ul_segment *segment;
    const ul_sr_measurement *measured;
};

static std::vector<Reported> find_segments(const SegObject &seg, const ul_labels &labels,
    const ul_sr_measurement *measurements, size_t count) {
    std::vector<Reported> found;
    for (size_t s = 0; s < seg.segments.size(); s++)
        for (size_t n = 0; n < count; n++) {
            const ul_segment *segment = ul_segments_find(&labels.segments, measurements[n].number);
            if (segment && measurements[n].number == seg.label_value[s])
                found.push_back({seg.segments[s].number, segment, &measurements[n]});
        }
    if (found.empty())
        throw Failure(UL_ERROR_INPUT, "there is no segment to report on");
    return found;
}

static void add_value(
    Group &group, const Quantity::EnumType &quantity, double value, const Unit::EnumType &unit) {
    if (std::isfinite(value))
        made(group.addMeasurement(
                 Quantity(quantity), Group::MeasurementValue(decimal(value).c_str(), Unit(unit))),
            "measurement");
}

/* A number of the image's values, of CT and MR: the concept is their attenuation or signal, the
 * derivation says which number. */
static void add_statistic(Group &group, const char *modality, double value,
    const CID7464_GeneralRegionOfInterestMeasurementModifiers::EnumType &derivation) {
    bool ct = std::strcmp(modality, "CT") == 0;
    if (!std::isfinite(value) || (!ct && std::strcmp(modality, "MR") != 0))
        return;
    const Quantity quantity =
        ct ? Quantity(Quantity::AttenuationCoefficient)
           : Quantity(DSRCodedEntryValue("110852", "DCM", "MR signal intensity"));
    made(group.addMeasurement(quantity, Group::MeasurementValue(decimal(value).c_str(),
                                            Unit(ct ? Unit::HounsfieldUnit : Unit::NoUnits))),
        "measurement");
    made(group.getMeasurement().setDerivation(
             CID7464_GeneralRegionOfInterestMeasurementModifiers(derivation)),
        "derivation");
}

static void add_group(Report &report, const SegObject &seg, const SegPlan &plan,
    const Reported &reported, const std::string &tracking_uid) {
    made(report.addVolumetricROIMeasurements(), "group");
    Group &group = report.getVolumetricROIMeasurements();
    const ul_segment &segment = *reported.segment;
    made(group.setTrackingIdentifier(*segment.tracking_id ? segment.tracking_id : segment.label),
        "tracking identifier");
    made(group.setTrackingUniqueIdentifier(
             *segment.tracking_uid ? segment.tracking_uid : tracking_uid.c_str()),
        "tracking UID");
    if (*segment.type.value)
        made(group.setFinding(coded(segment.type)), "finding");
    DSRImageReferenceValue reference(UID_SegmentationStorage, /* name_class gives its own */
        seg_text(seg.data(), DCM_SOPInstanceUID).c_str(), OFFalse);
    reference.getSegmentList().addItem(Uint16(reported.number));
    made(group.setReferencedSegment(reference, OFFalse), "referenced segment");
    made(group.setSourceSeriesForSegmentation(plan.info->series_uid), "source series");
    if (*segment.region.value)
        made(group.addFindingSite(coded(segment.region)), "finding site");
    add_value(group, Quantity::Volume, reported.measured->volume_ml, Unit::CubicCentimeter);
    add_statistic(group, plan.info->modality, reported.measured->mean,
        CID7464_GeneralRegionOfInterestMeasurementModifiers::Mean);
    add_statistic(group, plan.info->modality, reported.measured->sd,
        CID7464_GeneralRegionOfInterestMeasurementModifiers::StandardDeviation);
}

static CID100_QuantitativeDiagnosticImagingProcedures procedure_of(const char *modality) {
    using Procedures = CID100_QuantitativeDiagnosticImagingProcedures;
    return std::strcmp(modality, "CT") == 0   ? Procedures::CTUnspecifiedBodyRegion
           : std::strcmp(modality, "MR") == 0 ? Procedures::MRIUnspecifiedBodyRegion
           : std::strcmp(modality, "PT") == 0 ? Procedures::PETUnspecifiedBodyRegion
                                              : Procedures::ImagingProcedure;
}

static void add_library(Report &report, const SegPlan &plan) {
    TID1600_ImageLibrary &library = report.getImageLibrary();
    made(library.createNewImageLibrary(), "image library");
    made(library.addImageGroup(), "image group");
    seg_each_instance(plan, [&](const ul_instance &instance) {
        DcmItem image;
        seg_put(image, DCM_SOPClassUID, instance.sop_class_uid);
        seg_put(image, DCM_SOPInstanceUID, instance.sop_instance_uid);
        seg_put(image, DCM_Modality, plan.info->modality);
        made(library.addImageEntry(image, TID1600_ImageLibrary::withoutDescriptors, {}, OFFalse),
            "image entry");
    });
}

static void fill_report(Report &report, const SegObject &seg, const SegPlan &plan,
    const std::vector<Reported> &reported, const SegUids &uids) {
    made(report.createNewMeasurementReport(
             CID7021_MeasurementReportDocumentTitles::ImagingMeasurementReport),
        "title");
    made(report.setLanguage(CID5000_Languages::English), "language");
    made(report.getObservationContext().addDeviceObserver(
             uids.dimensions.c_str(), "ulite", "ulite", "ulite", ul_version()),
        "observer");
    made(report.addProcedureReported(procedure_of(plan.info->modality)), "procedure");
    add_library(report, plan);
    for (const Reported &one : reported) {
        ul_sha256 sha;
        uint8_t digest[32];
        char uid[UID_BYTES];
        ul_sha256_init(&sha);
        ul_sha256_update(&sha, uids.instance.data(), uids.instance.size());
        ul_sha256_update(&sha, &one.number, sizeof one.number);
        ul_sha256_final(&sha, digest);
        uid_from_digest(digest, uid);
        add_group(report, seg, plan, one, uid);
    }
    if (!report.isValid())
        throw Failure(UL_ERROR_INTERNAL, "the report does not follow its template");
}

/* The class of the SEG wherever the report refers to it: DCMTK 3.6.7 knows LABELMAP's not. */
static void name_class(DcmItem &target, const SegObject &seg) {
    std::string instance = seg_text(seg.data(), DCM_SOPInstanceUID);
    DcmStack stack;
    while (target.search(DCM_ReferencedSOPInstanceUID, stack, ESM_afterStackTop, OFTrue).good()) {
        auto *item = static_cast<DcmItem *>(stack.elem(1));
        if (seg_text(*item, DCM_ReferencedSOPInstanceUID) == instance)
            seg_put(*item, DCM_ReferencedSOPClassUID, seg_text(seg.data(), DCM_SOPClassUID));
    }
}

/* The document as a data set: the report, and patient, study and dates of the source. */
static void put_document(DcmDataset &target, Report &report, const SegObject &seg,
    const SegPlan &plan, const SegUids &uids, char **notes) {
    DSRDocument document;
    made(document.createNewDocument(DSRTypes::DT_EnhancedSR), "document");
    made(document.setTreeFromRootTemplate(report), "tree");
    DSRSOPInstanceReferenceList &evidence = document.getCurrentRequestedProcedureEvidence();
    std::string study = seg_text(seg.data(), DCM_StudyInstanceUID);
    made(evidence.addItem(study.c_str(), seg_text(seg.data(), DCM_SeriesInstanceUID).c_str(),
             seg_text(seg.data(), DCM_SOPClassUID).c_str(),
             seg_text(seg.data(), DCM_SOPInstanceUID).c_str(), OFFalse),
        "evidence");
    seg_each_instance(plan, [&](const ul_instance &instance) {
        made(evidence.addItem(study.c_str(), plan.info->series_uid, instance.sop_class_uid,
                 instance.sop_instance_uid, OFFalse),
            "evidence");
    });
    made(document.setSpecificCharacterSet("ISO_IR 192"), "character set");
    made(document.write(target), "data set");
    name_class(target, seg);
    for (const DcmTagKey &tag : {DCM_InstanceCreationDate, DCM_InstanceCreationTime})
        target.findAndDeleteElement(tag);
    seg_put_source(target, plan, notes);
    for (const DcmTagKey &tag : {DCM_LossyImageCompression, DCM_LossyImageCompressionRatio,
             DCM_LossyImageCompressionMethod, DCM_BodyPartExamined})
        target.findAndDeleteElement(tag);
    seg_put_series(target, plan, uids, "SR");
    seg_put(target, DCM_SOPInstanceUID, uids.instance);
    seg_put(target, DCM_InstanceNumber, "1");
}

/* known: DCMTK knows the class of the SEG, else it reads no reference to it. */
static void save_and_check(DcmFileFormat &file, const char *path, bool known) {
    seg_save(file, path, EXS_LittleEndianExplicit);
    DcmFileFormat read;
    DSRDocument document;
    if (read.loadFile(path).bad() || (known && document.read(*read.getDataset()).bad()) ||
        read.getDataset()->compare(*file.getDataset()) != 0)
        throw Failure(UL_ERROR_OUTPUT,
            "what was read back differs from what was written: the disk or ulite is at fault; the "
            "file was removed");
}

/* What the UIDs are made of beside the labels: the SEG and the numbers. */
static std::string identity(const SegObject &seg, const std::vector<Reported> &reported) {
    std::string text = "SR\n" + seg_text(seg.data(), DCM_SOPInstanceUID);
    for (const Reported &one : reported)
        text += "\n" + std::to_string(one.number) + " " + std::to_string(one.measured->volume_ml) +
                " " + std::to_string(one.measured->mean) + " " + std::to_string(one.measured->sd);
    return text;
}

ul_status ul_sr_write(const char *path, const char *seg_path, const ul_labels *labels,
    const ul_series *source, const ul_sr_measurement *measurements, size_t count,
    const ul_seg_options *given, ul_error *error) {
    const ul_seg_options options = seg_options_without_pixels(*labels, given);
    char **notes = given ? given->notes : nullptr;
    ul_status status = ul_series_check_references(source, error);
    if (status != UL_OK)
        return status;
    return seg_write_file(path, error, [&](const char *temporary) {
        SegPlan plan = seg_plan(*labels, source, options);
        SegObject seg = seg_object_open(seg_path, false);
        std::vector<Reported> reported = find_segments(seg, *labels, measurements, count);
        std::string text = identity(seg, reported);
        SegUids uids = seg_uids(plan, reinterpret_cast<const uint8_t *>(text.data()), text.size());
        Report report;
        fill_report(report, seg, plan, reported, uids);
        DcmFileFormat file;
        put_document(*file.getDataset(), report, seg, plan, uids, notes);
        save_and_check(
            file, temporary, seg_text(seg.data(), DCM_SOPClassUID) == UID_SegmentationStorage);
        return UL_OK;
    });
}
