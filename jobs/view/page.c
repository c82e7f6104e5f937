#include "ulite/view.h"

#include "jobs/view/middles.h"
#include "jobs/view/page_data.h"
#include "jobs/view/panel.h"
#include "jobs/view/thumbnail.h"
#include "jobs/view/web.h"
#include "libulite/base/output.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a page is made of. */
typedef struct case_page {
    const ul_view *view;
    page_image image;
    view_frame frame; /* of what the page shows */
    view_middle *middles;
    ul_segment_stats *stats; /* owned where the view has none */
    double window[2];
} case_page;

/* null where it is not known. */
static void add_number(cJSON *object, const char *key, double value) {
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

static void add_text(cJSON *object, const char *key, const char *text) {
    cJSON_AddStringToObject(object, key, text ? text : "");
}

static void add_model(cJSON *page, const ul_view *view) {
    const ul_card *card = view->card;
    if (!card) {
        cJSON_AddNullToObject(page, "model");
        return;
    }
    cJSON *model = cJSON_AddObjectToObject(page, "model");
    add_text(model, "name", card->name);
    add_text(model, "task", card->task);
    cJSON_AddBoolToObject(model, "trained", card->trained);
    add_text(model, "sha256", view->model_hash);
    add_text(model, "licence", card->licence);
    add_text(model, "provenance", card->provenance);
    cJSON *metrics = cJSON_AddArrayToObject(model, "metrics");
    for (size_t m = 0; m < card->metric_count; m++) {
        cJSON *item = cJSON_CreateObject();
        add_text(item, "name", card->metrics[m].name);
        add_number(item, "value", card->metrics[m].value);
        cJSON_AddItemToArray(metrics, item);
    }
}

static void add_warning(cJSON *item, const ul_view *view, unsigned number) {
    for (size_t q = 0; q < view->quality_count; q++)
        if (view->quality[q].number == number && view->quality[q].flags) {
            char text[UL_QUALITY_TEXT_BYTES];
            ul_quality_text(&view->quality[q], text);
            cJSON_AddStringToObject(item, "warning", text);
            return;
        }
    cJSON_AddNullToObject(item, "warning");
}

static void add_segments(cJSON *page, const case_page *p) {
    const ul_segments *segments = &p->view->labels->segments;
    const ul_segment_stats *stats = p->view->stats ? p->view->stats : p->stats;
    cJSON *list = cJSON_AddArrayToObject(page, "segments");
    for (size_t s = 0; s < segments->count; s++) {
        const ul_segment *segment = &segments->items[s];
        const view_middle *middle = &p->middles[s];
        cJSON *item = cJSON_CreateObject();
        char rgb[8];
        snprintf(
            rgb, sizeof rgb, "#%02x%02x%02x", segment->rgb[0], segment->rgb[1], segment->rgb[2]);
        cJSON_AddNumberToObject(item, "number", segment->number);
        add_text(item, "name", segment->label);
        add_text(item, "rgb", rgb);
        cJSON_AddNumberToObject(item, "voxels", (double)stats[s].voxels);
        add_number(item, "volume_ml", stats[s].volume_ml);
        add_number(item, "area_mm2", stats[s].area_mm2);
        add_number(item, "mean", stats[s].mean);
        add_number(item, "sd", stats[s].sd);
        add_warning(item, p->view, segment->number);
        cJSON *place = middle->voxels ? cJSON_AddArrayToObject(item, "middle")
                                      : cJSON_AddNullToObject(item, "middle");
        for (int a = 0; middle->voxels && a < 3; a++)
            cJSON_AddItemToArray(place,
                cJSON_CreateNumber((double)(middle->index[a] / (a < 2 ? p->image.reduced : 1))));
        cJSON_AddItemToArray(list, item);
    }
}

/* One number where all slices have the same. */
static void add_per_slice(cJSON *object, const char *key, const double *values, size_t count) {
    bool same = true;
    for (size_t k = 1; k < count; k++)
        same = same && values[k] == values[0];
    if (same)
        cJSON_AddNumberToObject(object, key, values[0]);
    else
        cJSON_AddItemToObject(object, key, cJSON_CreateDoubleArray(values, (int)count));
}

static void add_image(cJSON *page, const case_page *p) {
    const page_image *image = &p->image;
    const ul_volume *volume = p->view->volume;
    cJSON *object = cJSON_AddObjectToObject(page, "image");
    cJSON *size = cJSON_AddArrayToObject(object, "size");
    for (int a = 0; a < 3; a++)
        cJSON_AddItemToArray(size, cJSON_CreateNumber((double)image->grid.size[a]));
    cJSON_AddNumberToObject(object, "channels", (double)image->channels);
    cJSON_AddNumberToObject(object, "bits", image->bits);
    cJSON_AddBoolToObject(object, "signed", image->is_signed);
    cJSON_AddBoolToObject(object, "exact", image->exact);
    cJSON_AddNumberToObject(object, "reduced", (double)image->reduced);
    if (image->exact) {
        add_per_slice(object, "slope", volume->slope, volume->grid.size[2]);
        add_per_slice(object, "intercept", volume->intercept, volume->grid.size[2]);
    } else {
        cJSON_AddNumberToObject(object, "slope", image->factor);
        cJSON_AddNumberToObject(object, "intercept", image->low);
    }
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(page, "labels"), "bits", image->label_bits);
}

static void add_frame(cJSON *page, const view_frame *f) {
    cJSON *object = cJSON_AddObjectToObject(page, "frame");
    cJSON_AddBoolToObject(object, "placed", f->placed);
    cJSON_AddBoolToObject(object, "spaced", f->spaced);
    cJSON *axes = cJSON_AddArrayToObject(object, "axis");
    for (int a = 0; a < 3; a++)
        cJSON_AddItemToArray(axes, cJSON_CreateDoubleArray(f->axis[a], 3));
    cJSON_AddItemToObject(object, "spacing", cJSON_CreateDoubleArray(f->spacing_mm, 2));
    cJSON_AddNumberToObject(object, "step", f->step_mm);
    cJSON *shifts = cJSON_AddArrayToObject(object, "shift");
    cJSON *borders = cJSON_AddArrayToObject(object, "border");
    for (size_t k = 0; k < f->size[2]; k++) {
        cJSON_AddItemToArray(shifts, cJSON_CreateDoubleArray(f->shift_mm[k], 3));
        cJSON_AddItemToArray(borders, cJSON_CreateDoubleArray(f->border_mm + 2 * k, 2));
    }
}

static void add_letters(cJSON *object, const char *key, const double direction[3], bool opposite) {
    char letters[FRAME_LETTERS_BYTES];
    frame_letters(direction, opposite, letters);
    add_text(object, key, letters);
}

static void add_planes(cJSON *page, const case_page *p) {
    view_plane planes[3];
    int count = frame_planes(&p->image.grid, &p->frame, planes);
    cJSON *list = cJSON_AddArrayToObject(page, "planes");
    for (int n = 0; n < count; n++) {
        const view_plane *plane = &planes[n];
        cJSON *item = cJSON_CreateObject();
        add_text(item, "name", plane->name == UL_PLANE_UNKNOWN ? "" : ul_plane_name(plane->name));
        cJSON_AddNumberToObject(item, "across", plane->across);
        cJSON_AddNumberToObject(item, "down", plane->down);
        cJSON_AddNumberToObject(item, "normal", plane->normal);
        cJSON *against = cJSON_AddArrayToObject(item, "against");
        for (int t = 0; t < 2; t++)
            cJSON_AddItemToArray(against, cJSON_CreateBool(plane->against[t]));
        cJSON *letters = cJSON_AddObjectToObject(item, "letters");
        add_letters(letters, "left", plane->right, true);
        add_letters(letters, "right", plane->right, false);
        add_letters(letters, "top", plane->below, true);
        add_letters(letters, "bottom", plane->below, false);
        cJSON_AddItemToObject(item, "out", cJSON_CreateDoubleArray(plane->out, 3));
        cJSON *sides = cJSON_AddArrayToObject(item, "sides");
        for (int side = 0; side < 2; side++) {
            char letter[FRAME_LETTERS_BYTES];
            frame_letters(plane->out, side, letter);
            letter[1] = '\0';
            cJSON_AddItemToArray(sides, cJSON_CreateString(letter));
        }
        cJSON_AddItemToArray(list, item);
    }
}

static char *describe(const case_page *p) {
    const ul_view *view = p->view;
    cJSON *page = cJSON_CreateObject();
    cJSON_AddNumberToObject(page, "version", 1);
    add_text(page, "ulite", ul_version());
    add_text(page, "title", view->card ? view->card->name : "Segmentation");
    add_text(page, "source", view->source);
    add_text(page, "modality", view->volume->modality);
    char size[FRAME_SIZE_BYTES];
    frame_size(&view->volume->grid, size);
    add_text(page, "size", size);
    cJSON *notes = cJSON_AddArrayToObject(page, "notes");
    for (size_t n = 0; n < view->note_count; n++)
        cJSON_AddItemToArray(notes, cJSON_CreateString(view->notes[n]));
    add_model(page, view);
    add_segments(page, p);
    add_image(page, p);
    add_frame(page, &p->frame);
    add_planes(page, p);
    cJSON_AddItemToObject(page, "window", cJSON_CreateDoubleArray(p->window, 2));
    char *text = cJSON_PrintUnformatted(page);
    cJSON_Delete(page);
    return text;
}

static ul_status prepare(case_page *p, ul_error *error) {
    const ul_view *v = p->view;
    size_t count = v->labels->segments.count;
    view_frame whole = {0};
    ul_status status = frame_create(&v->volume->grid, &whole, error);
    if (status == UL_OK)
        status = middles_find(&whole, v->labels, &p->middles, NULL, NULL, error);
    frame_free(&whole);
    if (status == UL_OK)
        status = page_image_plan(v->volume, v->labels, &p->image, error);
    if (status == UL_OK)
        status = frame_create(&p->image.grid, &p->frame, error);
    if (status == UL_OK)
        status = panel_window(v->volume, v->window, p->window, error);
    if (status == UL_OK && !v->stats) {
        p->stats = calloc(count + 1, sizeof *p->stats);
        status = p->stats ? ul_stats_measure(v->volume, v->labels, NULL, p->stats, count, error)
                          : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a page");
    }
    return status;
}

static ul_status write_body(
    const case_page *p, const ul_progress *progress, FILE *file, ul_error *error) {
    const ul_view *v = p->view;
    char *json = describe(p);
    if (!json)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a page");
    web_begin(file, v->card ? v->card->name : "Segmentation");
    ul_status status = thumbnail_write(v, p->middles, p->window, file, error);
    web_body(file, WEB_CASE);
    web_json(file, "case", json);
    free(json);
    if (status == UL_OK) {
        fputs("<script type=\"text/plain\" id=\"image\">", file);
        status = page_image_write(&p->image, v->volume, progress, file, error);
    }
    if (status == UL_OK) {
        fputs("</script>\n<script type=\"text/plain\" id=\"labels\">", file);
        status = page_labels_write(&p->image, v->labels, file, error);
    }
    fputs("</script>\n", file);
    web_end(file, WEB_CASE);
    return status;
}

ul_status ul_view_write_page(
    const char *path, const ul_view *view, const ul_progress *progress, ul_error *error) {
    case_page p = {.view = view};
    ul_output output = {0};
    ul_status status = prepare(&p, error);
    if (status == UL_OK)
        status = ul_output_begin(path, &output, error);
    FILE *file = status == UL_OK ? fopen(output.temporary, "wb") : NULL;
    if (file)
        status = write_body(&p, progress, file, error);
    if (file && (ferror(file) | fclose(file)) != 0 && status == UL_OK)
        status = ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    else if (!file && status == UL_OK)
        status = ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    if (status == UL_OK)
        status = ul_output_commit(&output, error);
    ul_output_abandon(&output);
    page_image_free(&p.image);
    frame_free(&p.frame);
    free(p.middles);
    free(p.stats);
    return status;
}
