#include "io/net/received_file.h"

#include "io/base/uid.h"
#include "io/dicom/header.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include <dcmtk/dcmdata/dcostrmf.h>
#include <dcmtk/dcmdata/dctk.h>

ReceivedFile::ReceivedFile(const char *path, const T_DIMSE_C_StoreRQ &request,
    const T_ASC_Association *association, T_ASC_PresentationContextID context) {
    if (!path)
        return;
    name = path;
    DcmOutputFileStream *head = nullptr;
    good = DIMSE_createFilestream(path, &request, association, context, 1, &head).good();
    delete head;
    file = good ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    good = file >= 0;
}

ReceivedFile::~ReceivedFile() {
    if (file >= 0)
        close(file);
    if (!name.empty())
        unlink(name.c_str());
}

void ReceivedFile::write(const void *data, size_t count) {
    const char *at = static_cast<const char *>(data);
    bytes += count;
    while (good && count > 0) {
        ssize_t written = ::write(file, at, count);
        good = written > 0 || (written < 0 && errno == EINTR);
        at += written > 0 ? written : 0;
        count -= written > 0 ? static_cast<size_t>(written) : 0;
    }
}

bool ReceivedFile::finish() {
    good = good && fdatasync(file) == 0;
    if (file >= 0)
        good = close(file) == 0 && good;
    file = -1;
    return good;
}

bool received_identity(const char *path, net_object *object) {
    dicom_header header = {};
    ul_error error = {};
    bool is_dicom = false;
    *object = {};
    bool good = dicom_header_read_until(
                    path, DICOM_TAG(0x0020, 0x000f), &header, &is_dicom, &error) == UL_OK &&
                is_dicom && header.data;
    if (good) {
        dicom_text(header.data, DICOM_TAG(0x0008, 0x0018), object->instance_uid, NET_UID_BYTES);
        dicom_text(header.data, DICOM_TAG(0x0020, 0x000d), object->study_uid, NET_UID_BYTES);
        dicom_text(header.data, DICOM_TAG(0x0020, 0x000e), object->series_uid, NET_UID_BYTES);
    }
    dicom_header_free(&header);
    return good && uid_usable(object->instance_uid) && uid_usable(object->study_uid) &&
           uid_usable(object->series_uid);
}
