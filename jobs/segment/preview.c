#include "ulite/segment.h"

#include "jobs/segment/intensity.h"
#include "ulite/png.h"
#include "volume/planes.h"
#include "volume/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TILES = 12, PICTURE_PX = 1200, BORDER_PX = 4 };

/* The picture: tiles in rows, each one slice. */
typedef struct montage {
    const ul_volume *volume;
    const ul_labels *labels;
    orientation o;
    size_t slices[MAX_TILES], count;
    size_t columns, rows;
    size_t tile[2];     /* width and height in pixels */
    double ratio[2];    /* voxels per pixel */
    double low, factor; /* grey = (value - low) * factor */
    resampler along[2];
    uint8_t *rgb; /* [height][width][3] */
    size_t width, height;
    float *values;   /* of a slice, then room for a channel of it and of the tile */
    uint16_t *shown; /* labels of a tile's pixels */
} montage;

static bool shows_segment(const montage *m, size_t z) {
    ul_voxel_plane plane = orientation_slice(&m->o, z);
    for (size_t y = 0; y < plane.height; y++)
        for (size_t x = 0; x < plane.width; x++)
            if (m->labels->map[ul_voxel_plane_index(&plane, &m->labels->grid, x, y)])
                return true;
    return false;
}

/* Slices in the middle of equal shares of those that show a segment. */
static ul_status choose_slices(montage *m, ul_error *error) {
    size_t depth = m->o.size[2], found = 0;
    size_t *shows = malloc((depth + 1) * sizeof *shows);
    if (!shows)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a preview");
    for (size_t z = 0; z < depth; z++)
        if (shows_segment(m, z))
            shows[found++] = z;
    for (size_t z = 0; found == 0 && z < depth; z++)
        shows[z] = z;
    found = found ? found : depth;
    m->count = found < MAX_TILES ? found : MAX_TILES;
    for (size_t n = 0; n < m->count; n++)
        m->slices[n] = shows[(2 * n + 1) * found / (2 * m->count)];
    free(shows);
    return UL_OK;
}

/* The size of a pixel of the slices, mm; square where it is not known. */
static void pixel_size(const montage *m, double size[2]) {
    for (int t = 0; t < 2; t++)
        size[t] = m->volume->grid.spacing_mm[m->o.axis[t]];
    if (size[0] <= 0.0 || size[1] <= 0.0)
        size[0] = size[1] = 1.0;
}

/* A picture that is about as wide as high. */
static void lay_out(montage *m) {
    double pixel[2], extent[2];
    pixel_size(m, pixel);
    for (int t = 0; t < 2; t++)
        extent[t] = pixel[t] * (double)m->o.size[t];
    double columns = rint(sqrt((double)m->count * extent[1] / extent[0]));
    m->columns = (size_t)fmin(fmax(columns, 1.0), (double)m->count);
    m->rows = (m->count + m->columns - 1) / m->columns;
    double scale = PICTURE_PX / fmax((double)m->columns * extent[0], (double)m->rows * extent[1]);
    for (int t = 0; t < 2; t++) {
        m->tile[t] = (size_t)fmax(1.0, rint(extent[t] * scale));
        m->ratio[t] = (double)m->o.size[t] / (double)m->tile[t];
    }
    m->width = m->columns * (m->tile[0] + BORDER_PX) - BORDER_PX;
    m->height = m->rows * (m->tile[1] + BORDER_PX) - BORDER_PX;
}

static ul_status find_window(montage *m, const double window[2], ul_error *error) {
    double bounds[2] = {0.0, m->volume->sample == UL_SAMPLE_U8 ? 255.0 : 65535.0};
    ul_status status = UL_OK;
    if (window) {
        memcpy(bounds, window, sizeof bounds);
    } else if (m->volume->channels == 1) {
        static const double percents[2] = {1.0, 99.0};
        const value_range shown = {
            m->volume, &m->o, m->slices[0], m->slices[m->count - 1] + 1, 0, NULL};
        status = values_percentiles(&shown, percents, 2, bounds, error);
    }
    m->low = bounds[0];
    m->factor = bounds[1] > bounds[0] ? 255.0 / (bounds[1] - bounds[0]) : 0.0;
    return status;
}

static ul_status allocate(montage *m, ul_error *error) {
    size_t area = m->o.size[0] * m->o.size[1], tile = m->tile[0] * m->tile[1];
    size_t floats = area * (m->volume->channels + 1) + m->o.size[0] * m->tile[1] + tile;
    m->values = malloc(floats * sizeof *m->values);
    m->shown = malloc(tile * sizeof *m->shown);
    m->rgb = calloc(m->width * m->height, 3);
    if (!m->values || !m->shown || !m->rgb)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a preview");
    ul_status status = UL_OK;
    for (int t = 0; status == UL_OK && t < 2; t++)
        status = resampler_create(m->o.size[t], m->tile[t], m->ratio[t], true, &m->along[t], error);
    return status;
}

/* Where pixel (x, y) of the n-th tile lies in the picture. */
static uint8_t *pixel_at(const montage *m, size_t n, size_t x, size_t y) {
    size_t left = n % m->columns * (m->tile[0] + BORDER_PX) + x;
    size_t top = n / m->columns * (m->tile[1] + BORDER_PX) + y;
    return m->rgb + (top * m->width + left) * 3;
}

static void draw_image(montage *m, size_t n) {
    const size_t channels = m->volume->channels, area = m->o.size[0] * m->o.size[1];
    float *channel = m->values + area * channels, *tile = channel + area;
    float *spare = tile + m->tile[0] * m->tile[1];
    ul_voxel_plane plane = orientation_slice(&m->o, m->slices[n]);
    ul_volume_plane(m->volume, &plane, m->values);
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < area; i++)
            channel[i] = m->values[i * channels + c];
        resample_plane(&m->along[0], &m->along[1], channel, spare, tile);
        for (size_t y = 0; y < m->tile[1]; y++)
            for (size_t x = 0; x < m->tile[0]; x++) {
                double grey = ((double)tile[y * m->tile[0] + x] - m->low) * m->factor;
                uint8_t *rgb = pixel_at(m, n, x, y), byte = (uint8_t)fmin(fmax(grey, 0.0), 255.0);
                if (channels == 3)
                    rgb[c] = byte;
                else
                    memset(rgb, byte, 3);
            }
    }
}

/* The label with the largest share of the four voxels around a place: smooth where the picture is
 * finer than the voxels. */
static uint16_t label_at(const montage *m, const ul_voxel_plane *plane, double x, double y) {
    double limit[2] = {(double)m->o.size[0] - 1.0, (double)m->o.size[1] - 1.0}, best = -1.0;
    x = fmin(fmax(x, 0.0), limit[0]);
    y = fmin(fmax(y, 0.0), limit[1]);
    size_t i = (size_t)x, j = (size_t)y, ni = x < limit[0], nj = y < limit[1];
    double right = x - (double)i, down = y - (double)j;
    uint16_t corner[4], chosen = 0;
    double weight[4] = {
        (1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down};
    for (size_t n = 0; n < 4; n++)
        corner[n] = m->labels->map[ul_voxel_plane_index(
            plane, &m->labels->grid, i + (n % 2) * ni, j + (n / 2) * nj)];
    for (size_t n = 0; n < 4; n++) {
        double share = 0.0;
        for (size_t other = 0; other < 4; other++)
            share += corner[other] == corner[n] ? weight[other] : 0.0;
        if (share > best) {
            best = share;
            chosen = corner[n];
        }
    }
    return chosen;
}

/* Whether a neighbour of a tile's pixel has another label. */
static bool on_contour(const montage *m, size_t x, size_t y) {
    const size_t width = m->tile[0], height = m->tile[1];
    uint16_t own = m->shown[y * width + x];
    size_t top = y < 1 ? 0 : y - 1, left = x < 1 ? 0 : x - 1;
    for (size_t j = top; own && j <= y + 1 && j < height; j++)
        for (size_t i = left; i <= x + 1 && i < width; i++)
            if (m->shown[j * width + i] != own)
                return true;
    return false;
}

static void draw_contours(montage *m, size_t n) {
    ul_voxel_plane plane = orientation_slice(&m->o, m->slices[n]);
    const size_t width = m->tile[0], height = m->tile[1];
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            m->shown[y * width + x] = label_at(m, &plane, ((double)x + 0.5) * m->ratio[0] - 0.5,
                ((double)y + 0.5) * m->ratio[1] - 0.5);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const ul_segment *segment =
                ul_segments_find(&m->labels->segments, m->shown[y * width + x]);
            if (segment && on_contour(m, x, y))
                memcpy(pixel_at(m, n, x, y), segment->rgb, 3);
        }
}

ul_status ul_preview_write(const char *path, const ul_volume *volume, const ul_labels *labels,
    const double window[2], const ul_progress *progress, ul_error *error) {
    montage m = {.volume = volume, .labels = labels, .o = orientation_acquired(&volume->grid)};
    ul_status status = choose_slices(&m, error);
    if (status == UL_OK)
        status = find_window(&m, window, error);
    if (status == UL_OK) {
        lay_out(&m);
        status = allocate(&m, error);
    }
    for (size_t n = 0; status == UL_OK && n < m.count; n++) {
        draw_image(&m, n);
        draw_contours(&m, n);
        if (!ul_progress_report(progress, "drawing", n + 1, m.count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status == UL_OK)
        status = ul_png_write_rgb(path, m.rgb, 3 * m.width * m.height, m.width, m.height, error);
    resampler_free(&m.along[0]);
    resampler_free(&m.along[1]);
    free(m.values);
    free(m.shown);
    free(m.rgb);
    return status;
}
