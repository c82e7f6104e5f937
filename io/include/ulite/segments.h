/* What the label values of a segmentation mean: names, coded terms, colours. */
#ifndef ULITE_SEGMENTS_H
#define ULITE_SEGMENTS_H

#include "ulite/status.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A coded term; absent where value is empty. All texts UTF-8. */
typedef struct ul_code {
    char value[65];   /* "85756007" */
    char scheme[17];  /* "SCT", "DCM" */
    char meaning[65]; /* "Tissue" */
    char source[65];  /* where the code is published: "CID 7166", ... */
} ul_code;

typedef struct ul_segment {
    unsigned number; /* label value, 1..65535 */
    char label[65];  /* at most 64 characters */
    char description[1025];
    ul_code category, type;          /* required in a SEG */
    ul_code type_modifier;           /* laterality, say */
    ul_code region, region_modifier; /* anatomic region */
    uint8_t rgb[3];
    char algorithm_type[17]; /* "AUTOMATIC", "SEMIAUTOMATIC", "MANUAL" */
    char algorithm_name[65];
    char tracking_id[65], tracking_uid[65]; /* both or neither */
} ul_segment;

typedef struct ul_segments {
    size_t count;
    ul_segment *items; /* owned */
} ul_segments;

UL_API ul_status ul_segments_copy(const ul_segments *source, ul_segments *copy, ul_error *error);
UL_API void ul_segments_free(ul_segments *segments);
UL_API const ul_segment *ul_segments_find(
    const ul_segments *segments, unsigned number); /* NULL if absent */

/* Reads a segments file (docs/segments.md: {"segments": [{"number": 1, "label": ..., "category":
 * {"value", "scheme", "meaning"}, "type": {...}, "rgb": [r, g, b], ...}]}); dcmqi's metadata JSON
 * is understood too. */
UL_API ul_status ul_segments_read(const char *path, ul_segments *segments, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
