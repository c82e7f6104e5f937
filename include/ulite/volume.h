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

/* Allocates samples (zeroed), slope (1) and intercept (0) for a copy of grid. On failure *volume is
 * zeroed. */
UL_API ul_status ul_volume_create(
    const ul_grid *grid, size_t channels, ul_sample sample, ul_volume *volume, ul_error *error);

/* A plane of voxels in any direction through a volume: its pixel (x, y) is voxel start + x * step_x
 * + y * step_y (i, j, k). */
typedef struct ul_voxel_plane {
    size_t width, height;
    ptrdiff_t start[3], step_x[3], step_y[3];
} ul_voxel_plane;

UL_API ul_voxel_plane ul_voxel_plane_slice(const ul_grid *grid, size_t k); /* slice k as it is */

/* Index of the plane's pixel (x, y) in a [k][j][i] array. */
UL_API size_t ul_voxel_plane_index(
    const ul_voxel_plane *plane, const ul_grid *grid, size_t x, size_t y);

/* Real-world values of a plane: values [height][width][channels]. Samples that are not finite come
 * as 0 (and count as padding). */
UL_API void ul_volume_plane(const ul_volume *volume, const ul_voxel_plane *plane, float *values);
UL_API void ul_volume_slice(const ul_volume *volume, size_t k, float *values);

/* mask [height][width]: 1 where the sample (every channel of it) is padding or not finite, else 0.
 * Returns how many are. */
UL_API size_t ul_volume_plane_padding(
    const ul_volume *volume, const ul_voxel_plane *plane, uint8_t *mask);
UL_API size_t ul_volume_padding(const ul_volume *volume, size_t k, uint8_t *mask);

/* Whether the colours of an RGB volume are greys: channels of a pixel are equal, or, of whole
 * numbers, no more than 2 apart, as conversions of colours and lossy compression leave them. */
UL_API bool ul_volume_is_grey(const ul_volume *volume);

/* Turns an RGB volume into one of a channel, the luminance of ITU-R BT.601 (0.299 R + 0.587 G +
 * 0.114 B) in the same type of sample, rounded to whole numbers where that has them. */
UL_API void ul_volume_make_grey(ul_volume *volume);

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
