/* What the label values of a segmentation mean: names, coded terms, colours. */
#ifndef ULITE_SEGMENTS_H
#define ULITE_SEGMENTS_H

#include "ulite/status.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UL_TEXT_BYTES 257 /* 64 characters, the longest name that DICOM takes, as UTF-8 */

/* A coded term; absent where value is empty. All texts UTF-8. */
typedef struct ul_code {
    char value[65];              /* "85756007" */
    char scheme[17];             /* "SCT", "DCM" */
    char meaning[UL_TEXT_BYTES]; /* "Tissue" */
    char source[UL_TEXT_BYTES];  /* where it is published, "DICOM CID 7140"; stays out of a SEG */
} ul_code;

typedef struct ul_segment {
    unsigned number;           /* label value, 1..65535 */
    unsigned mirror;           /* number of the same structure on the other side; 0: none */
    char label[UL_TEXT_BYTES]; /* at most 64 characters */
    char description[1025];
    ul_code category, type;          /* required in a SEG */
    ul_code type_modifier;           /* laterality, say */
    ul_code region, region_modifier; /* anatomic region */
    uint8_t rgb[3];
    char algorithm_type[17]; /* "AUTOMATIC", "SEMIAUTOMATIC", "MANUAL" */
    char algorithm_name[UL_TEXT_BYTES];
    char tracking_id[UL_TEXT_BYTES], tracking_uid[65]; /* both or neither */
} ul_segment;

typedef struct ul_segments {
    size_t count;
    ul_segment *items; /* owned */
} ul_segments;

/* A segment of which only the number is known: "Segment 3", tissue, a colour of its own. */
UL_API void ul_segment_init(ul_segment *segment, unsigned number);

UL_API ul_status ul_segments_copy(const ul_segments *source, ul_segments *copy, ul_error *error);
UL_API void ul_segments_free(ul_segments *segments);
UL_API const ul_segment *ul_segments_find(
    const ul_segments *segments, unsigned number); /* NULL if absent */

/* The class that stands for a class where left and right cannot be told (sagittal slices): the
 * lower number of a mirror pair, else the number itself. Inference takes the logits of that class
 * for both; training folds the labels of sagittal patches with it. */
UL_API unsigned ul_segments_fold(const ul_segments *segments, unsigned number);

/* The class that a class becomes when left and right are exchanged: its mirror partner, else
 * itself. */
UL_API unsigned ul_segments_mirror(const ul_segments *segments, unsigned number);

/* Reads a segments file (docs/segments.md), ours or dcmqi's metadata JSON. What it leaves out is as
 * ul_segment_init has it. Errors: UL_ERROR_INPUT names the segment and the key;
 * UL_ERROR_LIMIT. *segments: ul_segments_free. */
UL_API ul_status ul_segments_read(const char *path, ul_segments *segments, ul_error *error);

/* Writes a segments file that ul_segments_read gives back. Errors: UL_ERROR_OUTPUT,
 * UL_ERROR_LIMIT. */
UL_API ul_status ul_segments_write(const char *path, const ul_segments *segments, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
