#include "jobs/view/chart.h"

#include "jobs/view/canvas.h"
#include "libulite/base/output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points of the document: its width, and a panel with the frame of its axes. */
static const double WIDTH = 680, PANEL = 400, LEFT = 70, RIGHT = 610, TOP = 44, BOTTOM = 340;
/* The legend: its first line below the panel's top, its lines. */
static const double LEGEND = 404, LEGEND_ROW = 18;
static const uint32_t INK = 0x222222, GRID = 0xdddddd;

/* 1, 2 or 5 times a power of ten, so that about count steps make a length. */
static double step_of(double length, double count) {
    double rough = length / count, power = pow(10.0, floor(log10(rough))), share = rough / power;
    return power * (share <= 1.0 ? 1.0 : share <= 2.0 ? 2.0 : share <= 5.0 ? 5.0 : 10.0);
}

typedef struct axis {
    double first, last, step; /* values */
    double from, to;          /* where they are drawn */
} axis;

static double place(const axis *a, double value) {
    return a->from + (value - a->first) / (a->last - a->first) * (a->to - a->from);
}

static void draw_side(canvas *c, const axis *a, const char *name, uint32_t colour, bool right) {
    const canvas_font font = {12.0, colour, false, false}, bold = {12.0, colour, true, false};
    double x = right ? RIGHT : LEFT;
    for (int n = 0; a->first + n * a->step <= a->last * 1.0001; n++) {
        char text[32];
        double value = a->first + n * a->step;
        snprintf(text, sizeof text, "%g", value);
        canvas_text(c, right ? x + 8.0 : x - 8.0, place(a, value) + 4.0,
            right ? CANVAS_LEFT : CANVAS_RIGHT, text, &font);
    }
    canvas_text(c, x, a->to - 10.0, right ? CANVAS_RIGHT : CANVAS_LEFT, name, &bold);
}

static void draw_across(canvas *c, const axis *across, const axis *left, const char *name) {
    const canvas_font font = {12.0, INK, false, false};
    const canvas_pen grid = {1.0, GRID, 1.0, false}, ink = {1.0, INK, 1.0, false};
    for (int n = 0; left->first + n * left->step <= left->last * 1.0001; n++) {
        double y = place(left, left->first + n * left->step);
        canvas_line(c, LEFT, y, RIGHT, y, &grid);
    }
    for (double value = across->step > 1.0 ? across->step : 1.0; value <= across->last + 1e-9;
         value += across->step) {
        char text[32];
        double x = place(across, value);
        snprintf(text, sizeof text, "%g", value);
        canvas_line(c, x, left->from, x, left->from + 5.0, &ink);
        canvas_text(c, x, left->from + 20.0, CANVAS_MIDDLE, text, &font);
    }
    canvas_text(c, (LEFT + RIGHT) / 2.0, left->from + 42.0, CANVAS_MIDDLE, name, &font);
    canvas_line(c, LEFT, left->to, LEFT, left->from, &ink);
    canvas_line(c, RIGHT, left->to, RIGHT, left->from, &ink);
    canvas_line(c, LEFT, left->from, RIGHT, left->from, &ink);
}

/* What no run comes to is not drawn, and bounds the number of steps. */
static bool is_drawn(const double point[2]) {
    return fabs(point[0]) < 1e9 && fabs(point[1]) < 1e9; /* false for a NaN */
}

/* Joins what is known. places: [curve->count] */
static void draw_curve(canvas *c, const chart_curve *curve, const axis *across, const axis *side,
    double (*places)[2]) {
    const canvas_pen pen = {1.8, curve->colour, 1.0, curve->dashed};
    size_t count = 0;
    for (size_t n = 0; n < curve->count; n++) {
        if (!is_drawn(curve->points[n]))
            continue;
        places[count][0] = place(across, curve->points[n][0]);
        places[count++][1] = place(side, curve->points[n][1]);
        if (curve->marked || curve->count == 1)
            canvas_box(
                c, places[count - 1][0] - 2.0, places[count - 1][1] - 2.0, 4.0, 4.0, curve->colour);
    }
    canvas_curve(c, places, count, &pen);
}

static double largest(const chart_curve *curve, int which) {
    double most = 0.0;
    for (size_t n = 0; n < curve->count; n++)
        if (is_drawn(curve->points[n]))
            most = fmax(most, curve->points[n][which]);
    return most;
}

static const canvas_font title = {14.0, INK, true, false};

/* As many as leave the longest name room, at most three. */
static size_t legend_columns(const chart *d) {
    size_t longest = 0; /* bytes, of about 7 points */
    for (size_t n = 0; n < d->below_count; n++) {
        size_t length = strlen(d->below[n].name);
        longest = length > longest ? length : longest;
    }
    return longest <= 20 ? 3 : longest <= 32 ? 2 : 1;
}

static void draw_legend(canvas *c, const chart *d) {
    const canvas_font font = {12.0, INK, false, false};
    const size_t columns = legend_columns(d);
    const double cell = (RIGHT - LEFT) / (double)columns;
    for (size_t n = 0; n < d->below_count; n++) {
        const canvas_pen pen = {1.8, d->below[n].colour, 1.0, d->below[n].dashed};
        double x = LEFT + cell * (double)(n % columns);
        double y = PANEL + LEGEND + LEGEND_ROW * (double)(n / columns);
        canvas_line(c, x, y - 4.0, x + 22.0, y - 4.0, &pen);
        canvas_text_within(c, x + 28.0, y, cell - 36.0, d->below[n].name, &font);
    }
}

static double height_of(const chart *d) {
    size_t columns = legend_columns(d), rows = (d->below_count + columns - 1) / columns;
    return rows ? PANEL + LEGEND + LEGEND_ROW * (double)rows : PANEL;
}

static void draw_below(canvas *c, const chart *d, const axis *across, double (*places)[2]) {
    const axis side = {0.0, d->right_most, d->right_most / 5.0, PANEL + BOTTOM, PANEL + TOP};
    canvas_text(c, (LEFT + RIGHT) / 2.0, PANEL + TOP - 14.0, CANVAS_MIDDLE, d->below_title, &title);
    draw_across(c, across, &side, d->across);
    draw_side(c, &side, "", INK, false);
    for (size_t n = 0; n < d->below_count; n++)
        draw_curve(c, &d->below[n], across, &side, places);
    draw_legend(c, d);
}

static void draw(canvas *c, const chart *d, double (*places)[2]) {
    double most = largest(&d->left, 1), last = fmax(largest(&d->left, 0), 2.0);
    most = most > 1e-9 ? most : 1.0;
    double step = step_of(most, 5.0);
    const axis across = {1.0, last, fmax(1.0, step_of(last, 8.0)), LEFT, RIGHT};
    const axis left = {0.0, step * ceil(most / step), step, BOTTOM, TOP};
    const axis right = {0.0, d->right_most, d->right_most / 5.0, BOTTOM, TOP};
    canvas_box(c, 0.0, 0.0, WIDTH, height_of(d), 0xffffff);
    canvas_text(c, (LEFT + RIGHT) / 2.0, 20.0, CANVAS_MIDDLE, d->title, &title);
    draw_across(c, &across, &left, d->across);
    draw_side(c, &left, d->left.name, d->left.colour, false);
    if (d->right.count > 0)
        draw_side(c, &right, d->right.name, d->right.colour, true);
    draw_curve(c, &d->left, &across, &left, places);
    draw_curve(c, &d->right, &across, &right, places);
    if (d->below_count > 0)
        draw_below(c, d, &across, places);
}

ul_status chart_write(const char *path, const chart *drawn, ul_error *error) {
    const char *ending = strrchr(path, '.');
    bool pdf = ending && strcmp(ending, ".pdf") == 0;
    size_t most = drawn->left.count > drawn->right.count ? drawn->left.count : drawn->right.count;
    for (size_t n = 0; n < drawn->below_count; n++)
        most = drawn->below[n].count > most ? drawn->below[n].count : most;
    double(*places)[2] = calloc(most + 1, sizeof *places);
    canvas *c = NULL;
    uint8_t *bytes = NULL;
    size_t size;
    ul_status status =
        places ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    if (status == UL_OK)
        status = canvas_create(pdf ? CANVAS_PDF : CANVAS_SVG, WIDTH, height_of(drawn), &c, error);
    if (status == UL_OK) {
        draw(c, drawn, places);
        status = canvas_finish(c, &bytes, &size, error);
    }
    if (status == UL_OK)
        status = ul_output_write(path, bytes, size, error);
    canvas_free(c);
    free(bytes);
    free(places);
    return status;
}
