#include "source.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmimgle/dcmimage.h"

#include <algorithm>
#include <memory>
#include <nifti2_io.h>
#include <stdexcept>

/* Reorders and flips voxels so that the axes point nearest to L, P, S: what layout_make counts on.
 */
static source_volume orient(const size_t size[3], const double matrix[3][4],
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

template <typename T>
static void convert(
    const void *data, size_t count, double slope, double intercept, std::vector<float> *values) {
    const T *in = static_cast<const T *>(data);
    for (size_t n = 0; n < count; n++)
        (*values)[n] = (float)(slope * (double)in[n] + intercept);
}

static source_volume read_nifti(const std::string &path) {
    std::unique_ptr<nifti_image, void (*)(nifti_image *)> image(
        nifti_image_read(path.c_str(), 1), nifti_image_free);
    if (!image)
        throw std::runtime_error(path + ": not a NIfTI volume");
    size_t size[3] = {
        (size_t)image->nx, (size_t)image->ny, (size_t)std::max<int64_t>(1, image->nz)};
    size_t count = size[0] * size[1] * size[2];
    bool scaled = std::isfinite(image->scl_slope) && image->scl_slope != 0;
    double slope = scaled ? image->scl_slope : 1, intercept = scaled ? image->scl_inter : 0;
    std::vector<float> values(count);
    switch (image->datatype) {
    case NIFTI_TYPE_UINT8:
        convert<uint8_t>(image->data, count, slope, intercept, &values);
        break;
    case NIFTI_TYPE_INT16:
        convert<int16_t>(image->data, count, slope, intercept, &values);
        break;
    case NIFTI_TYPE_UINT16:
        convert<uint16_t>(image->data, count, slope, intercept, &values);
        break;
    case NIFTI_TYPE_INT32:
        convert<int32_t>(image->data, count, slope, intercept, &values);
        break;
    case NIFTI_TYPE_FLOAT32:
        convert<float>(image->data, count, slope, intercept, &values);
        break;
    case NIFTI_TYPE_FLOAT64:
        convert<double>(image->data, count, slope, intercept, &values);
        break;
    default:
        throw std::runtime_error(path + ": a sample type that is not served");
    }
    const nifti_dmat44 &ras = image->sform_code > 0 ? image->sto_xyz : image->qto_xyz;
    double matrix[3][4];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            matrix[r][c] = r < 2 ? -ras.m[r][c] : ras.m[r][c]; /* RAS to LPS */
    return orient(size, matrix, values, path);
}

static source_volume read_dicom(const std::string &path) {
    DcmFileFormat file;
    if (file.loadFile(path.c_str()).bad())
        throw std::runtime_error(path + ": neither a NIfTI volume nor a DICOM image");
    DicomImage image(&file, EXS_Unknown, CIF_MayDetachPixelData);
    const DiPixel *pixels = image.getStatus() == EIS_Normal ? image.getInterData() : nullptr;
    if (!pixels || !image.isMonochrome())
        throw std::runtime_error(path + ": not a grey DICOM image");
    size_t size[3] = {image.getWidth(), image.getHeight(), 1}, count = size[0] * size[1];
    std::vector<float> values(count);
    switch (pixels->getRepresentation()) {
    case EPR_Uint8:
        convert<Uint8>(pixels->getData(), count, 1, 0, &values);
        break;
    case EPR_Sint8:
        convert<Sint8>(pixels->getData(), count, 1, 0, &values);
        break;
    case EPR_Uint16:
        convert<Uint16>(pixels->getData(), count, 1, 0, &values);
        break;
    case EPR_Sint16:
        convert<Sint16>(pixels->getData(), count, 1, 0, &values);
        break;
    case EPR_Uint32:
        convert<Uint32>(pixels->getData(), count, 1, 0, &values);
        break;
    case EPR_Sint32:
        convert<Sint32>(pixels->getData(), count, 1, 0, &values);
        break;
    }
    double spacing[2] = {1, 1}, thickness = 1, position[3] = {0, 0, 0},
           cosines[6] = {1, 0, 0, 0, 1, 0};
    DcmDataset *dataset = file.getDataset();
    dataset->findAndGetFloat64(DCM_SliceThickness, thickness);
    for (unsigned long n = 0; n < 6; n++) {
        if (n < 2)
            dataset->findAndGetFloat64(DCM_PixelSpacing, spacing[n], n);
        if (n < 3)
            dataset->findAndGetFloat64(DCM_ImagePositionPatient, position[n], n);
        dataset->findAndGetFloat64(DCM_ImageOrientationPatient, cosines[n], n);
    }
    vec3 i = {cosines[0], cosines[1], cosines[2]}, j = {cosines[3], cosines[4], cosines[5]};
    vec3 k = cross(i, j);
    double matrix[3][4];
    for (int r = 0; r < 3; r++) {
        matrix[r][0] = spacing[1] * i[r];
        matrix[r][1] = spacing[0] * j[r];
        matrix[r][2] = thickness * k[r];
        matrix[r][3] = position[r];
    }
    return orient(size, matrix, values, path);
}

source_volume source_read(const std::string &path) {
    FILE *file = fopen(path.c_str(), "rb");
    if (!file)
        throw std::runtime_error(path + ": cannot be opened");
    fclose(file);
    nifti_set_debug_level(0);
    return is_nifti_file(path.c_str()) > 0 ? read_nifti(path) : read_dicom(path);
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
