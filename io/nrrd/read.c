#include "io/nrrd/read.h"

#include "io/base/notes.h"
#include "libulite/base/resources.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* No deflate stream grows more than this, so a header that asks for more samples than the file can
 * hold is known before memory is asked for. */
#define LARGEST_INFLATION 1032u

/* The file that holds the samples, *name, the caller's: path itself, or one beside it. */
static ul_status name_data_file(
    const char *path, const nrrd_header *header, char **name, ul_error *error) {
    const char *data = header->data_file, *slash = strrchr(path, '/');
    if (data && (strchr(data, '/') || strchr(data, ' ') || strchr(data, '%') ||
                    strcmp(data, "LIST") == 0 || !*data))
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "%s: data file \"%.80s\" is not read: it must be one file in the same folder, its name "
            "without spaces; `unu save -f nrrd -e gzip` makes one file of all",
            path, data);
    size_t folder = data && slash ? (size_t)(slash + 1 - path) : 0, length = strlen(path);
    *name = malloc(length + (data ? strlen(data) : 0) + 1);
    if (!*name)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    sprintf(*name, "%.*s%s", (int)folder, path, data ? data : path);
    return UL_OK;
}

/* Goes over lines of the file; false at its end. */
static bool skip_lines(FILE *file, long lines) {
    for (int c; lines > 0;) {
        if ((c = getc(file)) == EOF)
            return false;
        lines -= c == '\n';
    }
    return true;
}

/* Where the samples, or the gzip member that holds them, begin, and how many bytes follow. */
typedef struct data_place {
    long offset;
    uint64_t bytes;
} data_place;

static ul_status place_data(const char *name, const nrrd_header *header, uint64_t sample_bytes,
    data_place *place, ul_error *error) {
    struct stat info;
    if (stat(name, &info) != 0 || !S_ISREG(info.st_mode))
        return ul_error_set(error, UL_ERROR_INPUT, "%s: there is no such data file", name);
    FILE *file = fopen(name, "rb");
    if (!file)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be opened", name);
    long start = header->data_file ? 0 : (long)header->data_bytes;
    bool there = fseek(file, start, SEEK_SET) == 0 && skip_lines(file, header->line_skip);
    place->offset = there ? ftell(file) : 0;
    fclose(file);
    if (!there)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: ends within the lines that line skip passes over", name);
    if (header->byte_skip < 0)
        place->offset = (uint64_t)info.st_size > sample_bytes
                            ? (long)((uint64_t)info.st_size - sample_bytes)
                            : 0;
    else if (!header->compressed)
        place->offset += header->byte_skip;
    place->bytes = info.st_size > place->offset ? (uint64_t)(info.st_size - place->offset) : 0;
    return UL_OK;
}

/* Bytes of all samples of the file; 0: more than can be counted. */
static uint64_t count_bytes(const nrrd_header *header) {
    uint64_t bytes = ul_sample_bytes(header->sample);
    for (int axis = 0; axis < 3; axis++)
        if (__builtin_mul_overflow(bytes, header->size[axis], &bytes))
            return 0;
    return __builtin_mul_overflow(bytes, header->others, &bytes) || bytes > INT64_MAX / 4 ? 0
                                                                                          : bytes;
}

/* Opens the samples of the file. Errors name the file. */
static ul_status open_data(
    const char *path, const nrrd_header *header, gzFile *file, ul_error *error) {
    char *name = NULL;
    data_place place = {0};
    uint64_t bytes = count_bytes(header);
    *file = NULL;
    ul_status status = name_data_file(path, header, &name, error);
    if (status == UL_OK)
        status = place_data(name, header, bytes, &place, error);
    if (status == UL_OK &&
        (bytes == 0 || bytes > place.bytes * (header->compressed ? LARGEST_INFLATION : 1u)))
        status = ul_error_set(error, UL_ERROR_INPUT,
            "%s: the file is too short for the %zu x %zu x %zu voxels of its header (%zu to each): "
            "truncated or damaged",
            path, header->size[0], header->size[1], header->size[2], header->others);
    int descriptor = status == UL_OK ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor >= 0 && lseek(descriptor, place.offset, SEEK_SET) == place.offset)
        *file = gzdopen(descriptor, "rb");
    if (status == UL_OK && !*file) {
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be read", path);
        if (descriptor >= 0)
            close(descriptor);
    }
    free(name);
    /* gzread would inflate raw samples that happen to look like gzip, and take others as they are.
     */
    if (status == UL_OK && (gzdirect(*file) != 0) == header->compressed) {
        gzclose(*file);
        *file = NULL;
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: encoding is %s, but its samples are %s",
            path, header->compressed ? "gzip" : "raw",
            header->compressed ? "not compressed" : "compressed");
    }
    return status;
}

/* Reads size bytes; gzread takes an unsigned count, hence the pieces. */
static bool read_bytes(gzFile file, void *bytes, size_t size) {
    const size_t piece = 1u << 26;
    for (size_t done = 0; done < size;) {
        int got = gzread(
            file, (char *)bytes + done, (unsigned)(size - done < piece ? size - done : piece));
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static void swap_samples(void *samples, size_t count, size_t bytes) {
    for (size_t n = 0; n < count && bytes > 1; n++) {
        unsigned char *sample = (unsigned char *)samples + n * bytes;
        for (size_t low = 0, high = bytes - 1; low < high; low++, high--) {
            unsigned char kept = sample[low];
            sample[low] = sample[high];
            sample[high] = kept;
        }
    }
}

/* Makes native doubles of 64-bit integers in place. */
static void make_doubles(void *samples, size_t count, bool is_unsigned) {
    for (size_t n = 0; n < count; n++) {
        int64_t stored;
        memcpy(&stored, (char *)samples + 8 * n, 8);
        double value = is_unsigned ? (double)(uint64_t)stored : (double)stored;
        memcpy((char *)samples + 8 * n, &value, 8);
    }
}

/* Slice k of a frame from one whose voxels hold all frames one after another. */
static bool read_interleaved(
    const nrrd_header *header, gzFile file, size_t frame, char *buffer, size_t voxels, char *to) {
    size_t bytes = ul_sample_bytes(header->sample), kept = header->colour ? 3 : 1;
    if (!read_bytes(file, buffer, voxels * header->others * bytes))
        return false;
    for (size_t n = 0; n < voxels; n++)
        memcpy(to + n * kept * bytes,
            buffer + (n * header->others + (header->colour ? 0 : frame)) * bytes, kept * bytes);
    return true;
}

static bool read_slices(const nrrd_header *header, gzFile file, size_t frame, ul_volume *volume) {
    size_t pixels = header->size[0] * header->size[1];
    size_t slice_bytes = pixels * ul_sample_bytes(header->sample) * volume->channels;
    bool interleaved = header->other_axis == 0;
    char *buffer =
        interleaved ? malloc(pixels * header->others * ul_sample_bytes(header->sample) + 1) : NULL;
    bool done = !interleaved || buffer;
    z_off_t skipped = header->compressed ? (z_off_t)header->byte_skip : 0;
    if (!interleaved)
        skipped += (z_off_t)(frame * slice_bytes * header->size[2]);
    done = done && (skipped == 0 || gzseek(file, skipped, SEEK_SET) == skipped);
    for (size_t k = 0; done && k < header->size[2]; k++) {
        char *to = (char *)volume->samples + k * slice_bytes;
        done = interleaved ? read_interleaved(header, file, frame, buffer, pixels, to)
                           : read_bytes(file, to, slice_bytes);
    }
    free(buffer);
    return done;
}

ul_status nrrd_grid(const nrrd_header *header, ul_grid *grid, ul_error *error) {
    if (header->placed)
        return ul_grid_from_affine(
            header->size, (const double(*)[4])header->ijk_to_lps, grid, error);
    memset(grid, 0, sizeof *grid);
    memcpy(grid->size, header->size, sizeof grid->size);
    return UL_OK;
}

ul_status nrrd_read_frame(
    const char *path, const nrrd_header *header, size_t frame, ul_volume *volume, ul_error *error) {
    gzFile file;
    memset(volume, 0, sizeof *volume);
    ul_status status = open_data(path, header, &file, error);
    if (status != UL_OK)
        return status;
    ul_grid grid;
    status = nrrd_grid(header, &grid, error);
    if (status == UL_OK && header->other_axis == 0)
        status = ul_memory_ask(
            header->size[0] * header->size[1] * header->others * ul_sample_bytes(header->sample),
            error, "a slice of %zu x %zu voxels with %zu values each", header->size[0],
            header->size[1], header->others);
    if (status == UL_OK)
        status = ul_volume_create(&grid, header->colour ? 3 : 1, header->sample, volume, error);
    ul_grid_free(&grid);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", path);
    } else if (!read_slices(header, file, frame, volume)) {
        ul_volume_free(volume);
        status = ul_error_set(error, UL_ERROR_INPUT,
            "%s: truncated or damaged: fewer samples than its header names", path);
    }
    gzclose(file);
    if (status != UL_OK)
        return status;
    size_t bytes = ul_sample_bytes(header->sample);
    size_t count = header->size[0] * header->size[1] * header->size[2] * volume->channels;
    if (header->swapped)
        swap_samples(volume->samples, count, bytes);
    if (header->wide)
        make_doubles(volume->samples, count, header->is_unsigned);
    return UL_OK;
}

ul_status ul_nrrd_files(const char *path, char *files[2], ul_error *error) {
    nrrd_header header;
    files[0] = files[1] = NULL;
    ul_status status = nrrd_header_read(path, &header, NULL, error);
    if (status == UL_OK && header.data_file)
        status = name_data_file(path, &header, &files[1], error);
    if (status == UL_OK && !(files[0] = strdup(path)))
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    nrrd_header_free(&header);
    if (status != UL_OK) {
        free(files[1]);
        files[1] = NULL;
    }
    return status;
}

ul_status ul_nrrd_read(
    const char *path, size_t frame, ul_volume *volume, char **notes, ul_error *error) {
    nrrd_header header;
    memset(volume, 0, sizeof *volume);
    if (notes)
        *notes = NULL;
    ul_status status = nrrd_header_read(path, &header, notes, error);
    size_t frames = status == UL_OK && !header.colour ? header.others : 1;
    if (status == UL_OK && frame > frames)
        status = ul_error_set(error, UL_ERROR_CHOICE,
            "%s: there is no frame %zu, the file holds %zu", path, frame, frames);
    if (status == UL_OK && frames > 1 && frame == 0)
        notes_add(notes, "the file holds %zu volumes: the first is taken (--frame N for another)",
            frames);
    if (status == UL_OK)
        status = nrrd_read_frame(path, &header, frame ? frame - 1 : 0, volume, error);
    nrrd_header_free(&header);
    if (status != UL_OK && notes) {
        free(*notes);
        *notes = NULL;
    }
    return status;
}
