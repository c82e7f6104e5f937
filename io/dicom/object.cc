#include "io/dicom/object.h"

#include "io/base/charset.h"
#include "io/dicom/shim.h"

#include <cctype>
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
