#include "jobs/view/canvas.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct canvas {
    canvas_kind kind;
    size_t width, height;
    cairo_surface_t *surface;
    cairo_t *cairo;
    FILE *file; /* in memory, of a document */
    char *bytes;
    size_t size;
};

static ul_status no_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a picture");
}

static cairo_status_t take_bytes(void *context, const unsigned char *bytes, unsigned count) {
    canvas *c = context;
    return fwrite(bytes, 1, count, c->file) == count ? CAIRO_STATUS_SUCCESS
                                                     : CAIRO_STATUS_WRITE_ERROR;
}

static void create_surface(canvas *c, double width, double height) {
    if (c->kind == CANVAS_PIXELS) {
        c->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
        return;
    }
    c->file = open_memstream(&c->bytes, &c->size);
    if (!c->file)
        return;
    if (c->kind == CANVAS_SVG) {
        c->surface = cairo_svg_surface_create_for_stream(take_bytes, c, width, height);
        return;
    }
    c->surface = cairo_pdf_surface_create_for_stream(take_bytes, c, width, height);
    /* The same run gives the same bytes. */
    cairo_pdf_surface_set_metadata(
        c->surface, CAIRO_PDF_METADATA_CREATE_DATE, "1970-01-01T00:00:00Z");
}

ul_status canvas_create(
    canvas_kind kind, double width, double height, canvas **created, ul_error *error) {
    canvas *c = *created = calloc(1, sizeof *c);
    if (!c)
        return no_memory(error);
    c->kind = kind;
    c->width = (size_t)width;
    c->height = (size_t)height;
    create_surface(c, width, height);
    if (c->surface)
        c->cairo = cairo_create(c->surface);
    if (c->cairo && cairo_status(c->cairo) == CAIRO_STATUS_SUCCESS)
        return UL_OK;
    canvas_free(c);
    *created = NULL;
    return no_memory(error);
}

void canvas_free(canvas *c) {
    if (!c)
        return;
    if (c->cairo)
        cairo_destroy(c->cairo);
    if (c->surface) {
        cairo_surface_finish(c->surface);
        cairo_surface_destroy(c->surface);
    }
    if (c->file)
        fclose(c->file);
    free(c->bytes);
    free(c);
}

static void set_colour(canvas *c, uint32_t colour, double opacity) {
    cairo_set_source_rgba(c->cairo, (colour >> 16 & 255) / 255.0, (colour >> 8 & 255) / 255.0,
        (colour & 255) / 255.0, opacity);
}

void canvas_box(canvas *c, double x, double y, double width, double height, uint32_t colour) {
    set_colour(c, colour, 1.0);
    cairo_rectangle(c->cairo, x, y, width, height);
    cairo_fill(c->cairo);
}

static void stroke(canvas *c, const canvas_pen *pen) {
    static const double dashes[] = {3.0, 3.0};
    set_colour(c, pen->colour, pen->opacity);
    cairo_set_line_width(c->cairo, pen->width);
    cairo_set_line_join(c->cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(c->cairo, dashes, pen->dashed ? 2 : 0, 0.0);
    cairo_stroke(c->cairo);
}

void canvas_line(canvas *c, double x0, double y0, double x1, double y1, const canvas_pen *pen) {
    cairo_move_to(c->cairo, x0, y0);
    cairo_line_to(c->cairo, x1, y1);
    stroke(c, pen);
}

void canvas_curve(canvas *c, const double (*points)[2], size_t count, const canvas_pen *pen) {
    bool drawn = false;
    for (size_t n = 0; n < count; n++) {
        bool known = isfinite(points[n][0]) && isfinite(points[n][1]);
        if (known && drawn)
            cairo_line_to(c->cairo, points[n][0], points[n][1]);
        else if (known)
            cairo_move_to(c->cairo, points[n][0], points[n][1]);
        drawn = known;
    }
    stroke(c, pen);
}

static void set_font(canvas *c, const canvas_font *font) {
    cairo_select_font_face(c->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
        font->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c->cairo, font->size);
}

double canvas_text_width(canvas *c, const char *text, const canvas_font *font) {
    cairo_text_extents_t extents;
    set_font(c, font);
    cairo_text_extents(c->cairo, text, &extents);
    return extents.x_advance;
}

void canvas_text(
    canvas *c, double x, double y, canvas_align align, const char *text, const canvas_font *font) {
    double width = canvas_text_width(c, text, font);
    cairo_move_to(c->cairo,
        x - (align == CANVAS_LEFT ? 0.0 : width / (align == CANVAS_MIDDLE ? 2.0 : 1.0)), y);
    if (font->outlined) {
        static const canvas_pen outline = {3.0, 0x000000, 0.8, false};
        cairo_text_path(c->cairo, text);
        cairo_path_t *path = cairo_copy_path(c->cairo);
        stroke(c, &outline);
        cairo_append_path(c->cairo, path);
        cairo_path_destroy(path);
        set_colour(c, font->colour, 1.0);
        cairo_fill(c->cairo);
        return;
    }
    set_colour(c, font->colour, 1.0);
    cairo_show_text(c->cairo, text);
}

void canvas_text_within(
    canvas *c, double x, double y, double width, const char *text, const canvas_font *font) {
    char shown[1024];
    snprintf(shown, sizeof shown - 4, "%s", text);
    size_t length = strlen(shown);
    while (length > 0 && canvas_text_width(c, shown, font) > width) {
        do /* whole characters */
            length--;
        while (length > 0 && ((unsigned char)shown[length] & 0xC0) == 0x80);
        memcpy(shown + length, "...", 4);
    }
    canvas_text(c, x, y, CANVAS_LEFT, shown, font);
}

ul_status canvas_image(canvas *c, double x, double y, const uint8_t *rgb, size_t width,
    size_t height, ul_error *error) {
    cairo_surface_t *image =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    bool made = cairo_surface_status(image) == CAIRO_STATUS_SUCCESS;
    if (made) {
        uint8_t *bytes = cairo_image_surface_get_data(image);
        size_t stride = (size_t)cairo_image_surface_get_stride(image);
        for (size_t j = 0; j < height; j++)
            for (size_t i = 0; i < width; i++, rgb += 3) {
                uint32_t pixel = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
                memcpy(bytes + j * stride + 4 * i, &pixel, 4);
            }
        cairo_surface_mark_dirty(image);
        cairo_set_source_surface(c->cairo, image, x, y);
        cairo_paint(c->cairo);
    }
    cairo_surface_destroy(image);
    return made ? UL_OK : no_memory(error);
}

static ul_status finish_pixels(canvas *c, uint8_t **bytes, size_t *size, ul_error *error) {
    cairo_surface_flush(c->surface);
    const uint8_t *data = cairo_image_surface_get_data(c->surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(c->surface);
    uint8_t *rgb = *bytes = malloc(c->width * c->height * 3 + 1);
    if (!rgb)
        return no_memory(error);
    *size = c->width * c->height * 3;
    for (size_t j = 0; j < c->height; j++)
        for (size_t i = 0; i < c->width; i++, rgb += 3) {
            uint32_t pixel;
            memcpy(&pixel, data + j * stride + 4 * i, 4);
            rgb[0] = (uint8_t)(pixel >> 16);
            rgb[1] = (uint8_t)(pixel >> 8);
            rgb[2] = (uint8_t)pixel;
        }
    return UL_OK;
}

ul_status canvas_finish(canvas *c, uint8_t **bytes, size_t *size, ul_error *error) {
    *bytes = NULL;
    *size = 0;
    if (cairo_status(c->cairo) != CAIRO_STATUS_SUCCESS)
        return no_memory(error);
    if (c->kind == CANVAS_PIXELS)
        return finish_pixels(c, bytes, size, error);
    cairo_surface_finish(c->surface);
    bool written = cairo_surface_status(c->surface) == CAIRO_STATUS_SUCCESS;
    written = fclose(c->file) == 0 && written;
    c->file = NULL;
    if (!written)
        return no_memory(error);
    *bytes = (uint8_t *)c->bytes;
    *size = c->size;
    c->bytes = NULL;
    return UL_OK;
}
