/* Where the voxels of a volume lie. Positions are DICOM patient coordinates: LPS, mm, voxel
 * centres. */
#ifndef ULITE_GRID_H
#define ULITE_GRID_H

#include "ulite/status.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
