/* The stored pixels of one DICOM file, frame by frame. */
#pragma once

#include "io/dicom/file.h"
#include "io/pixels/lut.h"

UL_BEGIN_C

typedef struct dicom_fragment {
    uint64_t offset;
    uint32_t length;
} dicom_fragment;

typedef struct dicom_source {
    const dicom_file *file;
    int handle;
    uint8_t *inflated; /* the pixel data of a deflated file */
    size_t inflated_bytes;
    dicom_fragment *fragments; /* of encapsulated pixels, without the offset table */
    size_t fragment_count;
    size_t *first_fragment; /* [frames + 1] */
    dicom_lut modality, palette[3];
} dicom_source;

/* Opens a file that dicom_scan took as an image or a segmentation. Errors (without the path):
 * UL_ERROR_INPUT, UL_ERROR_LIMIT, UL_ERROR_UNSUPPORTED. Close it in any case. */
ul_status dicom_source_open(const dicom_file *file, dicom_source *source, ul_error *error);
void dicom_source_close(dicom_source *source);

/* Bytes of one decoded frame: rows * columns * samples * bits_allocated / 8, for 1 bit 8. */
size_t dicom_frame_bytes(const dicom_layout *layout);

/* Reads and decompresses frame (from 0) to buffer, of dicom_frame_bytes: samples of the allocated
 * width in the machine's byte order, colours pixel by pixel. *is_rgb tells whether YBR was turned
 * into RGB. */
ul_status dicom_source_frame(
    const dicom_source *source, size_t frame, void *buffer, bool *is_rgb, ul_error *error);

UL_END_C
