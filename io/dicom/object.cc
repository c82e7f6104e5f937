#include "io/dicom/object.h"

#include "io/base/utf8.h"
#include "io/dicom/shim.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <new>
#include <string>
#include <vector>

static void throw_unless_dicom(
    dicom_header &header, ul_status status, bool is_dicom, ul_error &error) {
    if (status == UL_OK && is_dicom)
        return;
    dicom_header_free(&header);
    if (status != UL_OK)
        throw Failure(status, "%s", error.text);
    throw Failure(UL_ERROR_INPUT, "is not a DICOM file");
}

DicomObject::DicomObject(const char *path) {
    bool is_dicom;
    ul_error error = {};
    ul_status status = dicom_header_read(path, &header, &is_dicom, &error);
    throw_unless_dicom(header, status, is_dicom, error);
}

DicomObject::DicomObject(const char *path, const DcmTagKey &stop) {
    bool is_dicom;
    ul_error error = {};
    ul_status status = dicom_header_read_until(
        path, DICOM_TAG(stop.getGroup(), stop.getElement()), &header, &is_dicom, &error);
    throw_unless_dicom(header, status, is_dicom, error);
}

DcmItem &DicomObject::data() const {
    return *dcmtk_item(header.data);
}

void DicomObject::inflate() {
    ul_error error = {};
    ul_status status = dicom_header_inflate(&header, &error);
    if (status != UL_OK)
        throw Failure(status, "%s", error.text);
}

static bool blank(char c) {
    return c == '\0' || std::isspace(static_cast<unsigned char>(c));
}

std::string dicom_element_text(DcmElement *element) {
    char *value = nullptr;
    Uint32 length = 0;
    Uint8 *unknown = nullptr;
    if (element && element->isaString()) {
        if (element->getString(value, length).bad() || !value)
            return "";
    } else if (element && element->ident() == EVR_UN && element->getUint8Array(unknown).good()) {
        value = reinterpret_cast<char *>(unknown);
        length = value ? element->getLength() : 0;
    }
    const char *first = value, *last = value + length;
    while (first < last && blank(last[-1]))
        last--;
    while (first < last && blank(*first))
        first++;
    std::string text(first, last);
    return text.substr(0, text.find('\0'));
}

std::string dicom_text(DcmItem &item, const DcmTagKey &tag) {
    DcmElement *element = nullptr;
    return item.findAndGetElement(tag, element).good() ? dicom_element_text(element) : "";
}

static std::string charset_of(DcmItem &item) {
    for (DcmObject *at = &item; at; at = at->getParent())
        if (auto holder = dynamic_cast<DcmItem *>(at))
            if (holder->tagExists(DCM_SpecificCharacterSet))
                return dicom_text(*holder, DCM_SpecificCharacterSet);
    return "";
}

std::string dicom_utf8(DcmItem &item, const DcmTagKey &tag, bool *converted) {
    std::string text = dicom_text(item, tag);
    std::vector<char> utf8(4 * text.size() + 16);
    bool fits = charset_to_utf8(charset_of(item).c_str(), text.c_str(), utf8.data(), utf8.size());
    if (converted)
        *converted = fits;
    return utf8.data();
}

std::string dicom_first_value(const std::string &values) {
    return values.substr(0, values.find('\\'));
}

namespace {

DcmElement *find(const dicom_item *item, uint32_t tag) {
    DcmElement *element = nullptr;
    DcmTagKey key(Uint16(tag >> 16), Uint16(tag));
    return item && dcmtk_item(item)->findAndGetElement(key, element).good() ? element : nullptr;
}

/* Runs work(), which finds something; out of memory counts as not found. */
template <class Work> auto found(Work work) -> decltype(work()) {
    try {
        return work();
    } catch (const std::bad_alloc &) {
        return {};
    }
}

bool copy_text(const std::string &from, char *text, size_t text_bytes) {
    size_t length = std::min(from.size(), text_bytes - 1);
    std::memcpy(text, from.data(), length);
    text[length] = '\0';
    return length > 0;
}

template <class Number>
bool binary_value(DcmElement *element, OFCondition (DcmElement::*get)(Number &, unsigned long),
    unsigned long index, double *value) {
    Number number = 0;
    if ((element->*get)(number, index).bad())
        return false;
    *value = double(number);
    return true;
}

bool binary_decimal(DcmElement *element, unsigned long index, double *value) {
    DcmTagKey pointer;
    switch (element->ident()) {
    case EVR_US:
        return binary_value(element, &DcmElement::getUint16, index, value);
    case EVR_SS:
        return binary_value(element, &DcmElement::getSint16, index, value);
    case EVR_UL:
    case EVR_up:
        return binary_value(element, &DcmElement::getUint32, index, value);
    case EVR_SL:
        return binary_value(element, &DcmElement::getSint32, index, value);
    case EVR_FL:
        return binary_value(element, &DcmElement::getFloat32, index, value);
    case EVR_FD:
        return binary_value(element, &DcmElement::getFloat64, index, value);
    case EVR_AT:
        if (element->getTagVal(pointer, index).bad())
            return false;
        *value = DICOM_TAG(pointer.getGroup(), pointer.getElement());
        return true;
    default:
        return false;
    }
}

bool text_decimals(DcmElement *element, double *values, size_t count) {
    std::string text = dicom_element_text(element);
    /* A comma as the decimal point occurs in files of localised software. */
    std::replace(text.begin(), text.end(), ',', '.');
    const char *at = text.c_str();
    for (size_t i = 0; i < count; i++) {
        char *end;
        values[i] = std::strtod(at, &end);
        if (end == at || !std::isfinite(values[i]))
            return false;
        while (std::isspace(static_cast<unsigned char>(*end)))
            end++;
        if (*end != '\\' && (*end || i + 1 < count))
            return false; /* followed by something, or too few */
        at = end + 1;
    }
    return true;
}

bool decimals(DcmElement *element, double *values, size_t count) {
    if (!element)
        return false;
    if (element->isaString() || element->ident() == EVR_UN)
        return text_decimals(element, values, count);
    for (size_t i = 0; i < count; i++)
        if (!binary_decimal(element, i, &values[i]) || !std::isfinite(values[i]))
            return false;
    return true;
}

DcmSequenceOfItems *find_sequence(const dicom_item *item, uint32_t tag) {
    DcmElement *element = find(item, tag);
    return element && element->ident() == EVR_SQ ? static_cast<DcmSequenceOfItems *>(element)
                                                 : nullptr;
}

} // namespace

bool dicom_has(const dicom_item *item, uint32_t tag) {
    return found([&] { return find(item, tag) != nullptr; });
}

uint32_t dicom_private_tag(
    const dicom_item *item, uint16_t group, const char *creator, uint8_t element) {
    return found([&]() -> uint32_t {
        DcmObject *at = nullptr;
        while (item && (at = dcmtk_item(item)->nextInContainer(at)) != nullptr) {
            uint16_t block = at->getETag();
            if (at->getGTag() == group && block >= 0x10 && block <= 0xff &&
                dicom_element_text(static_cast<DcmElement *>(at)) == creator)
                return DICOM_TAG(group, block << 8 | element);
        }
        return 0;
    });
}

bool dicom_text(const dicom_item *item, uint32_t tag, char *text, size_t text_bytes) {
    text[0] = '\0';
    return found([&] { return copy_text(dicom_element_text(find(item, tag)), text, text_bytes); });
}

bool dicom_code_text(const dicom_item *item, uint32_t tag, char *text, size_t text_bytes) {
    bool there = dicom_text(item, tag, text, text_bytes);
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return there;
}

bool dicom_text_utf8(const dicom_item *data, uint32_t tag, char *text, size_t text_bytes) {
    text[0] = '\0';
    return found([&] {
        DcmTagKey key(Uint16(tag >> 16), Uint16(tag));
        return data && copy_text(dicom_utf8(*dcmtk_item(data), key), text, text_bytes);
    });
}

bool dicom_decimals(const dicom_item *item, uint32_t tag, double *values, size_t count) {
    return found([&] { return decimals(find(item, tag), values, count); });
}

bool dicom_malformed(const dicom_item *item, uint32_t tag, size_t count) {
    return found([&] {
        DcmElement *element = find(item, tag);
        std::vector<double> values(count);
        bool empty = !element || element->getLength() == 0 ||
                     (element->isaString() && dicom_element_text(element).empty());
        return !empty && !decimals(element, values.data(), count);
    });
}

bool dicom_integer(const dicom_item *item, uint32_t tag, long *value) {
    double number;
    if (!dicom_decimals(item, tag, &number, 1) || std::fabs(number) > 9e15 ||
        number != std::floor(number))
        return false;
    *value = long(number);
    return true;
}

bool dicom_bytes(const dicom_item *item, uint32_t tag, const uint8_t **bytes, size_t *size) {
    return found([&] {
        DcmElement *element = find(item, tag);
        Uint8 *octets = nullptr;
        Uint16 *words = nullptr;
        if (!element)
            return false;
        if (element->getUint8Array(octets).good())
            *bytes = octets;
        else if (element->getUint16Array(words).good())
            *bytes = reinterpret_cast<const uint8_t *>(words);
        else
            return false;
        *size = element->getLength();
        return *bytes && *size > 0;
    });
}

const dicom_item *dicom_first_item(const dicom_item *item, uint32_t sequence) {
    return dicom_next_item(item, sequence, nullptr);
}

const dicom_item *dicom_next_item(
    const dicom_item *item, uint32_t sequence, const dicom_item *previous) {
    return found([&]() -> const dicom_item * {
        DcmSequenceOfItems *items = find_sequence(item, sequence);
        DcmObject *next = items ? items->nextInContainer(dcmtk_item(previous)) : nullptr;
        return next ? our_item(*static_cast<DcmItem *>(next)) : nullptr;
    });
}
