#include "io/base/notes.h"
#include "io/dicom/shim.h"
#include "io/seg/bits.h"
#include "io/seg/layout.h"

#include <algorithm>
#include <cstring>

/* Frees labels unless they are handed over. */
struct LabelsOwner {
    ul_labels labels = {};
    LabelsOwner() = default;
    LabelsOwner(const LabelsOwner &) = delete;
    LabelsOwner &operator=(const LabelsOwner &) = delete;
    ~LabelsOwner() {
        ul_labels_free(&labels);
    }
};

/* The index of each segment number in object.segments, SIZE_MAX where there is none. */
static std::vector<size_t> index_segments(const SegObject &object) {
    std::vector<size_t> index(65536, SIZE_MAX);
    for (size_t s = 0; s < object.segments.size(); s++)
        index[object.segments[s].number] = s;
    return index;
}

/* Values that the frames hold but the object does not describe become segments of their own:
 * nothing is dropped. */
static void add_missing_segments(SegObject &object, char **notes) {
    auto present = std::make_unique<bool[]>(65536);
    if (object.kind != SegKind::LABELMAP) {
        for (const SegFrame &frame : object.frames)
            present[frame.segment & 0xFFFF] = true;
    } else {
        size_t count = object.frames.size() * object.frame_pixels();
        for (size_t i = 0; object.bits == 8 && i < count; i++)
            present[object.pixels[i]] = true;
        if (object.bits == 16)
            seg_bits_present(
                reinterpret_cast<const uint16_t *>(object.pixels), count, present.get());
        present[object.background & 0xFFFF] = false;
        present[0] = false;
    }
    if (present[0])
        throw Failure(UL_ERROR_INPUT, "a frame refers to segment 0");
    std::vector<size_t> index = index_segments(object);
    for (unsigned number = 1; number < 65536; number++)
        if (present[number] && index[number] == SIZE_MAX) {
            ul_segment segment;
            ul_segment_init(&segment, number);
            object.segments.push_back(segment);
            object.label_value = {}; /* private numbers would not cover it */
            notes_add(
                notes, "segment %u is not described: it is named \"%s\"", number, segment.label);
        }
    if (object.label_value.empty())
        for (const ul_segment &segment : object.segments)
            object.label_value.push_back(segment.number);
}

/* One frame's samples, laid on the grid: one byte per pixel, 0 where nothing is set. */
class FrameReader {
  public:
    FrameReader(const SegObject &of, const SegLayout &on)
        : object(of), layout(on), bytes(of.frame_pixels()) {
    }

    /* The fraction, 0 to 255, of every pixel of a BINARY or FRACTIONAL frame. */
    const std::vector<uint8_t> &fractions(size_t f) {
        size_t pixels = object.frame_pixels();
        bytes.assign(pixels, 0);
        if (object.kind == SegKind::BINARY) {
            seg_bits_unpack_bytes(object.pixels, f * pixels, pixels, 255, bytes.data());
        } else {
            const Uint8 *stored = object.pixels + f * pixels;
            unsigned most = object.maximum_fraction;
            for (size_t i = 0; i < pixels; i++)
                bytes[i] = uint8_t((std::min<unsigned>(stored[i], most) * 255 + most / 2) / most);
        }
        lay(bytes);
        return bytes;
    }

    /* The label numbers of every pixel of a LABELMAP frame. */
    const std::vector<uint16_t> &numbers(size_t f) {
        size_t pixels = object.frame_pixels();
        words.resize(pixels);
        for (size_t i = 0; i < pixels; i++) {
            size_t at = f * pixels + i;
            words[i] = object.bits == 8
                           ? object.pixels[at]
                           : uint16_t(object.pixels[2 * at] | object.pixels[2 * at + 1] << 8);
            if (words[i] == object.background)
                words[i] = 0;
        }
        lay(words);
        return words;
    }

  private:
    /* Onto the grid's slice, whose pixels outside of the box stay 0. */
    template <class Sample> void lay(std::vector<Sample> &frame) {
        if (layout.fits())
            return;
        std::vector<Sample> slice(layout.grid.size[0] * layout.grid.size[1]);
        for (size_t j = 0; j < layout.box_size[1]; j++)
            for (size_t i = 0; i < layout.box_size[0]; i++) {
                size_t a = layout.exchanged ? j : i, b = layout.exchanged ? i : j;
                if (layout.reversed_i)
                    a = object.columns - 1 - a;
                if (layout.reversed_j)
                    b = object.rows - 1 - b;
                slice[(layout.box_first[1] + j) * layout.grid.size[0] + layout.box_first[0] + i] =
                    frame[b * object.columns + a];
            }
        frame.swap(slice);
    }

    const SegObject &object;
    const SegLayout &layout;
    std::vector<uint8_t> bytes;
    std::vector<uint16_t> words;
};

/* What decoding needs at hand. */
struct Decoding {
    const SegObject &object;
    const SegLayout &layout;
    std::vector<size_t> index; /* of a segment number in labels.segments */
    ul_labels &labels;

    size_t pixels() const {
        return layout.grid.size[0] * layout.grid.size[1];
    }
    uint16_t *map(size_t f) {
        return labels.map + layout.slice[f] * pixels();
    }
    uint8_t *fractions(size_t f) {
        size_t segment = index[object.frames[f].segment];
        return labels.fractions + (segment * layout.grid.size[2] + layout.slice[f]) * pixels();
    }
    unsigned value(size_t f) const {
        return object.label_value[index[object.frames[f].segment]];
    }
};

/* Frames in the order of their segments' values, so that of two segments the higher wins. */
static std::vector<size_t> frames_by_value(const Decoding &decoding) {
    std::vector<size_t> order(decoding.object.frames.size());
    for (size_t f = 0; f < order.size(); f++)
        order[f] = f;
    std::stable_sort(order.begin(), order.end(),
        [&](size_t a, size_t b) { return decoding.value(a) < decoding.value(b); });
    return order;
}

/* Returns how many voxels belong to several segments. */
static size_t decode_binary(Decoding &decoding) {
    FrameReader reader(decoding.object, decoding.layout);
    size_t pixels = decoding.pixels(), shared = 0;
    for (size_t f : frames_by_value(decoding)) {
        auto value = uint16_t(decoding.value(f));
        uint16_t *map = decoding.map(f);
        if (decoding.layout.fits()) {
            shared += seg_bits_unpack(decoding.object.pixels, f * pixels, pixels, value, map);
            continue;
        }
        const std::vector<uint8_t> &frame = reader.fractions(f);
        for (size_t i = 0; i < pixels; i++)
            if (frame[i]) {
                shared += map[i] != 0;
                map[i] = value;
            }
    }
    return shared;
}

/* The fractions of every segment as they are. */
static void decode_fractions(Decoding &decoding) {
    FrameReader reader(decoding.object, decoding.layout);
    size_t pixels = decoding.pixels();
    for (size_t f = 0; f < decoding.object.frames.size(); f++) {
        const std::vector<uint8_t> &frame = reader.fractions(f);
        uint8_t *fractions = decoding.fractions(f);
        for (size_t i = 0; i < pixels; i++)
            fractions[i] = std::max(fractions[i], frame[i]);
    }
}

/* The map of fractions: the most probable segment where its fraction is at least a half. */
static void map_fractions(ul_labels &labels) {
    size_t voxels = labels.grid.size[0] * labels.grid.size[1] * labels.grid.size[2];
    for (size_t v = 0; v < voxels; v++) {
        uint8_t best = 127;
        for (size_t s = 0; s < labels.segments.count; s++) {
            uint8_t fraction = labels.fractions[s * voxels + v];
            if (fraction > best) {
                best = fraction;
                labels.map[v] = uint16_t(labels.segments.items[s].number);
            }
        }
    }
}

static void decode_labelmap(Decoding &decoding) {
    FrameReader reader(decoding.object, decoding.layout);
    std::vector<uint16_t> value(65536, 0);
    for (size_t s = 0; s < decoding.object.segments.size(); s++)
        value[decoding.object.segments[s].number] = uint16_t(decoding.object.label_value[s]);
    for (size_t f = 0; f < decoding.object.frames.size(); f++) {
        const std::vector<uint16_t> &frame = reader.numbers(f);
        uint16_t *map = decoding.map(f);
        for (size_t i = 0; i < frame.size(); i++)
            if (frame[i])
                map[i] = value[frame[i]];
    }
}

/* Labels of zeros on the layout's grid, with the object's segments under their label values. */
static void create_labels(
    const SegObject &object, const SegLayout &layout, bool with_fractions, ul_labels &labels) {
    std::vector<ul_segment> items = object.segments;
    for (size_t s = 0; s < items.size(); s++)
        items[s].number = object.label_value[s];
    ul_segments segments = {items.size(), items.data()};
    ul_error error = {};
    ul_labels_free(&labels);
    if (ul_labels_create(&layout.grid, &segments, with_fractions, &labels, &error) != UL_OK)
        throw Failure(error.status, "%s", error.text);
}

static void decode(SegObject &object, const SegLayout &layout, ul_labels &labels, char **notes) {
    add_missing_segments(object, notes);
    create_labels(object, layout, object.kind == SegKind::FRACTIONAL, labels);
    Decoding decoding = {object, layout, index_segments(object), labels};
    if (object.kind == SegKind::LABELMAP) {
        decode_labelmap(decoding);
        return;
    }
    if (object.kind == SegKind::FRACTIONAL) {
        decode_fractions(decoding);
        map_fractions(labels);
        if (object.maximum_fraction != 255)
            notes_add(notes,
                "fractions were stored in steps of 1/%u and are held in steps of 1/255",
                object.maximum_fraction);
        return;
    }
    size_t shared = decode_binary(decoding);
    if (shared == 0)
        return;
    notes_add_overlap(notes, shared);
    create_labels(object, layout, true, labels);
    decode_binary(decoding);
    decode_fractions(decoding);
}

ul_status ul_seg_read(
    const char *path, const ul_series *source, ul_labels *labels, char **notes, ul_error *error) {
    std::memset(labels, 0, sizeof *labels);
    if (notes)
        *notes = nullptr;
    ul_status status = source ? ul_series_check_places(source, error) : UL_OK;
    if (status != UL_OK)
        return status;
    return shim_guard(path, error, [&] {
        SegObject object = seg_object_open(path, true);
        SegLayout layout;
        if (source)
            seg_layout_source(object, source, layout, notes);
        else
            seg_layout_frames(object, layout, notes);
        LabelsOwner owner;
        decode(object, layout, owner.labels, notes);
        *labels = owner.labels;
        owner.labels = {};
        return UL_OK;
    });
}
