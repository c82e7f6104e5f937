/* The places of a SEG's frames and the images that they refer to. */
#include "io/base/uid.h"
#include "io/dicom/shim.h"
#include "io/seg/bits.h"
#include "io/seg/layout.h"
#include "io/seg/verify.h"
#include "ulite/volume.h"
#include "volume/vec3.h"

#include <algorithm>
#include <cmath>
#include <set>

static bool none_placed(const SegObject &object) {
    return std::none_of(object.frames.begin(), object.frames.end(),
        [](const SegFrame &frame) { return frame.placed; });
}

static void check_macros(const SegObject &object, SegFindings &findings) {
    size_t unplaced = 0, thin = 0;
    for (const SegFrame &frame : object.frames) {
        unplaced += !frame.placed;
        thin += frame.placed && !(frame.thickness > 0);
    }
    if (unplaced)
        findings.add("geometry", "%zu of %zu frames have no position, orientation or pixel spacing",
            unplaced, object.frames.size());
    if (unplaced) {
        findings.add("dcmqi", "refuses frames without positions");
        findings.add("slicer", "cannot place frames without positions");
        findings.add("ohif", "fails on frames without positions");
    }
    if (thin)
        findings.add("slicer", "%zu frame%s without SliceThickness", thin, plural(thin));
    if (!unplaced && object.frame_of_reference_uid.empty())
        findings.add("geometry", "there are positions but no FrameOfReferenceUID");
}

static void check_cosines(const SegObject &object, SegFindings &findings) {
    double worst = 0;
    for (const SegFrame &frame : object.frames) {
        const double *i = frame.cosines, *j = frame.cosines + 3;
        if (frame.placed)
            worst = std::max({worst, std::fabs(vec3_length(i) - 1), std::fabs(vec3_length(j) - 1),
                std::fabs(vec3_dot(i, j))});
    }
    if (worst > 1e-4)
        findings.add("dcmqi",
            "ImageOrientationPatient is off two unit vectors at right angles by %.2g: refused, or "
            "the labels lie askew",
            worst);
}

/* The step of the frames' grid against what PixelMeasures says. */
static void check_spacing(const SegObject &object, const ul_grid &grid, SegFindings &findings) {
    double declared = object.frames[0].step, step = std::fabs(ul_grid_step_mm(&grid));
    if (grid.stack == UL_STACK_UNEVEN) {
        findings.add("dcmqi", "silently rounds unevenly spaced frames to an even grid: labels are "
                              "displaced there and in 3D Slicer; ulite's --grid regular makes an "
                              "even object for them");
        if (declared > 0)
            findings.add("geometry",
                "SpacingBetweenSlices is %.6g mm, but the frames are not evenly spaced", declared);
        return;
    }
    if (grid.stack == UL_STACK_TILTED)
        findings.add("dcmqi", "refuses frames that lean against their normal (gantry tilt), or "
                              "silently sets them upright: labels are displaced there and in 3D "
                              "Slicer; ulite's --grid regular makes an upright object for them");
    if (declared > 0 && step > 0 && std::fabs(declared - step) > 1e-3 * step + 1e-4)
        findings.add("geometry",
            "SpacingBetweenSlices is %.6g mm, but the frames lie %.6g mm apart along the normal",
            declared, step);
}

/* How many times a voxel of a BINARY object belongs to a further segment. */
static size_t shared_voxels(const SegObject &object, const SegLayout &layout) {
    std::vector<std::pair<size_t, size_t>> order; /* slices and their frames */
    for (size_t f = 0; f < object.frames.size(); f++)
        order.emplace_back(layout.slice[f], f);
    std::sort(order.begin(), order.end());
    const size_t pixels = object.frame_pixels();
    std::vector<uint16_t> map(pixels);
    size_t shared = 0;
    for (size_t n = 0; n < order.size(); n++) {
        if (n > 0 && order[n].first != order[n - 1].first)
            std::fill(map.begin(), map.end(), uint16_t(0));
        size_t f = order[n].second;
        shared += seg_bits_unpack(
            object.pixels, f * pixels, pixels, uint16_t(object.frames[f].segment), map.data());
    }
    return shared;
}

static void check_overlap(const SegObject &object, const SegLayout &layout, SegFindings &findings) {
    if (object.kind != SegKind::BINARY || object.bits != 1)
        return;
    size_t shared = shared_voxels(object, layout);
    if (shared == 0)
        return;
    if (seg_text(object.data(), DCM_SegmentsOverlap) == "NO")
        findings.add("standard",
            "SegmentsOverlap is NO, but %zu times a voxel belongs to a further segment", shared);
    findings.add("dcmqi",
        "segments overlap (%zu times a voxel belongs to a further one): no one "
        "label map holds them",
        shared);
}

void seg_check_geometry(const SegObject &object, SegFindings &findings) {
    check_macros(object, findings);
    check_cosines(object, findings);
    if (!std::all_of(object.frames.begin(), object.frames.end(),
            [](const SegFrame &frame) { return frame.placed; }))
        return;
    SegLayout layout;
    try {
        seg_layout_frames(object, layout, nullptr);
    } catch (const Failure &failure) {
        findings.add("geometry", "%s", failure.text);
        return;
    }
    check_spacing(object, layout.grid, findings);
    check_overlap(object, layout, findings);
}

struct ReferencedSeries {
    std::string uid;
    std::set<std::string> instances;
};

static std::vector<ReferencedSeries> referenced_series(const SegObject &object) {
    std::vector<ReferencedSeries> list;
    seg_each_item(object.data(), DCM_ReferencedSeriesSequence, [&](DcmItem &item, size_t) {
        ReferencedSeries series;
        series.uid = seg_text(item, DCM_SeriesInstanceUID);
        seg_each_item(item, DCM_ReferencedInstanceSequence, [&](DcmItem &instance, size_t) {
            series.instances.insert(seg_text(instance, DCM_ReferencedSOPInstanceUID));
        });
        list.push_back(series);
    });
    return list;
}

static void check_list(
    const SegObject &object, const std::vector<ReferencedSeries> &list, SegFindings &findings) {
    if (list.empty()) {
        findings.add("ohif", "shows nothing without ReferencedSeriesSequence");
        return;
    }
    if (list.size() > 1)
        findings.add("ohif", "looks at the first of the %zu referenced series only", list.size());
    std::set<std::string> listed;
    for (const ReferencedSeries &series : list)
        listed.insert(series.instances.begin(), series.instances.end());
    std::set<std::string> unlisted;
    for (const SegFrame &frame : object.frames)
        for (const SegReference &source : frame.sources)
            if (!listed.count(source.instance_uid))
                unlisted.insert(source.instance_uid);
    if (!unlisted.empty())
        findings.add("references",
            "%zu source image%s of the frames missing in ReferencedSeriesSequence", unlisted.size(),
            plural(unlisted.size()));
}

/* A series without a valid UID of its own is told by its images. */
static bool refers_to(const ReferencedSeries &referenced, const ul_series *series) {
    const char *uid = ul_series_get_info(series)->series_uid;
    return uid_usable(uid)
               ? referenced.uid == uid
               : referenced.instances.count(ul_series_instance(series, 0)->sop_instance_uid) > 0;
}

/* The volumes of the source that the object refers to; a series may be split into several. */
static std::vector<const ul_series *> find_volumes(
    const ul_catalog *source, const std::vector<ReferencedSeries> &list) {
    std::vector<const ul_series *> volumes;
    for (size_t i = 0; i < ul_catalog_size(source); i++) {
        const ul_series *series = ul_catalog_at(source, i);
        for (const ReferencedSeries &referenced : list)
            if (refers_to(referenced, series)) {
                volumes.push_back(series);
                break;
            }
    }
    return volumes;
}

/* Whether the frames lie on the even grid that --grid regular makes of the slices. */
static bool on_even_grid(const SegObject &object, const ul_grid &slices) {
    ul_grid even = {};
    ul_error error = {};
    if ((slices.stack != UL_STACK_TILTED && slices.stack != UL_STACK_UNEVEN) ||
        ul_grid_regular(&slices, &even, &error) != UL_OK)
        return false;
    bool lie = true;
    try {
        SegLayout layout;
        seg_layout_grid(object, even, layout);
    } catch (const Failure &) {
        lie = false;
    }
    ul_grid_free(&even);
    return lie;
}

static void check_volume(const SegObject &object, const ul_series *series, SegFindings &findings) {
    std::string reference = ul_series_get_info(series)->frame_of_reference_uid;
    if (!reference.empty() && !object.frame_of_reference_uid.empty() &&
        reference != object.frame_of_reference_uid)
        findings.add("geometry", "FrameOfReferenceUID is not the source's");
    if (none_placed(object) && ul_series_grid(series)->origin_mm)
        findings.add("geometry", "the source has positions, the frames have none");
    SegLayout layout;
    char *notes = nullptr;
    try {
        seg_layout_source(object, series, layout, &notes);
        if (layout.cropped())
            findings.add("ohif", "refuses frames of %zux%zu pixels, a part of the source's %zux%zu",
                object.columns, object.rows, layout.grid.size[0], layout.grid.size[1]);
    } catch (const Failure &failure) {
        if (on_even_grid(object, *ul_series_grid(series)))
            findings.add("ohif", "the frames lie on an even grid of their own, not on the slices "
                                 "of the source: refused, or moved to them and dropped; 3D Slicer "
                                 "shows them");
        else
            findings.add("geometry", "%s", failure.text);
    }
    std::string lines = notes ? notes : "";
    std::free(notes);
    for (size_t at = 0; at < lines.size();) {
        size_t end = std::min(lines.find('\n', at), lines.size());
        findings.add("references", "%s", lines.substr(at, end - at).c_str());
        at = end + 1;
    }
}

void seg_check_references(
    const SegObject &object, const ul_catalog *source, SegFindings &findings) {
    std::vector<ReferencedSeries> list = referenced_series(object);
    check_list(object, list, findings);
    if (!source || list.empty())
        return;
    std::vector<const ul_series *> volumes = find_volumes(source, list);
    if (volumes.empty()) {
        findings.add("references", "the referenced series is not among the source images");
        return;
    }
    std::set<std::string> there;
    for (const ul_series *series : volumes)
        for (size_t k = 0; k < ul_series_grid(series)->size[2]; k++)
            there.insert(ul_series_instance(series, k)->sop_instance_uid);
    size_t missing = 0;
    for (const ReferencedSeries &series : list)
        for (const std::string &uid : series.instances)
            missing += !there.count(uid);
    if (missing)
        findings.add("slicer", "%zu referenced images are not among the source images", missing);
    const ul_series *volume = seg_choose_volume(object, volumes);
    check_volume(object, volume ? volume : volumes.front(), findings);
}
