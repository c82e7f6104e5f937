/* What `ulite segment` writes to look at: pictures and pages. */
#include "ulite/view.h"
#include "apps/base/console.h"
#include "apps/segment/segment.h"
#include "ulite/capture.h"
#include "ulite/png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool segment_is_viewed(const segment_arguments *arguments) {
    return arguments->preview || arguments->html || arguments->sc;
}

ul_status segment_check_views(const segment_arguments *arguments, ul_error *error) {
    if (ul_view_draws() || (!arguments->preview && !arguments->sc))
        return UL_OK;
    return ul_error_set(error, UL_ERROR_UNSUPPORTED,
        "%s: this ulite was built without cairo, which draws pictures; --html needs none",
        arguments->preview ? "--preview" : "--sc");
}

/* What was segmented, by what tells nothing of a patient but for a file's own name. */
static void name_source(
    const segment_arguments *arguments, const segment_input *input, char text[TARGET_PATH_BYTES]) {
    const char *path = arguments->inputs[0], *slash = strrchr(path, '/');
    if (input->series && input->file == IMAGE_NONE)
        snprintf(text, TARGET_PATH_BYTES, "DICOM series %s",
            ul_series_get_info(input->series)->series_uid);
    else if (arguments->frame)
        snprintf(text, TARGET_PATH_BYTES, "%.900s, volume %zu", slash ? slash + 1 : path,
            arguments->frame);
    else
        snprintf(text, TARGET_PATH_BYTES, "%.1000s", slash ? slash + 1 : path);
}

/* The notes of the series and of the file, and why it was forced. *notes: free. */
static ul_status list_notes(
    const segment_input *input, const char ***notes, size_t *count, ul_error *error) {
    const ul_series_info *info = input->series ? ul_series_get_info(input->series) : NULL;
    *count = 0;
    *notes = calloc((info ? info->note_count : 0) + 3, sizeof **notes);
    if (!*notes)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the notes");
    for (size_t n = 0; info && n < info->note_count; n++)
        (*notes)[(*count)++] = info->notes[n];
    if (input->notes && *input->notes)
        (*notes)[(*count)++] = input->notes;
    if (*input->forced)
        (*notes)[(*count)++] = input->forced;
    return UL_OK;
}

/* The picture as PNG and as a Secondary Capture, drawn once. */
static ul_status write_pictures(const segment_arguments *arguments, const ul_view *view,
    const segment_input *input, written_files *written, ul_error *error) {
    uint8_t *rgb;
    size_t width, height;
    const char *temporary;
    char description[128];
    ul_status status = ul_view_draw(view, console_progress(), &rgb, &width, &height, error);
    if (status == UL_OK && arguments->preview) {
        status = written_next(written, arguments->preview, &temporary, error);
        if (status == UL_OK)
            status = ul_png_write_rgb(temporary, rgb, 3 * width * height, width, height, error);
    }
    if (status == UL_OK && arguments->sc) {
        snprintf(description, sizeof description, "ulite: %s, picture", input->model_name);
        const ul_capture capture = {.rgb = rgb,
            .width = width,
            .height = height,
            .description = description,
            .image_description = "Planes through the middle of each segment",
            .random_uids = arguments->random_uids};
        status = written_next(written, arguments->sc, &temporary, error);
        if (status == UL_OK)
            status = ul_capture_write(temporary, &capture, input->series, error);
    }
    free(rgb);
    return status;
}

static ul_status write_views(const segment_arguments *arguments, const ul_view *view,
    const segment_input *input, written_files *written, ul_error *error) {
    ul_status status = UL_OK;
    const char *temporary;
    if (arguments->preview || arguments->sc)
        status = write_pictures(arguments, view, input, written, error);
    if (status == UL_OK && arguments->html)
        status = written_next(written, arguments->html, &temporary, error);
    if (status == UL_OK && arguments->html)
        status = ul_view_write_page(temporary, view, console_progress(), error);
    return status;
}

ul_status segment_write_views(const segment_arguments *arguments, const ul_card *card,
    const segment_input *input, const ul_labels *labels, const ul_segment_stats *stats,
    written_files *written, ul_error *error) {
    const ul_normalisation *n = &card->normalisation;
    const double window[2] = {n->low, n->high}; /* what the network sees, where that is fixed */
    bool fixed = n->kind == UL_NORMALISE_WINDOW || n->kind == UL_NORMALISE_UNIT;
    char source[TARGET_PATH_BYTES];
    const char **notes;
    size_t note_count;
    if (!segment_is_viewed(arguments))
        return UL_OK;
    ul_status status = list_notes(input, &notes, &note_count, error);
    if (status != UL_OK)
        return status;
    name_source(arguments, input, source);
    const ul_view view = {.volume = &input->volume,
        .labels = labels,
        .window = fixed ? window : NULL,
        .stats = stats,
        .quality = input->quality,
        .quality_count = input->quality_count,
        .card = input->model_card,
        .model_hash = input->model_hash,
        .source = source,
        .notes = notes,
        .note_count = note_count};
    status = write_views(arguments, &view, input, written, error);
    free(notes);
    return status;
}
