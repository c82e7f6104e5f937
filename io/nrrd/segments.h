/* What 3D Slicer says of segments in the keys of a .seg.nrrd. Private to io/nrrd. */
#pragma once

#include "io/nrrd/header.h"

#include <stdio.h>

/* A segment and where its voxels are. */
typedef struct nrrd_segment {
    ul_segment segment; /* number: the label value in its layer */
    size_t layer;
} nrrd_segment;

typedef struct nrrd_segments {
    nrrd_segment *items; /* owned: free */
    size_t count;
} nrrd_segments;

/* The segments that the keys describe; none where they describe none. Errors: UL_ERROR_INPUT,
 * UL_ERROR_LIMIT. */
ul_status nrrd_segments_read(const nrrd_header *header, nrrd_segments *segments, ul_error *error);

/* Voxels from first to last of a segment; last < first: none. */
typedef struct nrrd_extent {
    long first[3], last[3];
} nrrd_extent;

/* Prints the keys of segment n, of the file's first line of keys on. layers: each has one of its
 * own, with label value 1. */
void nrrd_segment_print(
    FILE *stream, size_t n, const ul_segment *segment, const nrrd_extent *extent, bool layers);
