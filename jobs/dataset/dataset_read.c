#include "io/base/sha256.h"
#include "ulite/train.h"

#include "jobs/base/image_file.h"
#include "jobs/base/paths.h"
#include "jobs/evaluate/labels_file.h"
#include "jobs/generate/label_values.h"
#include "ulite/dicom.h"
#include "ulite/volume.h"
#include "volume/extend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A case's series and its labels, which may need the series to find their place. */
static ul_status read_series(const ul_dataset *dataset, const ul_dataset_case *c, ul_volume *image,
    ul_labels *labels, ul_error *error) {
    ul_catalog *catalog;
    const char *path = c->image;
    const ul_catalog_options options = {
        .whole_paths = dataset->whole_paths, .threads = dataset->threads};
    ul_status status = ul_catalog_open(path, &options, &catalog, error);
    if (status != UL_OK)
        return status;
    if (ul_catalog_size(catalog) != 1)
        status = ul_error_set(error, UL_ERROR_CHOICE,
            "%s: holds %zu volumes: a case is a folder with one series", path,
            ul_catalog_size(catalog));
    if (status == UL_OK)
        status = ul_series_read(ul_catalog_at(catalog, 0), dataset->threads, NULL, image, error);
    if (status == UL_OK)
        status = labels_read_file(c->label, ul_catalog_at(catalog, 0), labels, error);
    ul_catalog_close(catalog);
    return status;
}

static ul_status read_file(
    const ul_dataset_case *c, ul_volume *image, ul_labels *labels, ul_error *error) {
    ul_status status = image_file_read(c->image, 0, image, NULL, NULL, error);
    return status == UL_OK ? labels_read_file(c->label, NULL, labels, error) : status;
}

/* Only floating-point samples can be NaN or infinite; volumes hide them as padding. */
static bool is_finite_at(const ul_volume *image, size_t sample) {
    if (image->sample == UL_SAMPLE_F32)
        return isfinite(((const float *)image->samples)[sample]);
    return isfinite(((const double *)image->samples)[sample]);
}

static ul_status check_finite(const ul_volume *image, ul_error *error) {
    const size_t *size = image->grid.size;
    size_t count = size[0] * size[1] * size[2] * image->channels;
    if (image->sample != UL_SAMPLE_F32 && image->sample != UL_SAMPLE_F64)
        return UL_OK;
    for (size_t i = 0; i < count; i++) {
        size_t voxel = i / image->channels;
        if (!is_finite_at(image, i))
            return ul_error_set(error, UL_ERROR_INPUT,
                "the image is NaN or infinite at column %zu, row %zu, slice %zu: replace it",
                voxel % size[0], voxel / size[0] % size[1], voxel / (size[0] * size[1]));
    }
    return UL_OK;
}

/* Labels that another program stored with turned axes, on the voxels of the image. */
static ul_status align(ul_labels *labels, const ul_grid *grid, ul_error *error) {
    ul_labels aligned;
    ul_status status = ul_labels_align(labels, grid, &aligned, error);
    if (status != UL_OK)
        return status;
    ul_labels_free(labels);
    *labels = aligned;
    return UL_OK;
}

ul_status ul_dataset_read(
    const ul_dataset *dataset, size_t index, ul_volume *image, ul_labels *labels, ul_error *error) {
    const ul_dataset_case *c = &dataset->cases[index];
    bool series = files_ends_with(c->image, ".dcm") || files_is_folder(c->image);
    *image = (ul_volume){0};
    *labels = (ul_labels){0};
    ul_status status =
        series ? read_series(dataset, c, image, labels, error) : read_file(c, image, labels, error);
    if (status == UL_OK && labels_are_numbered_alone(c->label))
        status = labels_number_by_name(&dataset->classes, labels, error);
    if (status == UL_OK && labels_are_cropped(c->label))
        status = labels_extend(labels, &image->grid, error);
    if (status == UL_OK)
        status = align(labels, &image->grid, error);
    if (status == UL_OK && dataset->values)
        status = label_values_apply(dataset->values, labels, error);
    if (status == UL_OK)
        status = check_finite(image, error);
    if (status != UL_OK) {
        ul_volume_free(image);
        ul_labels_free(labels);
        ul_error_prefix(error, "case %s", c->name);
    }
    return status;
}

ul_status ul_dataset_read_as(const ul_dataset *dataset, size_t index, ul_channels channels,
    ul_volume *image, ul_labels *labels, ul_error *error) {
    ul_status status = ul_dataset_read(dataset, index, image, labels, error);
    if (status == UL_OK && channels != UL_CHANNELS_RGB && ul_volume_is_grey(image))
        ul_volume_make_grey(image);
    return status;
}

ul_status ul_dataset_read_labels(
    const ul_dataset *dataset, size_t index, ul_labels *labels, ul_error *error) {
    const ul_dataset_case *c = &dataset->cases[index];
    *labels = (ul_labels){0};
    ul_status status = labels_read_file(c->label, NULL, labels, error);
    if (status == UL_OK && labels_are_numbered_alone(c->label))
        status = labels_number_by_name(&dataset->classes, labels, error);
    if (status != UL_OK)
        ul_error_prefix(error, "case %s", c->name);
    return status;
}

static int compare_digests(const void *a, const void *b) {
    return memcmp(a, b, 65);
}

/* The digest of several ones in a row. */
static void digest_all(char (*digests)[65], size_t count, char hex[65]) {
    ul_sha256 sha;
    uint8_t digest[32];
    ul_sha256_init(&sha);
    for (size_t i = 0; i < count; i++)
        ul_sha256_update(&sha, digests[i], 64);
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hex);
}

static ul_status digest_folder(const char *folder, char hex[65], ul_error *error) {
    name_list list;
    ul_status status = files_list(folder, &list, error);
    if (status != UL_OK)
        return status;
    char(*digests)[65] = calloc(list.count + 1, sizeof *digests);
    if (!digests)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", folder);
    size_t count = 0;
    for (size_t i = 0; status == UL_OK && i < list.count; i++) {
        char *path = files_join(folder, list.names[i]);
        if (!path)
            status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", folder);
        else if (files_is_folder(path))
            status = digest_folder(path, digests[count++], error);
        else
            status = ul_sha256_file(path, digests[count++], error);
        free(path);
    }
    if (status == UL_OK) {
        qsort(digests, count, sizeof *digests, compare_digests);
        digest_all(digests, count, hex);
    }
    free(digests);
    files_free(&list);
    return status;
}

/* The pixels of a header, the caller's, as ul_nifti_read chooses them: both compressed or both not
 * where there is such a file. NULL where memory ran out. */
static char *find_pixels(const char *header) {
    bool packed = files_ends_with(header, ".gz");
    const char *const endings[] = {packed ? ".img.gz" : ".img", packed ? ".img" : ".img.gz",
        packed ? ".img.gz" : ".img"}; /* the last: the file that is missed */
    char *stem = strndup(header, files_stem(header)), *path = NULL;
    for (int i = 0; stem && i < 3; i++) {
        free(path);
        path = files_append(stem, endings[i]);
        if (!path || files_exists(path))
            break;
    }
    free(stem);
    return path;
}

/* A header and its pixels: headers alone are often the same. */
static ul_status digest_pair(const char *header, char hex[65], ul_error *error) {
    char digests[2][65];
    char *pixels = find_pixels(header);
    if (!pixels)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", header);
    ul_status status = ul_sha256_file(header, digests[0], error);
    if (status == UL_OK)
        status = ul_sha256_file(pixels, digests[1], error);
    if (status == UL_OK)
        digest_all(digests, 2, hex);
    free(pixels);
    return status;
}

ul_status ul_dataset_digest(const char *path, char hex[65], ul_error *error) {
    if (files_is_folder(path))
        return digest_folder(path, hex, error);
    return files_is_header(path) ? digest_pair(path, hex, error) : ul_sha256_file(path, hex, error);
}
