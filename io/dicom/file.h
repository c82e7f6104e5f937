/* What a scan keeps of a DICOM file: who it is, how its pixels are stored, where its images lie. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

typedef enum dicom_photometric {
    DICOM_MONOCHROME2,
    DICOM_MONOCHROME1,
    DICOM_PALETTE,
    DICOM_RGB,
    DICOM_YBR_FULL,
    DICOM_YBR_FULL_422,
    DICOM_YBR_PARTIAL_420,
    DICOM_YBR_PARTIAL_422,
    DICOM_YBR_ICT,
    DICOM_YBR_RCT,
    DICOM_PHOTOMETRIC_OTHER
} dicom_photometric;

/* Room for one character more than a UID has, so that one that is too long is not taken for
 * another. */
#define DICOM_UID_BYTES 66

/* How the pixels of a file are stored. */
typedef struct dicom_layout {
    size_t rows, columns, frames;
    unsigned samples; /* per pixel */
    unsigned bits_allocated, bits_stored, high_bit;
    bool is_signed, planar; /* planar: colours plane by plane */
    bool is_float;          /* FloatPixelData or DoubleFloatPixelData */
    dicom_photometric photometric;
    char photometric_name[17];
    bool encapsulated; /* in fragments, compressed */
    bool big_endian;
    bool words;              /* OW: bytes of 8-bit samples lie swapped in big endian data */
    bool deflated;           /* offset counts inflated bytes of the value */
    uint64_t offset, length; /* of the value in the file; an encapsulated one has no length */
    bool kept_monochrome1;   /* MONOCHROME1 of values with a unit, read as MONOCHROME2 */
    bool has_overlay_bits;   /* an overlay lies in the bits that are not stored */
    bool has_padding;
    double padding_low, padding_high;
    bool has_modality_lut; /* read again from the file when the pixels are */
} dicom_layout;

/* Attributes that may explain several images at one place, in the order in which they are tried.
 * Values are NaN where absent. */
typedef enum dicom_key {
    DICOM_KEY_ECHO,
    DICOM_KEY_ECHO_TIME,
    DICOM_KEY_TIME_POINT,
    DICOM_KEY_B_VALUE,
    DICOM_KEY_GRADIENT, /* a number that stands for dicom_image.gradient */
    DICOM_KEY_ASL,      /* arterial spin labelling: 1 control, 2 label, 3 M0 */
    DICOM_KEY_INVERSION_TIME,
    DICOM_KEY_FLIP_ANGLE,
    DICOM_KEY_ACQUISITION,
    DICOM_KEY_DIMENSION, /* a number that stands for the dimension indices other than position */
    DICOM_KEY_TRIGGER_TIME,
    DICOM_KEY_FRAME_TIME, /* FrameReferenceTime of PET */
    DICOM_KEY_OBJECT,     /* instance number of a multi-frame object */
    DICOM_KEY_ACQUISITION_TIME,
    DICOM_KEY_CONTENT_TIME,
    DICOM_KEYS
} dicom_key;

typedef struct dicom_file dicom_file;

/* One image: the one of a file, a frame of it, or a tile of a mosaic. */
typedef struct dicom_image {
    const dicom_file *file;
    unsigned frame; /* 1-based; 0 for a single-frame object */
    unsigned tile;  /* of a mosaic, from 0 */
    long instance_number;
    bool has_position, has_orientation;
    double position_mm[3];
    double cosines[6];
    double spacing_mm[2];    /* along i (between columns) and j (between rows); 0 where unknown */
    double thickness_mm;     /* 0 where unknown */
    double slope, intercept; /* a slope of 0 as it is stated */
    double philips_slope;    /* MR Scale Slope (2005,100E) of Philips; 0 where absent */
    const char *malformed;   /* an attribute of the above that holds no numbers, or NULL */
    char type[129];          /* ImageType or FrameType, with the complex component */
    char stack[65];          /* StackID of a frame, UTF-8; "" where absent */
    double key[DICOM_KEYS];
    double gradient[3]; /* direction of diffusion, where its key is a number */
    bool gradient_lps;  /* it is one in patient coordinates, not in the scanner's own */
    double acquired_s;  /* since midnight, of this frame where it is known; NaN where absent */
} dicom_image;

/* Which file, in which state, was scanned: what is read later must be the same. */
typedef struct dicom_stamp {
    uint64_t device, inode, size;
    int64_t seconds, nanoseconds; /* of the last change of its content */
} dicom_stamp;

struct dicom_file {
    const char *path;  /* the catalog's, as is shown */
    dicom_stamp stamp; /* zero where it could not be taken */
    const char *shown; /* the path as messages name it */
    ul_status status;  /* not UL_OK: the file is DICOM but cannot be used, and why */
    char problem[256]; /* without the path */
    char transfer_syntax[65];
    char study_uid[DICOM_UID_BYTES], series_uid[DICOM_UID_BYTES];
    char frame_of_reference_uid[DICOM_UID_BYTES];
    char sop_class_uid[DICOM_UID_BYTES], sop_instance_uid[DICOM_UID_BYTES];
    bool identity_from_meta; /* one of these is the meta header's: the data set has none */
    char patient_id[65];     /* is compared, and goes into no message */
    char modality[17], body_part[65];
    char description[257]; /* UTF-8 */
    int series_number;
    char concatenation_uid[DICOM_UID_BYTES];
    long concatenation_parts; /* InConcatenationTotalNumber; 0 where absent */
    bool multi_frame, mosaic, lossy;
    size_t tile_columns, tile_rows; /* of a mosaic, in pixels */
    double gantry_tilt_degrees;     /* as declared; 0 where absent */
    const char *step_from;  /* the attribute that alone states how far frames lie apart, or NULL */
    bool position_left_out; /* one is stated for several frames without a distance */
    dicom_layout layout;
    dicom_image *images; /* owned */
    size_t image_count;
};

typedef enum dicom_kind {
    DICOM_KIND_OTHER,        /* no DICOM file */
    DICOM_KIND_EMPTY,        /* no bytes at all */
    DICOM_KIND_DIRECTORY,    /* DICOMDIR */
    DICOM_KIND_NO_PIXELS,    /* a report, a plan, ...: without an image by its nature */
    DICOM_KIND_SEGMENTATION, /* only its layout is read, as far as it goes */
    DICOM_KIND_IMAGE,
    DICOM_KIND_BROKEN /* file->status and file->problem say why */
} dicom_kind;

/* The state of an open file, or with handle -1 of the one at path. */
dicom_stamp dicom_stamp_of(const char *path, int handle);

/* Whether the open file, or with handle -1 the one at file->path, is still what was scanned. Error
 * (without the path): UL_ERROR_INPUT. */
ul_status dicom_check_unchanged(const dicom_file *file, int handle, ul_error *error);

/* Reads the header of the file at file->path into *file, whose other members but shown are zero.
 * Errors: UL_ERROR_LIMIT only; what is wrong with the file is told by the kind. The caller frees
 * *file in any case. */
ul_status dicom_scan(dicom_file *file, dicom_kind *kind, ul_error *error);
void dicom_file_free(dicom_file *file);

UL_END_C
