#include "ulite/png.h"
#include "libulite/base/output.h"
#include "libulite/base/resources.h"
#include "volume/label_values.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libpng reports through callbacks and longjmp: this is where they lead. */
typedef struct png_trouble {
    char text[128];
} png_trouble;

static void on_error(png_structp png, png_const_charp message) {
    png_trouble *trouble = png_get_error_ptr(png);
    snprintf(trouble->text, sizeof trouble->text, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

/* What is held while a picture is read, so that one place can let go of it after a longjmp. */
typedef struct png_reader {
    FILE *file;
    png_structp png;
    png_infop info;
    png_bytep *rows;
    png_trouble trouble;
    bool palette_indices; /* keep the indices of a palette: label pictures */
} png_reader;

static void close_reader(png_reader *reader) {
    if (reader->png)
        png_destroy_read_struct(&reader->png, &reader->info, NULL);
    if (reader->file)
        fclose(reader->file);
    free(reader->rows);
}

/* Makes every kind of picture grey or RGB of 8 or 16 bits in this machine's byte order. */
static void set_transforms(png_reader *reader) {
    png_structp png = reader->png;
    int colour = png_get_color_type(png, reader->info);
    int bits = png_get_bit_depth(png, reader->info);
    if (colour == PNG_COLOR_TYPE_PALETTE && reader->palette_indices)
        png_set_packing(png);
    else if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    else if (colour == PNG_COLOR_TYPE_GRAY && bits < 8 && reader->palette_indices)
        png_set_packing(png);
    else if (colour == PNG_COLOR_TYPE_GRAY && bits < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png); /* a channel of it, or what a tRNS chunk says of colours */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (bits == 16)
        png_set_swap(png);
#endif
    png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
}

/* The volume for the picture, and rows that point into it. */
static ul_status make_room(
    const char *path, png_reader *reader, ul_volume *volume, ul_error *error) {
    size_t width = png_get_image_width(reader->png, reader->info);
    size_t height = png_get_image_height(reader->png, reader->info);
    size_t channels = png_get_channels(reader->png, reader->info);
    bool deep = png_get_bit_depth(reader->png, reader->info) == 16;
    size_t row_bytes = png_get_rowbytes(reader->png, reader->info);
    if ((uint64_t)width * height > MEMORY_MAX_PIXELS)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: %zu x %zu pixels, the limit is %llu pixels",
            path, width, height, (unsigned long long)MEMORY_MAX_PIXELS);
    /* A picture that cannot lie in a file of this size is known before memory is asked for. */
    fseek(reader->file, 0, SEEK_END);
    size_t file_bytes = (size_t)ftell(reader->file);
    if ((double)row_bytes * (double)height > 2e3 * 8.0 * (double)file_bytes)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: %zu x %zu pixels cannot come from a file of %zu bytes: damaged", path, width,
            height, file_bytes);
    const ul_grid grid = {.size = {width, height, 1}, .stack = UL_STACK_UNPLACED};
    ul_status status =
        ul_volume_create(&grid, channels, deep ? UL_SAMPLE_U16 : UL_SAMPLE_U8, volume, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", path);
        return status;
    }
    if (row_bytes != width * channels * (deep ? 2 : 1))
        return ul_error_set(error, UL_ERROR_INTERNAL, "%s: rows of %zu bytes", path, row_bytes);
    reader->rows = malloc(height * sizeof *reader->rows);
    if (!reader->rows)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    for (size_t j = 0; j < height; j++)
        reader->rows[j] = (png_bytep)volume->samples + j * row_bytes;
    if (channels == 3 && deep)
        volume->slope[0] = 255.0 / 65535.0; /* RGB values run from 0 to 255 */
    return UL_OK;
}

static ul_status read_header(const char *path, png_reader *reader, ul_error *error) {
    reader->file = fopen(path, "rb");
    if (!reader->file)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    png_byte signature[8];
    if (fread(signature, 1, 8, reader->file) != 8 || png_sig_cmp(signature, 0, 8) != 0)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: not a PNG file", path);
    reader->png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader->trouble, on_error, on_warning);
    reader->info = reader->png ? png_create_info_struct(reader->png) : NULL;
    if (!reader->info)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    return UL_OK;
}

static ul_status decode(const char *path, png_reader *reader, ul_volume *volume, ul_error *error) {
    if (setjmp(png_jmpbuf(reader->png))) {
        ul_volume_free(volume);
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: damaged PNG: %s", path, reader->trouble.text);
    }
    png_init_io(reader->png, reader->file);
    png_set_sig_bytes(reader->png, 8);
    png_read_info(reader->png, reader->info);
    set_transforms(reader);
    long pixels = ftell(reader->file);
    ul_status status = make_room(path, reader, volume, error);
    if (status != UL_OK) {
        ul_volume_free(volume);
        return status;
    }
    fseek(reader->file, pixels, SEEK_SET);
    png_read_image(reader->png, reader->rows);
    png_read_end(reader->png, NULL);
    return UL_OK;
}

static ul_status read_picture(
    const char *path, bool palette_indices, ul_volume *volume, ul_error *error) {
    memset(volume, 0, sizeof *volume);
    png_reader reader = {.palette_indices = palette_indices};
    ul_status status = read_header(path, &reader, error);
    if (status == UL_OK)
        status = decode(path, &reader, volume, error);
    close_reader(&reader);
    return status;
}

ul_status ul_png_read(const char *path, ul_volume *volume, ul_error *error) {
    return read_picture(path, false, volume, error);
}

/* RGB with three equal channels, as some tools save grey pictures, as grey; else unchanged. */
static void drop_equal_channels(ul_volume *volume) {
    size_t pixels = volume->grid.size[0] * volume->grid.size[1];
    size_t bytes = ul_sample_bytes(volume->sample);
    char *samples = volume->samples;
    for (size_t n = 0; n < pixels; n++)
        for (size_t c = 1; c < 3; c++)
            if (memcmp(samples + 3 * n * bytes, samples + (3 * n + c) * bytes, bytes) != 0)
                return;
    for (size_t n = 0; n < pixels; n++)
        memmove(samples + n * bytes, samples + 3 * n * bytes, bytes);
    volume->channels = 1;
    volume->slope[0] = 1.0;
}

ul_status ul_png_read_labels(const char *path, ul_labels *labels, ul_error *error) {
    memset(labels, 0, sizeof *labels);
    ul_volume volume;
    ul_status status = read_picture(path, true, &volume, error);
    if (status != UL_OK)
        return status;
    if (volume.channels == 3)
        drop_equal_channels(&volume);
    status = labels_from_volume(&volume, labels, error);
    ul_volume_free(&volume);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

/* What is written: rows of bytes as PNG wants them. */
typedef struct png_picture {
    size_t width, height;
    int colour, bits;
    const uint8_t *bytes;
    size_t row_bytes;
} png_picture;

static bool encode(const png_picture *picture, FILE *file) {
    png_trouble trouble;
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &trouble, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)picture->width, (png_uint_32)picture->height,
        picture->bits, picture->colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
        PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t j = 0; j < picture->height; j++)
        png_write_row(png, picture->bytes + j * picture->row_bytes);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return true;
}

/* Reads the file back and compares it with what was to be written. */
static bool same_in_file(const char *path, const png_picture *picture) {
    ul_volume volume;
    if (read_picture(path, true, &volume, NULL) != UL_OK)
        return false;
    bool same = volume.grid.size[0] == picture->width && volume.grid.size[1] == picture->height;
    size_t bytes = picture->row_bytes * picture->height;
    if (picture->bits == 16) { /* decoded to this machine's order, written in PNG's */
        const uint16_t *samples = volume.samples;
        for (size_t n = 0; same && n < bytes / 2; n++)
            same = samples[n] == (picture->bytes[2 * n] << 8 | picture->bytes[2 * n + 1]);
    } else {
        same = same && memcmp(volume.samples, picture->bytes, bytes) == 0;
    }
    ul_volume_free(&volume);
    return same;
}

static ul_status write_picture(const char *path, const png_picture *picture, ul_error *error) {
    ul_output output;
    ul_status status = ul_output_begin(path, &output, error);
    if (status != UL_OK)
        return status;
    errno = 0;
    FILE *file = fopen(output.temporary, "wb");
    bool written = file && encode(picture, file);
    if (file && fclose(file) != 0)
        written = false;
    if (!written)
        status = ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path,
            errno ? strerror(errno) : "the PNG encoder failed");
    else if (!same_in_file(output.temporary, picture))
        status = ul_error_set(error, UL_ERROR_OUTPUT,
            "%s: reading back gives something else than was written: is the disk sound?", path);
    if (status == UL_OK)
        status = ul_output_commit(&output, error);
    ul_output_abandon(&output);
    return status;
}

ul_status ul_png_write_labels(const char *path, const ul_labels *labels, ul_error *error) {
    if (labels->grid.size[2] != 1)
        return ul_error_set(error, UL_ERROR_GEOMETRY,
            "%s: a PNG holds one slice, the labels have %zu: write .nii.gz or .dcm", path,
            labels->grid.size[2]);
    size_t pixels = labels->grid.size[0] * labels->grid.size[1];
    unsigned largest = 0;
    for (size_t n = 0; n < pixels; n++)
        largest = labels->map[n] > largest ? labels->map[n] : largest;
    const size_t bytes = largest > UINT8_MAX ? 2 : 1;
    uint8_t *rows = malloc(pixels * bytes + 1);
    if (!rows)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    for (size_t n = 0; n < pixels; n++) {
        if (bytes == 2)
            rows[2 * n] = (uint8_t)(labels->map[n] >> 8);
        rows[bytes * n + bytes - 1] = (uint8_t)labels->map[n];
    }
    const png_picture picture = {.width = labels->grid.size[0],
        .height = labels->grid.size[1],
        .colour = PNG_COLOR_TYPE_GRAY,
        .bits = (int)(8 * bytes),
        .bytes = rows,
        .row_bytes = labels->grid.size[0] * bytes};
    ul_status status = write_picture(path, &picture, error);
    free(rows);
    return status;
}

static ul_status rgb_picture(const uint8_t *rgb, size_t rgb_bytes, size_t width, size_t height,
    png_picture *picture, ul_error *error) {
    if (rgb_bytes % 3 != 0 ||
        (width ? rgb_bytes / 3 / width != height || rgb_bytes / 3 % width : rgb_bytes))
        return ul_error_set(error, UL_ERROR_USAGE, "%zu bytes are no %zu x %zu pixels of RGB",
            rgb_bytes, width, height);
    *picture = (png_picture){.width = width,
        .height = height,
        .colour = PNG_COLOR_TYPE_RGB,
        .bits = 8,
        .bytes = rgb,
        .row_bytes = 3 * width};
    return UL_OK;
}

ul_status ul_png_write_rgb(const char *path, const uint8_t *rgb, size_t rgb_bytes, size_t width,
    size_t height, ul_error *error) {
    png_picture picture;
    ul_status status = rgb_picture(rgb, rgb_bytes, width, height, &picture, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", path);
        return status;
    }
    return write_picture(path, &picture, error);
}

ul_status ul_png_encode_rgb(const uint8_t *rgb, size_t rgb_bytes, size_t width, size_t height,
    uint8_t **png, size_t *png_bytes, ul_error *error) {
    png_picture picture;
    char *bytes = NULL;
    *png = NULL;
    *png_bytes = 0;
    ul_status status = rgb_picture(rgb, rgb_bytes, width, height, &picture, error);
    if (status != UL_OK)
        return status;
    FILE *stream = open_memstream(&bytes, png_bytes);
    bool encoded = stream && encode(&picture, stream);
    if (stream && fclose(stream) != 0)
        encoded = false;
    if (encoded) {
        *png = (uint8_t *)bytes;
        return UL_OK;
    }
    free(bytes);
    *png_bytes = 0;
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a picture");
}
