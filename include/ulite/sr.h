/* DICOM Structured Reports of what segments measure (TID 1500, Measurement Report). */
#ifndef ULITE_SR_H
#define ULITE_SR_H

#include "ulite/seg.h"

UL_BEGIN_C

/* What a segment measures. */
typedef struct ul_sr_measurement {
    unsigned number;  /* of the segment in the labels */
    double volume_ml; /* not a number: not known */
    double mean, sd;  /* of the image's values within it; not a number: not known */
} ul_sr_measurement;

/* Writes an Enhanced SR by TID 1500 that refers to the segments of the SEG at seg_path,
 * which was made from source, and to the images of source: per segment its name, type and region,
 * its volume (TID 1411, in cubic centimetres) and, where they are known, mean and standard
 * deviation of the values (in Hounsfield units of CT, else without a unit). A segment of the SEG
 * without a measurement is left out. Written, read back and reported as ul_seg_write; of the
 * options, type, rle and threads mean nothing; labels give provenance and names. Errors: as of
 * ul_seg_write. */
UL_API ul_status ul_sr_write(const char *path, const char *seg_path, const ul_labels *labels,
    const ul_series *source, const ul_sr_measurement *measurements, size_t count,
    const ul_seg_options *options, ul_error *error);

UL_END_C
#endif
