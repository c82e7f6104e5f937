/* The real volume that series are cut from. */
#pragma once

#include "vec3.h"

#include "ulite/volume.h"

#include <memory>
#include <string>
#include <vector>

/* Voxel (i, j, k) lies at origin + i * spacing[0] * axis[0] + ... in LPS; the axes are unit vectors
 * at right angles, ordered and turned so that axis 0 points nearest to L, 1 to P, 2 to S. */
struct source_volume {
    size_t size[3];
    double spacing_mm[3];
    vec3 axis[3], origin;
    int file_axis[3];  /* which axis of the file each was, ... */
    bool file_flip[3]; /* ... and whether it ran the other way there */
    std::unique_ptr<ul_volume, void (*)(ul_volume *)> file{nullptr, nullptr};
    ptrdiff_t start, step[3]; /* of voxel (0, 0, 0) and along each axis, in voxels of the file */
    mutable std::vector<std::vector<float>>
        slices; /* of the file; empty until a voxel is asked for */
};

/* Reads a NIfTI volume (the first of a 4D one), or the one grey DICOM series of a file or folder; a
 * single image stands for as many equal slices as are asked for. Throws std::runtime_error with a
 * line that names the file. */
source_volume source_read(const std::string &path);

/* Voxel coordinates (i, j, k) of a position, and back. */
vec3 source_voxel(const source_volume &source, const vec3 &position);
vec3 source_position(const source_volume &source, const vec3 &voxel);

/* The value at a position: trilinear, exact at voxel centres, 0 outside; or the nearest voxel. */
double source_sample(const source_volume &source, const vec3 &position);
double source_nearest(const source_volume &source, const vec3 &position);

/* Where a label lies, in voxels: first and last along each axis, and the mean. */
struct label_place {
    vec3 first, last, middle;
    size_t voxels; /* 0 where the label does not occur */
};
label_place source_find_label(const source_volume &labels, double label);
