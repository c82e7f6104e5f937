#include "io/nifti/header.h"
#include "libulite/base/output.h"
#include "volume/planes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is written slice by slice: fill() gives the bytes of slice k, so that neither writing nor
 * comparing needs a second copy of the volume. */
typedef struct slice_source {
    const void *volume; /* ul_volume or ul_labels */
    size_t slices, slice_bytes;
    void (*fill)(const struct slice_source *source, size_t k, void *bytes);
    int threads; /* that compress */
    const ul_progress *progress;
    bool stopped; /* the progress said stop */
} slice_source;

static bool stopped(slice_source *source, const char *stage, size_t k) {
    source->stopped =
        source->stopped || !ul_progress_report(source->progress, stage, k, source->slices);
    return source->stopped;
}

static void fill_labels_u8(const slice_source *source, size_t k, void *bytes) {
    const ul_labels *labels = source->volume;
    uint8_t *to = bytes;
    const uint16_t *from = labels->map + k * source->slice_bytes;
    for (size_t n = 0; n < source->slice_bytes; n++)
        to[n] = (uint8_t)from[n];
}

static void fill_labels_16(const slice_source *source, size_t k, void *bytes) {
    const ul_labels *labels = source->volume;
    memcpy(bytes, (const char *)labels->map + k * source->slice_bytes, source->slice_bytes);
}

static void fill_stored(const slice_source *source, size_t k, void *bytes) {
    const ul_volume *volume = source->volume;
    memcpy(bytes, (const char *)volume->samples + k * source->slice_bytes, source->slice_bytes);
}

static void fill_values(const slice_source *source, size_t k, void *bytes) {
    ul_volume_slice(source->volume, k, bytes);
}

static bool write_all(
    const ul_nifti_header *header, slice_source *source, void *buffer, gzip_writer *file) {
    if (!nifti_header_write(header, file))
        return false;
    for (size_t k = 0; k < source->slices; k++) {
        if (stopped(source, "writing", k))
            return false;
        source->fill(source, k, buffer);
        if (!gzip_write(file, buffer, source->slice_bytes))
            return false;
    }
    return true;
}

/* Checks that the file holds what the header and the source say, and nothing else. */
static ul_status compare_file(const char *path, const char *written, const ul_nifti_header *header,
    slice_source *source, void *buffer, void *read, ul_error *error) {
    gzFile file;
    ul_status status = nifti_open(written, &file, error);
    if (status != UL_OK)
        return status;
    ul_nifti_header found;
    bool same = nifti_header_read(written, file, &found, NULL) == UL_OK &&
                found.fields.datatype == header->fields.datatype &&
                memcmp(found.fields.dim, header->fields.dim, sizeof found.fields.dim) == 0 &&
                gzseek(file, (z_off_t)nifti_header_bytes(header), SEEK_SET) >= 0;
    for (size_t k = 0; k < source->slices && same && !stopped(source, "checking", k); k++) {
        source->fill(source, k, buffer);
        same = gzfread(read, 1, source->slice_bytes, file) == source->slice_bytes &&
               memcmp(buffer, read, source->slice_bytes) == 0;
    }
    same = same && !stopped(source, "checking", source->slices) && gzgetc(file) == -1;
    gzclose(file);
    if (same || source->stopped)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_OUTPUT,
        "%s: reading back gives something else than was written: is the disk sound?", path);
}

/* Writes the file, compressed where compressed says so. */
static ul_status fill_file(const char *path, const char *temporary, bool compressed,
    const ul_nifti_header *header, slice_source *source, void *buffer, ul_error *error) {
    errno = 0;
    gzip_writer *file = gzip_write_open(temporary, compressed, source->threads);
    bool written = file && write_all(header, source, buffer, file);
    int reason = errno;
    if (!gzip_write_close(file) && written) {
        written = false;
        reason = errno;
    }
    if (written || source->stopped)
        return UL_OK;
    if (reason == ENOMEM)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory to write it", path);
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path,
        reason ? strerror(reason) : "the write failed");
}

static ul_status write_file(
    const char *path, const ul_nifti_header *header, slice_source *source, ul_error *error) {
    size_t length = strlen(path);
    bool compressed = length > 3 && strcasecmp(path + length - 3, ".gz") == 0;
    char *buffer = malloc(2 * source->slice_bytes + 1);
    if (!buffer)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    ul_output output;
    ul_status status = ul_output_begin(path, &output, error);
    if (status == UL_OK) {
        status = fill_file(path, output.temporary, compressed, header, source, buffer, error);
        if (status == UL_OK && !source->stopped)
            status = compare_file(path, output.temporary, header, source, buffer,
                buffer + source->slice_bytes, error);
        if (status == UL_OK && source->stopped)
            status = ul_error_set(
                error, UL_ERROR_INTERRUPTED, "%s: interrupted, nothing was written", path);
        if (status == UL_OK)
            status = ul_output_commit(&output, error);
        ul_output_abandon(&output);
    }
    free(buffer);
    return status;
}

/* The header to write: source's where there is one, else one from the grid. What describes the
 * source's samples or further frames goes; extensions go too, because they speak of the source
 * (some hold its DICOM header). */
static ul_status start_header(const char *path, const ul_grid *grid, const ul_nifti_header *source,
    ul_nifti_header *header, ul_error *error) {
    if (!source) {
        ul_status status = nifti_header_from_grid(grid, header, error);
        if (status != UL_OK)
            ul_error_prefix(error, "%s", path);
        return status;
    }
    *header = *source;
    nifti_2_header *fields = &header->fields;
    header->pair = header->swapped = false;
    for (int axis = 0; axis < 3; axis++)
        if ((size_t)fields->dim[axis + 1] != grid->size[axis])
            return ul_error_set(error, UL_ERROR_INTERNAL,
                "%s: the source's header is %lld long on axis %d, the volume %zu", path,
                (long long)fields->dim[axis + 1], axis + 1, grid->size[axis]);
    fields->dim[0] = 3;
    for (int axis = 4; axis < 8; axis++) {
        fields->dim[axis] = 1;
        fields->pixdim[axis] = 0.0;
    }
    fields->xyzt_units &= 7;
    fields->cal_min = fields->cal_max = 0.0;
    fields->slice_duration = fields->toffset = 0.0;
    return UL_OK;
}

static void set_samples(
    ul_nifti_header *header, int datatype, int bits, double slope, double intercept) {
    header->fields.datatype = (int16_t)datatype;
    header->fields.bitpix = (int16_t)bits;
    header->fields.scl_slope = slope;
    header->fields.scl_inter = intercept;
    header->fields.vox_offset = (int64_t)nifti_header_bytes(header);
}

ul_status ul_nifti_write_labels(const char *path, const ul_labels *labels,
    const ul_nifti_header *header, int threads, const ul_progress *progress, ul_error *error) {
    ul_nifti_header out;
    ul_status status = start_header(path, &labels->grid, header, &out, error);
    if (status != UL_OK)
        return status;
    size_t pixels = labels->grid.size[0] * labels->grid.size[1];
    unsigned largest = 0;
    for (size_t n = 0; n < pixels * labels->grid.size[2]; n++)
        largest = labels->map[n] > largest ? labels->map[n] : largest;
    bool wide = largest > UINT8_MAX;
    slice_source source = {.volume = labels,
        .slices = labels->grid.size[2],
        .slice_bytes = pixels * (wide ? 2 : 1),
        .fill = wide ? fill_labels_16 : fill_labels_u8,
        .threads = threads,
        .progress = progress};
    int datatype = largest > INT16_MAX ? DT_UINT16 : wide ? DT_INT16 : DT_UINT8;
    set_samples(&out, datatype, wide ? 16 : 8, 1.0, 0.0);
    out.fields.intent_code = NIFTI_INTENT_LABEL;
    out.fields.intent_p1 = out.fields.intent_p2 = out.fields.intent_p3 = 0.0;
    memset(out.fields.intent_name, 0, sizeof out.fields.intent_name);
    return write_file(path, &out, &source, error);
}

/* Whether all slices share one slope and intercept. */
static bool scaled_alike(const ul_volume *volume) {
    for (size_t k = 1; k < volume->grid.size[2]; k++)
        if (volume->slope[k] != volume->slope[0] || volume->intercept[k] != volume->intercept[0])
            return false;
    return true;
}

ul_status ul_nifti_write(const char *path, const ul_volume *volume, const ul_nifti_header *header,
    int threads, const ul_progress *progress, ul_error *error) {
    static const int datatypes[] = {DT_UINT8, DT_INT8, DT_UINT16, DT_INT16, DT_INT32, DT_UINT32,
        DT_FLOAT32, DT_FLOAT64}; /* in the order of ul_sample */
    bool colour = volume->channels == 3;
    if (colour && volume->sample != UL_SAMPLE_U8)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "%s: NIfTI holds colours of 8 bits only, the volume has %zu", path,
            8 * ul_sample_bytes(volume->sample));
    ul_nifti_header out;
    ul_status status = start_header(path, &volume->grid, header, &out, error);
    if (status != UL_OK)
        return status;
    bool stored = colour || scaled_alike(volume);
    size_t bytes = stored ? volume->channels * ul_sample_bytes(volume->sample) : sizeof(float);
    slice_source source = {.volume = volume,
        .slices = volume->grid.size[2],
        .slice_bytes = volume->grid.size[0] * volume->grid.size[1] * bytes,
        .fill = stored ? fill_stored : fill_values,
        .threads = threads,
        .progress = progress};
    if (colour)
        set_samples(&out, DT_RGB24, 24, 1.0, 0.0);
    else if (stored && volume->grid.size[2] > 0)
        set_samples(&out, datatypes[volume->sample], (int)(8 * bytes), volume->slope[0],
            volume->intercept[0]);
    else
        set_samples(&out, DT_FLOAT32, 32, 1.0, 0.0);
    return write_file(path, &out, &source, error);
}
