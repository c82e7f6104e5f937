#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/segment/segment.h"
#include "io/base/sha256.h"

#include <stdlib.h>
#include <string.h>

void segment_input_free(segment_input *input) {
    ul_catalog_close(input->catalog);
    ul_volume_free(&input->volume);
    ul_grid_free(&input->slices);
    ul_volume_free(&input->crop);
    ul_nifti_header_free(input->header);
    free(input->notes);
    for (int f = 0; f < 2; f++)
        free(input->paths[f]);
    free(input->quality);
    memset(input, 0, sizeof *input);
}

/* The only volume that is meant, or the only one of these that the model was made for. */
static ul_status choose_fitting(const ul_catalog *catalog, const char *series, const ul_card *card,
    const ul_series **chosen, ul_error *error) {
    size_t meant = choose_count(catalog, series);
    if (meant < 2)
        return choose_series(catalog, series, chosen, error);
    ul_error why = {0};
    if (ul_card_choose(card, catalog, series, chosen, &why) != UL_OK) {
        bool none = choose_list(catalog, series, card) == 0 && why.status == UL_ERROR_CHOICE;
        if (none) /* the list has the reasons, one a line */
            ul_error_set(
                error, why.status, "the model was made for none of the %zu volumes", meant);
        else
            *error = why;
        ul_error_suffix(error, "; take --series from the list, with --force where none fits");
        return why.status;
    }
    for (size_t i = 0; i < ul_catalog_size(catalog); i++)
        if (ul_catalog_at(catalog, i) == *chosen) {
            char name[UL_SERIES_NAME_BYTES];
            ul_catalog_name(catalog, i, name);
            console_say("taken: series %s, the only one of %zu volumes that the model was made for",
                name, meant);
        }
    return UL_OK;
}

static ul_status read_dicom(const segment_arguments *arguments, const ul_card *card,
    segment_input *input, ul_error *error) {
    ul_status status = UL_OK;
    input->series = arguments->chosen;
    if (!input->series) {
        status = choose_open(
            arguments->inputs, arguments->input_count, arguments->threads, &input->catalog, error);
        if (status == UL_OK)
            status = choose_fitting(input->catalog, arguments->series, card, &input->series, error);
    }
    if (status == UL_OK)
        status = ul_series_read(
            input->series, arguments->threads, console_progress(), &input->volume, error);
    if (status != UL_OK)
        return status;
    const ul_series_info *info = ul_series_get_info(input->series);
    for (size_t n = 0; n < info->note_count; n++)
        console_say("note: %s", info->notes[n]);
    if (input->catalog)
        choose_note_faults(input->catalog);
    return UL_OK;
}

/* For a report: the files that an image is read of, and what they hold. */
static ul_status hash_files(const char *path, segment_input *input, ul_error *error) {
    ul_status status = image_file_parts(path, input->paths, error);
    for (int f = 0; f < 2 && status == UL_OK && input->paths[f]; f++)
        status = ul_sha256_file(input->paths[f], input->hashes[f], error);
    return status;
}

static ul_status read_any(const segment_arguments *arguments, const ul_card *card,
    segment_input *input, ul_error *error) {
    const char *path = arguments->inputs[0];
    input->file = arguments->chosen ? IMAGE_NONE : image_file_kind(path);
    if (input->file == IMAGE_NONE)
        return read_dicom(arguments, card, input, error);
    if (arguments->input_count > 1)
        return ul_error_set(
            error, UL_ERROR_USAGE, "several inputs are allowed of DICOM alone, not with %s", path);
    ul_status status = image_file_read(
        path, arguments->frame, &input->volume, &input->header, &input->notes, error);
    console_lines("note: ", input->notes);
    return status == UL_OK && arguments->report ? hash_files(path, input, error) : status;
}

/* Whether the card's model was made for the volume, which --force overrides. */
static ul_status check_fit(const segment_arguments *arguments, const segment_model *model,
    segment_input *input, ul_error *error) {
    const ul_volume *volume = arguments->roi ? &input->crop : &input->volume;
    ul_error unfit = {0};
    bool localise;
    ul_status status = ul_localiser_fit(&model->card, &model->localiser, volume, &localise, &unfit);
    input->localiser = localise ? &model->localiser : NULL;
    if (status == UL_OK)
        return UL_OK;
    if (!arguments->force)
        return ul_error_set(error, unfit.status, "%s: %s (%s--force runs it all the same)",
            arguments->inputs[0], unfit.text,
            model->card.fov_mm[1] > 0.0 ? "--roi cuts out the part that it was made for, " : "");
    memcpy(input->forced, unfit.text, sizeof input->forced);
    console_say("forced: %s", input->forced);
    return UL_OK;
}

/* Puts a volume whose slices are not even on an even grid. */
static ul_status make_regular(segment_input *input, ul_error *error) {
    ul_volume regular;
    ul_status status = ul_volume_regular(&input->volume, UL_OUTSIDE_PADDING, &regular, error);
    if (status != UL_OK)
        return status;
    const size_t *size = regular.grid.size;
    console_say("note: %zu slices were resampled to an even grid of %zux%zux%zu",
        input->volume.grid.size[2], size[0], size[1], size[2]);
    size_t missing = ul_grid_slices_in_gaps(&input->volume.grid, &regular.grid);
    if (missing > 0)
        console_say("note: %zu of them where slices are missing: no labels there", missing);
    input->slices = input->volume.grid;
    input->volume.grid = (ul_grid){0};
    ul_volume_free(&input->volume);
    input->volume = regular;
    input->resampled = true;
    return UL_OK;
}

/* Gives a model of grey images a picture whose colours are greys, or, forced, its luminance. */
static ul_status make_grey(const segment_arguments *arguments, const ul_card *card,
    segment_input *input, ul_error *error) {
    if (card->channels == UL_CHANNELS_RGB || input->volume.channels != 3)
        return UL_OK;
    if (ul_volume_is_grey(&input->volume))
        console_say("note: stored in colour, its channels are equal: read as grey");
    else if (arguments->force)
        console_say("forced: in colour, the model takes grey images: its luminance is taken");
    else
        return ul_error_set(error, UL_ERROR_MODEL,
            "%s: in colour, the model takes grey images (--force takes its luminance)",
            arguments->inputs[0]);
    ul_volume_make_grey(&input->volume);
    return UL_OK;
}

/* Cuts the region out that is to be segmented. */
static ul_status cut_region(
    const segment_arguments *arguments, segment_input *input, ul_error *error) {
    ul_status status = ul_region_parse(arguments->roi, &input->volume.grid, &input->region, error);
    if (status == UL_OK)
        status = ul_volume_crop(&input->volume, &input->region, &input->crop, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "--roi");
        return status;
    }
    const size_t *first = input->region.first, *size = input->region.size;
    console_say("region: %zux%zux%zu voxels from column %zu, row %zu, slice %zu", size[0], size[1],
        size[2], first[0], first[1], first[2]);
    return UL_OK;
}

ul_status segment_input_read(const segment_arguments *arguments, const segment_model *model,
    segment_input *input, ul_error *error) {
    const ul_card *card = &model->card;
    ul_status status = read_any(arguments, card, input, error);
    if (status == UL_OK)
        status = make_grey(arguments, card, input, error);
    if (status == UL_OK && !arguments->roi)
        status = check_fit(arguments, model, input, error);
    if (status == UL_OK && arguments->regular && input->volume.grid.stack != UL_STACK_REGULAR) {
        status = make_regular(input, error);
        if (status != UL_OK)
            ul_error_prefix(error, "%s", arguments->inputs[0]);
    }
    if (status == UL_OK && arguments->roi) {
        status = cut_region(arguments, input, error);
        if (status == UL_OK)
            status = check_fit(arguments, model, input, error);
    }
    return status;
}
