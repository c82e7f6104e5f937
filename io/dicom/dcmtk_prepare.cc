#include "io/dicom/dcmtk_prepare.h"

#include "io/dicom/shim.h"

#include <mutex>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

/* Private elements that are read, for files in implicit VR. */
static void add_private_elements(void) {
    static const struct {
        Uint16 group, element;
        DcmEVR vr;
        const char *name, *creator;
    } elements[] = {
        {0x2001, 0x03, EVR_FL, "DiffusionBFactor", "Philips Imaging DD 001"},
        {0x2005, 0x0e, EVR_FL, "MRScaleSlope", "Philips MR Imaging DD 001"},
        {0x2005, 0xb0, EVR_FL, "DiffusionDirectionRL", "Philips MR Imaging DD 001"},
        {0x2005, 0xb1, EVR_FL, "DiffusionDirectionAP", "Philips MR Imaging DD 001"},
        {0x2005, 0xb2, EVR_FL, "DiffusionDirectionFH", "Philips MR Imaging DD 001"},
        {0x2005, 0x0f, EVR_SQ, "MRPrivateFrameSequence", "Philips MR Imaging DD 005"},
        {0x2005, 0x13, EVR_IS, "GradientOrientationNumber", "Philips MR Imaging DD 005"},
        {0x2005, 0x29, EVR_CS, "MRImageLabelType", "Philips MR Imaging DD 005"},
        {0x0065, 0x09, EVR_FD, "BValue", "Image Private Header"},
        {0x0065, 0x37, EVR_FD, "DiffusionGradientDirection", "Image Private Header"},
        {0x0065, 0x50, EVR_DS, "NumberOfSlicesInGrid", "Image Private Header"},
        {0x0065, 0x51, EVR_SQ, "FrameSequence", "Image Private Header"},
    };
    DcmDataDictionary &dictionary = dcmDataDict.wrlock();
    for (const auto &one : elements)
        dictionary.addEntry(new DcmDictEntry(one.group, one.element, DcmVR(one.vr), one.name, 1, 3,
            "PrivateTag", OFFalse, one.creator));
    dcmDataDict.wrunlock();
}

void dcmtk_prepare(void) {
    /* Not std::call_once: where memory runs out, glibc's cannot pass on the exception, and aborts.
     */
    static std::mutex lock;
    static bool done = false;
    std::lock_guard<std::mutex> guard(lock);
    if (!done) {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        DJDecoderRegistration::registerCodecs(EDC_guessLossyOnly, EUC_never, EPC_colorByPixel);
        DJLSDecoderRegistration::registerCodecs(EJLSUC_never, EJLSPC_colorByPixel);
        /* What writers get wrong is read: the plain syntax, the meta header's length, known
         * elements as unknown ones. */
        dcmAutoDetectDatasetXfer.set(OFTrue);
        dcmIgnoreFileMetaInformationGroupLength.set(OFTrue);
        dcmEnableUnknownVRConversion.set(OFTrue);
        add_private_elements();
        done = true;
    }
}

ul_status dcmtk_prepare_all(ul_error *error) {
    return shim_guard(nullptr, error, [] {
        dcmtk_prepare();
        return UL_OK;
    });
}
