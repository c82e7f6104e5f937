/* A surface to draw on with lines and text, over cairo. Coordinates are pixels (points of a
 * document) from the left and top. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

typedef enum canvas_kind { CANVAS_PIXELS, CANVAS_SVG, CANVAS_PDF } canvas_kind;
typedef enum canvas_align { CANVAS_LEFT, CANVAS_MIDDLE, CANVAS_RIGHT } canvas_align;

typedef struct canvas canvas;

/* Errors: UL_ERROR_LIMIT. *canvas: canvas_free. */
ul_status canvas_create(
    canvas_kind kind, double width, double height, canvas **created, ul_error *error);
void canvas_free(canvas *c); /* NULL is fine */

/* Colours are 0xRRGGBB. */
void canvas_box(canvas *c, double x, double y, double width, double height, uint32_t colour);

typedef struct canvas_pen {
    double width;
    uint32_t colour;
    double opacity; /* 0..1 */
    bool dashed;
} canvas_pen;

void canvas_line(canvas *c, double x0, double y0, double x1, double y1, const canvas_pen *pen);

/* Through points [count][2]; a NaN ends a line, and the next point begins another. */
void canvas_curve(canvas *c, const double (*points)[2], size_t count, const canvas_pen *pen);

typedef struct canvas_font {
    double size;
    uint32_t colour;
    bool bold;
    bool outlined; /* in black, to be read on an image */
} canvas_font;

/* y: of the line that the letters stand on. UTF-8. */
void canvas_text(
    canvas *c, double x, double y, canvas_align align, const char *text, const canvas_font *font);
double canvas_text_width(canvas *c, const char *text, const canvas_font *font);

/* The text, cut and ended by "..." where it is wider than width. */
void canvas_text_within(
    canvas *c, double x, double y, double width, const char *text, const canvas_font *font);

/* rgb [height][width][3], a pixel a pixel. Errors: UL_ERROR_LIMIT. */
ul_status canvas_image(canvas *c, double x, double y, const uint8_t *rgb, size_t width,
    size_t height, ul_error *error);

/* What was drawn: of CANVAS_PIXELS [height][width][3], else a file. *bytes: the caller's, NULL on
 * failure. Nothing can be drawn after it. Errors: UL_ERROR_LIMIT. */
ul_status canvas_finish(canvas *c, uint8_t **bytes, size_t *size, ul_error *error);
