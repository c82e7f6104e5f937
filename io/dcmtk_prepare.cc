#include "dcmtk_prepare.h"

#include <mutex>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

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
    });
}
