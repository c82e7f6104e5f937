/* The header of a DICOM file: everything before its pixel data. */
#ifndef DICOM_HEADER_H
#define DICOM_HEADER_H

#include "dicom_parse.h"

typedef struct dicom_header {
    dicom_dataset data;
    char transfer_syntax[65]; /* as declared, or the plain one that the bytes are encoded in */
    char media_class[65];     /* MediaStorageSOPClassUID, "" where there is no meta header */
    size_t file_bytes;        /* of a deflated file: once inflated */
    bool deflated;            /* data.bytes then holds the whole file, inflated */
    bool pixels_big_endian;
    uint8_t *bytes; /* owned */
} dicom_header;

/* Reads the header of a file. *is_dicom is false for a file that is none (and the call succeeds).
 * Errors: UL_ERROR_INPUT (cannot be read, truncated, damaged), UL_ERROR_LIMIT; the text does not
 * name the file. Free the header in any case: after an error it holds the elements before the
 * fault. */
ul_status dicom_header_read(
    const char *path, dicom_header *header, bool *is_dicom, ul_error *error);
void dicom_header_free(dicom_header *header);

/* The pixel data element, NULL where there is none. */
const dicom_element *dicom_header_pixels(const dicom_header *header);

#endif
