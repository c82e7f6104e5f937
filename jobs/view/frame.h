/* A volume in millimetres of its own axes, and the planes that people look at. */
#pragma once

#include "ulite/volume.h"

enum { FRAME_LETTERS_BYTES = 4, FRAME_PLACE_BYTES = 32, FRAME_SIZE_BYTES = 256 };

/* Coordinates along the columns' index, the rows' index and the normal, in mm (voxels, where the
 * spacing is unknown). Every slice lies in it where it is in the patient: shifted where the stack
 * is tilted, at its own distance where it is uneven. Zero-initialise; frame_free. */
typedef struct view_frame {
    size_t size[3];         /* columns, rows, slices */
    bool placed;            /* the axes are known, and the slices' places */
    bool spaced;            /* distances are in mm */
    double axis[3][3];      /* LPS unit vectors; the third along which the slices are counted */
    double spacing_mm[2];   /* along the first two */
    double (*shift_mm)[3];  /* [size[2]] of the centre of voxel (0, 0, k), owned */
    double *border_mm;      /* [size[2]][2] between which a slice is the nearest one, owned */
    double step_mm;         /* the median one between slices; a slice's depth where there is one */
    double low[3], high[3]; /* the outer faces of the voxels */
} view_frame;

/* Errors: UL_ERROR_LIMIT. */
ul_status frame_create(const ul_grid *grid, view_frame *frame, ul_error *error);
void frame_free(view_frame *frame);

/* The slice whose share of the normal holds w; false where there is none, as in a gap. */
bool frame_slice_at(const view_frame *frame, double w, size_t *k);

/* A plane to look at: its picture's x and y run along two axes of the frame, or against them. */
typedef struct view_plane {
    ul_plane name; /* UL_PLANE_UNKNOWN where nothing is placed */
    int across, down, normal;
    bool against[2];
    double right[3], below[3], out[3]; /* LPS directions of x, y and the normal, which points to
                                          the left, back or head */
} view_plane;

/* Axial, coronal and sagittal as radiologists look at them; of one slice, and where nothing is
 * placed, that of the slices alone. Returns how many. */
int frame_planes(const ul_grid *grid, const view_frame *frame, view_plane planes[3]);

/* The letters of a direction (R, L, A, P, H, F), the nearest first: a second and third one where it
 * lies at least 15 degrees that way. Empty for a zero vector. */
void frame_letters(const double direction[3], bool opposite, char letters[FRAME_LETTERS_BYTES]);

/* Where a plane through a point of the frame lies along its normal: "H 12.5 mm"; empty where it is
 * not known. */
void frame_place(const view_frame *frame, const view_plane *plane, const double at[3],
    char text[FRAME_PLACE_BYTES]);

/* "181 x 217 x 181 voxels of 1 x 1 x 1 mm", as far as it is known. */
void frame_size(const ul_grid *grid, char text[FRAME_SIZE_BYTES]);
