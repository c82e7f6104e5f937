/* What stands for the pictures where ulite is built without cairo. */
#include "ulite/view.h"

#include "jobs/view/chart.h"

static ul_status without_cairo(ul_error *error) {
    return ul_error_set(error, UL_ERROR_UNSUPPORTED,
        "this ulite was built without cairo, which draws pictures: build it with libcairo2-dev");
}

bool ul_view_draws(void) {
    return false;
}

ul_status ul_view_draw(const ul_view *view, const ul_progress *progress, uint8_t **rgb,
    size_t *width, size_t *height, ul_error *error) {
    (void)view;
    (void)progress;
    *rgb = NULL;
    *width = *height = 0;
    return without_cairo(error);
}

ul_status ul_view_write_png(
    const char *path, const ul_view *view, const ul_progress *progress, ul_error *error) {
    (void)path;
    (void)view;
    (void)progress;
    return without_cairo(error);
}

ul_status chart_write(const char *path, const chart *drawn, ul_error *error) {
    (void)path;
    (void)drawn;
    return without_cairo(error);
}
