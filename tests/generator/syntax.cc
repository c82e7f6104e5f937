#include "series.h"

#include "dcmtk/dcmdata/dcrledrg.h"
#include "dcmtk/dcmdata/dcrleerg.h"
#include "dcmtk/dcmdata/dcrlerp.h"
#include "dcmtk/dcmjpeg/djdecode.h"
#include "dcmtk/dcmjpeg/djencode.h"
#include "dcmtk/dcmjpeg/djrplol.h"
#include "dcmtk/dcmjpeg/djrploss.h"
#include "dcmtk/dcmjpls/djdecode.h"
#include "dcmtk/dcmjpls/djencode.h"
#include "dcmtk/dcmjpls/djrparam.h"

#include <memory>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

static const struct syntax {
    const char *name;
    E_TransferSyntax transfer;
    const char *gdcmconv; /* its option, where gdcmconv does it */
} syntaxes[] = {
    {"implicit", EXS_LittleEndianImplicit, nullptr},
    {"explicit", EXS_LittleEndianExplicit, nullptr},
    {"bigendian", EXS_BigEndianExplicit, nullptr},
    {"deflated", EXS_DeflatedLittleEndianExplicit, nullptr},
    {"rle", EXS_RLELossless, nullptr},
    {"jpeg-baseline", EXS_JPEGProcess1, nullptr},
    {"jpeg-extended", EXS_JPEGProcess2_4, nullptr},
    {"jpeg-spectral", EXS_JPEGProcess6_8, nullptr},
    {"jpeg-progressive", EXS_JPEGProcess10_12, nullptr},
    {"jpeg-lossless", EXS_JPEGProcess14, nullptr},
    {"jpeg-lossless-sv1", EXS_JPEGProcess14SV1, nullptr},
    {"jpegls", EXS_JPEGLSLossless, nullptr},
    {"jpegls-near", EXS_JPEGLSLossy, nullptr},
    {"jpeg2000", EXS_LittleEndianExplicit, "--j2k"},
    {"jpeg2000-lossy", EXS_LittleEndianExplicit, "--j2k --lossy -q 80"},
};

std::string syntax_names() {
    std::string names;
    for (const syntax &one : syntaxes)
        names += (names.empty() ? "" : ", ") + std::string(one.name);
    return names;
}

static const syntax &find(const std::string &name) {
    for (const syntax &one : syntaxes)
        if (name == one.name)
            return one;
    throw std::runtime_error("--syntax takes " + syntax_names() + ", not \"" + name + "\"");
}

void syntax_check(const std::string &name) {
    find(name);
}

static void register_codecs() {
    static bool done = false;
    if (done)
        return;
    done = true;
    DcmRLEEncoderRegistration::registerCodecs();
    /* all defaults but pUsePixelValues, which would stretch the contrast of every lossy image */
    DJEncoderRegistration::registerCodecs(ECC_lossyYCbCr, EUC_default, OFFalse, 0, 0, 0, OFTrue,
        ESS_422, OFTrue, OFFalse, 0, 0, 0.0, 0.0, 0, 0, 0, 0, OFFalse);
    DJLSEncoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
}

static std::unique_ptr<DcmRepresentationParameter> parameters(E_TransferSyntax transfer) {
    switch (transfer) {
    case EXS_RLELossless:
        return std::make_unique<DcmRLERepresentationParameter>();
    case EXS_JPEGProcess1:
    case EXS_JPEGProcess2_4:
    case EXS_JPEGProcess6_8:
    case EXS_JPEGProcess10_12:
        return std::make_unique<DJ_RPLossy>(95);
    case EXS_JPEGProcess14:
        return std::make_unique<DJ_RPLossless>(6, 0);
    case EXS_JPEGProcess14SV1:
        return std::make_unique<DJ_RPLossless>(1, 0);
    case EXS_JPEGLSLossless:
        return std::make_unique<DJLSRepresentationParameter>(0, OFTrue);
    case EXS_JPEGLSLossy:
        return std::make_unique<DJLSRepresentationParameter>(2, OFFalse);
    default:
        return nullptr;
    }
}

/* Runs gdcmconv without a shell. */
static void run_gdcmconv(const char *option, const std::string &in, const std::string &out) {
    std::vector<std::string> words = {"gdcmconv"};
    for (std::string rest = option; !rest.empty();) {
        size_t space = rest.find(' ');
        words.push_back(rest.substr(0, space));
        rest = space == std::string::npos ? "" : rest.substr(space + 1);
    }
    words.insert(words.end(), {"-i", in, "-o", out});
    std::vector<char *> arguments;
    for (std::string &word : words)
        arguments.push_back(&word[0]);
    arguments.push_back(nullptr);
    pid_t child = fork();
    if (child == 0) { /* its warnings are not ours */
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(126);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
        throw std::runtime_error(status == 127 << 8
                                     ? "gdcmconv is not installed (Debian: libgdcm-tools)"
                                     : "gdcmconv cannot write " + out);
}

void syntax_save(
    DcmFileFormat *file, const std::string &name, const std::string &path, bool with_meta) {
    const syntax &wanted = find(name);
    register_codecs();
    std::unique_ptr<DcmRepresentationParameter> how = parameters(wanted.transfer);
    if (how) {
        OFCondition done = file->getDataset()->chooseRepresentation(wanted.transfer, how.get());
        if (done.bad() || !file->getDataset()->canWriteXfer(wanted.transfer))
            throw std::runtime_error(path + ": cannot be written as " + name + ": " + done.text());
    }
    std::string written = wanted.gdcmconv ? path + ".plain" : path;
    OFCondition saved = file->saveFile(written.c_str(), wanted.transfer, EET_UndefinedLength,
        EGL_recalcGL, EPD_noChange, 0, 0, with_meta ? EWM_fileformat : EWM_dataset);
    if (saved.bad())
        throw std::runtime_error(path + ": " + saved.text());
    if (wanted.gdcmconv) {
        run_gdcmconv(wanted.gdcmconv, written, path);
        unlink(written.c_str());
    }
}
