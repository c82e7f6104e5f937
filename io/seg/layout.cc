#include "io/seg/layout.h"

#include "io/base/notes.h"
#include "io/dicom/shim.h"
#include "volume/vec3.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

/* Frames lie in one slice when they are closer than this along the normal. */
static const double same_slice_mm = 1e-3;
/* A frame may be off its pixels and its slice by this part of a pixel, of a step. */
static const double in_plane_tolerance_px = 0.1;
static const double slice_tolerance_steps = 0.1;
/* How many voxels the empty slices of a gap may make. */
static const double largest_filled_voxels = 2147483648.0;
static const double largest_filled_slices = 65536;

static void allocate_origins(ul_grid &grid, size_t slices) {
    grid.size[2] = slices;
    grid.origin_mm =
        static_cast<double(*)[3]>(std::calloc(std::max<size_t>(slices, 1), sizeof *grid.origin_mm));
    if (!grid.origin_mm)
        throw std::bad_alloc();
}

/* The axes, sizes and spacings that all frames share. */
static void common_plane(const SegObject &object, ul_grid &grid) {
    const SegFrame &first = object.frames[0];
    for (size_t f = 0; f < object.frames.size(); f++) {
        const SegFrame &frame = object.frames[f];
        double off = 0;
        for (int c = 0; c < 6; c++)
            off = std::max(off, std::fabs(frame.cosines[c] - first.cosines[c]));
        for (int c = 0; c < 2; c++)
            off = std::max(off, std::fabs(frame.spacing[c] / first.spacing[c] - 1));
        if (off > 1e-3)
            throw Failure(UL_ERROR_GEOMETRY,
                "frame %zu has another orientation or spacing than frame 1: no one grid holds both",
                f + 1);
    }
    if (!ul_grid_set_axes(&grid, first.cosines))
        throw Failure(UL_ERROR_GEOMETRY, "ImageOrientationPatient is not two directions at right "
                                         "angles");
    grid.size[0] = object.columns;
    grid.size[1] = object.rows;
    grid.spacing_mm[0] = first.spacing[0];
    grid.spacing_mm[1] = first.spacing[1];
    grid.thickness_mm = first.thickness > 0 ? first.thickness : 0;
}

/* Frames sorted along the normal, and per frame the rank of its position. Returns the frame that
 * stands for each position. */
static std::vector<size_t> sort_positions(
    const SegObject &object, const ul_grid &grid, std::vector<size_t> &rank) {
    double normal[3];
    ul_grid_normal(&grid, normal);
    std::vector<double> offset(object.frames.size());
    std::vector<size_t> order(object.frames.size()), distinct;
    for (size_t f = 0; f < order.size(); f++) {
        order[f] = f;
        offset[f] = vec3_dot(object.frames[f].position, normal);
    }
    std::stable_sort(
        order.begin(), order.end(), [&](size_t a, size_t b) { return offset[a] < offset[b]; });
    rank.resize(order.size());
    for (size_t f : order) {
        if (distinct.empty() || offset[f] - offset[distinct.back()] > same_slice_mm)
            distinct.push_back(f);
        rank[f] = distinct.size() - 1;
        double apart[3];
        vec3_add(object.frames[f].position, -1, object.frames[distinct.back()].position, apart);
        if (vec3_length(apart) > in_plane_tolerance_px * grid.spacing_mm[0] + same_slice_mm)
            throw Failure(UL_ERROR_GEOMETRY,
                "frames %zu and %zu lie in one plane, but shifted against each other", f + 1,
                distinct.back() + 1);
    }
    return distinct;
}

/* Whether the positions lie on an even line of this step along the normal; then the number of each
 * on it. */
static bool on_even_line(const SegObject &object, const ul_grid &grid,
    const std::vector<size_t> &distinct, double step, std::vector<size_t> &number) {
    double normal[3], whole[3];
    ul_grid_normal(&grid, normal);
    const double *start = object.frames[distinct.front()].position;
    vec3_add(object.frames[distinct.back()].position, -1, start, whole);
    double length = vec3_dot(whole, normal), last = std::round(length / step);
    if (!(step > 0) || last < 1 || last > largest_filled_slices ||
        last * double(grid.size[0]) * double(grid.size[1]) > largest_filled_voxels)
        return false;
    number.clear();
    for (size_t f : distinct) {
        double from_start[3], miss[3];
        vec3_add(object.frames[f].position, -1, start, from_start);
        double at = std::round(vec3_dot(from_start, normal) / (length / last));
        vec3_add(from_start, -at / last, whole, miss);
        if (vec3_length(miss) > slice_tolerance_steps * length / last)
            return false;
        number.push_back(size_t(at));
    }
    return std::fabs(length / last - step) <= slice_tolerance_steps * step;
}

static double smallest_step(
    const SegObject &object, const ul_grid &grid, const std::vector<size_t> &distinct) {
    double normal[3], smallest = HUGE_VAL;
    ul_grid_normal(&grid, normal);
    for (size_t i = 1; i < distinct.size(); i++)
        smallest =
            std::min(smallest, vec3_dot(object.frames[distinct[i]].position, normal) -
                                   vec3_dot(object.frames[distinct[i - 1]].position, normal));
    return smallest;
}

static void place_frames(const SegObject &object, SegLayout &layout, char **notes) {
    ul_grid &grid = layout.grid;
    common_plane(object, grid);
    std::vector<size_t> rank, distinct = sort_positions(object, grid, rank), number;
    double declared = object.frames[0].step;
    bool even = distinct.size() > 1 && (on_even_line(object, grid, distinct, declared, number) ||
                                           on_even_line(object, grid, distinct,
                                               smallest_step(object, grid, distinct), number));
    if (!even) {
        number.resize(distinct.size());
        for (size_t i = 0; i < distinct.size(); i++)
            number[i] = i;
    }
    size_t last = number.back();
    allocate_origins(grid, last + 1);
    const double *start = object.frames[distinct.front()].position;
    double whole[3];
    vec3_add(object.frames[distinct.back()].position, -1, start, whole);
    for (size_t k = 0; even && k <= last; k++) /* the empty slices of the gaps */
        vec3_add(start, double(k) / double(last), whole, grid.origin_mm[k]);
    for (size_t i = 0; i < distinct.size(); i++)
        std::copy_n(object.frames[distinct[i]].position, 3, grid.origin_mm[number[i]]);
    for (size_t r : rank)
        layout.slice.push_back(number[r]);
    ul_grid_classify(&grid);
    if (last + 1 > distinct.size())
        notes_add(notes, "%zu slices between the frames hold no segment: filled in, empty",
            last + 1 - distinct.size());
    if (grid.stack == UL_STACK_UNEVEN)
        notes_add(notes, "the frames are not evenly spaced; the source's grid (--source) may be");
}

/* Frames without positions: one slice for each source image or frame that they name, in the order
 * of the frames; without names each frame of a segment is the next slice. */
static void order_frames(const SegObject &object, SegLayout &layout) {
    std::map<std::pair<std::string, unsigned>, size_t> known;
    std::map<unsigned, size_t> of_segment;
    std::vector<std::pair<unsigned, size_t>> numbers; /* frame number and slice as met */
    size_t slices = 0;
    for (const SegFrame &frame : object.frames) {
        size_t slice;
        if (frame.sources.empty()) {
            slice = of_segment[frame.segment]++;
        } else {
            const SegReference &source = frame.sources[0];
            unsigned number = source.frames.empty() ? 0 : source.frames[0];
            auto found = known.emplace(std::make_pair(source.instance_uid, number), known.size());
            slice = found.first->second;
        }
        layout.slice.push_back(slice);
        slices = std::max(slices, slice + 1);
    }
    /* std::map keeps one object's frames in the order of their numbers */
    if (known.size() == slices) {
        std::vector<size_t> sorted(slices);
        size_t next = 0;
        bool one_object =
            !known.empty() && known.begin()->first.first == known.rbegin()->first.first;
        for (auto &entry : known)
            sorted[entry.second] = next++;
        for (size_t &slice : layout.slice)
            slice = one_object ? sorted[slice] : slice;
    }
    layout.grid.size[0] = object.columns;
    layout.grid.size[1] = object.rows;
    layout.grid.size[2] = slices;
}

static bool all_placed(const SegObject &object) {
    return std::all_of(object.frames.begin(), object.frames.end(),
        [](const SegFrame &frame) { return frame.placed; });
}

void seg_layout_frames(const SegObject &object, SegLayout &layout, char **notes) {
    if (all_placed(object))
        place_frames(object, layout, notes);
    else
        order_frames(object, layout);
    std::copy_n(layout.grid.size, 2, layout.box_size);
}
