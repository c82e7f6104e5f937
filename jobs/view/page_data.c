#include "jobs/view/page_data.h"

#include "volume/sample_types.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* it only reads its input */
#include <zlib.h>

/* What a browser holds without trouble. */
static const size_t MOST_VOXELS = (size_t)32 << 20;

enum { CHUNK = 49152 }; /* a multiple of 3: no base64 padding but at the end */

void page_image_free(page_image *image) {
    ul_grid_free(&image->grid);
    *image = (page_image){0};
}

static bool is_small_integer(ul_sample sample) {
    return sample == UL_SAMPLE_U8 || sample == UL_SAMPLE_I8 || sample == UL_SAMPLE_U16 ||
           sample == UL_SAMPLE_I16;
}

static double value_at(const ul_volume *v, size_t n, size_t k) {
    double value = sample_load(v, n) * v->slope[k] + v->intercept[k];
    return isfinite(value) ? value : 0.0;
}

/* What nobody sees in 256 greys, and reads in four digits: noise of more bits makes pages large. */
static const double STEPS = 16383.0;

/* The range of real-world values, in steps. */
static void find_range(const ul_volume *volume, page_image *image) {
    size_t slice = volume->grid.size[0] * volume->grid.size[1] * volume->channels;
    double low = INFINITY, high = -INFINITY;
    for (size_t k = 0; k < volume->grid.size[2]; k++)
        for (size_t n = 0; n < slice; n++) {
            double value = value_at(volume, k * slice + n, k);
            low = fmin(low, value);
            high = fmax(high, value);
        }
    image->low = low;
    image->factor = high > low ? (high - low) / STEPS : 1.0;
}

static ul_status reduce_grid(const ul_grid *grid, page_image *image, ul_error *error) {
    ul_status status = ul_grid_copy(grid, &image->grid, error);
    size_t factor = image->reduced;
    if (status != UL_OK || factor == 1)
        return status;
    ul_grid *g = &image->grid;
    for (int a = 0; a < 2; a++) {
        double shift = (double)(factor - 1) / 2.0 * g->spacing_mm[a];
        const double *axis = a ? g->axis_j : g->axis_i;
        for (size_t k = 0; g->origin_mm && k < g->size[2]; k++)
            for (int c = 0; c < 3; c++)
                g->origin_mm[k][c] += shift * axis[c];
        g->size[a] = (g->size[a] + factor - 1) / factor;
        g->spacing_mm[a] *= (double)factor;
    }
    return UL_OK;
}

ul_status page_image_plan(
    const ul_volume *volume, const ul_labels *labels, page_image *image, ul_error *error) {
    const size_t *size = volume->grid.size;
    *image = (page_image){.reduced = 1, .channels = volume->channels, .label_bits = 8};
    while (((size[0] - 1) / image->reduced + 1) * ((size[1] - 1) / image->reduced + 1) * size[2] >
               MOST_VOXELS &&
           image->reduced < size[0] + size[1])
        image->reduced++;
    image->exact = is_small_integer(volume->sample);
    image->bits = ul_sample_bytes(volume->sample) == 1 ? 8 : 16;
    image->is_signed = volume->sample == UL_SAMPLE_I8 || volume->sample == UL_SAMPLE_I16;
    if (!image->exact)
        find_range(volume, image);
    for (size_t s = 0; s < labels->segments.count; s++)
        if (labels->segments.items[s].number > 255)
            image->label_bits = 16;
    return reduce_grid(&volume->grid, image, error);
}

void page_base64(const uint8_t *bytes, size_t count, FILE *file) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t n = 0; n < count; n += 3) {
        uint32_t three = (uint32_t)bytes[n] << 16;
        three |= n + 1 < count ? (uint32_t)bytes[n + 1] << 8 : 0;
        three |= n + 2 < count ? bytes[n + 2] : 0;
        char text[4] = {digits[three >> 18], digits[three >> 12 & 63],
            n + 1 < count ? digits[three >> 6 & 63] : '=',
            n + 2 < count ? digits[three & 63] : '='};
        fwrite(text, 1, 4, file);
    }
}

/* A zlib stream whose output is written in whole chunks. */
typedef struct packer {
    z_stream zlib;
    FILE *file;
    uint8_t out[CHUNK];
} packer;

static packer *packer_begin(FILE *file, int strategy) {
    packer *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->file = file;
    if (deflateInit2(&p->zlib, 6, Z_DEFLATED, 15, 8, strategy) != Z_OK) {
        free(p);
        return NULL;
    }
    p->zlib.next_out = p->out;
    p->zlib.avail_out = CHUNK;
    return p;
}

static void pack(packer *p, const uint8_t *bytes, size_t count, int flush) {
    p->zlib.next_in = bytes;
    p->zlib.avail_in = (uInt)count;
    for (;;) {
        int result = deflate(&p->zlib, flush);
        if (p->zlib.avail_out > 0 && (flush != Z_FINISH || result == Z_STREAM_END))
            return;
        page_base64(p->out, CHUNK - p->zlib.avail_out, p->file);
        p->zlib.next_out = p->out;
        p->zlib.avail_out = CHUNK;
        if (result == Z_STREAM_END)
            return;
    }
}

static void packer_end(packer *p) {
    pack(p, NULL, 0, Z_FINISH);
    page_base64(p->out, CHUNK - p->zlib.avail_out, p->file);
    deflateEnd(&p->zlib);
    free(p);
}

/* The mean of the source's samples that one of the page stands for. */
static double reduced_value(
    const page_image *image, const ul_volume *volume, const size_t at[3], size_t channel) {
    const size_t *size = volume->grid.size, f = image->reduced;
    double sum = 0.0, count = 0.0;
    for (size_t j = at[1] * f; j < (at[1] + 1) * f && j < size[1]; j++)
        for (size_t i = at[0] * f; i < (at[0] + 1) * f && i < size[0]; i++) {
            size_t n = ((at[2] * size[1] + j) * size[0] + i) * volume->channels + channel;
            sum += image->exact ? sample_load(volume, n) : value_at(volume, n, at[2]);
            count += 1.0;
        }
    return sum / count;
}

/* A sample of the page as its bits. */
static uint16_t code_of(
    const page_image *image, const ul_volume *volume, const size_t at[3], size_t channel) {
    double value = reduced_value(image, volume, at, channel);
    if (!image->exact)
        value = (value - image->low) / image->factor;
    return (uint16_t)(int32_t)rint(value);
}

/* The bits as the number that they are. */
static int32_t number_of(const page_image *image, uint16_t code) {
    if (image->bits == 8)
        return image->is_signed ? (int8_t)code : (uint8_t)code;
    return image->is_signed ? (int16_t)code : code;
}

/* What a sample is likely to be by those to its left, above it and between these: the median of
 * both and of the plane through all three, as of LOCO-I (Weinberger, Seroussi, Sapiro 2000). */
static int32_t predict(int32_t left, int32_t above, int32_t corner) {
    int32_t low = left < above ? left : above, high = left < above ? above : left;
    return corner >= high ? low : corner <= low ? high : left + above - corner;
}

/* Where the samples of a page are on their way: rows hold columns and channels. */
typedef struct page_cursor {
    int32_t *row, *above;
    int32_t first[3]; /* of the slice before */
    uint8_t *bytes;   /* of a slice */
} page_cursor;

static void pack_row(const page_image *image, const ul_volume *volume, size_t at[3], int byte,
    page_cursor *cursor, uint8_t *bytes) {
    const size_t channels = image->channels;
    int32_t *row = cursor->row, *above = cursor->above;
    for (size_t x = 0; x < image->grid.size[0] * channels; x++) {
        size_t c = x % channels;
        at[0] = x / channels;
        int32_t up = at[1] ? above[x] : at[0] ? row[x - channels] : cursor->first[c];
        int32_t left = at[0] ? row[x - channels] : up;
        row[x] = number_of(image, code_of(image, volume, at, c));
        uint16_t step =
            (uint16_t)(row[x] - predict(left, up, at[0] && at[1] ? above[x - channels] : left));
        if (image->bits == 16)
            step = (uint16_t)(step << 1 ^ (step & 0x8000 ? 0xffff : 0));
        *bytes++ = (uint8_t)(step >> 8 * byte);
    }
    cursor->row = above;
    cursor->above = row;
}

/* Bytes number byte of the differences of slice k. */
static void pack_slice(
    const page_image *image, const ul_volume *volume, size_t k, int byte, page_cursor *cursor) {
    size_t at[3] = {0, 0, k}, samples = image->grid.size[0] * image->channels;
    for (; at[1] < image->grid.size[1]; at[1]++) {
        pack_row(image, volume, at, byte, cursor, cursor->bytes + at[1] * samples);
        if (at[1] == 0)
            memcpy(cursor->first, cursor->above, image->channels * sizeof *cursor->first);
    }
}

ul_status page_image_write(const page_image *image, const ul_volume *volume,
    const ul_progress *progress, FILE *file, ul_error *error) {
    const size_t *size = image->grid.size;
    size_t row = size[0] * image->channels, slice = row * size[1], passes = image->bits / 8;
    int32_t *rows = malloc((2 * row + 1) * sizeof *rows);
    uint8_t *bytes = malloc(slice + 1);
    packer *p = packer_begin(file, Z_FILTERED);
    ul_status status = rows && bytes && p
                           ? UL_OK
                           : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a page");
    for (size_t pass = 0; status == UL_OK && pass < passes; pass++) {
        page_cursor cursor = {.row = rows, .above = rows + row, .bytes = bytes};
        for (size_t k = 0; status == UL_OK && k < size[2]; k++) {
            pack_slice(image, volume, k, (int)pass, &cursor);
            pack(p, bytes, slice, Z_NO_FLUSH);
            if (!ul_progress_report(
                    progress, "writing a page", pass * size[2] + k + 1, passes * size[2]))
                status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
        }
    }
    if (p)
        packer_end(p);
    free(rows);
    free(bytes);
    return status;
}

ul_status page_labels_write(
    const page_image *image, const ul_labels *labels, FILE *file, ul_error *error) {
    const size_t *size = image->grid.size, *whole = labels->grid.size, f = image->reduced;
    uint8_t *bytes = malloc(size[0] + 1);
    packer *p = packer_begin(file, Z_DEFAULT_STRATEGY);
    ul_status status =
        bytes && p ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a page");
    for (unsigned shift = 0; status == UL_OK && shift < image->label_bits; shift += 8)
        for (size_t row = 0; row < size[1] * size[2]; row++) {
            size_t k = row / size[1], j = row % size[1] * f + f / 2;
            j = j < whole[1] ? j : whole[1] - 1;
            for (size_t x = 0; x < size[0]; x++) {
                size_t i = x * f + f / 2 < whole[0] ? x * f + f / 2 : whole[0] - 1;
                bytes[x] = (uint8_t)(labels->map[(k * whole[1] + j) * whole[0] + i] >> shift);
            }
            pack(p, bytes, size[0], Z_NO_FLUSH);
        }
    if (p)
        packer_end(p);
    free(bytes);
    return status;
}
