#include "io/dicom/header.h"

#include "io/dicom/shim.h"
#include "libulite/base/resources.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmf.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <mutex>
#include <string>

namespace {

/* Longer values are read when they are asked for, which few are. */
constexpr Uint32 MAX_VALUE_AT_ONCE = 1 << 16;
/* DCMTK reads nested sequences by recursion, as deep as the file says. */
constexpr size_t MAX_STACK_BYTES = size_t(1) << 18;
/* Of a deflated file, which may hold a thousand times its size. */
constexpr offile_off_t MAX_HEADER_BYTES = offile_off_t(1) << 28;
constexpr size_t INFLATE_STEP_BYTES = size_t(1) << 22;
/* DCMTK makes some 200 bytes of an element of 8: how often the memory in use is looked at. */
constexpr size_t LOOK_STEP_BYTES = size_t(1) << 20;

/* Item tags outside of any sequence that are passed over: each looks at all elements before it. */
constexpr int MAX_STRAY_ITEMS = 64;

/* A deflated stream holds at most this many times its size. */
constexpr uint64_t MAX_DEFLATE_RATIO = 1032;

constexpr uint32_t FIRST_PIXEL_TAG = DICOM_TAG(0x7fe0, 0x0008); /* FloatPixelData */

/* A file that ends, for DCMTK, where a hostile one would have it use too much. */
class HeaderStream : public DcmInputFileStream {
  public:
    explicit HeaderStream(const char *path)
        : DcmInputFileStream(path), file(path),
          stack(static_cast<const char *>(__builtin_frame_address(0))) {
    }
    DcmInputStreamFactory *newFactory() const override;

    offile_off_t avail() override {
        return within_limits() ? DcmInputFileStream::avail() : 0;
    }
    offile_off_t read(void *buffer, offile_off_t count) override {
        if (!within_limits())
            return 0;
        if (in_header && deflated)
            count = std::min(count, MAX_HEADER_BYTES + 1 - tell());
        offile_off_t got = DcmInputFileStream::read(buffer, count);
        parsed += size_t(std::max<offile_off_t>(got, 0));
        return within_limits() ? got : 0;
    }
    offile_off_t skip(offile_off_t count) override {
        if (in_header && deflated)
            count = std::min(count, MAX_HEADER_BYTES + 1 - tell());
        offile_off_t skipped = DcmInputFileStream::skip(count);
        within_limits(); /* a value that is passed over may lead beyond them */
        return skipped;
    }
    OFBool good() const override {
        return !beyond && DcmInputFileStream::good();
    }
    OFCondition installCompressionFilter(E_StreamCompression filter) override {
        deflated = true;
        deflated_at = tell();
        return DcmInputFileStream::installCompressionFilter(filter);
    }

    const char *beyond = nullptr; /* which limit was reached */
    bool out_of_memory = false;
    bool deflated = false;
    bool in_header = true;

  private:
    bool within_limits() {
        const char *here = static_cast<const char *>(__builtin_frame_address(0));
        if (!beyond &&
            (here < stack ? size_t(stack - here) : size_t(here - stack)) > MAX_STACK_BYTES)
            beyond = "its sequences are nested too deeply";
        if (!beyond && in_header && deflated && tell() > MAX_HEADER_BYTES)
            beyond = "its deflated header is too long";
        if (!beyond && in_header && parsed >= next_look) {
            next_look = parsed + LOOK_STEP_BYTES;
            out_of_memory = !ul_memory_fits(0);
            if (out_of_memory)
                beyond = "its header needs more memory than the limit";
        }
        return !beyond;
    }

    std::string file;
    offile_off_t deflated_at = 0;
    const char *stack;
    size_t parsed = 0, next_look = LOOK_STEP_BYTES;
};

/* Inflates a file again up to a value that was passed over. DCMTK has such a factory for plain
 * files only, and makes room for what a value of a deflated file claims before it is there. */
class InflatedValue : public DcmInputStreamFactory {
  public:
    InflatedValue(const std::string &path, offile_off_t deflated_at, offile_off_t value_at)
        : file(path), start(deflated_at), value(value_at) {
    }
    DcmInputStream *create() const override {
        auto *stream = new HeaderStream(file.c_str());
        stream->skip(start);
        stream->installCompressionFilter(ESC_zlib);
        stream->skip(value - start);
        return stream;
    }
    DcmInputStreamFactory *clone() const override {
        return new InflatedValue(*this);
    }
    DcmInputStreamFactoryType ident() const override {
        return DFT_DcmInputFileStreamFactory;
    }

  private:
    std::string file;
    offile_off_t start, value;
};

DcmInputStreamFactory *HeaderStream::newFactory() const {
    return deflated ? new InflatedValue(file, deflated_at, tell())
                    : DcmInputFileStream::newFactory();
}

/* Lends DCMTK's reading of one element's tag, VR and length, which is protected. */
class ElementReader : public DcmDataset {
  public:
    using DcmDataset::readTagAndLength;
};

bool has_vr(const uint8_t *element) {
    return std::isupper(element[4]) && std::isupper(element[5]);
}

/* Looks at the next bytes; returns how many there are. */
offile_off_t peek(DcmInputStream &stream, uint8_t *bytes, offile_off_t count) {
    stream.mark();
    offile_off_t got = stream.read(bytes, count);
    stream.putback();
    return got;
}

/* Whether the file begins as DICOM files do: with the letters DICM after a preamble, or without
 * either with an element of group 0002 or 0008 that has a VR or a length that a first element can
 * have. DCMTK would take anything for a data set. */
bool looks_like_dicom(DcmInputStream &stream) {
    uint8_t bytes[132];
    offile_off_t count = peek(stream, bytes, sizeof bytes);
    if (count == sizeof bytes && std::memcmp(bytes + 128, "DICM", 4) == 0)
        return true;
    if (count < 8)
        return false;
    bool big_endian = bytes[0] == 0;
    auto u16 = [&](int at) { return bytes[at + big_endian] | bytes[at + !big_endian] << 8; };
    if ((u16(0) != 0x0002 && u16(0) != 0x0008) || u16(2) > 0x0100)
        return false;
    return has_vr(bytes) || (!big_endian && u16(6) == 0 && u16(4) <= 256);
}

/* How the data set is encoded. DCMTK sees for itself where a plain syntax is stated wrongly, but
 * not where a compressed one is and the elements have no VR. */
E_TransferSyntax encoding_of(DcmInputStream &stream, const char *declared) {
    DcmXfer syntax(declared);
    uint8_t first[6];
    if (syntax.isEncapsulated() && peek(stream, first, 6) == 6 && !has_vr(first))
        return EXS_LittleEndianImplicit;
    return syntax.getXfer();
}

} // namespace

struct dicom_header_file {
    explicit dicom_header_file(const char *path) : stream(path) {
    }

    HeaderStream stream;
    DcmFileFormat format;
};

namespace {

[[noreturn]] void fail(dicom_header_file &file, const OFCondition &result) {
    long long at = file.stream.tell();
    if (file.stream.out_of_memory)
        throw Failure(UL_ERROR_LIMIT, "%s of %.6g MiB", file.stream.beyond,
            double(ul_memory_limit()) / (1024 * 1024));
    if (file.stream.beyond)
        throw Failure(UL_ERROR_INPUT, "damaged: %s", file.stream.beyond);
    if (result == EC_MemoryExhausted)
        throw Failure(UL_ERROR_LIMIT, "out of memory for its header");
    if (file.stream.deflated && file.stream.status().bad())
        throw Failure(
            UL_ERROR_INPUT, "its deflated data set is damaged (%s)", file.stream.status().text());
    if (result == EC_StreamNotifyClient || result == EC_EndOfStream || result == EC_InvalidStream)
        throw Failure(UL_ERROR_INPUT, "truncated: the file ends within its header (byte %lld)", at);
    throw Failure(UL_ERROR_INPUT, "damaged: no DICOM element at byte %lld (%s)", at, result.text());
}

/* Reads a deflated value as far as it goes. Memory grows with what there is, not with what is
 * declared. */
void inflate(HeaderStream &stream, dicom_pixels *pixels) {
    size_t done = 0;
    stream.in_header = false;
    while (done < pixels->length) {
        size_t step = std::min<size_t>(pixels->length - done, INFLATE_STEP_BYTES);
        auto *grown = static_cast<uint8_t *>(std::realloc(pixels->inflated, done + step));
        if (!grown)
            throw std::bad_alloc();
        pixels->inflated = grown;
        offile_off_t got = stream.read(grown + done, offile_off_t(step));
        if (got <= 0)
            break;
        done += size_t(got);
    }
    pixels->available = done;
}

/* Where the pixels lie. The stream has just passed the head of an element. */
void take_pixels(dicom_header_file &file, uint64_t file_bytes, dicom_pixels *pixels) {
    DcmTag tag;
    Uint32 length = 0, head = 0;
    file.stream.putback();
    if (ElementReader()
            .readTagAndLength(
                file.stream, file.format.getDataset()->getOriginalXfer(), tag, length, head)
            .bad())
        return;
    pixels->present = tag.getGroup() == 0x7fe0 && tag.getElement() <= 0x0010;
    if (!pixels->present)
        return;
    pixels->is_float = tag.getElement() != 0x0010;
    pixels->encapsulated = length == DCM_UndefinedLength;
    pixels->words = tag.getEVR() != EVR_OB;
    pixels->length = pixels->encapsulated ? 0 : length;
    pixels->offset = uint64_t(file.stream.tell());
    pixels->available = uint64_t(file.stream.avail());
    pixels->deflated = file.stream.deflated;
    if (pixels->deflated) {
        pixels->offset = 0;
        pixels->available = file_bytes * MAX_DEFLATE_RATIO;
    }
}

/* Whether a value claims more than the file holds, or was not read to its end. */
bool is_incomplete(DcmObject &object, uint64_t bytes_at_most) {
    if (object.isLeaf())
        return object.transferState() != ERW_ready ||
               (object.getLengthField() != DCM_UndefinedLength &&
                   object.getLengthField() > bytes_at_most);
    for (DcmObject *at = nullptr; (at = object.nextInContainer(at)) != nullptr;)
        if (is_incomplete(*at, bytes_at_most))
            return true;
    return false;
}

/* Drops elements that the file does not hold: DCMTK takes those that it passed over for read, and
 * would ask for as much memory as they claim. */
void drop_incomplete(DcmItem &item, const dicom_header &header, const HeaderStream &stream) {
    uint64_t most = header.file_bytes * (stream.deflated ? MAX_DEFLATE_RATIO : 1);
    for (DcmObject *at = item.nextInContainer(nullptr), *next; at; at = next) {
        next = item.nextInContainer(at);
        if (is_incomplete(*at, most))
            delete item.remove(at);
    }
}

/* Passes over an item tag of length 0, or a delimiter, that stands outside of any sequence, as some
 * writers leave after an empty one; false where something else stopped the reading, or nothing was
 * read since the last one, which ended at byte `last`. */
bool pass_stray_item(HeaderStream &stream, offile_off_t *last) {
    static const uint8_t little[] = {0xfe, 0xff}, big[] = {0xff, 0xfe};
    uint8_t head[8];
    stream.putback();
    if (stream.tell() < *last)
        return false;
    *last = stream.tell() + 8;
    if (peek(stream, head, 8) != 8 || head[4] || head[5] || head[6] || head[7] ||
        (std::memcmp(head, little, 2) != 0 && std::memcmp(head, big, 2) != 0))
        return false;
    return stream.skip(8) == 8;
}

void take_uid(DcmItem &item, const DcmTagKey &key, char uid[65]) {
    OFString value;
    if (item.findAndGetOFString(key, value).good())
        std::snprintf(uid, 65, "%s", value.c_str());
}

ul_status read_header(const char *path, uint32_t stop, dicom_header *header, bool *is_dicom) {
    dcmtk_prepare();
    auto *file = header->file = new dicom_header_file(path);
    if (file->stream.status().bad())
        throw Failure(UL_ERROR_INPUT, "cannot be opened (%s)", file->stream.status().text());
    header->file_bytes = uint64_t(file->stream.avail());
    if (!looks_like_dicom(file->stream))
        return UL_OK;
    *is_dicom = true;
    header->data =
        reinterpret_cast<const dicom_item *>(static_cast<DcmItem *>(file->format.getDataset()));
    DcmMetaInfo &meta = *file->format.getMetaInfo();
    DcmDataset &data = *file->format.getDataset();
    file->format.transferInit();
    meta.read(file->stream, EXS_Unknown, EGL_noChange, MAX_VALUE_AT_ONCE);
    drop_incomplete(meta, *header, file->stream);
    take_uid(meta, DCM_TransferSyntaxUID, header->transfer_syntax);
    take_uid(meta, DCM_MediaStorageSOPClassUID, header->media_class);
    take_uid(meta, DCM_MediaStorageSOPInstanceUID, header->media_instance);
    E_TransferSyntax encoding = encoding_of(file->stream, header->transfer_syntax);
    OFCondition result;
    offile_off_t last = 0;
    for (int strays = 0; strays <= MAX_STRAY_ITEMS; strays++) {
        result = data.readUntilTag(file->stream, encoding, EGL_noChange, MAX_VALUE_AT_ONCE,
            DcmTagKey(Uint16(stop >> 16), Uint16(stop)));
        if ((result.bad() && result != EC_InvalidTag) || !pass_stray_item(file->stream, &last))
            break;
        data.transferInit();
    }
    file->format.transferEnd();
    if (result.bad() || file->stream.beyond) {
        drop_incomplete(data, *header, file->stream);
        fail(*file, result);
    }
    DcmXfer used(data.getOriginalXfer());
    if (!header->transfer_syntax[0])
        std::snprintf(
            header->transfer_syntax, sizeof header->transfer_syntax, "%s", used.getXferID());
    header->pixels_big_endian = used.getPixelDataByteOrder() == EBO_BigEndian;
    take_pixels(*file, header->file_bytes, &header->pixels);
    return UL_OK;
}

} // namespace

ul_status dicom_header_read(
    const char *path, dicom_header *header, bool *is_dicom, ul_error *error) {
    return dicom_header_read_until(path, FIRST_PIXEL_TAG, header, is_dicom, error);
}

ul_status dicom_header_read_until(
    const char *path, uint32_t tag, dicom_header *header, bool *is_dicom, ul_error *error) {
    *header = {};
    *is_dicom = false;
    return shim_guard(nullptr, error, [&] { return read_header(path, tag, header, is_dicom); });
}

ul_status dicom_header_inflate(dicom_header *header, ul_error *error) {
    return shim_guard(nullptr, error, [&] {
        ul_status status = UL_OK;
        uint64_t bytes = std::min(header->pixels.length, header->pixels.available);
        if (header->pixels.deflated && !header->pixels.inflated)
            status = ul_memory_ask(bytes, error, "deflated pixel data");
        if (status != UL_OK)
            return status;
        if (header->pixels.deflated && !header->pixels.inflated)
            inflate(header->file->stream, &header->pixels);
        return UL_OK;
    });
}

void dicom_header_free(dicom_header *header) {
    delete header->file;
    std::free(header->pixels.inflated);
    *header = {};
}

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

/* More than DCMTK's dictionary takes. */
static const size_t DICTIONARY_BYTES = 4 << 20;

void dcmtk_prepare(void) {
    /* Not std::call_once: where memory runs out, glibc's cannot pass on the exception, and aborts.
     */
    static std::mutex lock;
    static bool done = false;
    std::lock_guard<std::mutex> guard(lock);
    if (!done) {
        /* Throws where memory is short: DCMTK's reader of its dictionary writes through the null
         * pointer that it gets there. */
        ::operator delete(::operator new(DICTIONARY_BYTES));
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
