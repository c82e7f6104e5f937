#include "io/series/series.h"

#include "io/base/parallel.h"
#include "io/pixels/source.h"
#include "io/pixels/unpack.h"
#include "io/series/read.h"
#include "libulite/base/resources.h"

#include <stdlib.h>
#include <string.h>

/* One reading of a series into a volume. */
typedef struct series_reader {
    const ul_series *series;
    ul_volume *volume;
    size_t slice_bytes;
    dicom_source *sources; /* of multi-frame files, in the order of their first slices */
    size_t source_count;
} series_reader;

ul_status ul_series_check(const ul_series *series, ul_error *error) {
    if (series->status != UL_OK)
        return ul_error_set(error, series->status, "%s", series->problem);
    return UL_OK;
}

ul_status ul_series_check_places(const ul_series *series, ul_error *error) {
    return series->status == UL_ERROR_UNSUPPORTED ? UL_OK : ul_series_check(series, error);
}

static unsigned frame_of(const dicom_image *image) {
    return image->frame ? image->frame - 1 : 0;
}

/* Decodes the frame of an image to buffer and brings its samples to their final values. */
static ul_status decode(
    const dicom_source *source, const dicom_image *image, void *buffer, ul_error *error) {
    bool is_rgb;
    ul_status status = dicom_source_frame(source, frame_of(image), buffer, &is_rgb, error);
    if (status == UL_OK)
        status = dicom_normalise(source, buffer, is_rgb, error);
    return status;
}

/* Stores the decoded frame as slice samples: whole, or the image's tile of a mosaic. */
static void store_slice(const dicom_source *source, const dicom_image *image, const void *frame,
    ul_sample sample, size_t channels, void *slice) {
    const dicom_file *file = source->file;
    const dicom_layout *layout = &file->layout;
    if (!file->mosaic) {
        dicom_store_pixels(source, frame, 0, layout->rows * layout->columns, sample, slice);
        return;
    }
    size_t across = layout->columns / file->tile_columns;
    size_t left = image->tile % across * file->tile_columns;
    size_t top = image->tile / across * file->tile_rows;
    size_t row_bytes = file->tile_columns * channels * ul_sample_bytes(sample);
    for (size_t row = 0; row < file->tile_rows; row++)
        dicom_store_pixels(source, frame, (top + row) * layout->columns + left, file->tile_columns,
            sample, (char *)slice + row * row_bytes);
}

/* Decodes slice k through a source of its file. */
static ul_status read_slice_from(
    const series_reader *reader, const dicom_source *source, size_t k, ul_error *error) {
    const dicom_image *image = reader->series->images[k];
    ul_volume *volume = reader->volume;
    char *slice = (char *)volume->samples + k * reader->slice_bytes;
    if (!image->file->mosaic && dicom_stored_as_is(image->file, volume->sample))
        return decode(source, image, slice, error);
    void *frame = malloc(dicom_frame_bytes(&image->file->layout));
    if (!frame)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a frame");
    ul_status status = decode(source, image, frame, error);
    if (status == UL_OK)
        store_slice(source, image, frame, volume->sample, volume->channels, slice);
    free(frame);
    return status;
}

static ul_status read_slice(void *context, size_t k, ul_error *error) {
    const series_reader *reader = context;
    const dicom_file *file = reader->series->images[k]->file;
    ul_status status;
    for (size_t i = 0; i < reader->source_count; i++)
        if (reader->sources[i].file == file) {
            status = read_slice_from(reader, &reader->sources[i], k, error);
            ul_error_prefix(error, "%s", file->shown);
            return status;
        }
    dicom_source source;
    status = dicom_source_open(file, &source, error);
    if (status == UL_OK)
        status = read_slice_from(reader, &source, k, error);
    dicom_source_close(&source);
    ul_error_prefix(error, "%s", file->shown);
    return status;
}

/* Opens every file that holds several slices once for all of them. */
static ul_status open_sources(series_reader *reader, ul_error *error) {
    const ul_series *series = reader->series;
    if (!series->info.multi_frame)
        return UL_OK;
    reader->sources = calloc(series->grid.size[2], sizeof *reader->sources);
    if (!reader->sources)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    for (size_t k = 0; k < series->grid.size[2]; k++) {
        const dicom_file *file = series->images[k]->file;
        size_t i = 0;
        while (i < reader->source_count && reader->sources[i].file != file)
            i++;
        if (i < reader->source_count || file->image_count == 1)
            continue;
        ul_status status = dicom_source_open(file, &reader->sources[reader->source_count++], error);
        if (status != UL_OK) {
            ul_error_prefix(error, "%s", file->shown);
            return status;
        }
    }
    return UL_OK;
}

/* All tiles of a mosaic come from one decoded frame. */
static ul_status read_mosaic(series_reader *reader, ul_error *error) {
    const ul_series *series = reader->series;
    const dicom_file *decoded = NULL;
    ul_volume *volume = reader->volume;
    ul_status status = UL_OK;
    void *frame = NULL;
    dicom_source source = {.handle = -1};
    for (size_t k = 0; k < series->grid.size[2] && status == UL_OK; k++) {
        const dicom_image *image = series->images[k];
        if (image->file != decoded) {
            dicom_source_close(&source);
            free(frame);
            frame = malloc(dicom_frame_bytes(&image->file->layout));
            status = frame ? dicom_source_open(image->file, &source, error)
                           : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a frame");
            if (status == UL_OK)
                status = decode(&source, image, frame, error);
            ul_error_prefix(error, "%s", image->file->shown);
            decoded = image->file;
        }
        if (status == UL_OK)
            store_slice(&source, image, frame, volume->sample, volume->channels,
                (char *)volume->samples + k * reader->slice_bytes);
    }
    dicom_source_close(&source);
    free(frame);
    return status;
}

static double slope_of(const dicom_image *image) {
    return image->slope == 0 ? 1 : image->slope;
}

/* Rescaling per slice, padding and names. */
static void describe_volume(const ul_series *series, ul_volume *volume) {
    for (size_t k = 0; k < series->grid.size[2]; k++) {
        const dicom_image *image = series->images[k];
        bool table = image->file->layout.has_modality_lut;
        volume->slope[k] = table ? 1 : slope_of(image);
        volume->intercept[k] = table ? 0 : image->intercept;
    }
    const dicom_layout *layout = &series->images[0]->file->layout;
    if (layout->has_padding && !layout->has_modality_lut && layout->photometric != DICOM_PALETTE) {
        volume->has_padding = true;
        volume->padding_low = layout->padding_low;
        volume->padding_high = layout->padding_high;
        if (layout->photometric == DICOM_MONOCHROME1) {
            double turn = layout->is_signed ? -1 : (double)((1ull << layout->bits_stored) - 1);
            volume->padding_low = turn - layout->padding_high;
            volume->padding_high = turn - layout->padding_low;
        }
    }
    memcpy(volume->modality, series->info.modality, strlen(series->info.modality) + 1);
    memcpy(volume->body_part, series->info.body_part, strlen(series->info.body_part) + 1);
}

ul_status series_describe(const ul_series *series, ul_volume *volume, ul_error *error) {
    memset(volume, 0, sizeof *volume);
    ul_status status = ul_series_check(series, error);
    if (status != UL_OK)
        return status;
    size_t slices = series->grid.size[2];
    for (size_t k = 0; k < slices; k++)
        volume->sample = dicom_sample_for(series->images[k]->file, k > 0, volume->sample);
    volume->channels = series->channels;
    status = ul_grid_copy(&series->grid, &volume->grid, error);
    volume->slope = malloc(slices * sizeof *volume->slope);
    volume->intercept = malloc(slices * sizeof *volume->intercept);
    if (status == UL_OK && (!volume->slope || !volume->intercept))
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices", slices);
    if (status == UL_OK)
        describe_volume(series, volume);
    else
        ul_volume_free(volume);
    ul_error_prefix(error, "%s", series->images[0]->file->shown);
    return status;
}

static ul_status allocate_samples(
    const ul_series *series, size_t slice_bytes, ul_volume *volume, ul_error *error) {
    size_t slices = series->grid.size[2];
    ul_status status = ul_memory_ask(slices * slice_bytes, error, "%zu slices of %zux%zu pixels",
        slices, series->grid.size[0], series->grid.size[1]);
    if (status == UL_OK)
        volume->samples = slice_bytes > SIZE_MAX / slices ? NULL : malloc(slices * slice_bytes);
    if (status == UL_OK && !volume->samples)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices of %zu bytes",
            slices, slice_bytes);
    ul_error_prefix(error, "%s", series->images[0]->file->shown);
    return status;
}

ul_status ul_series_read(const ul_series *series, int threads, const ul_progress *progress,
    ul_volume *volume, ul_error *error) {
    ul_status status = series_describe(series, volume, error);
    if (status != UL_OK)
        return status;
    series_reader reader = {.series = series, .volume = volume};
    reader.slice_bytes = series->grid.size[0] * series->grid.size[1] * volume->channels *
                         ul_sample_bytes(volume->sample); /* sides of up to 65535: no overflow */
    status = allocate_samples(series, reader.slice_bytes, volume, error);
    if (status == UL_OK)
        status = open_sources(&reader, error);
    if (status == UL_OK) {
        status = series->info.mosaic ? read_mosaic(&reader, error)
                                     : parallel_each(series->grid.size[2], threads, "reading",
                                           progress, read_slice, &reader, error);
    }
    for (size_t i = 0; i < reader.source_count; i++)
        dicom_source_close(&reader.sources[i]);
    free(reader.sources);
    if (status != UL_OK)
        ul_volume_free(volume);
    return status;
}

ul_status ul_series_use_philips_float(const ul_series *series, ul_volume *volume, ul_error *error) {
    for (size_t k = 0; k < series->grid.size[2]; k++)
        if (!(series->images[k]->philips_slope > 0))
            return ul_error_set(error, UL_ERROR_INPUT,
                "%s: it states no MR Scale Slope of Philips (2005,100E)",
                series->images[k]->file->shown);
    for (size_t k = 0; k < series->grid.size[2]; k++) {
        const dicom_image *image = series->images[k];
        volume->slope[k] = 1 / image->philips_slope;
        volume->intercept[k] = image->intercept / (slope_of(image) * image->philips_slope);
    }
    return UL_OK;
}

bool dicom_same_pixels(void *context, const dicom_image *a, const dicom_image *b) {
    (void)context;
    const dicom_layout *x = &a->file->layout, *y = &b->file->layout;
    size_t size = dicom_frame_bytes(x);
    if (size != dicom_frame_bytes(y) || x->bits_allocated != y->bits_allocated ||
        x->bits_stored != y->bits_stored || x->is_signed != y->is_signed || a->slope != b->slope ||
        a->intercept != b->intercept || a->tile != b->tile)
        return false;
    const dicom_image *const images[2] = {a, b};
    void *frames[2] = {malloc(size), malloc(size)};
    bool read = frames[0] && frames[1];
    for (int i = 0; i < 2 && read; i++) {
        dicom_source source;
        read = dicom_source_open(images[i]->file, &source, NULL) == UL_OK &&
               decode(&source, images[i], frames[i], NULL) == UL_OK;
        dicom_source_close(&source);
    }
    bool same = read && memcmp(frames[0], frames[1], size) == 0;
    free(frames[0]);
    free(frames[1]);
    return same;
}
