#include "seg_bits.h"
#include "seg_build.h"
#include "shim.h"
#include "shim_team.h"
#include "vec3.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

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
        throw Failure(UL_ERROR_LIMIT, "%zu segments, at most 65535 go", segments.count);
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

/* Which segments each slice holds, as [segment][slice]. */
static std::vector<std::vector<char>> find_segments(const SegPlan &plan) {
    const ul_grid &grid = plan.labels->grid;
    std::vector<std::vector<char>> held(
        plan.segments.size(), std::vector<char>(grid.size[2], false));
    if (plan.fractional && plan.labels->fractions) {
        for (size_t s = 0; s < plan.segments.size(); s++)
            for (size_t k = 0; k < grid.size[2]; k++)
                held[s][k] = any_nonzero(plan.fractions({s, k}), plan.pixels());
        return held;
    }
    std::vector<size_t> index_of(65536, SIZE_MAX);
    for (size_t s = 0; s < plan.segments.size(); s++)
        index_of[plan.segment(s).number] = s;
    std::vector<unsigned> unknown(grid.size[2], 0); /* nothing may be thrown between the threads */
    ShimTeam team(grid.size[2], plan.options->threads);
    team.each(grid.size[2], [&](size_t k) {
        bool present[65536] = {};
        seg_bits_present(plan.map(k), plan.pixels(), present);
        for (unsigned number = 1; number < 65536; number++)
            if (present[number] && index_of[number] == SIZE_MAX)
                unknown[k] = number;
            else if (present[number])
                held[index_of[number]][k] = true;
    });
    for (size_t k = 0; k < grid.size[2]; k++)
        if (unknown[k])
            throw Failure(UL_ERROR_INPUT,
                "label %u occurs in slice %zu, but no segment has that number", unknown[k], k + 1);
    return held;
}

static void choose_frames(SegPlan &plan) {
    auto held = find_segments(plan);
    size_t slices = plan.labels->grid.size[2];
    for (size_t s = 0; s < held.size(); s++)
        for (size_t k = 0; k < slices; k++)
            if (held[s][k])
                plan.frames.push_back({s, k});
    if (plan.frames.empty()) /* an object without frames is not valid */
        plan.frames.push_back({0, 0});
    plan.position_rank.assign(slices, 0);
    for (const SegPlanFrame &frame : plan.frames)
        plan.position_rank[frame.slice] = 1;
    size_t rank = 0;
    for (size_t k = 0; k < slices; k++)
        if (plan.position_rank[k])
            plan.position_rank[k] = ++rank;
}

SegPlan seg_plan(const ul_labels &labels, const ul_series *source, const ul_seg_options &options) {
    SegPlan plan = {};
    plan.labels = &labels;
    plan.source = source;
    plan.info = ul_series_get_info(source);
    plan.options = &options;
    plan.fractional = options.fractional;
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

size_t seg_pixel_bytes(const SegPlan &plan) {
    size_t samples = plan.frames.size() * plan.pixels();
    size_t bytes = plan.fractional ? samples : (samples + 7) / 8;
    return bytes + bytes % 2;
}

static void pack_frame(const SegPlan &plan, size_t f, uint8_t *bytes) {
    size_t pixels = plan.pixels();
    const SegPlanFrame &frame = plan.frames[f];
    auto number = uint16_t(plan.segment(frame.segment).number);
    if (!plan.fractional)
        seg_bits_pack(plan.map(frame.slice), pixels, number, bytes, f * pixels);
    else if (const uint8_t *fractions = plan.fractions(frame))
        std::memcpy(bytes + f * pixels, fractions, pixels);
    else
        for (size_t i = 0; i < pixels; i++)
            bytes[f * pixels + i] = plan.map(frame.slice)[i] == number ? 255 : 0;
}

bool seg_pack(const SegPlan &plan, uint8_t *bytes) {
    const size_t chunk = 64; /* frames that the threads share between two reports of progress */
    size_t count = plan.frames.size();
    bool apart = plan.fractional || plan.pixels() % 8 == 0; /* no two frames share a byte */
    ShimTeam team(apart ? std::min(count, chunk) : 1, plan.options->threads);
    for (size_t first = 0; first < count; first += chunk) {
        if (!ul_progress_report(plan.options->progress, "packing", first, count))
            return false;
        size_t past = std::min(first + chunk, count);
        team.each(past - first, [&](size_t i) { pack_frame(plan, first + i, bytes); });
    }
    return ul_progress_report(plan.options->progress, "packing", count, count);
}
