/* A volume of samples with its grid, and a volume of labels on the same kind of grid. */
#ifndef ULITE_VOLUME_H
#define ULITE_VOLUME_H

#include "ulite/grid.h"
#include "ulite/segments.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ul_sample {
    UL_SAMPLE_U8,
    UL_SAMPLE_I8,
    UL_SAMPLE_U16,
    UL_SAMPLE_I16,
    UL_SAMPLE_I32,
    UL_SAMPLE_U32,
    UL_SAMPLE_F32,
    UL_SAMPLE_F64
} ul_sample;

UL_API size_t ul_sample_bytes(ul_sample sample);

/* Stored samples stay as small as the source keeps them; real-world values (HU for CT) are
 * slope[k] * stored + intercept[k]. Grey images always grow brighter with the value: MONOCHROME1 is
 * inverted on reading. Zero-initialise; ul_volume_free frees what it owns. */
typedef struct ul_volume {
    ul_grid grid;
    size_t channels; /* 1 grey, 3 RGB interleaved */
    ul_sample sample;
    void *samples;     /* [k][j][i][channel] */
    double *slope;     /* [size[2]] */
    double *intercept; /* [size[2]] */
    bool has_padding;
    double padding_low,
        padding_high;   /* stored values of padding, inclusive; left out of every statistic */
    char modality[17];  /* "CT", "MR", ...; empty where unknown (NIfTI, PNG) */
    char body_part[65]; /* BodyPartExamined; empty where unknown */
} ul_volume;

UL_API void ul_volume_free(ul_volume *volume);

/* Real-world values of slice k: values [rows][columns][channels]. */
UL_API void ul_volume_slice(const ul_volume *volume, size_t k, float *values);

/* mask [rows][columns]: 1 where the sample is padding, else 0. Returns how many are. */
UL_API size_t ul_volume_padding(const ul_volume *volume, size_t k, uint8_t *mask);

/* A label volume: map holds segment numbers, 0 = background. fractions, where present, hold the
 * probability of each segment as 0..255 = 0..1. */
typedef struct ul_labels {
    ul_grid grid;
    ul_segments segments; /* what the numbers mean */
    uint16_t *map;        /* [k][j][i], owned */
    uint8_t *fractions;   /* [segment][k][j][i], owned, or NULL */
} ul_labels;

UL_API ul_status ul_labels_create(const ul_grid *grid, const ul_segments *segments,
    bool with_fractions, ul_labels *labels, ul_error *error);
UL_API void ul_labels_free(ul_labels *labels);

#ifdef __cplusplus
}
#endif
#endif
