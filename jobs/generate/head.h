/* A scan of a head that never was: drawn from a label map, with a shape, a contrast, a scanner and
 * a field of view of its own. Everything else is computed from it voxel by voxel, so that slices of
 * one head agree with each other.
 *
 * Method: Billot et al., SynthSeg (Medical Image Analysis 2023); Hoopes et al., SynthStrip
 * (NeuroImage 2022). */
#pragma once

#include "jobs/generate/contrast.h"
#include "jobs/generate/label_map.h"
#include "jobs/generate/smooth_field.h"

enum { HEAD_LESIONS = 12, GAMMA_STEPS = 1024 };

/* An ellipsoid in the map. */
typedef struct head_lesion {
    float centre[3], radius[3]; /* voxels of the map */
    head_tissue tissue;
} head_lesion;

/* Places are in mm along the patient's left, back and head from the middle of the map. */
typedef struct head_scan {
    const label_map *map;
    double matrix[3][3]; /* to voxels of the map */
    double inverse[3][3];
    double middle[3];             /* voxel of the map at 0 mm */
    double low_mm[3], high_mm[3]; /* field of view */
    double voxel_mm[3];           /* of the scanner, along left, back and head */
    double blur;                  /* a voxel averages over so many of its sides */
    bool blanked;                 /* beyond the plane blank_normal * mm = blank_mm all is black */
    double blank_normal[3], blank_mm;
    head_tissue tissue[LABEL_VALUES_MOST]; /* by index of the map's voxels */
    uint8_t label[LABEL_VALUES_MOST];      /* class, sides exchanged where mirrored */
    size_t lesion_count;
    head_lesion lesions[HEAD_LESIONS];
    smooth_field displacement[3]; /* in mm */
    float growth_mm;              /* of what swells: how far its border has moved outwards */
    smooth_field bias;            /* logarithm of a factor */
    float gamma[GAMMA_STEPS + 2]; /* of values 0 to 2 */
    float noise;                  /* sd */
    bool rician;
    uint64_t noise_seed;
} head_scan;

/* Draws a head from a map. */
void head_draw(const label_values *values, const label_map *map, const ul_generation *ranges,
    random_stream *stream, head_scan *head);

/* The voxel of the map that lies at a place, displacement left out, and the other way. */
void head_to_map(const head_scan *head, const double at_mm[3], double voxel[3]);
void head_from_map(const head_scan *head, const double voxel[3], double at_mm[3]);
