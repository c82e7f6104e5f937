/* Volumes in memory: segments, grids, samples, labels, and what brings labels or samples onto
 * another grid. */
#ifndef ULITE_VOLUME_H
#define ULITE_VOLUME_H

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

/* What the label values of a segmentation mean: names, coded terms, colours. */

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

/* Where the voxels of a volume lie. Positions are DICOM patient coordinates: LPS, mm, voxel
 * centres. */

typedef enum ul_stack {
    UL_STACK_UNPLACED = 0, /* no positions: independent 2D images */
    UL_STACK_REGULAR,      /* equal steps along the normal (one placed slice counts as regular) */
    UL_STACK_TILTED,       /* equal steps, not along the normal: gantry tilt */
    UL_STACK_UNEVEN        /* steps that differ: uneven spacing or missing slices */
} ul_stack;

typedef enum ul_plane {
    UL_PLANE_AXIAL = 0,
    UL_PLANE_CORONAL,
    UL_PLANE_SAGITTAL,
    UL_PLANE_UNKNOWN
} ul_plane;

/* i counts columns, j rows, k slices; voxel (i, j, k) lies at origin_mm[k] + i * spacing_mm[0] *
 * axis_i
 * + j * spacing_mm[1] * axis_j. The normal is axis_i x axis_j; origins may run along it or against
 * it (a series as read from DICOM is sorted so that they run along it). */
typedef struct ul_grid {
    size_t size[3]; /* columns, rows, slices */
    ul_stack stack;
    double axis_i[3], axis_j[3]; /* orthonormal unit vectors; zero where unplaced */
    double spacing_mm[2];        /* along i and j; 0 where unknown */
    double (*origin_mm)[3];      /* [size[2]], owned by the grid; NULL where unplaced */
    double thickness_mm;         /* nominal slice thickness; 0 where unknown */
    double *slice_mm;            /* [size[2]], owned: the thickness of each slice where they differ,
                                    else NULL */
    double median_step_mm;       /* between slices along the normal, by ul_grid_classify; 0: none */
} ul_grid;

UL_API ul_status ul_grid_copy(const ul_grid *source, ul_grid *copy, ul_error *error);
UL_API void ul_grid_free(ul_grid *grid); /* frees what it owns and zeroes it */

/* Sets axis_i and axis_j from direction cosines (i then j), made exactly orthonormal by the
 * smallest turn. Scanners round cosines, so lengths within 2% of 1 and an angle within 0.6 degrees
 * of a right one are taken. Returns false, and leaves the axes alone, for anything further off. */
UL_API bool ul_grid_set_axes(ul_grid *grid, const double cosines[6]);

/* Sets grid->stack and grid->median_step_mm from the origins: tolerances as scanners round,
 * documented in grid.c. Out of memory counts as no median. */
UL_API void ul_grid_classify(ul_grid *grid);

UL_API void ul_grid_normal(const ul_grid *grid, double normal[3]); /* axis_i x axis_j */
UL_API ul_plane ul_grid_plane(const ul_grid *grid); /* the anatomical plane nearest to the slices */
UL_API const char *ul_plane_name(ul_plane plane);   /* "axial", ... */

/* Position of slice k along the normal, mm; 0 where unplaced. */
UL_API double ul_grid_offset_mm(const ul_grid *grid, size_t k);

/* Step between slices along the normal (signed), mm; 0 for uneven, unplaced or single slices. */
UL_API double ul_grid_step_mm(const ul_grid *grid);

/* Depth that slice k stands for, mm: the step along the normal; uneven: half the way to each
 * neighbour, at a gap (a step over 1.5 times the median) half the median; single: the thickness; 0
 * where unknown. */
UL_API double ul_grid_depth_mm(const ul_grid *grid, size_t k);

/* Whether slices are missing between k and k + 1: a step over 1.5 times the median that the two
 * slices, where their thickness differs within the stack, do not fill by themselves. */
UL_API bool ul_grid_gap_after(const ul_grid *grid, size_t k);

/* At how many places slices are missing. */
UL_API size_t ul_grid_count_gaps(const ul_grid *grid);

/* 4x4 row-major matrix from voxel (i, j, k, 1) to LPS mm; sheared for a tilted stack.
 * Errors: UL_ERROR_GEOMETRY for uneven or unplaced stacks. */
UL_API ul_status ul_grid_affine(const ul_grid *grid, double ijk_to_lps[4][4], ul_error *error);

/* The other way. In-plane axes are made orthogonal as DICOM's are, up to a cosine of 0.01 (0.6
 * degrees) between them; beyond it they are UL_ERROR_GEOMETRY. */
UL_API ul_status ul_grid_from_affine(
    const size_t size[3], const double ijk_to_lps[4][4], ul_grid *grid, ul_error *error);

/* A volume of samples with its grid, and a volume of labels on the same kind of grid. */

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

/* Where the voxels of an array lie: as DICOM has it. */
typedef struct ul_placing {
    double spacing_mm[3];  /* along columns' index, rows' index, slices' index; over 0 */
    double orientation[6]; /* direction cosines along the first and the second index, LPS */
    double origin_mm[3];   /* LPS centre of voxel (0, 0, 0) */
} ul_placing;

/* A volume of samples that lie in memory, which are copied: [k][j][i][channel], bytes in all, of
 * size[0] columns, size[1] rows and size[2] slices. Slices follow each other along the normal.
 * placing NULL: images without positions. modality: "CT", "MR", ...; NULL: unknown. Errors:
 * UL_ERROR_USAGE (bytes is not their size, channels not 1 or 3), UL_ERROR_GEOMETRY,
 * UL_ERROR_LIMIT. *volume: ul_volume_free. */
UL_API ul_status ul_volume_from_array(const void *samples, size_t bytes, ul_sample sample,
    size_t channels, const size_t size[3], const ul_placing *placing, const char *modality,
    ul_volume *volume, ul_error *error);

/* Real-world values of all samples: values [k][j][i][channel], count of them, the caller's. Samples
 * that are not finite come as 0. Errors: UL_ERROR_USAGE (another count). */
UL_API ul_status ul_volume_to_array(
    const ul_volume *volume, float *values, size_t count, ul_error *error);

/* Whether the colours of an RGB volume are greys: channels of a pixel are equal, or, of whole
 * numbers, no more than 2 apart, as conversions of colours and lossy compression leave them. */
UL_API bool ul_volume_is_grey(const ul_volume *volume);

/* Turns an RGB volume into one of a channel, the luminance of ITU-R BT.601 (0.299 R + 0.587 G +
 * 0.114 B) in the same type of sample, rounded to whole numbers where that has them. */
UL_API void ul_volume_make_grey(ul_volume *volume);

#define UL_HASH_BYTES 65 /* a SHA-256 as hexadecimal digits */

/* What made labels: it goes with them into a SEG. Zeroed where nothing is known. */
typedef struct ul_provenance {
    char model_hash[UL_HASH_BYTES];      /* SHA-256 of the model's file */
    char note[UL_ERROR_TEXT_BYTES + 64]; /* what every user of the labels has to know */
} ul_provenance;

/* A label volume: map holds segment numbers, 0 = background. fractions, where present, hold the
 * probability of each segment as 0..255 = 0..1. */
typedef struct ul_labels {
    ul_grid grid;
    ul_segments segments; /* what the numbers mean */
    uint16_t *map;        /* [k][j][i], owned */
    uint8_t *fractions;   /* [segment][k][j][i], owned, or NULL */
    ul_provenance provenance;
} ul_labels;

UL_API ul_status ul_labels_create(const ul_grid *grid, const ul_segments *segments,
    bool with_fractions, ul_labels *labels, ul_error *error);
UL_API void ul_labels_free(ul_labels *labels);

/* Labels of numbers that lie in memory, [k][j][i], count of them, which are copied, on grid; those
 * that occur become segments by ul_segment_init. Errors: UL_ERROR_USAGE (another count),
 * UL_ERROR_LIMIT. *labels: ul_labels_free. */
UL_API ul_status ul_labels_from_array(
    const uint16_t *numbers, size_t count, const ul_grid *grid, ul_labels *labels, ul_error *error);

/* The numbers of all voxels: numbers [k][j][i], count of them, the caller's. Errors: UL_ERROR_USAGE
 * (another count). */
UL_API ul_status ul_labels_to_array(
    const ul_labels *labels, uint16_t *numbers, size_t count, ul_error *error);

/* Labels that another program stored with turned or mirrored axes, brought onto their image's grid.
 */

/* Copies labels onto grid, voxel by voxel, where both hold the same voxels in space: axes may be
 * exchanged and reversed, nothing is interpolated. Labels for unevenly spaced slices, which no
 * matrix places, may lie on an even grid that holds those slices among empty ones. A grid without
 * positions takes labels of its own size as they are. *aligned: ul_labels_free. Errors:
 * UL_ERROR_GEOMETRY says what differs. */
UL_API ul_status ul_labels_align(
    const ul_labels *labels, const ul_grid *grid, ul_labels *aligned, ul_error *error);

/* Tilted and unevenly spaced slices on an even grid, for readers that need one. */

/* The smallest regular grid over the slices of a tilted or uneven one: the same axes and pixel
 * spacing, steps along the normal that are as near as possible to the median one and end on the
 * last slice. A regular grid is copied. Errors: UL_ERROR_GEOMETRY (unplaced), UL_ERROR_LIMIT.
 * *regular: ul_grid_free. */
UL_API ul_status ul_grid_regular(const ul_grid *grid, ul_grid *regular, ul_error *error);

/* Whether slice k of the regular grid of grid's slices lies where slices are missing: between the
 * ends of a gap, over half a step from either. */
UL_API bool ul_grid_in_gap(const ul_grid *grid, const ul_grid *regular, size_t k);

/* How many slices of the regular grid do. */
UL_API size_t ul_grid_slices_in_gaps(const ul_grid *grid, const ul_grid *regular);

/* What stands where there is nothing to interpolate: beyond the slices and next to padding. */
typedef enum ul_outside {
    UL_OUTSIDE_PADDING, /* for a network: not a number, which counts as padding. Gaps are
                           interpolated over, or their ends would be edges to it */
    UL_OUTSIDE_SMALLEST /* for a file: the smallest value of the volume, in gaps too */
} ul_outside;

/* Real-world values on that grid as UL_SAMPLE_F32, interpolated linearly in the slices and along
 * the normal. Errors: as above, UL_ERROR_UNSUPPORTED (RGB). *regular:
 * ul_volume_free. */
UL_API ul_status ul_volume_regular(
    const ul_volume *volume, ul_outside outside, ul_volume *regular, ul_error *error);

/* The same in place, where the slices are not even yet. */
UL_API ul_status ul_volume_make_regular(ul_volume *volume, ul_outside outside, ul_error *error);

/* Labels, and fractions, of the nearest voxel; none where slices are missing. *regular:
 * ul_labels_free. */
UL_API ul_status ul_labels_regular(const ul_labels *labels, ul_labels *regular, ul_error *error);

UL_END_C
#endif
