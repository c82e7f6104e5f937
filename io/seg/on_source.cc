/* The frames of a SEG on the grid of their source. */
#include "io/base/notes.h"
#include "io/dicom/shim.h"
#include "io/seg/layout.h"
#include "volume/vec3.h"

#include <algorithm>
#include <cmath>
#include <map>

/* Corners may be off by this part of a pixel, planes by this part of a step. Cosines that somebody
 * rounded to three digits move the far corner of 512 pixels by a quarter of one. */
static const double in_plane_tolerance_px = 0.25;
static const double slice_tolerance_steps = 0.1;
static const double same_spacing = 1e-3; /* relative */

/* How the frames' axes run against the source's. Throws where they are no turn or mirror of it. */
static void find_turn(const SegObject &object, const ul_grid &source, SegLayout &layout) {
    ul_grid frame = {};
    if (!ul_grid_set_axes(&frame, object.frames[0].cosines))
        throw Failure(UL_ERROR_GEOMETRY, "ImageOrientationPatient is not two directions at right "
                                         "angles");
    layout.exchanged = std::fabs(vec3_dot(frame.axis_i, source.axis_i)) <
                       std::fabs(vec3_dot(frame.axis_i, source.axis_j));
    const double *of_i = layout.exchanged ? source.axis_j : source.axis_i,
                 *of_j = layout.exchanged ? source.axis_i : source.axis_j;
    double i = vec3_dot(frame.axis_i, of_i), j = vec3_dot(frame.axis_j, of_j);
    if (std::fabs(i) < 0.99 || std::fabs(j) < 0.99)
        throw Failure(UL_ERROR_GEOMETRY, "the frames lie in other planes than the source's slices");
    layout.reversed_i = i < 0;
    layout.reversed_j = j < 0;
    layout.box_size[0] = layout.exchanged ? object.rows : object.columns;
    layout.box_size[1] = layout.exchanged ? object.columns : object.rows;
    if (layout.box_size[0] > source.size[0] || layout.box_size[1] > source.size[1])
        throw Failure(UL_ERROR_GEOMETRY,
            "the frames have %zux%zu pixels, the source's slices %zux%zu; without --source they "
            "are "
            "read on their own grid",
            object.columns, object.rows, source.size[0], source.size[1]);
}

/* Where the low corner of a frame's box lies, in pixels of slice k. */
static void box_corner(const SegLayout &layout, const SegFrame &frame, const ul_grid &source,
    size_t k, double corner[2]) {
    ul_grid axes = {};
    double a = layout.reversed_i ? double(layout.box_size[layout.exchanged]) - 1 : 0,
           b = layout.reversed_j ? double(layout.box_size[!layout.exchanged]) - 1 : 0, from[3];
    if (!ul_grid_set_axes(&axes, frame.cosines))
        throw Failure(UL_ERROR_GEOMETRY, "ImageOrientationPatient is not two directions at right "
                                         "angles");
    vec3_add(frame.position, a * frame.spacing[0], axes.axis_i, from);
    vec3_add(from, b * frame.spacing[1], axes.axis_j, from);
    vec3_add(from, -1, source.origin_mm[k], from);
    corner[0] = vec3_dot(from, source.axis_i) / source.spacing_mm[0];
    corner[1] = vec3_dot(from, source.axis_j) / source.spacing_mm[1];
}

/* Frames smaller than the source's slices are a box of them, the same for all. */
static void find_box(const SegObject &object, const ul_grid &source, size_t k, SegLayout &layout) {
    double corner[2];
    if (!layout.cropped())
        return;
    box_corner(layout, object.frames[0], source, k, corner);
    for (int axis = 0; axis < 2; axis++) {
        double first = std::round(corner[axis]);
        if (!(first >= 0) || first + double(layout.box_size[axis]) > double(source.size[axis]))
            throw Failure(UL_ERROR_GEOMETRY,
                "the frames have %zux%zu pixels and reach beyond the source's slices of %zux%zu; "
                "without --source they are read on their own grid",
                object.columns, object.rows, source.size[0], source.size[1]);
        layout.box_first[axis] = size_t(first);
    }
}

/* The largest in-plane distance, in pixels, of the frame's corners from those of slice k. */
static double corner_miss_px(
    const SegLayout &layout, const SegFrame &frame, const ul_grid &source, size_t k) {
    double worst = 0;
    ul_grid axes = {}; /* rounded cosines are straightened as the source's were */
    if (!ul_grid_set_axes(&axes, frame.cosines))
        return HUGE_VAL;
    double last_i = double(layout.box_size[0] - 1), last_j = double(layout.box_size[1] - 1);
    for (int corner = 0; corner < 4; corner++) {
        double i = corner & 1 ? last_i : 0, j = corner & 2 ? last_j : 0;   /* on the box */
        double a = layout.exchanged ? j : i, b = layout.exchanged ? i : j; /* on the frame */
        if (layout.reversed_i)
            a = (layout.exchanged ? last_j : last_i) - a;
        if (layout.reversed_j)
            b = (layout.exchanged ? last_i : last_j) - b;
        double miss[3];
        i += double(layout.box_first[0]); /* on the source */
        j += double(layout.box_first[1]);
        for (int c = 0; c < 3; c++)
            miss[c] = frame.position[c] + a * frame.spacing[0] * axes.axis_i[c] +
                      b * frame.spacing[1] * axes.axis_j[c] - source.origin_mm[k][c] -
                      i * source.spacing_mm[0] * source.axis_i[c] -
                      j * source.spacing_mm[1] * source.axis_j[c];
        double normal[3];
        ul_grid_normal(&source, normal);
        vec3_add(miss, -vec3_dot(miss, normal), normal, miss);
        worst = std::max(worst, vec3_length(miss));
    }
    return worst / std::min(source.spacing_mm[0], source.spacing_mm[1]);
}

/* The smallest step between neighbours, against which a frame's distance from a slice is judged. */
static double smallest_step(const ul_grid &grid) {
    double smallest = HUGE_VAL;
    for (size_t k = 1; k < grid.size[2]; k++)
        smallest = std::min(
            smallest, std::fabs(ul_grid_offset_mm(&grid, k) - ul_grid_offset_mm(&grid, k - 1)));
    if (smallest < HUGE_VAL)
        return smallest;
    return grid.thickness_mm > 0 ? grid.thickness_mm : 1;
}

/* Throws where the frame's pixels have another size than the source's. */
static void check_spacing(const SegLayout &layout, const SegFrame &frame, size_t f) {
    const double *source = layout.grid.spacing_mm;
    const double along[2] = {source[layout.exchanged], source[!layout.exchanged]};
    for (int axis = 0; axis < 2; axis++)
        if (!(std::fabs(frame.spacing[axis] / along[axis] - 1) <= same_spacing))
            throw Failure(UL_ERROR_GEOMETRY,
                "frame %zu has another pixel spacing (%.4gx%.4g mm) than the source's slices "
                "(%.4gx%.4g mm)",
                f + 1, frame.spacing[0], frame.spacing[1], along[0], along[1]);
}

static void by_position(const SegObject &object, SegLayout &layout) {
    const ul_grid &source = layout.grid;
    find_turn(object, source, layout);
    double normal[3], step = smallest_step(source);
    ul_grid_normal(&source, normal);
    std::vector<std::pair<double, size_t>> offsets;
    for (size_t k = 0; k < source.size[2]; k++)
        offsets.emplace_back(ul_grid_offset_mm(&source, k), k);
    std::sort(offsets.begin(), offsets.end());
    for (size_t f = 0; f < object.frames.size(); f++) {
        const SegFrame &frame = object.frames[f];
        double offset = vec3_dot(frame.position, normal);
        auto above =
            std::lower_bound(offsets.begin(), offsets.end(), std::make_pair(offset, size_t(0)));
        if (above == offsets.end() ||
            (above != offsets.begin() && offset - (above - 1)->first < above->first - offset))
            --above;
        double away = std::fabs(above->first - offset);
        if (!(away <= slice_tolerance_steps * step))
            throw Failure(UL_ERROR_GEOMETRY,
                "frame %zu lies %.3g mm from the nearest slice of the source", f + 1, away);
        if (f == 0)
            find_box(object, source, above->second, layout);
        double miss = corner_miss_px(layout, frame, source, above->second);
        if (!(miss <= in_plane_tolerance_px)) {
            check_spacing(layout, frame, f);
            throw Failure(UL_ERROR_GEOMETRY,
                "frame %zu is shifted by %.3g pixels against its source slice", f + 1, miss);
        }
        layout.slice.push_back(above->second);
    }
}

typedef std::map<std::pair<std::string, unsigned>, size_t> SliceIndex;

/* Slices by instance and frame number. */
static SliceIndex index_source(const ul_series *source) {
    SliceIndex index;
    for (size_t k = 0; k < ul_series_grid(source)->size[2]; k++) {
        const ul_instance *instance = ul_series_instance(source, k);
        index.emplace(std::make_pair(std::string(instance->sop_instance_uid), instance->frame), k);
    }
    return index;
}

/* The slices that a frame names, in its order. A reference without frame numbers names all frames
 * of its object. */
static std::vector<size_t> named_slices(const SliceIndex &index, const SegFrame &frame) {
    std::vector<size_t> slices;
    for (const SegReference &source : frame.sources) {
        auto first = index.lower_bound(std::make_pair(source.instance_uid, 0u));
        for (auto at = first; at != index.end() && at->first.first == source.instance_uid; ++at) {
            unsigned number = at->first.second; /* 0: the object is single-frame */
            if (number == 0 || source.frames.empty() ||
                std::count(source.frames.begin(), source.frames.end(), number))
                slices.push_back(at->second);
        }
    }
    return slices;
}

size_t seg_count_named(const SegObject &object, const ul_series *source) {
    SliceIndex index = index_source(source);
    return size_t(std::count_if(object.frames.begin(), object.frames.end(),
        [&](const SegFrame &frame) { return !named_slices(index, frame).empty(); }));
}

static void by_reference(const SegObject &object, const SliceIndex &index, SegLayout &layout) {
    if (object.columns != layout.grid.size[0] || object.rows != layout.grid.size[1])
        throw Failure(UL_ERROR_GEOMETRY,
            "the frames have %zux%zu pixels, the source's images %zux%zu", object.columns,
            object.rows, layout.grid.size[0], layout.grid.size[1]);
    std::copy_n(layout.grid.size, 2, layout.box_size);
    for (size_t f = 0; f < object.frames.size(); f++) {
        std::vector<size_t> named = named_slices(index, object.frames[f]);
        if (named.empty())
            throw Failure(UL_ERROR_GEOMETRY,
                "frame %zu has no position, and names no image of this source", f + 1);
        layout.slice.push_back(named[0]);
    }
}

static void copy_grid(const ul_grid &grid, SegLayout &layout) {
    ul_error error = {};
    if (ul_grid_copy(&grid, &layout.grid, &error) != UL_OK)
        throw std::bad_alloc();
}

void seg_layout_grid(const SegObject &object, const ul_grid &grid, SegLayout &layout) {
    copy_grid(grid, layout);
    by_position(object, layout);
}

void seg_layout_source(
    const SegObject &object, const ul_series *source, SegLayout &layout, char **notes) {
    copy_grid(*ul_series_grid(source), layout);
    SliceIndex index = index_source(source);
    bool placed = layout.grid.origin_mm && layout.grid.spacing_mm[0] > 0 &&
                  std::all_of(object.frames.begin(), object.frames.end(),
                      [](const SegFrame &frame) { return frame.placed; });
    if (!placed) {
        by_reference(object, index, layout);
        return;
    }
    by_position(object, layout);
    size_t strange = 0, other = 0;
    for (size_t f = 0; f < object.frames.size(); f++) {
        std::vector<size_t> named = named_slices(index, object.frames[f]);
        strange += named.empty() && !object.frames[f].sources.empty();
        other += !named.empty() && !std::count(named.begin(), named.end(), layout.slice[f]);
    }
    if (strange)
        notes_add(notes, "%zu frames name source images that are not in this series", strange);
    if (other)
        notes_add(notes,
            "%zu frames name another source image than the one at their place; the place counts",
            other);
}
