/* DICOM for the C++ files of io: a file, opened by the reader that bounds what a hostile one may
 * do, and the texts of its items. */
#pragma once

#include "io/dicom/header.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <string>

/* The header of a file as long as the object lives. */
class DicomObject {
  public:
    /* Reads the elements before a tag, as a rule those before the pixels. Throws Failure, also for
     * a file that is no DICOM. */
    explicit DicomObject(const char *path);
    DicomObject(const char *path, const DcmTagKey &stop);
    DicomObject(const DicomObject &) = delete;
    DicomObject &operator=(const DicomObject &) = delete;
    ~DicomObject() {
        dicom_header_free(&header);
    }

    DcmItem &data() const;
    /* Inflates the pixels of a deflated file. Throws Failure. */
    void inflate();

    dicom_header header;
};

/* A dicom_item is a DcmItem. DCMTK looks elements up through methods that are not const. */
inline DcmItem *dcmtk_item(const dicom_item *item) {
    return reinterpret_cast<DcmItem *>(const_cast<dicom_item *>(item));
}
inline const dicom_item *our_item(DcmItem &item) {
    return reinterpret_cast<const dicom_item *>(&item);
}

/* The whole value of a text element (NULL: "") as it is encoded, without the padding around it. */
std::string dicom_element_text(DcmElement *element);

/* The same of an attribute; "" where it is missing. */
std::string dicom_text(DcmItem &item, const DcmTagKey &tag);

/* The same as UTF-8, by the character set of the item or the nearest around it that states one;
 * bytes that are none of it are left as they are, and *converted is false. */
std::string dicom_utf8(DcmItem &item, const DcmTagKey &tag, bool *converted = nullptr);

/* The first of several values, which backslashes separate. */
std::string dicom_first_value(const std::string &values);
