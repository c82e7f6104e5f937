#include "dcmtk_prepare.h"

#include <mutex>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

/* Private elements that are read, for files in implicit VR: those of (2005,xx..) by Philips. */
static void add_private_elements(void) {
    DcmDataDictionary &dictionary = dcmDataDict.wrlock();
    dictionary.addEntry(new DcmDictEntry(0x2005, 0x0e, DcmVR(EVR_FL), "MRScaleSlope", 1, 1,
        "PrivateTag", OFFalse, "Philips MR Imaging DD 001"));
    dictionary.addEntry(new DcmDictEntry(0x2005, 0x0f, DcmVR(EVR_SQ), "MRPrivateFrameSequence", 1,
        1, "PrivateTag", OFFalse, "Philips MR Imaging DD 005"));
    dcmDataDict.wrunlock();
}

void dcmtk_prepare(void) {
    static std::once_flag once;
    std::call_once(once, [] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        DJDecoderRegistration::registerCodecs(EDC_guessLossyOnly, EUC_never, EPC_colorByPixel);
        DJLSDecoderRegistration::registerCodecs(EJLSUC_never, EJLSPC_colorByPixel);
        /* What writers get wrong is read: the plain syntax, the meta header's length, known
         * elements as unknown ones. */
        dcmAutoDetectDatasetXfer.set(OFTrue);
        dcmIgnoreFileMetaInformationGroupLength.set(OFTrue);
        dcmEnableUnknownVRConversion.set(OFTrue);
        add_private_elements();
    });
}
