#include "io/nifti/write.h"
#include "io/nifti/header.h"
#include "io/nifti/label_table.h"
#include "io/slices/slice_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Writes header, extension (which may be NULL, else a multiple of 16 bytes) and samples. */
static ul_status write_file(const char *path, ul_nifti_header *header, const void *extension,
    size_t extension_bytes, slice_file *file, ul_error *error) {
    size_t head_bytes = nifti_header_bytes(header) + extension_bytes;
    char *head = malloc(head_bytes);
    if (!head)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    header->fields.vox_offset = (int64_t)head_bytes;
    nifti_header_put(header, extension_bytes > 0, head);
    if (extension_bytes > 0)
        memcpy(head + nifti_header_bytes(header), extension, extension_bytes);
    size_t length = strlen(path);
    file->compressed = length > 3 && strcasecmp(path + length - 3, ".gz") == 0;
    file->head = head;
    file->head_bytes = head_bytes;
    ul_status status = slice_file_write(path, file, error);
    free(head);
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
}

ul_status ul_nifti_write_labels(const char *path, const ul_labels *labels,
    const ul_nifti_header *header, int threads, const ul_progress *progress, ul_error *error) {
    ul_nifti_header out;
    ul_status status = start_header(path, &labels->grid, header, &out, error);
    if (status != UL_OK)
        return status;
    size_t pixels = labels->grid.size[0] * labels->grid.size[1];
    unsigned largest = slice_largest_label(labels);
    bool wide = largest > UINT8_MAX;
    slice_file file = {.source = labels,
        .slices = labels->grid.size[2],
        .slice_bytes = pixels * (wide ? 2 : 1),
        .fill = wide ? slice_fill_labels_16 : slice_fill_labels_8,
        .threads = threads,
        .progress = progress};
    int datatype = largest > INT16_MAX ? DT_UINT16 : wide ? DT_INT16 : DT_UINT8;
    set_samples(&out, datatype, wide ? 16 : 8, 1.0, 0.0);
    out.fields.intent_code = NIFTI_INTENT_LABEL;
    out.fields.intent_p1 = out.fields.intent_p2 = out.fields.intent_p3 = 0.0;
    memset(out.fields.intent_name, 0, sizeof out.fields.intent_name);
    char *table;
    size_t table_bytes;
    status = nifti_table_make(&labels->segments, &table, &table_bytes, error);
    if (status == UL_OK)
        status = write_file(path, &out, table, table_bytes, &file, error);
    free(table);
    return status;
}

bool nifti_scaled_alike(const ul_volume *volume) {
    for (size_t k = 1; k < volume->grid.size[2]; k++)
        if (volume->slope[k] != volume->slope[0] || volume->intercept[k] != volume->intercept[0])
            return false;
    return true;
}

/* The fourth dimension: so many volumes, and how many seconds one follows another. */
static void set_frames(const nifti_frames *frames, ul_nifti_header *header) {
    nifti_2_header *fields = &header->fields;
    if (frames->count < 2)
        return;
    fields->dim[0] = 4;
    fields->dim[4] = (int64_t)frames->count;
    if (frames->count > INT16_MAX)
        header->version = 2;
    fields->pixdim[4] = frames->step_s;
    if (frames->step_s > 0.0)
        fields->xyzt_units |= NIFTI_UNITS_SEC;
}

static ul_status open_frame(slice_file *file, size_t index, ul_error *error) {
    const nifti_frames *frames = file->context;
    const ul_volume *volume;
    ul_status status = frames->open(frames->context, index, &volume, error);
    file->source = volume;
    return status;
}

ul_status ul_nifti_write(const char *path, const ul_volume *volume, const ul_nifti_header *header,
    int threads, const ul_progress *progress, ul_error *error) {
    nifti_frames one = {.like = volume, .stored = nifti_scaled_alike(volume), .count = 1};
    return nifti_write_frames(path, &one, header, threads, progress, error);
}

ul_status nifti_write_frames(const char *path, nifti_frames *frames, const ul_nifti_header *header,
    int threads, const ul_progress *progress, ul_error *error) {
    const ul_volume *volume = frames->like;
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
    set_frames(frames, &out);
    bool stored = colour || frames->stored;
    size_t bytes = stored ? volume->channels * ul_sample_bytes(volume->sample) : sizeof(float);
    slice_file file = {.source = volume,
        .slices = volume->grid.size[2],
        .slice_bytes = volume->grid.size[0] * volume->grid.size[1] * bytes,
        .volumes = frames->count,
        .open = frames->open ? open_frame : NULL,
        .context = frames,
        .fill = stored ? slice_fill_stored : slice_fill_values,
        .threads = threads,
        .progress = progress};
    if (colour)
        set_samples(&out, DT_RGB24, 24, 1.0, 0.0);
    else if (stored && volume->grid.size[2] > 0)
        set_samples(&out, datatypes[volume->sample], (int)(8 * bytes), volume->slope[0],
            volume->intercept[0]);
    else
        set_samples(&out, DT_FLOAT32, 32, 1.0, 0.0);
    return write_file(path, &out, NULL, 0, &file, error);
}
