#include "source.h"

#include "ulite/dicom.h"
#include "ulite/nifti.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

/* Reorders and flips voxels so that the axes point nearest to L, P, S: what layout_make counts on.
 */
static source_volume orient(const size_t size[3], const double matrix[4][4],
    const std::vector<float> &values, const std::string &path) {
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
    ptrdiff_t start = 0, step[3];
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
        step[d] = flip ? -stride[n] : stride[n];
        if (flip) {
            start += last * stride[n];
            source.origin = source.origin + (double)last * column[n];
        }
    }
    source.values.resize(values.size());
    float *out = source.values.data();
    for (size_t k = 0; k < source.size[2]; k++)
        for (size_t j = 0; j < source.size[1]; j++)
            for (size_t i = 0; i < source.size[0]; i++)
                *out++ = values[(size_t)(start + (ptrdiff_t)k * step[2] + (ptrdiff_t)j * step[1] +
                                         (ptrdiff_t)i * step[0])];
    return source;
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
    ul_volume volume = {};
    ul_error error = {};
    double matrix[4][4] = {};
    ul_status status = is_nifti(path)
                           ? ul_nifti_read(path.c_str(), 0, &volume, nullptr, nullptr, &error)
                           : read_series(path.c_str(), &volume, &error);
    std::unique_ptr<ul_volume, void (*)(ul_volume *)> owner(&volume, ul_volume_free);
    if (status == UL_OK && volume.channels != 1)
        status = ul_error_set(&error, UL_ERROR_UNSUPPORTED, "%s: not a grey image", path.c_str());
    if (status == UL_OK)
        status = find_matrix(volume.grid, matrix, &error);
    if (status != UL_OK)
        throw std::runtime_error(error.text);
    const size_t *size = volume.grid.size;
    std::vector<float> values(size[0] * size[1] * size[2]);
    if (ul_volume_to_array(&volume, values.data(), values.size(), &error) != UL_OK)
        throw std::runtime_error(error.text);
    return orient(size, matrix, values, path);
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
        size_t index = 0, stride = 1;
        for (int d = 0; d < 3; d++) {
            int upper = corner >> d & 1;
            weight *= upper ? f[d] : 1 - f[d];
            index += (whole[d] + (size_t)upper) * stride;
            stride *= source.size[d];
        }
        if (weight > 0)
            sum += weight * source.values[index];
    }
    return sum;
}

double source_nearest(const source_volume &source, const vec3 &position) {
    vec3 at = source_voxel(source, position);
    size_t index = 0, stride = 1;
    for (int d = 0; d < 3; d++) {
        double n = std::floor(at[d] + 0.5);
        if (!(n >= 0 && n < (double)source.size[d]))
            return 0;
        index += (size_t)n * stride;
        stride *= source.size[d];
    }
    return source.values[index];
}

label_place source_find_label(const source_volume &labels, double label) {
    label_place place = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, 0};
    size_t n = 0;
    for (size_t k = 0; k < labels.size[2]; k++)
        for (size_t j = 0; j < labels.size[1]; j++)
            for (size_t i = 0; i < labels.size[0]; i++)
                if (labels.values[n++] == (float)label) {
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
