#include "io/base/notes.h"
#include "io/dicom/shim.h"
#include "io/seg/bits.h"
#include "io/seg/build.h"
#include "volume/vec3.h"

#include <algorithm>
#include <cmath>
#include <cstring>

/* Labels lie on the source's grid where no slice is further off than this part of a pixel. */
static const double same_place_px = 0.01;

static bool same_grid(const ul_grid &a, const ul_grid &b) {
    if (!std::equal(a.size, a.size + 3, b.size) || !a.origin_mm != !b.origin_mm)
        return false;
    if (!a.origin_mm)
        return true;
    double tolerance = same_place_px * std::min(a.spacing_mm[0], a.spacing_mm[1]);
    double far_i = double(a.size[0] - 1), far_j = double(a.size[1] - 1);
    for (size_t k = 0; k < a.size[2]; k++)
        for (int corner = 0; corner < 3; corner++) {
            double i = corner == 1 ? far_i : 0, j = corner == 2 ? far_j : 0, miss[3];
            for (int c = 0; c < 3; c++)
                miss[c] = a.origin_mm[k][c] - b.origin_mm[k][c] +
                          i * (a.spacing_mm[0] * a.axis_i[c] - b.spacing_mm[0] * b.axis_i[c]) +
                          j * (a.spacing_mm[1] * a.axis_j[c] - b.spacing_mm[1] * b.axis_j[c]);
            if (!(vec3_length(miss) <= tolerance))
                return false;
        }
    return true;
}

/* For each slice of a grid of its own: the source slice nearest to its centre along the normal. */
static std::vector<size_t> nearest_slices(const ul_grid &grid, const ul_grid &source) {
    double normal[3];
    ul_grid_normal(&source, normal);
    std::vector<size_t> nearest(grid.size[2]);
    for (size_t k = 0; k < grid.size[2]; k++) {
        double centre[3];
        std::copy(grid.origin_mm[k], grid.origin_mm[k] + 3, centre);
        vec3_add(centre, grid.spacing_mm[0] * double(grid.size[0] - 1) / 2, grid.axis_i, centre);
        vec3_add(centre, grid.spacing_mm[1] * double(grid.size[1] - 1) / 2, grid.axis_j, centre);
        double best = HUGE_VAL;
        for (size_t s = 0; s < source.size[2]; s++) {
            double away = std::fabs(vec3_dot(centre, normal) - ul_grid_offset_mm(&source, s));
            if (away < best) {
                best = away;
                nearest[k] = s;
            }
        }
    }
    return nearest;
}

static void choose_source_slices(SegPlan &plan) {
    const ul_grid &grid = plan.labels->grid, &source = *ul_series_grid(plan.source);
    plan.placed = grid.origin_mm && grid.spacing_mm[0] > 0 && grid.spacing_mm[1] > 0;
    plan.on_original = same_grid(grid, source);
    if (plan.on_original) {
        plan.nearest.resize(grid.size[2]);
        for (size_t k = 0; k < grid.size[2]; k++)
            plan.nearest[k] = k;
        return;
    }
    if (!plan.placed || grid.stack != UL_STACK_REGULAR || !source.origin_mm)
        throw Failure(UL_ERROR_GEOMETRY,
            "the labels (%zux%zux%zu) lie neither on the slices of the source (%zux%zux%zu) nor on "
            "an even grid of their own",
            grid.size[0], grid.size[1], grid.size[2], source.size[0], source.size[1],
            source.size[2]);
    plan.nearest = nearest_slices(grid, source);
}

static void sort_segments(SegPlan &plan) {
    const ul_segments &segments = plan.labels->segments;
    if (segments.count == 0)
        throw Failure(UL_ERROR_INPUT, "a segmentation needs at least one segment");
    if (segments.count > 65535)
        throw Failure(UL_ERROR_LIMIT, "%zu segments, at most 65535 are allowed", segments.count);
    plan.segments.resize(segments.count);
    for (size_t i = 0; i < segments.count; i++)
        plan.segments[i] = i;
    std::sort(plan.segments.begin(), plan.segments.end(),
        [&](size_t a, size_t b) { return segments.items[a].number < segments.items[b].number; });
    for (size_t i = 0; i < segments.count; i++) {
        unsigned number = plan.segment(i).number;
        if (number < 1 || number > 65535 || (i > 0 && plan.segment(i - 1).number == number))
            throw Failure(UL_ERROR_INPUT,
                "segment number %u is out of range (1 to 65535) or there twice", number);
    }
}

static bool any_nonzero(const uint8_t *bytes, size_t count) {
    return count > 0 && (bytes[0] != 0 || std::memcmp(bytes, bytes + 1, count - 1) != 0);
}

/* The rows of each slice that hold each segment, as [segment][slice]; past 0 where none does. */
struct Rows {
    uint16_t first, past;
};
typedef std::vector<std::vector<Rows>> HeldRows;

static HeldRows find_fractions(const SegPlan &plan) {
    const ul_grid &grid = plan.labels->grid;
    HeldRows held(plan.segments.size(), std::vector<Rows>(grid.size[2]));
    for (size_t s = 0; s < plan.segments.size(); s++)
        for (size_t k = 0; k < grid.size[2]; k++)
            if (any_nonzero(plan.fractions({s, k, 0, 0}), plan.pixels()))
                held[s][k].past = uint16_t(grid.size[1]);
    return held;
}

static HeldRows find_labels(const SegPlan &plan) {
    const ul_grid &grid = plan.labels->grid;
    HeldRows held(plan.segments.size(), std::vector<Rows>(grid.size[2]));
    std::vector<size_t> index_of(65536, SIZE_MAX);
    for (size_t s = 0; s < plan.segments.size(); s++)
        index_of[plan.segment(s).number] = s;
    std::vector<uint16_t> first(65536), past(65536);
    for (size_t k = 0; k < grid.size[2]; k++) {
        std::fill(past.begin(), past.end(), uint16_t(0));
        seg_bits_rows(plan.map(k), grid.size[0], grid.size[1], first.data(), past.data());
        for (unsigned number = 1; number < 65536; number++)
            if (past[number] && index_of[number] == SIZE_MAX)
                throw Failure(UL_ERROR_INPUT,
                    "label %u occurs in slice %zu, but no segment has that number", number, k + 1);
            else if (past[number])
                held[index_of[number]][k] = {first[number], past[number]};
    }
    return held;
}

/* A frame for each segment and slice that holds something, by segment, then slice. */
static void choose_segment_frames(SegPlan &plan, const HeldRows &held) {
    for (size_t s = 0; s < held.size(); s++)
        for (size_t k = 0; k < held[s].size(); k++)
            if (held[s][k].past)
                plan.frames.push_back({s, k, held[s][k].first, held[s][k].past});
    if (plan.frames.empty()) /* an object without frames is not valid */
        plan.frames.push_back({0, 0, 0, 0});
}

/* A frame for each slice that holds something. */
static void choose_slice_frames(SegPlan &plan, const HeldRows &held) {
    for (size_t k = 0; k < plan.labels->grid.size[2]; k++)
        if (std::any_of(held.begin(), held.end(),
                [k](const std::vector<Rows> &segment) { return segment[k].past != 0; }))
            plan.frames.push_back({0, k, 0, plan.labels->grid.size[1]});
    if (plan.frames.empty())
        plan.frames.push_back({0, 0, 0, plan.labels->grid.size[1]});
}

/* Whether the frames, which end at bytes, end in half a word, so that a byte must pad them. */
static bool ends_in_half_a_word(const SegPlan &plan) {
    return plan.pixels() % 8 == 0 && plan.pixels() / 8 * plan.frames.size() % 2 != 0;
}

/* Adds an empty frame: of a segment on a slice where others have frames, else on the slice before
 * or behind those; false where each segment has a frame on every slice. The order is kept. */
static bool add_empty_frame(SegPlan &plan) {
    size_t slices = plan.labels->grid.size[2];
    std::vector<char> used(slices, false), near(slices, false);
    std::vector<std::vector<char>> taken(plan.segments.size(), used);
    for (const SegPlanFrame &frame : plan.frames) {
        used[frame.slice] = true;
        taken[frame.segment][frame.slice] = true;
    }
    for (size_t k = 0; k < slices; k++)
        near[k] = (k > 0 && used[k - 1]) || (k + 1 < slices && used[k + 1]);
    for (const std::vector<char> *wanted : {&used, &near})
        for (size_t s = 0; s < plan.segments.size(); s++)
            for (size_t k = 0; k < slices; k++)
                if ((*wanted)[k] && !taken[s][k]) {
                    SegPlanFrame empty = {s, k, 0, 0};
                    auto behind = std::find_if(
                        plan.frames.begin(), plan.frames.end(), [&](const SegPlanFrame &frame) {
                            return frame.segment > s || (frame.segment == s && frame.slice > k);
                        });
                    plan.frames.insert(behind, empty);
                    return true;
                }
    return false;
}

/* What a LABELMAP holds for each label value. */
static void number_labels(SegPlan &plan) {
    if (plan.kind == SegKind::LABELMAP)
        plan.stored.resize(65536);
    for (size_t s = 0; plan.kind == SegKind::LABELMAP && s < plan.segments.size(); s++)
        plan.stored[plan.segment(s).number] = uint16_t(plan.number(s));
}

static void rank_positions(SegPlan &plan) {
    size_t slices = plan.labels->grid.size[2], rank = 0;
    plan.position_rank.assign(slices, 0);
    for (const SegPlanFrame &frame : plan.frames)
        plan.position_rank[frame.slice] = 1;
    for (size_t k = 0; k < slices; k++)
        if (plan.position_rank[k])
            plan.position_rank[k] = ++rank;
}

/* What was asked for; BINARY for AUTO. */
static SegKind kind_of(const ul_seg_options &options) {
    bool labelmap = options.type == UL_SEG_LABELMAP || (options.type == UL_SEG_AUTO && options.rle);
    if (options.rle && options.deflated)
        throw Failure(UL_ERROR_USAGE, "frames in RLE are not deflated as well");
    if (options.rle && !labelmap)
        throw Failure(UL_ERROR_USAGE, "RLE goes with LABELMAP objects only");
    return labelmap                            ? SegKind::LABELMAP
           : options.type == UL_SEG_FRACTIONAL ? SegKind::FRACTIONAL
                                               : SegKind::BINARY;
}

/* Of so many segments a LABELMAP takes no more bytes than BINARY frames of each on every slice. */
static const size_t few_segments = 8;

/* Whether AUTO leaves BINARY for LABELMAP; then a note says why. */
static bool prefers_labelmap(const SegPlan &plan, char **notes) {
    const size_t *size = plan.labels->grid.size;
    if (plan.pixels() % 8 != 0)
        notes_add(notes,
            "written as LABELMAP: %zux%zu pixels are no multiple of 8, and OHIF, and 3D Slicer "
            "through dcmqi, misread BINARY frames of such sizes (--type binary writes them)",
            size[0], size[1]);
    else if (plan.segments.size() > few_segments && plan.segments.size() <= 255)
        notes_add(notes,
            "written as LABELMAP: for %zu segments it is smaller and opens sooner than BINARY "
            "(--type binary writes that)",
            plan.segments.size());
    else
        return false;
    return true;
}

/* Chooses the kind, where it is left open, and with it the frames. */
static void choose_frames(SegPlan &plan) {
    const ul_seg_options &options = *plan.options;
    bool open = options.type == UL_SEG_AUTO;
    plan.kind = kind_of(options);
    bool by_fractions = plan.kind == SegKind::FRACTIONAL && plan.labels->fractions;
    HeldRows held = by_fractions ? find_fractions(plan) : find_labels(plan);
    if (open && plan.kind == SegKind::BINARY && prefers_labelmap(plan, options.notes))
        plan.kind = SegKind::LABELMAP;
    if (plan.kind == SegKind::LABELMAP)
        choose_slice_frames(plan, held);
    else
        choose_segment_frames(plan, held);
    if (plan.kind == SegKind::BINARY && ends_in_half_a_word(plan) && !add_empty_frame(plan) &&
        open) {
        notes_add(options.notes,
            "written as LABELMAP: BINARY frames would have a byte of padding, which some readers "
            "refuse (--type binary writes them)");
        plan.kind = SegKind::LABELMAP;
        plan.frames.clear();
        choose_slice_frames(plan, held);
    }
    if (plan.kind == SegKind::LABELMAP && plan.segments.size() > 255)
        notes_add(options.notes,
            "OHIF shows only the first 255 of %zu segments, and the others as these: it takes the "
            "low 8 of their 16 bits",
            plan.segments.size());
    number_labels(plan);
    rank_positions(plan);
}

SegPlan seg_plan(const ul_labels &labels, const ul_series *source, const ul_seg_options &options) {
    SegPlan plan = {};
    plan.labels = &labels;
    plan.source = source;
    plan.info = ul_series_get_info(source);
    plan.options = &options;
    const size_t *size = labels.grid.size;
    if (size[0] == 0 || size[1] == 0 || size[2] == 0)
        throw Failure(UL_ERROR_INPUT, "the label volume is empty");
    if (size[0] > 65535 || size[1] > 65535)
        throw Failure(
            UL_ERROR_LIMIT, "%zux%zu pixels, DICOM holds at most 65535x65535", size[0], size[1]);
    choose_source_slices(plan);
    sort_segments(plan);
    choose_frames(plan);
    if (seg_pixel_bytes(plan) > 0xFFFFFFFEu)
        throw Failure(UL_ERROR_LIMIT,
            "%zu frames of %zux%zu are over the 4 GiB that one object "
            "holds",
            plan.frames.size(), size[0], size[1]);
    return plan;
}
