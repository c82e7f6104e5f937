#include "source.h"

#include "ulite/dicom.h"
#include "ulite/nifti.h"
#include "volume/planes.h"

#include <algorithm>
#include <stdexcept>

/* Orders and turns the axes so that they point nearest to L, P, S: what layout_make counts on. */
static source_volume orient(
    const size_t size[3], const double matrix[4][4], const std::string &path) {
    vec3 column[3];
    double length[3];
    for (int n = 0; n < 3; n++) {
        column[n] = {matrix[0][n], matrix[1][n], matrix[2][n]};
        length[n] = std::sqrt(dot(column[n], column[n]));
        if (!(length[n] > 0))
            throw std::runtime_error(path + ": the voxel axes are singular");
    }
    int best[3] = {0, 1, 2}, order[3] = {0, 1, 2};
    double most = -1;
    do { /* the permutation whose axes lie nearest to L, P, S */
        double sum = 0;
        for (int d = 0; d < 3; d++)
            sum += std::fabs(column[order[d]][d]) / length[order[d]];
        if (sum > most + 1e-9)
            most = sum, std::copy(order, order + 3, best);
    } while (std::next_permutation(order, order + 3));

    source_volume source;
    ptrdiff_t stride[3] = {1, (ptrdiff_t)size[0], (ptrdiff_t)(size[0] * size[1])};
    source.start = 0;
    source.origin = {matrix[0][3], matrix[1][3], matrix[2][3]};
    for (int d = 0; d < 3; d++) {
        int n = best[d];
        bool flip = column[n][d] < 0;
        ptrdiff_t last = (ptrdiff_t)size[n] - 1;
        source.size[d] = size[n];
        source.file_axis[d] = n;
        source.file_flip[d] = flip;
        source.spacing_mm[d] = length[n];
        source.axis[d] = ((flip ? -1 : 1) / length[n]) * column[n];
        source.step[d] = flip ? -stride[n] : stride[n];
        if (flip) {
            source.start += last * stride[n];
            source.origin = source.origin + (double)last * column[n];
        }
    }
    return source;
}

/* A series takes a few slices of a whole head: those that it does not ask for are not converted. */
static float source_value(const source_volume &source, size_t i, size_t j, size_t k) {
    size_t voxel = (size_t)(source.start + (ptrdiff_t)i * source.step[0] +
                            (ptrdiff_t)j * source.step[1] + (ptrdiff_t)k * source.step[2]);
    const size_t *size = source.file->grid.size, area = size[0] * size[1];
    std::vector<float> &slice = source.slices[voxel / area];
    if (slice.empty()) {
        slice.resize(area);
        ul_volume_slice(source.file.get(), voxel / area, slice.data());
    }
    return slice[voxel % area];
}

static bool is_nifti(const std::string &path) {
    for (const std::string ending : {".nii", ".nii.gz", ".hdr", ".img"})
        if (path.size() > ending.size() &&
            path.compare(path.size() - ending.size(), ending.size(), ending) == 0)
            return true;
    return false;
}

static ul_status read_series(const char *path, ul_volume *volume, ul_error *error) {
    ul_catalog *opened;
    ul_status status = ul_catalog_open(path, nullptr, &opened, error);
    if (status != UL_OK)
        return status;
    std::unique_ptr<ul_catalog, void (*)(ul_catalog *)> catalog(opened, ul_catalog_close);
    if (ul_catalog_size(opened) != 1)
        return ul_error_set(error, UL_ERROR_CHOICE, "%s: holds %zu volumes, not one", path,
            ul_catalog_size(opened));
    return ul_series_read(ul_catalog_at(opened, 0), 0, nullptr, volume, error);
}

/* Voxels to LPS; an image without a place lies at the origin. */
static ul_status find_matrix(const ul_grid &grid, double matrix[4][4], ul_error *error) {
    if (grid.stack == UL_STACK_TILTED)
        return ul_error_set(error, UL_ERROR_GEOMETRY, "a source with gantry tilt is not served");
    if (grid.stack != UL_STACK_UNPLACED)
        return ul_grid_affine(&grid, matrix, error);
    for (int n = 0; n < 2; n++)
        matrix[n][n] = grid.spacing_mm[n] > 0 ? grid.spacing_mm[n] : 1;
    matrix[2][2] = grid.thickness_mm > 0 ? grid.thickness_mm : 1;
    return UL_OK;
}

source_volume source_read(const std::string &path) {
    std::unique_ptr<ul_volume, void (*)(ul_volume *)> volume(
        new ul_volume(), [](ul_volume *one) { ul_volume_free(one), delete one; });
    ul_error error = {};
    double matrix[4][4] = {};
    ul_status status = is_nifti(path)
                           ? ul_nifti_read(path.c_str(), 0, volume.get(), nullptr, nullptr, &error)
                           : read_series(path.c_str(), volume.get(), &error);
    if (status == UL_OK && volume->channels != 1)
        status = ul_error_set(&error, UL_ERROR_UNSUPPORTED, "%s: not a grey image", path.c_str());
    if (status == UL_OK)
        status = find_matrix(volume->grid, matrix, &error);
    if (status != UL_OK)
        throw std::runtime_error(error.text);
    source_volume source = orient(volume->grid.size, matrix, path);
    source.slices.resize(volume->grid.size[2]);
    source.file = std::move(volume);
    return source;
}

vec3 source_voxel(const source_volume &source, const vec3 &position) {
    vec3 d = position - source.origin;
    return {dot(d, source.axis[0]) / source.spacing_mm[0],
        dot(d, source.axis[1]) / source.spacing_mm[1],
        dot(d, source.axis[2]) / source.spacing_mm[2]};
}

vec3 source_position(const source_volume &source, const vec3 &voxel) {
    vec3 position = source.origin;
    for (int d = 0; d < 3; d++)
        position = position + (voxel[d] * source.spacing_mm[d]) * source.axis[d];
    return position;
}

/* Whole voxel and fraction along an axis; a single slice stands for all. */
static bool locate(double at, size_t size, size_t *whole, double *fraction) {
    enum { NEAR = 1000000 }; /* a position within 1e-6 voxels of a centre is that centre */
    if (size == 1) {
        *whole = 0, *fraction = 0;
        return true;
    }
    double snapped = std::round(at);
    if (std::fabs(at - snapped) * NEAR < 1)
        at = snapped;
    if (!(at >= 0 && at <= (double)(size - 1)))
        return false;
    *whole = std::min((size_t)at, size - 2);
    *fraction = at - (double)*whole;
    return true;
}

double source_sample(const source_volume &source, const vec3 &position) {
    vec3 at = source_voxel(source, position);
    size_t whole[3];
    double f[3];
    for (int d = 0; d < 3; d++)
        if (!locate(at[d], source.size[d], &whole[d], &f[d]))
            return 0;
    double sum = 0;
    for (int corner = 0; corner < 8; corner++) {
        double weight = 1;
        size_t at_corner[3];
        for (int d = 0; d < 3; d++) {
            int upper = corner >> d & 1;
            weight *= upper ? f[d] : 1 - f[d];
            at_corner[d] = whole[d] + (size_t)upper;
        }
        if (weight > 0)
            sum += weight * source_value(source, at_corner[0], at_corner[1], at_corner[2]);
    }
    return sum;
}

double source_nearest(const source_volume &source, const vec3 &position) {
    vec3 at = source_voxel(source, position);
    size_t nearest[3];
    for (int d = 0; d < 3; d++) {
        double n = std::floor(at[d] + 0.5);
        if (!(n >= 0 && n < (double)source.size[d]))
            return 0;
        nearest[d] = (size_t)n;
    }
    return source_value(source, nearest[0], nearest[1], nearest[2]);
}

label_place source_find_label(const source_volume &labels, double label) {
    label_place place = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, 0};
    for (size_t k = 0; k < labels.size[2]; k++)
        for (size_t j = 0; j < labels.size[1]; j++)
            for (size_t i = 0; i < labels.size[0]; i++)
                if (source_value(labels, i, j, k) == (float)label) {
                    vec3 at = {(double)i, (double)j, (double)k};
                    bool found = place.voxels++ > 0;
                    for (size_t d = 0; d < 3; d++) {
                        place.first[d] = found ? std::min(place.first[d], at[d]) : at[d];
                        place.last[d] = found ? std::max(place.last[d], at[d]) : at[d];
                    }
                    place.middle = place.middle + at;
                }
    if (place.voxels)
        place.middle = (1 / (double)place.voxels) * place.middle;
    return place;
}
