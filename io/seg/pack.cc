/* The pixels of a SEG: packed from the labels, and compared with them again. */
#include "io/dicom/shim_team.h"
#include "io/seg/bits.h"
#include "io/seg/build.h"

#include <algorithm>
#include <cstring>

static const size_t chunk = 64; /* frames that the threads share between two reports of progress */

size_t seg_pixel_bytes(const SegPlan &plan) {
    size_t samples = plan.frames.size() * plan.pixels();
    size_t bytes = plan.bits() == 1 ? (samples + 7) / 8 : samples * (plan.bits() / 8);
    return bytes + bytes % 2;
}

/* A frame of segment numbers, least significant byte first. */
static void pack_labels(const SegPlan &plan, const SegPlanFrame &frame, uint8_t *bytes) {
    const uint16_t *map = plan.map(frame.slice);
    size_t pixels = plan.pixels(), width = plan.bits() / 8;
    for (size_t i = 0; i < pixels; i++)
        bytes[i * width] = uint8_t(plan.stored[map[i]]);
    for (size_t i = 0; width == 2 && i < pixels; i++)
        bytes[i * width + 1] = uint8_t(plan.stored[map[i]] >> 8);
}

static void pack_frame(const SegPlan &plan, size_t f, uint8_t *bytes) {
    size_t pixels = plan.pixels(), columns = plan.labels->grid.size[0];
    const SegPlanFrame &frame = plan.frames[f];
    auto number = uint16_t(plan.segment(frame.segment).number);
    const uint16_t *map = plan.map(frame.slice);
    size_t first = frame.first_row * columns;
    if (plan.kind == SegKind::BINARY)
        seg_bits_pack(map + first, (frame.past_row - frame.first_row) * columns, number, bytes,
            f * pixels + first);
    else if (plan.kind == SegKind::LABELMAP)
        pack_labels(plan, frame, bytes + f * pixels * (plan.bits() / 8));
    else if (const uint8_t *fractions = plan.fractions(frame))
        std::memcpy(bytes + f * pixels, fractions, pixels);
    else
        for (size_t i = 0; i < pixels; i++)
            bytes[f * pixels + i] = map[i] == number ? 255 : 0;
}

bool seg_pack(const SegPlan &plan, uint8_t *bytes) {
    size_t count = plan.frames.size();
    bool apart = plan.bits() != 1 || plan.pixels() % 8 == 0; /* no two frames share a byte */
    ShimTeam team(apart ? std::min(count, chunk) : 1, plan.options->threads);
    for (size_t first = 0; first < count; first += chunk) {
        if (!ul_progress_report(plan.options->progress, "packing", first, count))
            return false;
        size_t past = std::min(first + chunk, count);
        team.each(past - first, [&](size_t i) { pack_frame(plan, first + i, bytes); });
    }
    return ul_progress_report(plan.options->progress, "packing", count, count);
}

/* Bits of the segment's rows as the labels are, none elsewhere. */
static bool same_bits(
    const SegPlan &plan, const SegPlanFrame &frame, const uint8_t *bits, size_t at) {
    size_t columns = plan.labels->grid.size[0];
    size_t first = frame.first_row * columns, past = frame.past_row * columns;
    auto number = uint16_t(plan.segment(frame.segment).number);
    return seg_bits_zero(bits, at, first) &&
           seg_bits_equal(bits, at + first, past - first, number, plan.map(frame.slice) + first) &&
           seg_bits_zero(bits, at + past, plan.pixels() - past);
}

static bool same_labels(const SegPlan &plan, const SegPlanFrame &frame, const uint8_t *bytes) {
    const uint16_t *map = plan.map(frame.slice);
    bool wide = plan.bits() == 16, same = true;
    for (size_t i = 0; i < plan.pixels(); i++) {
        unsigned read = wide ? unsigned(bytes[2 * i] | bytes[2 * i + 1] << 8) : bytes[i];
        same = same && read == plan.stored[map[i]];
    }
    return same;
}

bool seg_same_pixels(const SegPlan &plan, const SegObject &object, size_t f) {
    size_t pixels = plan.pixels();
    const SegPlanFrame &frame = plan.frames[f];
    if (plan.kind == SegKind::BINARY)
        return same_bits(plan, frame, object.pixels, f * pixels);
    if (plan.kind == SegKind::LABELMAP)
        return same_labels(plan, frame, object.pixels + f * pixels * (plan.bits() / 8));
    const uint8_t *read = object.pixels + f * pixels;
    if (const uint8_t *fractions = plan.fractions(frame))
        return std::memcmp(read, fractions, pixels) == 0;
    const uint16_t *map = plan.map(frame.slice);
    auto number = uint16_t(plan.segment(frame.segment).number);
    bool same = true;
    for (size_t i = 0; i < pixels; i++)
        same = same && read[i] == (map[i] == number ? 255 : 0);
    return same;
}

bool seg_holds_all(const SegPlan &plan, const SegObject &object) {
    size_t labelled = 0, held = 0;
    size_t voxels = plan.pixels() * plan.labels->grid.size[2];
    if (plan.kind == SegKind::FRACTIONAL)
        return true; /* each frame was compared as a whole */
    for (size_t v = 0; v < voxels; v++)
        labelled += plan.labels->map[v] != 0;
    if (plan.kind == SegKind::BINARY)
        held = seg_bits_count(object.pixels, (plan.frames.size() * plan.pixels() + 7) / 8);
    for (size_t f = 0; plan.kind == SegKind::LABELMAP && f < plan.frames.size(); f++) {
        const uint16_t *map = plan.map(plan.frames[f].slice); /* as its frame, which was compared */
        held += plan.pixels() - size_t(std::count(map, map + plan.pixels(), uint16_t(0)));
    }
    return held == labelled;
}
