#include "layout.h"

#include <algorithm>
#include <stdexcept>

/* Half-open voxel box as first and last voxel. */
struct voxel_box {
    vec3 first, last;
};

static voxel_box parse_box(const std::string &text, const char *option) {
    voxel_box box;
    int used = 0;
    if (sscanf(text.c_str(), "%lf:%lf,%lf:%lf,%lf:%lf%n", &box.first[0], &box.last[0],
            &box.first[1], &box.last[1], &box.first[2], &box.last[2], &used) != 6 ||
        text.c_str()[used])
        throw std::runtime_error(std::string(option) + " takes A:B,C:D,E:F, not \"" + text + "\"");
    return box;
}

static voxel_box box_around(const source_volume &source, const options &o) {
    size_t colon = o.around.rfind(':');
    if (colon == std::string::npos)
        throw std::runtime_error("--around takes FILE:LABEL, not \"" + o.around + "\"");
    source_volume labels = source_read(o.around.substr(0, colon));
    label_place label = source_find_label(labels, std::stod(o.around.substr(colon + 1)));
    if (!label.voxels)
        throw std::runtime_error("--around: no such label: " + o.around);
    vec3 a = source_voxel(source, source_position(labels, label.first));
    vec3 b = source_voxel(source, source_position(labels, label.last));
    vec3 middle = source_voxel(source, source_position(labels, label.middle));
    voxel_box box;
    for (size_t d = 0; d < 3; d++) {
        double margin = o.margin_mm / source.spacing_mm[d];
        box.first[d] = std::round(std::min(a[d], b[d]) - margin);
        box.last[d] = std::round(std::max(a[d], b[d]) + margin);
        if (o.extent_mm[d] > 0) {
            double extent = std::round(o.extent_mm[d] / source.spacing_mm[d]);
            box.first[d] = std::round(middle[d] - (extent - 1) / 2);
            box.last[d] = box.first[d] + extent - 1;
        }
        box.first[d] = std::max(0.0, box.first[d]);
        box.last[d] = std::min((double)source.size[d] - 1, box.last[d]);
    }
    return box;
}

static voxel_box choose_box(const source_volume &source, const options &o) {
    if (!o.around.empty())
        return box_around(source, o);
    voxel_box box;
    if (!o.box.empty()) {
        voxel_box file = parse_box(o.box, "--box");
        for (int d = 0; d < 3; d++) {
            size_t n = (size_t)source.file_axis[d];
            double last = (double)source.size[d] - 1;
            box.first[d] = source.file_flip[d] ? last - (file.last[n] - 1) : file.first[n];
            box.last[d] = source.file_flip[d] ? last - file.first[n] : file.last[n] - 1;
        }
    } else if (!o.box_mm.empty()) {
        voxel_box mm = parse_box(o.box_mm, "--box-mm");
        vec3 a = source_voxel(source, mm.first), b = source_voxel(source, mm.last);
        for (int d = 0; d < 3; d++) {
            box.first[d] = std::ceil(std::min(a[d], b[d]) - 1e-6);
            box.last[d] = std::floor(std::max(a[d], b[d]) + 1e-6);
        }
    } else {
        box.first = {0, 0, 0};
        box.last = {source.size[0] - 1.0, source.size[1] - 1.0, source.size[2] - 1.0};
    }
    for (int d = 0; d < 3; d++)
        if (box.last[d] < box.first[d])
            throw std::runtime_error("the box is empty");
    return box;
}

/* How the patient lies: turned about the long axis, and feet first. */
struct lie {
    const char *name;
    bool feet;
    double roll;
};

static const lie &find_lie(const std::string &name) {
    static const lie lies[] = {{"HFS", false, 0}, {"HFP", false, 180}, {"HFDR", false, 90},
        {"HFDL", false, -90}, {"FFS", true, 0}, {"FFP", true, 180}, {"FFDR", true, 90},
        {"FFDL", true, -90}};
    for (const lie &one : lies)
        if (name == one.name)
            return one;
    throw std::runtime_error(
        "--position takes HFS, HFP, HFDR, HFDL, FFS, ..., not \"" + name + "\"");
}

/* Directions of columns and rows in a plane of the scanner. */
static void scanner_plane(const options &o, bool on_the_side, vec3 *i, vec3 *j) {
    bool axial = o.plane == "axial", coronal = o.plane == "coronal";
    if (!axial && !coronal && o.plane != "sagittal")
        throw std::runtime_error(
            "--plane takes axial, coronal or sagittal, not \"" + o.plane + "\"");
    *i = axial || coronal != on_the_side ? vec3{1, 0, 0} : vec3{0, 1, 0};
    *j = axial ? vec3{0, 1, 0} : vec3{0, 0, -1};
}

/* Directions of columns, rows and travel as whole steps along the source's L, P, S axes. */
static void scanner_axes(const options &o, vec3 *i, vec3 *j, vec3 *k) {
    const lie &position = find_lie(o.position);
    scanner_plane(o, std::fabs(position.roll) == 90, i, j);
    for (vec3 *axis : {i, j}) {
        if (position.feet)
            *axis = rotate(*axis, {0, 1, 0}, 180);
        *axis = rotate(*axis, {0, 0, 1}, position.roll);
        for (double &c : *axis)
            c = std::round(c);
    }
    if (o.transpose)
        std::swap(*i, *j);
    if (o.flip_columns)
        *i = -1 * *i;
    if (o.flip_rows)
        *j = -1 * *j;
    *k = cross(*i, *j);
    if (o.reversed)
        *k = -1 * *k;
}

static vec3 into_patient(const source_volume &source, const vec3 &axis) {
    return axis[0] * source.axis[0] + axis[1] * source.axis[1] + axis[2] * source.axis[2];
}

/* Offsets of the slices along the travel, from 0 over at most extent. */
static std::vector<double> slice_offsets(
    const options &o, double native_mm, double extent_mm, bool *even) {
    std::vector<double> steps = o.steps_mm;
    if (steps.empty())
        steps.push_back(o.size[2] > 1 && extent_mm > 0 ? (extent_mm + native_mm) / (double)o.size[2]
                                                       : native_mm);
    *even = std::all_of(steps.begin(), steps.end(), [&](double s) { return s == steps[0]; });
    for (double step : steps)
        if (step <= 0)
            throw std::runtime_error("--step: steps must be positive");
    std::vector<double> offsets = {0};
    for (size_t n = 0; o.size[2] ? offsets.size() < o.size[2] : true; n++) {
        double next = offsets.back() + steps[n % steps.size()];
        if (!o.size[2] && next > extent_mm + 1e-6)
            break;
        offsets.push_back(next);
    }
    return offsets;
}

layout layout_make(const source_volume &source, const options &o) {
    voxel_box box = choose_box(source, o);
    vec3 axes[3];
    scanner_axes(o, &axes[0], &axes[1], &axes[2]);

    double native_mm[3], extent_mm[3]; /* between the centres of the first and last voxel */
    for (int n = 0; n < 3; n++) {
        int d = std::fabs(axes[n][0]) > 0.5 ? 0 : std::fabs(axes[n][1]) > 0.5 ? 1 : 2;
        native_mm[n] = source.spacing_mm[d];
        extent_mm[n] = (box.last[d] - box.first[d]) * source.spacing_mm[d];
    }

    layout l;
    size_t size[2];
    for (int n = 0; n < 2; n++) {
        double whole = extent_mm[n] + native_mm[n];
        l.spacing_mm[n] = o.spacing_mm[n] > 0 ? o.spacing_mm[n]
                          : o.size[n]         ? whole / (double)o.size[n]
                                              : native_mm[n];
        size[n] = o.size[n] ? o.size[n]
                            : (size_t)std::max(1.0, std::floor(whole / l.spacing_mm[n] + 1e-6));
    }
    l.columns = size[0];
    l.rows = size[1];
    std::vector<double> offsets = slice_offsets(o, native_mm[2], extent_mm[2], &l.even);
    l.thickness_mm = o.thickness_mm > 0    ? o.thickness_mm
                     : offsets.size() > 1  ? offsets[1]
                     : !o.steps_mm.empty() ? o.steps_mm[0]
                                           : native_mm[2];

    l.axis_i = into_patient(source, axes[0]);
    l.axis_j = into_patient(source, axes[1]);
    l.travel = into_patient(source, axes[2]);
    static const vec3 about[3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int d = 0; d < 3; d++)
        if (o.rotation[d] != 0)
            for (vec3 *axis : {&l.axis_i, &l.axis_j, &l.travel})
                *axis = rotate(*axis, about[d], o.rotation[d]);
    if (o.tilt != 0) /* the gantry leans, the table goes straight on */
        l.axis_j = rotate(l.axis_j, l.axis_i, o.tilt);

    vec3 centre = source_position(source, 0.5 * (box.first + box.last));
    vec3 corner = centre - ((size[0] - 1) / 2.0 * l.spacing_mm[0]) * l.axis_i -
                  ((size[1] - 1) / 2.0 * l.spacing_mm[1]) * l.axis_j -
                  (o.steps_mm.empty() ? offsets.back() / 2 : extent_mm[2] / 2) * l.travel;
    for (double offset : offsets)
        l.origins.push_back(corner + offset * l.travel);
    for (unsigned k = 0; k < l.origins.size(); k++)
        if (!o.missing.count(k + 1))
            l.kept.push_back(k);
    if (l.kept.empty())
        throw std::runtime_error("--missing leaves no slice");
    for (size_t n = 2; n < l.kept.size(); n++)
        if (l.kept[n] - l.kept[n - 1] != l.kept[1] - l.kept[0])
            l.even = false;
    return l;
}

std::vector<unsigned> layout_sorted(const layout &l) {
    vec3 normal = cross(l.axis_i, l.axis_j);
    std::vector<unsigned> order = l.kept;
    std::sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
        return dot(l.origins[a], normal) < dot(l.origins[b], normal);
    });
    return order;
}

vec3 layout_position(const layout &l, unsigned k, size_t i, size_t j) {
    return l.origins[k] + ((double)i * l.spacing_mm[0]) * l.axis_i +
           ((double)j * l.spacing_mm[1]) * l.axis_j;
}
