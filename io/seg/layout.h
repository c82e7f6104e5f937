/* Where the frames of a SEG lie: on which slice of which grid. C++ only. */
#pragma once

#include "io/seg/object.h"
#include "ulite/seg.h"

/* A grid and, per frame, its slice. Frames cover the grid's slices, or a box of whole pixels of
 * them. In a frame that is turned against the grid, the box's pixel (i, j) is the frame's pixel
 * (i, j) after an exchange of the axes, then of their directions. */
struct SegLayout {
    ul_grid grid = {};
    std::vector<size_t> slice;                   /* per frame */
    bool exchanged = false;                      /* the frame's columns run along the grid's rows */
    bool reversed_i = false, reversed_j = false; /* along the frame's axes */

    size_t box_first[2] = {0, 0}; /* the grid's pixel at the box's low corner */
    size_t box_size[2] = {0, 0};

    SegLayout() = default;
    SegLayout(const SegLayout &) = delete;
    SegLayout &operator=(const SegLayout &) = delete;
    ~SegLayout() {
        ul_grid_free(&grid);
    }
    bool turned() const {
        return exchanged || reversed_i || reversed_j;
    }
    /* Whether a frame's pixels are those of a slice, in their order. */
    bool fits() const {
        return !turned() && !cropped();
    }
    bool cropped() const {
        return box_size[0] != grid.size[0] || box_size[1] != grid.size[1];
    }
};

/* The grid of the frames themselves: sorted, with empty slices where an even grid has gaps. Notes
 * say what was filled or is uneven. Throws Failure. */
void seg_layout_frames(const SegObject &object, SegLayout &layout, char **notes);

/* The full grid of the source: by position, or, where there are none, by reference. Throws Failure
 * (UL_ERROR_GEOMETRY) where a frame has no slice there. */
void seg_layout_source(
    const SegObject &object, const ul_series *source, SegLayout &layout, char **notes);

/* The same on a grid of positions, whatever the frames name. Throws likewise. */
void seg_layout_grid(const SegObject &object, const ul_grid &grid, SegLayout &layout);

/* How many frames name an image of the source. */
size_t seg_count_named(const SegObject &object, const ul_series *source);

/* The volume that the object was made from: whose images, down to the frame, most of its frames
 * name; of several such the one where they lie. NULL where no frame names an image of any and they
 * lie on none or on several. */
const ul_series *seg_choose_volume(
    const SegObject &object, const std::vector<const ul_series *> &volumes);
