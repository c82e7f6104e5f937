#include "io/base/notes.h"
#include "io/base/utf8.h"
#include "io/dicom/shim.h"
#include "io/rtstruct/contour.h"
#include "io/rtstruct/rtstruct.h"
#include "io/seg/object.h"
#include "libulite/base/resources.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

/* A structure and its contours, which the data set holds. */
struct Structure {
    long number;
    ul_segment segment;
    std::vector<DcmItem *> contours;
};

static long whole(DcmItem &item, const DcmTagKey &tag) {
    std::string text = seg_text(item, tag);
    char *end;
    long number = std::strtol(text.c_str(), &end, 10);
    return end == text.c_str() ? -1 : number;
}

static void read_colour(DcmItem &item, uint8_t rgb[3]) {
    std::string text = dicom_text(item, DCM_ROIDisplayColor);
    unsigned colour[3];
    if (std::sscanf(text.c_str(), "%u \\ %u \\ %u", &colour[0], &colour[1], &colour[2]) != 3 &&
        std::sscanf(text.c_str(), "%u\\%u\\%u", &colour[0], &colour[1], &colour[2]) != 3)
        return;
    for (int n = 0; n < 3; n++)
        rgb[n] = uint8_t(std::min(colour[n], 255u));
}

/* The structures with what is said of each; those without contours, too. */
static std::vector<Structure> find_structures(DcmItem &data) {
    std::vector<Structure> found;
    std::map<long, size_t> by_number;
    seg_each_item(data, DCM_StructureSetROISequence, [&](DcmItem &item, size_t) {
        if (found.size() == UINT16_MAX)
            throw Failure(UL_ERROR_LIMIT, "more than %d structures", UINT16_MAX);
        Structure structure = {whole(item, DCM_ROINumber), {}, {}};
        ul_segment_init(&structure.segment, unsigned(found.size() + 1));
        std::string name = dicom_first_value(dicom_utf8(item, DCM_ROIName));
        if (!name.empty())
            ul_utf8_clip(structure.segment.label, sizeof structure.segment.label, 64, name.c_str());
        if (!by_number.emplace(structure.number, found.size()).second)
            throw Failure(UL_ERROR_INPUT, "two structures have ROINumber %ld", structure.number);
        found.push_back(structure);
    });
    seg_each_item(data, DCM_ROIContourSequence, [&](DcmItem &item, size_t) {
        auto named = by_number.find(whole(item, DCM_ReferencedROINumber));
        if (named == by_number.end())
            throw Failure(UL_ERROR_INPUT, "contours belong to ROINumber %ld, which there is not",
                whole(item, DCM_ReferencedROINumber));
        Structure &structure = found[named->second];
        read_colour(item, structure.segment.rgb);
        seg_each_item(item, DCM_ContourSequence,
            [&](DcmItem &contour, size_t) { structure.contours.push_back(&contour); });
    });
    return found;
}

/* ROI numbers stay where labels can have them, else structures are numbered by their order. */
static void number_structures(std::vector<Structure> &structures, char **notes) {
    bool fit = true;
    for (const Structure &structure : structures)
        fit = fit && structure.number >= 1 && structure.number <= UINT16_MAX;
    for (size_t s = 0; fit && s < structures.size(); s++)
        structures[s].segment.number = unsigned(structures[s].number);
    if (!fit)
        notes_add(notes, "ROI numbers are not 1 to 65535: structures are numbered by their order");
}

/* x, y, z of each point. Throws Failure where they are no such numbers. */
static std::vector<double> read_points(DcmItem &contour) {
    std::string text = dicom_text(contour, DCM_ContourData);
    std::vector<double> numbers;
    for (const char *at = text.c_str(); *at;) {
        char *end;
        double number = std::strtod(at, &end);
        if (end == at || !std::isfinite(number))
            throw Failure(UL_ERROR_INPUT, "ContourData holds \"%.20s\"", at);
        numbers.push_back(number);
        at = end + std::strspn(end, " ");
        if (*at == '\\')
            at++;
        else if (*at)
            throw Failure(UL_ERROR_INPUT, "ContourData holds \"%.20s\"", at);
    }
    if (numbers.size() % 3 != 0)
        throw Failure(
            UL_ERROR_INPUT, "ContourData holds %zu numbers, no multiple of three", numbers.size());
    return numbers;
}

class Filler {
  public:
    Filler(const ul_grid &placed, char **note_lines) : grid(placed), notes(note_lines) {
        ul_grid_normal(&grid, normal);
        for (size_t k = 0; k < grid.size[2]; k++)
            offsets.emplace(ul_grid_offset_mm(&grid, k), k);
    }

    /* Flips the voxels of mask [k][j][i] within a contour. */
    void fill(DcmItem &contour, uint8_t *mask) {
        std::string type = seg_text(contour, DCM_ContourGeometricType);
        if (type != "CLOSED_PLANAR" && type != "CLOSEDPLANAR_XOR") {
            notes_add(notes, "contours of type %.20s, which enclose nothing, were left out",
                type.c_str());
            return;
        }
        std::vector<double> points = read_points(contour);
        size_t k;
        if (points.size() < 9 || !find_slice(points, k))
            return;
        std::vector<double> pixels;
        for (size_t p = 0; p < points.size(); p += 3) {
            double along[2] = {0, 0};
            for (int c = 0; c < 3; c++) {
                along[0] += (points[p + c] - grid.origin_mm[k][c]) * grid.axis_i[c];
                along[1] += (points[p + c] - grid.origin_mm[k][c]) * grid.axis_j[c];
            }
            pixels.push_back(along[0] / grid.spacing_mm[0]);
            pixels.push_back(along[1] / grid.spacing_mm[1]);
        }
        ul_error error = {};
        if (contour_fill(pixels.data(), pixels.size() / 2, mask + k * grid.size[0] * grid.size[1],
                grid.size[0], grid.size[1], &error) != UL_OK)
            throw Failure(error.status, "%s", error.text);
    }

  private:
    /* The slice that the contour's plane belongs to. */
    bool find_slice(const std::vector<double> &points, size_t &k) {
        double low = INFINITY, high = -INFINITY;
        for (size_t p = 0; p < points.size(); p += 3) {
            double offset =
                points[p] * normal[0] + points[p + 1] * normal[1] + points[p + 2] * normal[2];
            low = std::min(low, offset);
            high = std::max(high, offset);
        }
        double middle = (low + high) / 2;
        auto above = offsets.lower_bound(middle), nearest = above;
        if (above == offsets.end() ||
            (above != offsets.begin() && middle - std::prev(above)->first < above->first - middle))
            nearest = std::prev(above);
        k = nearest->second;
        double depth = std::fabs(ul_grid_depth_mm(&grid, k)), half = depth > 0 ? depth / 2 : 0.5;
        if (high - low > half) {
            notes_add(notes, "contours that lie across slices of the images were left out");
            return false;
        }
        if (std::fabs(middle - nearest->first) > half + 0.01) {
            notes_add(notes, "contours that lie on none of the images were left out");
            return false;
        }
        return true;
    }

    const ul_grid &grid;
    char **notes;
    double normal[3];
    std::map<double, size_t> offsets;
};

static void make_labels(
    std::vector<Structure> &structures, const ul_grid &grid, bool fractions, ul_labels &labels) {
    std::vector<ul_segment> items;
    for (const Structure &structure : structures)
        items.push_back(structure.segment);
    const ul_segments segments = {items.size(), items.data()};
    ul_error error = {};
    ul_labels_free(&labels);
    if (ul_labels_create(&grid, &segments, fractions, &labels, &error) != UL_OK)
        throw Failure(error.status, "%s", error.text);
}

/* How often a voxel belongs to a further structure; the higher number wins in the map. */
static size_t fill_labels(
    std::vector<Structure> &structures, Filler &filler, size_t voxels, ul_labels &labels) {
    std::vector<uint8_t> mask(voxels);
    size_t shared = 0;
    for (size_t s = 0; s < structures.size(); s++) {
        std::fill(mask.begin(), mask.end(), 0);
        for (DcmItem *contour : structures[s].contours)
            filler.fill(*contour, mask.data());
        auto number = uint16_t(structures[s].segment.number);
        for (size_t v = 0; v < voxels; v++) {
            if (!mask[v])
                continue;
            shared += labels.map[v] != 0;
            labels.map[v] = std::max(labels.map[v], number);
            if (labels.fractions)
                labels.fractions[s * voxels + v] = 255;
        }
    }
    return shared;
}

void rtstruct_read_on(const char *path, const ul_grid &grid, ul_labels &labels, char **notes) {
    DicomObject file(path);
    if (seg_text(file.data(), DCM_SOPClassUID) != UID_RTStructureSetStorage)
        throw Failure(UL_ERROR_INPUT, "is no RT Structure Set");
    std::vector<Structure> structures = find_structures(file.data());
    if (structures.empty())
        throw Failure(UL_ERROR_INPUT, "holds no structure");
    if (!grid.origin_mm || !(grid.spacing_mm[0] > 0 && grid.spacing_mm[1] > 0))
        throw Failure(UL_ERROR_GEOMETRY, "the images have no positions: contours lie nowhere");
    number_structures(structures, notes);
    size_t voxels = grid.size[0] * grid.size[1] * grid.size[2];
    ul_error error = {};
    if (ul_memory_ask(voxels, &error, "a mask of the images") != UL_OK)
        throw Failure(error.status, "%s", error.text);
    Filler filler(grid, notes);
    make_labels(structures, grid, false, labels);
    size_t shared = fill_labels(structures, filler, voxels, labels);
    if (shared == 0)
        return;
    notes_add_overlap(notes, shared);
    make_labels(structures, grid, true, labels);
    fill_labels(structures, filler, voxels, labels);
}

ul_status ul_rtstruct_read(
    const char *path, const ul_series *source, ul_labels *labels, char **notes, ul_error *error) {
    std::memset(labels, 0, sizeof *labels);
    if (notes)
        *notes = nullptr;
    ul_status status = ul_series_check_places(source, error);
    if (status != UL_OK)
        return status;
    status = shim_guard(path, error, [&] {
        rtstruct_read_on(path, *ul_series_grid(source), *labels, notes);
        return UL_OK;
    });
    if (status != UL_OK) {
        ul_labels_free(labels);
        if (notes) {
            std::free(*notes);
            *notes = nullptr;
        }
    }
    return status;
}

bool ul_rtstruct_probe(const char *path) {
    bool is = false;
    ul_error error = {};
    shim_guard(nullptr, &error, [&] {
        DicomObject file(path, DCM_PatientName);
        is = seg_text(file.data(), DCM_SOPClassUID) == UID_RTStructureSetStorage;
        return UL_OK;
    });
    return is;
}
