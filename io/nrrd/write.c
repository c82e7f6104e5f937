#include "io/nrrd/segments.h"
#include "io/slices/slice_file.h"
#include "volume/planes.h"

#include <math.h>
#include <stdlib.h>

static const char *type_name(ul_sample sample) {
    static const char *const names[] = {
        "uchar", "int8", "ushort", "short", "int", "uint", "float", "double"};
    return names[sample]; /* in the order of ul_sample */
}

/* What stands in front of the directions and kinds: an axis that is not in space. */
typedef struct first_axis {
    const char *kind; /* NULL: there is none */
    size_t size;
} first_axis;

static ul_status print_places(
    FILE *stream, const ul_grid *grid, const first_axis *first, ul_error *error) {
    double m[4][4];
    if (grid->stack == UL_STACK_UNPLACED) {
        if (grid->spacing_mm[0] > 0.0)
            fprintf(stream, "spacings:%s %.17g %.17g %.17g\n", first->kind ? " NaN" : "",
                grid->spacing_mm[0], grid->spacing_mm[1],
                grid->thickness_mm > 0.0 ? grid->thickness_mm : 1.0);
        return UL_OK;
    }
    ul_status status = ul_grid_affine(grid, m, error);
    if (status != UL_OK)
        return status;
    fprintf(
        stream, "space: left-posterior-superior\nspace directions:%s", first->kind ? " none" : "");
    for (int axis = 0; axis < 3; axis++)
        fprintf(stream, " (%.17g,%.17g,%.17g)", m[0][axis], m[1][axis], m[2][axis]);
    fprintf(stream, "\nspace units: \"mm\" \"mm\" \"mm\"\nspace origin: (%.17g,%.17g,%.17g)\n",
        m[0][3], m[1][3], m[2][3]);
    return UL_OK;
}

static ul_status print_header(
    FILE *stream, const ul_grid *grid, ul_sample sample, const first_axis *first, ul_error *error) {
    fprintf(stream,
        "NRRD0005\n# Complete NRRD file format specification at:\n"
        "# http://teem.sourceforge.net/nrrd/format.html\n"
        "type: %s\ndimension: %d\n",
        type_name(sample), first->kind ? 4 : 3);
    ul_status status = print_places(stream, grid, first, error);
    fputs("sizes:", stream);
    if (first->kind)
        fprintf(stream, " %zu", first->size);
    fprintf(stream, " %zu %zu %zu\n", grid->size[0], grid->size[1], grid->size[2]);
    fprintf(stream, "kinds: %s%sdomain domain domain\n", first->kind ? first->kind : "",
        first->kind ? " " : "");
    fputs(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "endian: little\n" : "endian: big\n", stream);
    fputs("encoding: gzip\n", stream);
    return status;
}

/* Writes what stands in the stream of *head, which is closed and freed, and then the slices. */
static ul_status write_file(const char *path, FILE *stream, char **head, size_t *head_bytes,
    ul_status status, slice_file *file, ul_error *error) {
    fputc('\n', stream);
    bool lost = ferror(stream);
    lost = fclose(stream) != 0 || lost;
    if (status == UL_OK && lost)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    else if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    file->head = *head;
    file->head_bytes = *head_bytes;
    file->head_plain = file->compressed = true;
    if (status == UL_OK)
        status = slice_file_write(path, file, error);
    free(*head);
    return status;
}

static bool is_plain(const ul_volume *volume) {
    for (size_t k = 0; k < volume->grid.size[2]; k++)
        if (volume->slope[k] != 1.0 || volume->intercept[k] != 0.0)
            return false;
    return true;
}

/* Whole values as 16 bits. */
static void fill_short(const slice_file *file, size_t k, void *bytes) {
    const ul_volume *volume = file->source;
    float *values = (float *)(uintptr_t)file->more;
    int16_t *to = bytes;
    ul_volume_slice(volume, k, values);
    for (size_t n = 0; n < file->slice_bytes / sizeof *to; n++)
        to[n] = (int16_t)values[n];
}

/* Whether all values are whole numbers of 16 bits; values: of a slice. */
static bool fits_short(const ul_volume *volume, float *values) {
    if (volume->sample == UL_SAMPLE_F32 || volume->sample == UL_SAMPLE_F64)
        return false;
    size_t pixels = volume->grid.size[0] * volume->grid.size[1];
    for (size_t k = 0; k < volume->grid.size[2]; k++) {
        ul_volume_slice(volume, k, values);
        for (size_t n = 0; n < pixels; n++)
            if (!(values[n] >= INT16_MIN && values[n] <= INT16_MAX) ||
                values[n] != rintf(values[n]))
                return false;
    }
    return true;
}

ul_status ul_nrrd_write(const char *path, const ul_volume *volume, int threads,
    const ul_progress *progress, ul_error *error) {
    bool colour = volume->channels == 3;
    if (colour && volume->sample != UL_SAMPLE_U8)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "%s: NRRD is written with colours of 8 bits only, the volume has %zu", path,
            8 * ul_sample_bytes(volume->sample));
    const ul_grid *grid = &volume->grid;
    size_t pixels = grid->size[0] * grid->size[1];
    float *values = malloc(pixels * sizeof *values + 1);
    char *head = NULL;
    size_t head_bytes = 0;
    FILE *stream = values ? open_memstream(&head, &head_bytes) : NULL;
    if (!stream) {
        free(values);
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    slice_file file = {.source = volume,
        .more = values,
        .slices = grid->size[2],
        .fill = slice_fill_values,
        .threads = threads,
        .progress = progress};
    ul_sample sample = UL_SAMPLE_F32;
    if (colour || is_plain(volume)) {
        sample = volume->sample;
        file.fill = slice_fill_stored;
    } else if (fits_short(volume, values)) {
        sample = UL_SAMPLE_I16;
        file.fill = fill_short;
    }
    file.slice_bytes = pixels * volume->channels * ul_sample_bytes(sample);
    const first_axis first = {colour ? "RGB-color" : NULL, 3};
    ul_status status = print_header(stream, grid, sample, &first, error);
    status = write_file(path, stream, &head, &head_bytes, status, &file, error);
    free(values);
    return status;
}

/* Whether the fractions are whole segments, some of which share voxels. */
static bool overlap(const ul_labels *labels) {
    const size_t *size = labels->grid.size;
    size_t voxels = size[0] * size[1] * size[2];
    bool shared = false;
    for (size_t v = 0; labels->fractions && v < voxels; v++) {
        size_t held = 0;
        for (size_t s = 0; s < labels->segments.count; s++) {
            uint8_t fraction = labels->fractions[s * voxels + v];
            if (fraction != 0 && fraction != 255)
                return false;
            held += fraction != 0;
        }
        shared = shared || held > 1;
    }
    return shared;
}

/* A slice of layers: the ones of every segment beside each other. */
static void fill_layers(const slice_file *file, size_t k, void *bytes) {
    const ul_labels *labels = file->source;
    const size_t *size = labels->grid.size;
    size_t pixels = size[0] * size[1], layers = labels->segments.count;
    uint8_t *to = bytes;
    for (size_t s = 0; s < layers; s++) {
        const uint8_t *from = labels->fractions + (s * size[2] + k) * pixels;
        for (size_t n = 0; n < pixels; n++)
            to[n * layers + s] = from[n] != 0;
    }
}

static void grow(nrrd_extent *extent, const long ijk[3]) {
    for (int axis = 0; axis < 3; axis++) {
        extent->first[axis] = ijk[axis] < extent->first[axis] ? ijk[axis] : extent->first[axis];
        extent->last[axis] = ijk[axis] > extent->last[axis] ? ijk[axis] : extent->last[axis];
    }
}

/* Where the voxels of each segment are: extents [segments.count + 1], places [65536] by number. */
static void find_extents(
    const ul_labels *labels, bool layers, const size_t *places, nrrd_extent *extents) {
    const size_t *size = labels->grid.size, count = labels->segments.count;
    size_t voxels = size[0] * size[1] * size[2];
    for (size_t s = 0; s <= count; s++)
        for (int axis = 0; axis < 3; axis++) {
            extents[s].first[axis] = (long)size[axis];
            extents[s].last[axis] = -1;
        }
    for (size_t v = 0; v < voxels; v++) {
        const long ijk[3] = {
            (long)(v % size[0]), (long)(v / size[0] % size[1]), (long)(v / (size[0] * size[1]))};
        for (size_t s = 0; layers && s < count; s++)
            if (labels->fractions[s * voxels + v])
                grow(&extents[s], ijk);
        if (!layers && labels->map[v])
            grow(&extents[places[labels->map[v]]], ijk);
    }
    for (size_t s = 0; s < count; s++)
        for (int axis = 0; axis < 3; axis++)
            if (extents[s].last[axis] < 0)
                extents[s].first[axis] = 0;
}

static ul_status print_segments(
    FILE *stream, const ul_labels *labels, bool layers, ul_error *error) {
    size_t count = labels->segments.count;
    nrrd_extent *extents = malloc((count + 1) * sizeof *extents);
    size_t *places = malloc((UINT16_MAX + 1) * sizeof *places);
    if (!extents || !places) {
        free(extents);
        free(places);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    }
    for (size_t number = 0; number <= UINT16_MAX; number++)
        places[number] = count; /* of no segment */
    for (size_t s = 0; s < count; s++)
        places[labels->segments.items[s].number & UINT16_MAX] = s;
    find_extents(labels, layers, places, extents);
    for (size_t s = 0; s < count; s++)
        nrrd_segment_print(stream, s, &labels->segments.items[s], &extents[s], layers);
    fputs("Segmentation_ContainedRepresentationNames:=Binary labelmap|\n"
          "Segmentation_MasterRepresentation:=Binary labelmap\n"
          "Segmentation_SourceRepresentation:=Binary labelmap\n"
          "Segmentation_ReferenceImageExtentOffset:=0 0 0\n",
        stream);
    free(extents);
    free(places);
    return UL_OK;
}

ul_status ul_nrrd_write_labels(const char *path, const ul_labels *labels, int threads,
    const ul_progress *progress, ul_error *error) {
    const ul_grid *grid = &labels->grid;
    bool layers = overlap(labels), wide = !layers && slice_largest_label(labels) > UINT8_MAX;
    char *head = NULL;
    size_t head_bytes = 0;
    FILE *stream = open_memstream(&head, &head_bytes);
    if (!stream)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    slice_file file = {.source = labels,
        .slices = grid->size[2],
        .slice_bytes =
            grid->size[0] * grid->size[1] * (layers ? labels->segments.count : (size_t)1 + wide),
        .fill = layers ? fill_layers
                : wide ? slice_fill_labels_16
                       : slice_fill_labels_8,
        .threads = threads,
        .progress = progress};
    const first_axis first = {layers ? "list" : NULL, labels->segments.count};
    ul_status status =
        print_header(stream, grid, wide ? UL_SAMPLE_U16 : UL_SAMPLE_U8, &first, error);
    if (status == UL_OK)
        status = print_segments(stream, labels, layers, error);
    return write_file(path, stream, &head, &head_bytes, status, &file, error);
}
