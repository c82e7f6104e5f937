/* DICOM Segmentation objects: write, read, verify. */
#ifndef ULITE_SEG_H
#define ULITE_SEG_H

#include "ulite/dicom.h"

UL_BEGIN_C

/* What kind of object is written. */
typedef enum ul_seg_type {
    UL_SEG_AUTO,       /* BINARY where today's viewers read it rightly and it is small, that is of
                          up to 8 segments (or over 255, which OHIF reads in no LABELMAP) on
                          slices whose rows * columns is a multiple of 8, else LABELMAP, with a note that
                          says why */
    UL_SEG_BINARY,     /* a bit per pixel, a frame per segment and slice, from labels->map */
    UL_SEG_FRACTIONAL, /* 8 bits, a frame per segment and slice, from labels->fractions */
    UL_SEG_LABELMAP    /* Supplement 243: segment numbers, a frame per slice, from labels->map; 8
                          bits, 16 for more than 255 segments */
} ul_seg_type;

typedef struct ul_seg_options {
    ul_seg_type type;
    bool rle; /* frames of a LABELMAP, which AUTO then means, in RLE instead of as they are */
    bool random_uids; /* else 2.25 UIDs from a hash of sources, model, options, version and encoded
                         labels */
    bool deflated;    /* the data set compressed as a whole (Deflated Explicit VR Little Endian), of
                         any    type; some viewers read none */
    const char *model_hash;         /* SHA-256 or name of what made the labels; enters the UIDs;
                                       NULL: by their provenance */
    const char *series_description; /* NULL: made from the segments */
    const char
        *description_note; /* appended to every SegmentDescription; NULL: their provenance's */
    int threads;           /* 0: ul_default_threads() */
    const ul_progress *progress; /* stages "packing" and "checking"; NULL: nobody listens */
    char **notes; /* where not NULL, *notes receives malloc'd lines about what was repaired or left
                     out of the source's attributes, the caller's; NULL where there are none */
} ul_seg_options;

UL_API void ul_seg_options_init(ul_seg_options *options);

/* Writes labels, which lie on the grid of source or (--grid regular) on an even grid of their own,
 * as one SEG that references the instances of source. Written to a temporary name, read back,
 * compared, renamed. A segment number that differs from its place among the segments (numbers of a
 * SEG run from 1 without gaps, of a LABELMAP only where a value is above 255) is kept in a private
 * attribute, so that ul_seg_read gives it back. A BINARY object whose frames would end in half a
 * word gets one empty frame more where rows * columns is a multiple of 8: some readers refuse the
 * byte that pads them. FRACTIONAL without labels->fractions holds 0 and 1. options NULL: as
 * ul_seg_options_init leaves them. Errors: UL_ERROR_INPUT
 * (a label without a segment, a source whose header cannot be read or whose images cannot be
 * referenced), UL_ERROR_GEOMETRY (neither grid), UL_ERROR_OUTPUT, UL_ERROR_LIMIT,
 * UL_ERROR_UNSUPPORTED (a mosaic), UL_ERROR_USAGE (rle with another type), UL_ERROR_INTERRUPTED. */
UL_API ul_status ul_seg_write(const char *path, const ul_labels *labels, const ul_series *source,
    const ul_seg_options *options, ul_error *error);

/* Reads BINARY, FRACTIONAL or LABELMAP. With source, labels come on its full grid; without, on the
 * grid of the frames. notes, where not NULL, receives malloc'd lines (overlap, unused references,
 * ...), or NULL. *labels: ul_labels_free. */
UL_API ul_status ul_seg_read(
    const char *path, const ul_series *source, ul_labels *labels, char **notes, ul_error *error);

/* The volume among the source images that the SEG was made from: whose images, down to the frame,
 * most of its frames name; where that does not tell, the one on whose slices they lie; else the
 * only one there is. Errors: UL_ERROR_INPUT, UL_ERROR_CHOICE. */
UL_API ul_status ul_seg_find_source(
    const char *path, const ul_catalog *catalog, const ul_series **series, ul_error *error);

/* Whether the file is a DICOM Segmentation (by its SOP class). */
UL_API bool ul_seg_probe(const char *path);

typedef struct ul_seg_counts {
    size_t segments, frames;
} ul_seg_counts;

/* How many segments and frames a SEG holds. Errors as of ul_seg_verify; *counts is zeroed then. */
UL_API ul_status ul_seg_count(const char *path, ul_seg_counts *counts, ul_error *error);

typedef struct ul_seg_finding {
    char who[17]; /* "standard", "geometry", "references", "slicer", "ohif", "dcmqi", "adapters" */
    char text[257];
} ul_seg_finding;

/* Checks a SEG, against its source where given (NULL: not). *findings: malloc'd, the caller's; none
 * where all is well. */
UL_API ul_status ul_seg_verify(const char *path, const ul_catalog *source,
    ul_seg_finding **findings, size_t *count, ul_error *error);

UL_END_C
#endif
