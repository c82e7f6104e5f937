#include "jobs/view/thumbnail.h"

#include "jobs/view/page_data.h"
#include "jobs/view/panel.h"
#include "ulite/png.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void choose_point(
    const view_frame *frame, const ul_labels *labels, const view_middle *middles, double at[3]) {
    size_t most = 0;
    for (int a = 0; a < 3; a++)
        at[a] = (frame->low[a] + frame->high[a]) / 2.0;
    for (size_t s = 0; s < labels->segments.count; s++)
        if (middles[s].voxels > most) {
            most = middles[s].voxels;
            memcpy(at, middles[s].at, 3 * sizeof *at);
        }
}

/* One plane, centred in its square of rgb [THUMBNAIL_PX][width][3]. */
static ul_status draw_plane(const view_panel *like, const view_plane *plane, size_t left,
    size_t width, uint8_t *rgb, ul_error *error) {
    view_panel panel = *like;
    double extent[2] = {panel.high[plane->across] - panel.low[plane->across],
        panel.high[plane->down] - panel.low[plane->down]};
    double scale = THUMBNAIL_PX / fmax(extent[0], extent[1]);
    panel.plane = plane;
    panel.width = (size_t)fmax(1.0, rint(extent[0] * scale));
    panel.height = (size_t)fmax(1.0, rint(extent[1] * scale));
    uint8_t *drawn = malloc(panel.width * panel.height * 3);
    if (!drawn)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a thumbnail");
    ul_status status = panel_draw(&panel, drawn, error);
    size_t top = (THUMBNAIL_PX - panel.height) / 2;
    left += (THUMBNAIL_PX - panel.width) / 2;
    for (size_t y = 0; status == UL_OK && y < panel.height; y++)
        memcpy(rgb + 3 * ((top + y) * width + left), drawn + 3 * y * panel.width, 3 * panel.width);
    free(drawn);
    return status;
}

static ul_status draw(const ul_view *view, const view_middle *middles, const double window[2],
    uint8_t **rgb, size_t *width, ul_error *error) {
    view_frame frame;
    view_plane planes[3];
    *rgb = NULL;
    ul_status status = frame_create(&view->volume->grid, &frame, error);
    if (status != UL_OK)
        return status;
    int count = frame_planes(&view->volume->grid, &frame, planes);
    view_panel panel = {.frame = &frame,
        .volume = view->volume,
        .labels = view->labels,
        .window = {window[0], window[1]}};
    memcpy(panel.low, frame.low, sizeof panel.low);
    memcpy(panel.high, frame.high, sizeof panel.high);
    choose_point(&frame, view->labels, middles, panel.at);
    *width = (size_t)count * THUMBNAIL_PX;
    *rgb = calloc(*width * THUMBNAIL_PX, 3);
    if (!*rgb)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a thumbnail");
    for (int n = 0; status == UL_OK && n < count; n++)
        status = draw_plane(&panel, &planes[n], (size_t)n * THUMBNAIL_PX, *width, *rgb, error);
    frame_free(&frame);
    return status;
}

ul_status thumbnail_write(const ul_view *view, const view_middle *middles, const double window[2],
    FILE *file, ul_error *error) {
    uint8_t *rgb, *png = NULL;
    size_t width, bytes;
    ul_status status = draw(view, middles, window, &rgb, &width, error);
    for (size_t n = 0; status == UL_OK && n < 3 * width * THUMBNAIL_PX; n++)
        rgb[n] = (uint8_t)((rgb[n] + 8) / 17 * 17); /* 16 shades: a third of the bytes */
    if (status == UL_OK)
        status = ul_png_encode_rgb(
            rgb, width * THUMBNAIL_PX * 3, width, THUMBNAIL_PX, &png, &bytes, error);
    if (status == UL_OK) {
        fputs(THUMBNAIL_BEGIN, file);
        page_base64(png, bytes, file);
        fputs("\">\n", file);
    }
    free(rgb);
    free(png);
    return status;
}
