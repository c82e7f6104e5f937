#include "jobs/view/panel.h"

#include "jobs/segment/intensity.h"
#include "volume/sample_types.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Drawn twice as fine, then averaged: lines are smooth so. */
enum { FINE = 2, CONTOUR = 2, CORNERS = 8 };

/* Shares of the colour inside of a segment. */
static const double TINT = 0.15, EMPHASIS = 0.4;

/* The voxels around a point, and the weights of a linear interpolation between them. */
typedef struct corners {
    int count;
    size_t voxel[CORNERS];
    double weight[CORNERS];
} corners;

static void add_slice(
    const view_frame *f, const double at[3], size_t k, double share, corners *found) {
    size_t index[2][2];
    double part[2][2];
    for (int a = 0; a < 2; a++) {
        double x = (at[a] - f->shift_mm[k][a]) / f->spacing_mm[a], last = (double)f->size[a] - 1.0;
        if (!(x >= -0.5 && x <= last + 0.5))
            return;
        x = fmin(fmax(x, 0.0), last);
        index[a][0] = (size_t)x;
        index[a][1] = x < last ? index[a][0] + 1 : index[a][0];
        part[a][1] = x - (double)index[a][0];
        part[a][0] = 1.0 - part[a][1];
    }
    for (int n = 0; n < 4; n++) {
        double weight = share * part[0][n % 2] * part[1][n / 2];
        if (weight <= 0.0)
            continue;
        found->voxel[found->count] =
            (k * f->size[1] + index[1][n / 2]) * f->size[0] + index[0][n % 2];
        found->weight[found->count++] = weight;
    }
}

static void find_corners(const view_frame *f, const double at[3], corners *found) {
    size_t k;
    found->count = 0;
    if (!frame_slice_at(f, at[2], &k))
        return;
    double beyond = at[2] - f->shift_mm[k][2], share = 0.0;
    size_t other = beyond > 0.0 ? k + 1 : k - 1; /* wraps to what no slice has */
    if (beyond != 0.0 && other < f->size[2]) {
        double way = f->shift_mm[other][2] - f->shift_mm[k][2];
        bool joined =
            f->border_mm[2 * k + (beyond > 0.0)] == f->border_mm[2 * other + (beyond < 0.0)];
        share = joined ? beyond / way : 0.0; /* none across a gap */
    }
    add_slice(f, at, k, 1.0 - share, found);
    if (share > 1e-6)
        add_slice(f, at, other, share, found);
}

static void value_of(const view_panel *p, const corners *found, double value[3]) {
    const ul_volume *v = p->volume;
    size_t area = v->grid.size[0] * v->grid.size[1];
    double total = 0.0;
    memset(value, 0, 3 * sizeof *value);
    for (int n = 0; n < found->count; n++) {
        size_t k = found->voxel[n] / area;
        total += found->weight[n];
        for (size_t c = 0; c < v->channels; c++) {
            double real =
                sample_load(v, found->voxel[n] * v->channels + c) * v->slope[k] + v->intercept[k];
            value[c] += isfinite(real) ? found->weight[n] * real : 0.0;
        }
    }
    for (size_t c = 0; c < v->channels; c++)
        value[c] /= total;
}

/* The label with the largest weight of the voxels around a place: smooth where the picture is finer
 * than the voxels. */
static uint16_t label_of(const view_panel *p, const corners *found) {
    uint16_t chosen = 0;
    double best = 0.0;
    for (int n = 0; n < found->count; n++) {
        uint16_t label = p->labels->map[found->voxel[n]];
        double share = 0.0;
        for (int m = 0; m < found->count; m++)
            share += p->labels->map[found->voxel[m]] == label ? found->weight[m] : 0.0;
        if (share > best + 1e-9) {
            best = share;
            chosen = label;
        }
    }
    return chosen;
}

/* The fine pixels: what the image and the labels are there. */
typedef struct raster {
    size_t width, height;
    uint8_t *rgb;
    uint16_t *labels;
} raster;

static double pixel_place(const view_panel *p, int axis, bool against, double share) {
    double way = share * (p->high[axis] - p->low[axis]);
    return against ? p->high[axis] - way : p->low[axis] + way;
}

static void draw_pixel(const view_panel *p, const corners *found, uint8_t *rgb) {
    double value[3], range = p->window[1] - p->window[0];
    value_of(p, found, value);
    for (size_t c = 0; c < 3; c++) {
        double grey = (value[p->volume->channels == 3 ? c : 0] - p->window[0]) * 255.0;
        rgb[c] = (uint8_t)(range > 0.0 ? fmin(fmax(grey / range + 0.5, 0.0), 255.0) : 0.0);
    }
}

static void draw_fine(const view_panel *p, raster *r) {
    const view_plane *plane = p->plane;
    double at[3];
    memcpy(at, p->at, sizeof at);
    for (size_t y = 0; y < r->height; y++) {
        at[plane->down] =
            pixel_place(p, plane->down, plane->against[1], ((double)y + 0.5) / (double)r->height);
        for (size_t x = 0; x < r->width; x++) {
            corners found;
            at[plane->across] = pixel_place(
                p, plane->across, plane->against[0], ((double)x + 0.5) / (double)r->width);
            find_corners(p->frame, at, &found);
            if (found.count == 0)
                continue;
            draw_pixel(p, &found, r->rgb + 3 * (y * r->width + x));
            r->labels[y * r->width + x] = label_of(p, &found);
        }
    }
}

/* Whether a pixel near has another label. */
static bool on_contour(const raster *r, size_t x, size_t y) {
    uint16_t own = r->labels[y * r->width + x];
    size_t top = y < CONTOUR ? 0 : y - CONTOUR, left = x < CONTOUR ? 0 : x - CONTOUR;
    for (size_t j = top; j <= y + CONTOUR && j < r->height; j++)
        for (size_t i = left; i <= x + CONTOUR && i < r->width; i++)
            if (r->labels[j * r->width + i] != own)
                return true;
    return false;
}

static void draw_segments(const view_panel *p, raster *r) {
    for (size_t y = 0; y < r->height; y++)
        for (size_t x = 0; x < r->width; x++) {
            uint16_t label = r->labels[y * r->width + x];
            const ul_segment *segment =
                label ? ul_segments_find(&p->labels->segments, label) : NULL;
            if (!segment)
                continue;
            uint8_t *rgb = r->rgb + 3 * (y * r->width + x);
            double tint = label == p->emphasis ? EMPHASIS : TINT;
            double share = on_contour(r, x, y) ? 1.0 : tint;
            for (int c = 0; c < 3; c++)
                rgb[c] = (uint8_t)(share * segment->rgb[c] + (1.0 - share) * rgb[c] + 0.5);
        }
}

static void average(const raster *r, size_t width, size_t height, uint8_t *rgb) {
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++) {
                unsigned sum = FINE * FINE / 2;
                for (size_t n = 0; n < FINE * FINE; n++)
                    sum += r->rgb[3 * ((y * FINE + n / FINE) * r->width + x * FINE + n % FINE) + c];
                rgb[3 * (y * width + x) + c] = (uint8_t)(sum / (FINE * FINE));
            }
}

ul_status panel_draw(const view_panel *panel, uint8_t *rgb, ul_error *error) {
    raster r = {.width = panel->width * FINE, .height = panel->height * FINE};
    r.rgb = calloc(r.width * r.height + 1, 3);
    r.labels = calloc(r.width * r.height + 1, sizeof *r.labels);
    if (r.rgb && r.labels) {
        draw_fine(panel, &r);
        draw_segments(panel, &r);
        average(&r, panel->width, panel->height, rgb);
    } else {
        ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a picture");
    }
    bool drawn = r.rgb && r.labels;
    free(r.rgb);
    free(r.labels);
    return drawn ? UL_OK : UL_ERROR_LIMIT;
}

ul_status panel_window(
    const ul_volume *volume, const double *given, double window[2], ul_error *error) {
    static const double percents[2] = {1.0, 99.0};
    window[0] = 0.0;
    window[1] = volume->sample == UL_SAMPLE_U8 ? 255.0 : 65535.0;
    if (given)
        memcpy(window, given, 2 * sizeof *window);
    if (given || volume->channels != 1)
        return UL_OK;
    orientation o = orientation_stored(&volume->grid);
    const value_range all = {volume, &o, 0, o.size[2], 0, NULL};
    return values_percentiles(&all, percents, 2, window, error);
}
