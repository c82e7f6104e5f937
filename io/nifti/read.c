#include "ulite/nifti.h"

#include "io/base/notes.h"
#include "io/nifti/header.h"
#include "io/nifti/label_table.h"
#include "volume/label_values.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* No deflate stream grows more than this, so a header that asks for more samples than the file can
 * hold is known before memory is asked for. */
#define LARGEST_INFLATION 1032u

static bool ends_with(const char *path, const char *ending) {
    size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcasecmp(path + length - tail, ending) == 0;
}

/* One of the two files of a .hdr + .img pair, given either: malloc'd. ending is "hdr" or "img";
 * what is beyond it (".gz") is kept, or where there is no such file put on or taken off. */
static char *pair_file(const char *path, const char *ending) {
    size_t length = strlen(path), stem = length;
    if (ends_with(path, ".gz"))
        stem -= 3;
    stem -= 3; /* "hdr" or "img" */
    char *name = malloc(length + 4);
    if (!name)
        return NULL;
    struct stat info;
    const char *beyond = path + stem + 3;
    const char *const endings[] = {beyond, *beyond ? "" : ".gz", beyond};
    for (int i = 0; i < 3; i++) { /* the last: the file that is missed */
        snprintf(name, length + 4, "%.*s%s%s", (int)stem, path, ending, endings[i]);
        if (stat(name, &info) == 0)
            break;
    }
    return name;
}

static bool is_pair(const char *path) {
    return ends_with(path, ".hdr") || ends_with(path, ".hdr.gz") || ends_with(path, ".img") ||
           ends_with(path, ".img.gz");
}

static ul_status open_file(const char *path, gzFile *file, ul_error *error) {
    struct stat info;
    *file = NULL;
    if (stat(path, &info) != 0)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: no such file", path);
    if (!S_ISREG(info.st_mode))
        return ul_error_set(error, UL_ERROR_INPUT, "%s: not a file", path);
    return nifti_open(path, file, error);
}

ul_status ul_nifti_files(const char *path, char *files[2], ul_error *error) {
    struct stat info;
    files[0] = is_pair(path) ? pair_file(path, "hdr") : strdup(path);
    files[1] = is_pair(path) ? pair_file(path, "img") : NULL;
    if (!files[0] || (is_pair(path) && !files[1])) {
        free(files[0]);
        free(files[1]);
        files[0] = files[1] = NULL;
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    if (files[1] && stat(files[1], &info) != 0) {
        free(files[1]);
        files[1] = NULL;
    }
    return UL_OK;
}

/* Opens the file that holds the samples and reads the header, which may lie in another one. */
static ul_status open_image(
    const char *path, ul_nifti_header *header, gzFile *file, ul_error *error) {
    char *header_path = is_pair(path) ? pair_file(path, "hdr") : strdup(path);
    *file = NULL;
    if (!header_path)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_status status = open_file(header_path, file, error);
    if (status == UL_OK)
        status = nifti_header_read(header_path, *file, header, error);
    if (status == UL_OK && header->pair) {
        gzclose(*file);
        *file = NULL;
        char *image_path = is_pair(path) ? pair_file(path, "img") : NULL;
        status = image_path
                     ? open_file(image_path, file, error)
                     : ul_error_set(error, UL_ERROR_INPUT,
                           "%s: the header says that the samples lie in an .img file, but its own "
                           "name does not end in .hdr",
                           path);
        free(image_path);
    }
    free(header_path);
    if (status != UL_OK && *file) {
        gzclose(*file);
        *file = NULL;
    }
    return status;
}

/* Where the samples of a frame lie in the (inflated) file. */
typedef struct frame_place {
    size_t offset, voxels, bytes;
} frame_place;

static ul_status place_frame(const char *path, const ul_nifti_header *header,
    const nifti_type *type, size_t frame, gzFile file, frame_place *place, ul_error *error) {
    const nifti_2_header *fields = &header->fields;
    size_t voxels = 1, end = 0, most = 0;
    bool fits = true;
    for (int axis = 1; axis <= 3; axis++)
        fits = fits && !__builtin_mul_overflow(voxels, (size_t)fields->dim[axis], &voxels);
    fits = fits && !__builtin_mul_overflow(voxels, type->channels * type->bytes, &place->bytes) &&
           !__builtin_mul_overflow(place->bytes, frame - 1, &place->offset) &&
           fields->vox_offset >= 0 &&
           !__builtin_add_overflow(place->offset, (size_t)fields->vox_offset, &place->offset) &&
           !__builtin_add_overflow(place->offset, place->bytes, &end);
    struct stat info;
    char *image_path = header->pair ? pair_file(path, "img") : strdup(path);
    if (image_path && stat(image_path, &info) == 0)
        most = (size_t)info.st_size * (gzdirect(file) ? 1u : LARGEST_INFLATION);
    free(image_path);
    if (!fits || end > most)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: the file is too short for the %lld x %lld x %lld voxels of %zu bytes that its "
            "header names: truncated or damaged",
            path, (long long)fields->dim[1], (long long)fields->dim[2], (long long)fields->dim[3],
            type->channels * type->bytes);
    place->voxels = voxels;
    return UL_OK;
}

/* Reads size bytes; gzread takes an unsigned count, hence the pieces. */
static bool read_bytes(gzFile file, void *bytes, size_t size) {
    const unsigned piece = 1u << 26;
    for (size_t done = 0; done < size;) {
        unsigned want = size - done < piece ? (unsigned)(size - done) : piece;
        int got = gzread(file, (char *)bytes + done, want);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* Makes native doubles of 64-bit integers, and RGB of RGBA, in place. */
static void settle_samples(int datatype, size_t voxels, void *samples) {
    if (datatype == DT_INT64 || datatype == DT_UINT64) {
        for (size_t n = 0; n < voxels; n++) {
            int64_t stored;
            memcpy(&stored, (char *)samples + 8 * n, 8);
            double value = datatype == DT_INT64 ? (double)stored : (double)(uint64_t)stored;
            memcpy((char *)samples + 8 * n, &value, 8);
        }
    } else if (datatype == DT_RGBA32) {
        for (size_t n = 0; n < voxels; n++)
            memmove((char *)samples + 3 * n, (char *)samples + 4 * n, 3);
    }
}

static void set_scaling(const nifti_2_header *fields, const nifti_type *type, ul_volume *volume) {
    double slope = fields->scl_slope, intercept = fields->scl_inter;
    bool scaled = type->channels == 1 && slope - slope == 0.0 && slope != 0.0;
    for (size_t k = 0; k < volume->grid.size[2]; k++) {
        volume->slope[k] = scaled ? slope : 1.0;
        volume->intercept[k] = scaled && intercept - intercept == 0.0 ? intercept : 0.0;
    }
}

static ul_status read_frame(const char *path, const ul_nifti_header *header, gzFile file,
    size_t frame, ul_volume *volume, char **notes, ul_error *error) {
    const nifti_type *type = nifti_type_of(header->fields.datatype);
    if (!type)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "%s: NIfTI datatype %d is not read; integers, float32, float64, RGB24 and RGBA32 are",
            path, header->fields.datatype);
    frame_place place = {0};
    ul_status status = place_frame(path, header, type, frame, file, &place, error);
    if (status != UL_OK)
        return status;
    ul_grid grid;
    status = nifti_header_grid(header, &grid, notes, error);
    if (status == UL_OK)
        status = ul_volume_create(&grid, type->channels, type->sample, volume, error);
    ul_grid_free(&grid);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", path);
        return status;
    }
    if (gzseek(file, (z_off_t)place.offset, SEEK_SET) < 0 ||
        !read_bytes(file, volume->samples, place.bytes)) {
        ul_volume_free(volume);
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: truncated or damaged: fewer samples than the %zu bytes that the header names",
            path, place.bytes);
    }
    if (header->swapped && type->bytes > 1)
        nifti_swap_Nbytes((int64_t)(place.bytes / type->bytes), (int)type->bytes, volume->samples);
    settle_samples(header->fields.datatype, place.voxels, volume->samples);
    if (volume->channels == 4)
        volume->channels = 3;
    set_scaling(&header->fields, type, volume);
    return UL_OK;
}

/* The frame to read, from 1. */
static ul_status choose_frame(const char *path, const ul_nifti_header *header, size_t frame,
    size_t *chosen, char **notes, ul_error *error) {
    size_t frames = nifti_header_frames(header);
    *chosen = frame ? frame : 1;
    if (*chosen > frames)
        return ul_error_set(error, UL_ERROR_CHOICE, "%s: there is no frame %zu, the file holds %zu",
            path, frame, frames);
    if (frames > 1 && frame == 0)
        notes_add(notes, "the file holds %zu volumes: the first is taken (--frame N for another)",
            frames);
    return UL_OK;
}

ul_status ul_nifti_read(const char *path, size_t frame, ul_volume *volume, ul_nifti_header **header,
    char **notes, ul_error *error) {
    memset(volume, 0, sizeof *volume);
    if (header)
        *header = NULL;
    if (notes)
        *notes = NULL;
    ul_nifti_header *read = malloc(sizeof *read);
    if (!read)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    gzFile file;
    ul_status status = open_image(path, read, &file, error);
    if (status == UL_OK)
        status = choose_frame(path, read, frame, &frame, notes, error);
    if (status == UL_OK)
        status = read_frame(path, read, file, frame, volume, notes, error);
    if (file)
        gzclose(file);
    if (status == UL_OK && header) {
        *header = read;
        return UL_OK;
    }
    if (status != UL_OK && notes) {
        free(*notes);
        *notes = NULL;
    }
    free(read);
    return status;
}

void ul_nifti_header_free(ul_nifti_header *header) {
    free(header);
}

/* What the file says of its labels. */
static ul_status read_table(const char *path, ul_labels *labels, ul_error *error) {
    ul_nifti_header header;
    gzFile file;
    ul_status status = open_image(path, &header, &file, error);
    if (status != UL_OK)
        return status;
    status = nifti_table_read(file, &header, &labels->segments, error);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    gzclose(file);
    return status;
}

ul_status ul_nifti_read_labels(
    const char *path, ul_labels *labels, ul_nifti_header **header, ul_error *error) {
    memset(labels, 0, sizeof *labels);
    ul_volume volume;
    ul_nifti_header *read;
    if (header)
        *header = NULL;
    ul_status status = ul_nifti_read(path, 0, &volume, &read, NULL, error);
    if (status != UL_OK)
        return status;
    size_t frames = nifti_header_frames(read);
    status = frames == 1 ? labels_from_volume(&volume, labels, error)
                         : ul_error_set(error, UL_ERROR_INPUT,
                               "the file holds %zu volumes, a label volume has one", frames);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    ul_volume_free(&volume);
    if (status == UL_OK)
        status = read_table(path, labels, error);
    if (status != UL_OK)
        ul_labels_free(labels);
    if (status == UL_OK && header)
        *header = read;
    else
        ul_nifti_header_free(read);
    return status;
}

bool ul_nifti_probe_labels(const char *path) {
    ul_nifti_header header;
    gzFile file;
    bool labels = open_image(path, &header, &file, NULL) == UL_OK &&
                  header.fields.intent_code == NIFTI_INTENT_LABEL;
    if (file)
        gzclose(file);
    return labels;
}
