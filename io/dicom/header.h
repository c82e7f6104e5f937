/* The header of a DICOM file: everything before its pixel data. DCMTK reads it; what is here bounds
 * what a hostile file can make of that, and tells where in the file the pixels lie. */
#pragma once

#include "io/dicom/item.h"
#include "ulite/error.h"

UL_BEGIN_C

/* The element of the pixels: PixelData, FloatPixelData or DoubleFloatPixelData. */
typedef struct dicom_pixels {
    bool present, is_float;
    bool encapsulated;  /* in fragments, compressed */
    bool words;         /* OW */
    bool deflated;      /* the value lies in a deflated data set: see dicom_header_inflate */
    uint64_t offset;    /* of the value in the file, 0 of a deflated one */
    uint64_t length;    /* of the value as declared; 0 of an encapsulated one */
    uint64_t available; /* bytes from offset on that there are, of a deflated file at most */
    uint8_t *inflated; /* [available]: a deflated value once inflated, else NULL; malloc'd, owned */
} dicom_pixels;

typedef struct dicom_header {
    const dicom_item *data;   /* NULL where not even a part of it could be read */
    char transfer_syntax[65]; /* as declared, or the plain one that the bytes are encoded in */
    /* MediaStorageSOPClassUID and MediaStorageSOPInstanceUID, "" where there is no meta header */
    char media_class[65], media_instance[65];
    uint64_t file_bytes;
    bool pixels_big_endian;
    dicom_pixels pixels;
    struct dicom_header_file *file; /* DCMTK's, owned */
} dicom_header;

/* Reads the header of a file. *is_dicom is false for a file that is none (and the call succeeds).
 * Errors: UL_ERROR_INPUT (cannot be read, truncated, damaged), UL_ERROR_LIMIT; the text does not
 * name the file. Free the header in any case: after an error it holds the elements before the
 * fault. */
ul_status dicom_header_read(
    const char *path, dicom_header *header, bool *is_dicom, ul_error *error);

/* The same, but only of the elements before a tag. */
ul_status dicom_header_read_until(
    const char *path, uint32_t tag, dicom_header *header, bool *is_dicom, ul_error *error);

/* Inflates the pixels of a deflated file, as far as they go; does nothing to others. Errors:
 * UL_ERROR_LIMIT. */
ul_status dicom_header_inflate(dicom_header *header, ul_error *error);
void dicom_header_free(dicom_header *header);

/* One-time preparation of DCMTK. */

/* Silences DCMTK's log, registers its decoders and has it read what writers get wrong; cheap after
 * the first call, from any thread. */
void dcmtk_prepare(void);

/* The same for C. Errors: UL_ERROR_LIMIT. */
ul_status dcmtk_prepare_all(ul_error *error);

UL_END_C
