#include "ulite/view.h"

#include "jobs/base/digits.h"
#include "jobs/view/canvas.h"
#include "jobs/view/middles.h"
#include "jobs/view/panel.h"
#include "jobs/view/scale_bar.h"
#include "ulite/png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_ROWS = 40,
    TITLE_PX = 34,
    FOOT_PX = 24,
    GAP_PX = 8,
    HEAD_PX = 22,
    LEGEND_PX = 340,
    LEGEND_LINE_PX = 20
};

static const uint32_t BACKGROUND = 0x16181c, TEXT = 0xf0f0f0, FAINT = 0x9aa4b0, AMBER = 0xffb020;

/* The picture: rows of panels, each through one segment's middle, and a legend. */
typedef struct preview {
    const ul_view *view;
    view_frame frame;
    view_plane planes[3];
    int plane_count;
    view_middle *middles;    /* [segments] */
    ul_segment_stats *stats; /* [segments], owned where the view has none */
    double low[3], high[3];  /* the box that is shown */
    double window[2];
    size_t rows[MOST_ROWS]; /* segments */
    size_t row_count, left_out;
    size_t blocks, lines, panel_px; /* rows lie in so many blocks side by side, of so many lines */
    bool headed;                    /* a row has its segment's name over it */
    size_t legend_columns, legend_lines;
    size_t width, height;
    canvas *canvas;
    uint8_t *rgb; /* of a panel */
} preview;

static const ul_segments *segments_of(const preview *p) {
    return &p->view->labels->segments;
}

/* The box around all segments with what lies about them, of one length along all axes, so that all
 * panels have one scale; where a slice is all there is, all of it. */
static void choose_box(preview *p) {
    const view_frame *f = &p->frame;
    double side = 0.0;
    for (int a = 0; a < 3; a++) {
        double extent = p->high[a] - p->low[a];
        side = fmax(side, extent + 2.0 * fmax(f->spaced ? 20.0 : 0.1 * extent, 0.35 * extent));
    }
    for (int a = 0; a < 3; a++) {
        double whole = f->high[a] - f->low[a], middle = (p->low[a] + p->high[a]) / 2.0;
        if (p->plane_count == 1 || side >= 0.8 * whole || side >= whole) {
            p->low[a] = f->low[a];
            p->high[a] = f->high[a];
            continue;
        }
        p->low[a] = fmin(fmax(middle - side / 2.0, f->low[a]), f->high[a] - side);
        p->high[a] = p->low[a] + side;
    }
}

/* Those with voxels, in their order; of too many the largest. */
static void choose_rows(preview *p) {
    size_t count = segments_of(p)->count, found = 0, least = 1;
    for (size_t s = 0; s < count; s++)
        found += p->middles[s].voxels > 0;
    while (found - p->left_out > MOST_ROWS) { /* raise the bar by the smallest that is left */
        size_t smallest = SIZE_MAX;
        for (size_t s = 0; s < count; s++)
            if (p->middles[s].voxels >= least && p->middles[s].voxels < smallest)
                smallest = p->middles[s].voxels;
        for (size_t s = 0; s < count; s++)
            p->left_out += p->middles[s].voxels == smallest;
        least = smallest + 1;
    }
    for (size_t s = 0; s < count; s++)
        if (p->middles[s].voxels >= least)
            p->rows[p->row_count++] = s;
    p->headed = p->frame.size[2] > 1 && p->row_count > 0;
    if (!p->headed)
        p->row_count = 1; /* all of one slice is in it */
}

static void lay_out(preview *p) {
    static const struct {
        size_t rows, blocks, panel_px;
    } layouts[] = {{2, 1, 360}, {4, 1, 280}, {12, 2, 220}, {24, 3, 190}, {MOST_ROWS, 4, 170}};
    size_t n = 0;
    while (p->row_count > layouts[n].rows)
        n++;
    p->blocks = layouts[n].blocks;
    p->panel_px = p->headed ? layouts[n].panel_px : p->plane_count == 1 ? 800 : 360;
    p->lines = (p->row_count + p->blocks - 1) / p->blocks;
    size_t line_px = p->panel_px + GAP_PX + (p->headed ? HEAD_PX : 0);
    size_t body = p->lines * line_px;
    p->legend_lines = body / LEGEND_LINE_PX;
    size_t entries = segments_of(p)->count + p->view->quality_count + 2;
    p->legend_columns = (entries + p->legend_lines - 1) / p->legend_lines;
    size_t block_px = (size_t)p->plane_count * (p->panel_px + GAP_PX) + GAP_PX;
    p->width = p->blocks * block_px + p->legend_columns * LEGEND_PX + GAP_PX;
    p->height = TITLE_PX + body + FOOT_PX;
}

static ul_status prepare(preview *p, ul_error *error) {
    const ul_view *v = p->view;
    ul_status status = frame_create(&v->volume->grid, &p->frame, error);
    if (status == UL_OK)
        status = middles_find(&p->frame, v->labels, &p->middles, p->low, p->high, error);
    if (status == UL_OK)
        status = panel_window(v->volume, v->window, p->window, error);
    if (status == UL_OK && !v->stats) {
        size_t count = v->labels->segments.count;
        p->stats = calloc(count + 1, sizeof *p->stats);
        status = p->stats ? ul_stats_measure(NULL, v->labels, NULL, p->stats, count, error)
                          : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a picture");
    }
    if (status != UL_OK)
        return status;
    p->plane_count = frame_planes(&v->volume->grid, &p->frame, p->planes);
    choose_box(p);
    choose_rows(p);
    lay_out(p);
    p->rgb = malloc(p->panel_px * p->panel_px * 3);
    if (!p->rgb)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a picture");
    return canvas_create(CANVAS_PIXELS, (double)p->width, (double)p->height, &p->canvas, error);
}

static void draw_letters(const preview *p, const view_plane *plane, const double box[4]) {
    const canvas_font font = {p->panel_px < 200 ? 12.0 : 15.0, 0xffe070, true, true};
    char text[FRAME_LETTERS_BYTES];
    double middle_x = box[0] + box[2] / 2.0, middle_y = box[1] + box[3] / 2.0 + font.size * 0.35;
    frame_letters(plane->right, true, text);
    canvas_text(p->canvas, box[0] + 4.0, middle_y, CANVAS_LEFT, text, &font);
    frame_letters(plane->right, false, text);
    canvas_text(p->canvas, box[0] + box[2] - 4.0, middle_y, CANVAS_RIGHT, text, &font);
    frame_letters(plane->below, true, text);
    canvas_text(p->canvas, middle_x, box[1] + font.size + 1.0, CANVAS_MIDDLE, text, &font);
    frame_letters(plane->below, false, text);
    canvas_text(p->canvas, middle_x, box[1] + box[3] - 5.0, CANVAS_MIDDLE, text, &font);
}

/* Which plane it is, and where. */
static void draw_place(
    const preview *p, const view_plane *plane, const double at[3], size_t k, const double box[4]) {
    const canvas_font font = {p->panel_px < 200 ? 10.0 : 12.0, TEXT, false, true};
    char place[FRAME_PLACE_BYTES], slice[64] = "";
    frame_place(&p->frame, plane, at, place);
    if (plane->normal == 2 && p->frame.size[2] > 1)
        snprintf(slice, sizeof slice, "slice %zu/%zu", k + 1, p->frame.size[2]);
    const char *lines[] = {
        plane->name == UL_PLANE_UNKNOWN ? "" : ul_plane_name(plane->name), place, slice};
    double y = box[1] + box[3] - 6.0;
    for (int n = 2; n >= 0; n--)
        if (*lines[n]) {
            canvas_text(p->canvas, box[0] + 5.0, y, CANVAS_LEFT, lines[n], &font);
            y -= font.size + 3.0;
        }
}

static void draw_scale(const preview *p, double px_per_mm, const double box[4]) {
    const canvas_font font = {p->panel_px < 200 ? 10.0 : 12.0, TEXT, false, true};
    const canvas_pen back = {4.0, 0x000000, 0.8, false}, pen = {2.0, TEXT, 1.0, false};
    if (!p->frame.spaced)
        return;
    char text[32];
    double mm = scale_bar_mm(box[2] / px_per_mm), right = box[0] + box[2] - 6.0;
    double y = box[1] + box[3] - 7.0, left = right - mm * px_per_mm;
    canvas_line(p->canvas, left - 1.0, y, right + 1.0, y, &back);
    canvas_line(p->canvas, left, y, right, y, &pen);
    snprintf(text, sizeof text, "%g mm", mm);
    canvas_text(p->canvas, right, y - 5.0, CANVAS_RIGHT, text, &font);
}

/* Lines where the other two planes cut this one, faint at the middle. */
static void draw_cuts(const preview *p, const view_panel *panel, const double box[4]) {
    const canvas_pen pen = {1.0, 0xffffff, 0.35, true};
    const view_plane *plane = panel->plane;
    double share[2];
    const int axes[2] = {plane->across, plane->down};
    if (p->plane_count == 1)
        return;
    for (int n = 0; n < 2; n++) {
        int a = axes[n];
        share[n] = (panel->at[a] - panel->low[a]) / (panel->high[a] - panel->low[a]);
        if (plane->against[n])
            share[n] = 1.0 - share[n];
    }
    double x = box[0] + share[0] * box[2], y = box[1] + share[1] * box[3];
    double side[2] = {0.12 * box[2], 0.12 * box[3]};
    canvas_line(p->canvas, x, box[1], x, box[1] + side[1], &pen);
    canvas_line(p->canvas, x, box[1] + box[3] - side[1], x, box[1] + box[3], &pen);
    canvas_line(p->canvas, box[0], y, box[0] + side[0], y, &pen);
    canvas_line(p->canvas, box[0] + box[2] - side[0], y, box[0] + box[2], y, &pen);
}

/* One plane in the square whose left and top are given. */
static ul_status draw_panel(preview *p, const view_plane *plane, const view_middle *middle,
    unsigned emphasis, double left, double top, ul_error *error) {
    view_panel panel = {.frame = &p->frame,
        .volume = p->view->volume,
        .labels = p->view->labels,
        .plane = plane,
        .emphasis = emphasis,
        .window = {p->window[0], p->window[1]}};
    memcpy(panel.at, middle->at, sizeof panel.at);
    memcpy(panel.low, p->low, sizeof panel.low);
    memcpy(panel.high, p->high, sizeof panel.high);
    double side = 0.0;
    for (int n = 0; n < p->plane_count; n++)
        for (int m = 0; m < 2; m++) {
            int a = m ? p->planes[n].down : p->planes[n].across;
            side = fmax(side, p->high[a] - p->low[a]);
        }
    double scale = (double)p->panel_px / side;
    panel.width = (size_t)fmax(1.0, rint((p->high[plane->across] - p->low[plane->across]) * scale));
    panel.height = (size_t)fmax(1.0, rint((p->high[plane->down] - p->low[plane->down]) * scale));
    double x = left + floor(((double)p->panel_px - (double)panel.width) / 2.0);
    double y = top + floor(((double)p->panel_px - (double)panel.height) / 2.0);
    const double square[4] = {left, top, (double)p->panel_px, (double)p->panel_px};
    const double image[4] = {x, y, (double)panel.width, (double)panel.height};
    canvas_box(p->canvas, left, top, square[2], square[3], 0x000000);
    ul_status status = panel_draw(&panel, p->rgb, error);
    if (status == UL_OK)
        status = canvas_image(p->canvas, x, y, p->rgb, panel.width, panel.height, error);
    if (status != UL_OK)
        return status;
    draw_cuts(p, &panel, image);
    draw_letters(p, plane, square);
    draw_place(p, plane, panel.at, middle->index[2], square);
    draw_scale(p, scale, square);
    return UL_OK;
}

static uint32_t colour_of(const ul_segment *segment) {
    return (uint32_t)segment->rgb[0] << 16 | (uint32_t)segment->rgb[1] << 8 | segment->rgb[2];
}

/* "1.23 mL", "45 mm²" or voxels, to three digits. */
static void size_text(const preview *p, size_t s, char text[32]) {
    const ul_segment_stats *stats = (p->view->stats ? p->view->stats : p->stats) + s;
    char number[DIGITS_TEXT_BYTES];
    if (isfinite(stats->volume_ml))
        snprintf(text, 32, "%.20s mL", digits_text(stats->volume_ml, number));
    else if (isfinite(stats->area_mm2))
        snprintf(text, 32, "%.20s mm\u00b2", digits_text(stats->area_mm2, number));
    else
        snprintf(text, 32, "%zu voxels", stats->voxels);
}

static void draw_entry(preview *p, size_t s, double x, double y, double width, double font_size) {
    const canvas_font font = {font_size, TEXT, false, false};
    const ul_segment *segment = &segments_of(p)->items[s];
    char size[32];
    size_text(p, s, size);
    double size_px = canvas_text_width(p->canvas, size, &font);
    canvas_box(p->canvas, x, y - font_size + 1.0, font_size, font_size, colour_of(segment));
    canvas_text_within(p->canvas, x + font_size + 6.0, y, width - size_px - font_size - 18.0,
        segment->label, &font);
    canvas_text(p->canvas, x + width, y, CANVAS_RIGHT, size, &font);
}

/* The middle of the volume, where no segment has one. */
static view_middle middle_of_volume(const preview *p) {
    view_middle m = {.voxels = 0};
    for (int a = 0; a < 3; a++)
        m.at[a] = (p->frame.low[a] + p->frame.high[a]) / 2.0;
    m.index[2] = p->frame.size[2] / 2;
    m.at[2] = p->frame.shift_mm[m.index[2]][2];
    return m;
}

static ul_status draw_row(preview *p, size_t row, ul_error *error) {
    size_t block = row / p->lines, line = row % p->lines;
    double block_px = (double)((size_t)p->plane_count * (p->panel_px + GAP_PX) + GAP_PX);
    double left = GAP_PX + (double)block * block_px, top = TITLE_PX;
    top += (double)(line * (p->panel_px + GAP_PX + (p->headed ? HEAD_PX : 0)));
    view_middle whole = middle_of_volume(p);
    const view_middle *middle = p->headed ? &p->middles[p->rows[row]] : &whole;
    unsigned emphasis = p->headed ? segments_of(p)->items[p->rows[row]].number : 0;
    ul_status status = UL_OK;
    if (p->headed)
        draw_entry(p, p->rows[row], left, top + 15.0, block_px - 2 * GAP_PX, 13.0);
    top += p->headed ? HEAD_PX : 0;
    for (int n = 0; status == UL_OK && n < p->plane_count; n++)
        status = draw_panel(p, &p->planes[n], middle, emphasis,
            left + (double)((size_t)n * (p->panel_px + GAP_PX)), top, error);
    return status;
}

/* Where line n of the legend is. */
static void legend_place(const preview *p, size_t n, double *x, double *y) {
    size_t column = n / p->legend_lines, line = n % p->legend_lines;
    *x = (double)(p->width - (p->legend_columns - column) * LEGEND_PX);
    *y = TITLE_PX + 15.0 + (double)(line * LEGEND_LINE_PX);
}

static void draw_legend(preview *p) {
    const canvas_font note = {12.0, AMBER, false, false}, faint = {12.0, FAINT, false, false};
    const ul_view *v = p->view;
    double x, y;
    size_t line = 0;
    for (size_t s = 0; s < segments_of(p)->count; s++) {
        legend_place(p, line++, &x, &y);
        draw_entry(p, s, x, y, LEGEND_PX - 2 * GAP_PX, 13.0);
        for (size_t q = 0; q < v->quality_count; q++) {
            char text[UL_QUALITY_TEXT_BYTES];
            if (v->quality[q].number != segments_of(p)->items[s].number || !v->quality[q].flags)
                continue;
            ul_quality_text(&v->quality[q], text);
            legend_place(p, line++, &x, &y);
            canvas_text_within(p->canvas, x + 19.0, y - 2.0, LEGEND_PX - 35.0, text, &note);
        }
    }
    legend_place(p, line, &x, &y);
    if (segments_of(p)->count > 0 && p->row_count == 1 && !p->headed && p->frame.size[2] > 1)
        canvas_text(p->canvas, x, y, CANVAS_LEFT, "no segment was found", &note);
    if (p->left_out > 0) {
        char text[64];
        snprintf(text, sizeof text, "%zu smaller ones have no row of their own", p->left_out);
        canvas_text(p->canvas, x, y, CANVAS_LEFT, text, &faint);
    }
}

static void draw_title(preview *p) {
    const canvas_font font = {15.0, TEXT, true, false}, faint = {12.0, FAINT, false, false};
    const ul_view *v = p->view;
    char text[512], size[FRAME_SIZE_BYTES];
    canvas_box(p->canvas, 0.0, 0.0, (double)p->width, (double)p->height, BACKGROUND);
    snprintf(text, sizeof text, "%s%s", v->card ? v->card->name : "Segmentation",
        v->card && !v->card->trained ? " (untrained, for tests only)" : "");
    canvas_text_within(p->canvas, GAP_PX, 22.0, (double)p->width - 350.0, text, &font);
    canvas_text(p->canvas, (double)p->width - GAP_PX, 21.0, CANVAS_RIGHT,
        "not a medical device; research use", &faint);
    frame_size(&v->volume->grid, size);
    snprintf(text, sizeof text, "%s; window %.4g to %.4g; ulite %s", size, p->window[0],
        p->window[1], ul_version());
    canvas_text_within(
        p->canvas, GAP_PX, (double)p->height - 8.0, (double)p->width - 2 * GAP_PX, text, &faint);
}

bool ul_view_draws(void) {
    return true;
}

ul_status ul_view_draw(const ul_view *view, const ul_progress *progress, uint8_t **rgb,
    size_t *width, size_t *height, ul_error *error) {
    preview p = {.view = view};
    size_t bytes;
    *rgb = NULL;
    ul_status status = prepare(&p, error);
    if (status == UL_OK) {
        draw_title(&p);
        draw_legend(&p);
    }
    for (size_t row = 0; status == UL_OK && row < p.row_count; row++) {
        status = draw_row(&p, row, error);
        if (status == UL_OK && !ul_progress_report(progress, "drawing", row + 1, p.row_count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    if (status == UL_OK)
        status = canvas_finish(p.canvas, rgb, &bytes, error);
    *width = status == UL_OK ? p.width : 0;
    *height = status == UL_OK ? p.height : 0;
    canvas_free(p.canvas);
    frame_free(&p.frame);
    free(p.middles);
    free(p.stats);
    free(p.rgb);
    return status;
}

ul_status ul_view_write_png(
    const char *path, const ul_view *view, const ul_progress *progress, ul_error *error) {
    uint8_t *rgb;
    size_t width, height;
    ul_status status = ul_view_draw(view, progress, &rgb, &width, &height, error);
    if (status == UL_OK)
        status = ul_png_write_rgb(path, rgb, 3 * width * height, width, height, error);
    free(rgb);
    return status;
}
