#include "io/base/sha256.h"
#include "io/base/uid.h"
#include "ulite/capture.h"

#include "io/dicom/shim.h"
#include "io/seg/build.h"

#include <cstring>

namespace {

struct CaptureUids {
    std::string series, instance;
};

std::string made_uid(ul_sha256 sha, const char *what, bool random) {
    char uid[UID_BYTES];
    uint8_t digest[32];
    ul_error error = {};
    if (random) {
        if (uid_random(uid, &error) != UL_OK)
            throw Failure(error.status, "%s", error.text);
        return uid;
    }
    ul_sha256_update(&sha, what, std::strlen(what) + 1);
    ul_sha256_final(&sha, digest);
    uid_from_digest(digest, uid);
    return uid;
}

/* From everything that makes the object what it is. */
CaptureUids make_uids(const ul_capture &capture, const SegPlan &plan) {
    ul_sha256 sha;
    ul_sha256_init(&sha);
    const char *epoch = std::getenv("SOURCE_DATE_EPOCH");
    for (const char *text : {ul_version(), plan.info->series_uid, capture.description,
             capture.image_description, epoch}) {
        text = text ? text : "\001";
        ul_sha256_update(&sha, text, std::strlen(text) + 1);
    }
    for (size_t k = 0; k < ul_series_grid(plan.source)->size[2]; k++) {
        const char *uid = ul_series_instance(plan.source, k)->sop_instance_uid;
        ul_sha256_update(&sha, uid, std::strlen(uid) + 1);
    }
    const uint64_t size[2] = {capture.width, capture.height};
    ul_sha256_update(&sha, size, sizeof size);
    ul_sha256_update(&sha, capture.rgb, capture.width * capture.height * 3);
    return {made_uid(sha, "capture series", capture.random_uids),
        made_uid(sha, "capture instance", capture.random_uids)};
}

/* Text in the characters that an attribute has room for, which some readers count in bytes. */
std::string clipped(const std::string &text, size_t characters) {
    return seg_clipped(text, characters, characters);
}

void put_series(
    DcmItem &data, const ul_capture &capture, const SegPlan &plan, const CaptureUids &uids) {
    static const char suffix[] = " (research use)";
    int number = plan.info->series_number;
    seg_put(data, DCM_Modality, "OT");
    seg_put(data, DCM_SeriesInstanceUID, uids.series);
    seg_put(data, DCM_SeriesNumber,
        std::to_string(number >= 0 && number < 1000000000 ? 2000 + number : 2000));
    seg_put(data, DCM_SeriesDescription,
        clipped(capture.description ? capture.description : "ulite", 64 - (sizeof suffix - 1)) +
            suffix);
    seg_put(data, DCM_ConversionType, "WSD");
    seg_put(data, DCM_SecondaryCaptureDeviceManufacturer, "ulite");
    seg_put(data, DCM_SecondaryCaptureDeviceManufacturerModelName, "ulite");
    seg_put(data, DCM_SecondaryCaptureDeviceSoftwareVersions, ul_version());
    seg_put(data, DCM_Manufacturer, "ulite");
}

/* Every image of the source once. */
void put_references(DcmItem &data, const SegPlan &plan) {
    seg_each_instance(plan, [&](const ul_instance &instance) {
        DcmItem &item = seg_new_item(data, DCM_SourceImageSequence);
        seg_put_reference(item, instance);
        seg_put_code(item, DCM_PurposeOfReferenceCodeSequence, "121322", "DCM",
            "Source image for image processing operation");
    });
}

void put_image(DcmItem &data, const ul_capture &capture, const CaptureUids &uids) {
    seg_put(data, DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
    seg_put(data, DCM_SOPInstanceUID, uids.instance);
    seg_put(data, DCM_InstanceNumber, "1");
    seg_put(data, DCM_ImageType, "DERIVED\\SECONDARY");
    seg_put(data, DCM_PatientOrientation, "");
    seg_put(data, DCM_BurnedInAnnotation, "NO"); /* of what identifies the patient */
    if (capture.image_description)
        seg_put(data, DCM_DerivationDescription, clipped(capture.image_description, 1024));
    seg_put(data, DCM_ImageComments, "Not a medical device; research use");
    seg_put_us(data, DCM_SamplesPerPixel, 3);
    seg_put(data, DCM_PhotometricInterpretation, "RGB");
    seg_put_us(data, DCM_PlanarConfiguration, 0);
    seg_put_us(data, DCM_Rows, unsigned(capture.height));
    seg_put_us(data, DCM_Columns, unsigned(capture.width));
    seg_put_us(data, DCM_BitsAllocated, 8);
    seg_put_us(data, DCM_BitsStored, 8);
    seg_put_us(data, DCM_HighBit, 7);
    seg_put_us(data, DCM_PixelRepresentation, 0);
}

void put_pixels(DcmItem &data, const ul_capture &capture) {
    size_t bytes = capture.width * capture.height * 3;
    std::vector<Uint8> padded(capture.rgb, capture.rgb + bytes);
    padded.resize(bytes + bytes % 2);
    seg_stored(
        data.putAndInsertUint8Array(DCM_PixelData, padded.data(), padded.size()), DCM_PixelData);
}

/* DCMTK does not notice a write that fails when the file is closed. */
void check_file(const char *path, const ul_capture &capture, const CaptureUids &uids) {
    DcmFileFormat file;
    OFString instance;
    const Uint8 *bytes = nullptr;
    unsigned long count = 0;
    size_t wanted = capture.width * capture.height * 3;
    bool same = file.loadFile(path).good() &&
                file.getDataset()->findAndGetOFString(DCM_SOPInstanceUID, instance).good() &&
                instance == uids.instance.c_str() &&
                file.getDataset()->findAndGetUint8Array(DCM_PixelData, bytes, &count).good() &&
                count >= wanted && std::memcmp(bytes, capture.rgb, wanted) == 0;
    if (!same)
        throw Failure(UL_ERROR_OUTPUT,
            "what was read back differs from what was written (is the disk full?); the file was "
            "removed");
}

void build_and_save(const char *path, const ul_capture &capture, const ul_series *source) {
    SegPlan plan = {};
    plan.source = source;
    plan.info = ul_series_get_info(source);
    const CaptureUids uids = make_uids(capture, plan);
    DcmFileFormat file;
    DcmItem &data = *file.getDataset();
    seg_put_source(data, plan, nullptr);
    put_series(data, capture, plan, uids);
    put_image(data, capture, uids);
    put_references(data, plan);
    put_pixels(data, capture);
    seg_save(file, path, EXS_LittleEndianExplicit);
    check_file(path, capture, uids);
}

} // namespace

ul_status ul_capture_write(
    const char *path, const ul_capture *capture, const ul_series *source, ul_error *error) {
    if (capture->width == 0 || capture->height == 0 || capture->width > UINT16_MAX ||
        capture->height > UINT16_MAX)
        return ul_error_set(error, UL_ERROR_LIMIT,
            "%s: a Secondary Capture has 1 to 65535 rows and columns, not %zu x %zu", path,
            capture->width, capture->height);
    ul_status status = ul_series_check_references(source, error);
    if (status != UL_OK)
        return status;
    return seg_write_file(path, error, [&](const char *temporary) {
        build_and_save(temporary, *capture, source);
        return UL_OK;
    });
}
