#include "io/base/sha256.h"
#include "io/base/uid.h"
#include "io/dicom/shim.h"
#include "io/dicom/shim_team.h"
#include "io/seg/bits.h"
#include "io/seg/build.h"
#include "io/seg/object.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <dcmtk/dcmdata/dcrleerg.h>

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

/* Encodes all frames into zeroed bytes of that size. False where the progress said stop. */
static bool pack(const SegPlan &plan, uint8_t *bytes) {
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

/* Whether frame f was read back as the labels are. */
static bool same_pixels(const SegPlan &plan, const SegObject &object, size_t f) {
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

/* Whether the frames, which are as the labels are, hold all of them. */
static bool holds_all(const SegPlan &plan, const SegObject &object) {
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

void ul_seg_options_init(ul_seg_options *options) {
    std::memset(options, 0, sizeof *options);
}

/* Adds a text and where it ends, so that no two lists of texts look alike. */
static void hash_text(ul_sha256 &sha, const char *text) {
    static const char none[] = "\001";
    ul_sha256_update(&sha, text ? text : none, std::strlen(text ? text : none) + 1);
}

static std::string uid_of(ul_sha256 sha, const char *what) {
    hash_text(sha, what);
    uint8_t digest[32];
    ul_sha256_final(&sha, digest);
    char uid[UID_BYTES];
    uid_from_digest(digest, uid);
    return uid;
}

static std::string random_uid() {
    char uid[UID_BYTES];
    ul_error error = {};
    if (uid_random(uid, &error) != UL_OK)
        throw Failure(error.status, "%s", error.text);
    return uid;
}

static void hash_segment(ul_sha256 &sha, const ul_segment &segment) {
    hash_text(sha, std::to_string(segment.number).c_str());
    hash_text(sha, segment.label);
    hash_text(sha, segment.description);
    for (const ul_code *code : {&segment.category, &segment.type, &segment.type_modifier,
             &segment.region, &segment.region_modifier}) {
        hash_text(sha, code->value);
        hash_text(sha, code->scheme);
        hash_text(sha, code->meaning);
    }
    ul_sha256_update(&sha, segment.rgb, sizeof segment.rgb);
    hash_text(sha, segment.algorithm_type);
    hash_text(sha, segment.algorithm_name);
    hash_text(sha, segment.tracking_id);
    hash_text(sha, segment.tracking_uid);
}

/* UIDs from everything that makes the object what it is, the encoded labels included: a PACS may
 * keep an older object under the same UID. */
SegUids seg_uids(const SegPlan &plan, const uint8_t *bytes, size_t byte_count) {
    if (plan.options->random_uids)
        return {random_uid(), random_uid(), random_uid()};
    ul_sha256 sha;
    ul_sha256_init(&sha);
    hash_text(sha, ul_version());
    hash_text(sha, plan.options->model_hash);
    hash_text(sha, plan.options->series_description);
    hash_text(sha, plan.options->description_note);
    hash_text(sha, std::getenv("SOURCE_DATE_EPOCH"));
    hash_text(sha, plan.info->series_uid);
    for (size_t k = 0; k < ul_series_grid(plan.source)->size[2]; k++) {
        const ul_instance *instance = ul_series_instance(plan.source, k);
        hash_text(sha, instance->sop_instance_uid);
        hash_text(sha, std::to_string(instance->frame).c_str());
    }
    for (size_t s = 0; s < plan.segments.size(); s++)
        hash_segment(sha, plan.segment(s));
    for (const SegPlanFrame &frame : plan.frames) {
        const uint64_t place[2] = {frame.segment, frame.slice};
        ul_sha256_update(&sha, place, sizeof place);
        if (plan.placed)
            ul_sha256_update(&sha, plan.labels->grid.origin_mm[frame.slice],
                sizeof plan.labels->grid.origin_mm[0]);
    }
    hash_text(sha, seg_kind_name(plan.kind));
    if (plan.options->rle)
        hash_text(sha, "RLE");
    if (plan.options->deflated)
        hash_text(sha, "deflated");
    ul_sha256_update(&sha, bytes, byte_count);
    return {uid_of(sha, "series"), uid_of(sha, "instance"), uid_of(sha, "dimensions")};
}

/* Packs the frames into the pixel data element, whose buffer is written without a copy. False where
 * the progress said stop. */
static bool put_pixels(DcmDataset &data, const SegPlan &plan, SegUids &uids) {
    size_t byte_count = seg_pixel_bytes(plan);
    bool words = plan.bits() == 16;
    auto element = std::make_unique<DcmPixelData>(DcmTag(DCM_PixelData, words ? EVR_OW : EVR_OB));
    Uint8 *bytes = nullptr;
    Uint16 *pairs = nullptr;
    if (words && element->createUint16Array(Uint32(byte_count / 2), pairs).bad())
        throw std::bad_alloc();
    if (!words && element->createUint8Array(Uint32(byte_count), bytes).bad())
        throw std::bad_alloc();
    if (words)
        bytes = reinterpret_cast<Uint8 *>(pairs);
    std::memset(bytes, 0, byte_count);
    if (!pack(plan, bytes))
        return false;
    uids = seg_uids(plan, bytes, byte_count);
    if (data.insert(element.release(), OFTrue).bad())
        throw std::bad_alloc();
    return true;
}

static void save(DcmFileFormat &file, const SegPlan &plan, const char *path) {
    E_TransferSyntax syntax =
        plan.options->deflated ? EXS_DeflatedLittleEndianExplicit : EXS_LittleEndianExplicit;
    if (plan.options->rle) {
        syntax = EXS_RLELossless;
        DcmRLEEncoderRegistration::registerCodecs();
        OFCondition packed = file.getDataset()->chooseRepresentation(syntax, nullptr);
        if (packed.bad())
            throw Failure(UL_ERROR_LIMIT, "cannot be compressed with RLE: %s", packed.text());
    }
    seg_save(file, path, syntax);
}

[[noreturn]] static void differs(const char *what, size_t frame) {
    throw Failure(UL_ERROR_OUTPUT,
        "what was read back differs from what was written (%s of frame %zu): the disk or ulite is "
        "at "
        "fault; the file was removed",
        what, frame + 1);
}

/* The frame's place and source as the plan has them. */
static void check_frame(const SegPlan &plan, const SegObject &object, size_t f) {
    const SegPlanFrame &planned = plan.frames[f];
    const SegFrame &frame = object.frames[f];
    const ul_instance *instance = ul_series_instance(plan.source, plan.nearest[planned.slice]);
    if (plan.kind != SegKind::LABELMAP && frame.segment != plan.number(planned.segment))
        differs("the segment", f);
    if (frame.sources.size() != 1 || frame.sources[0].instance_uid != instance->sop_instance_uid)
        differs("the source image", f);
    if (frame.placed != plan.placed)
        differs("the position", f);
    for (int c = 0; plan.placed && c < 3; c++)
        if (!(std::fabs(frame.position[c] - plan.labels->grid.origin_mm[planned.slice][c]) <= 1e-6))
            differs("the position", f);
}

/* Reads the file back and compares it with the labels. False where the progress said stop. */
static bool check_file(const char *path, const SegPlan &plan) {
    SegObject object = seg_read_back([path] { return seg_object_open(path, true); });
    size_t count = plan.frames.size();
    if (object.kind != plan.kind || object.bits != plan.bits() || object.frames.size() != count ||
        object.segments.size() != plan.segments.size())
        differs("the number", 0);
    ShimTeam team(std::min(count, chunk), plan.options->threads);
    for (size_t first = 0; first < count; first += chunk) {
        if (!ul_progress_report(plan.options->progress, "checking", first, count))
            return false;
        size_t past = std::min(first + chunk, count);
        bool same[chunk];
        team.each(past - first, [&](size_t i) { same[i] = same_pixels(plan, object, first + i); });
        for (size_t f = first; f < past; f++)
            if (!same[f - first])
                differs("the pixels", f);
        for (size_t f = first; f < past; f++)
            check_frame(plan, object, f);
    }
    if (!holds_all(plan, object))
        differs("the number of voxels", count - 1);
    return ul_progress_report(plan.options->progress, "checking", count, count);
}

/* Builds the object and writes it to path. False where the progress said stop. */
static bool build_and_save(const char *path, const SegPlan &plan, char **notes) {
    DcmFileFormat file;
    DcmDataset &data = *file.getDataset();
    SegUids uids;
    if (!put_pixels(data, plan, uids))
        return false;
    seg_put_source(data, plan, notes);
    seg_put_object(data, plan, uids, notes);
    seg_put_segments(data, plan);
    seg_put_groups(data, plan, notes);
    save(file, plan, path);
    return true;
}

ul_seg_options seg_options_for(const ul_labels &labels, const ul_seg_options *given) {
    ul_seg_options options = given ? *given : ul_seg_options{};
    if (!options.model_hash && *labels.provenance.model_hash)
        options.model_hash = labels.provenance.model_hash;
    if (!options.description_note && *labels.provenance.note)
        options.description_note = labels.provenance.note;
    return options;
}

ul_seg_options seg_options_without_pixels(const ul_labels &labels, const ul_seg_options *given) {
    ul_seg_options options = seg_options_for(labels, given);
    if (options.notes)
        *options.notes = nullptr;
    options.notes = nullptr;
    options.type = UL_SEG_BINARY;
    options.rle = options.deflated = false;
    return options;
}

ul_status ul_seg_write(const char *path, const ul_labels *labels, const ul_series *source,
    const ul_seg_options *given, ul_error *error) {
    const ul_seg_options options = seg_options_for(*labels, given);
    char **notes = options.notes;
    if (notes)
        *notes = nullptr;
    ul_status status = ul_series_check_places(source, error);
    if (status == UL_OK)
        status = ul_series_check_references(source, error);
    if (status != UL_OK)
        return status;
    return seg_write_file(path, error, [&](const char *temporary) {
        SegPlan plan = seg_plan(*labels, source, options);
        if (!build_and_save(temporary, plan, notes) || !check_file(temporary, plan))
            return ul_error_set(error, UL_ERROR_INTERRUPTED, "%s: interrupted", path);
        return UL_OK;
    });
}
