#include "apps/base/inputs.h"

#include "apps/base/console.h"
#include "apps/base/target.h"
#include "jobs/base/image_file.h"
#include "jobs/base/model_path.h"
#include "jobs/base/paths.h"
#include "ulite/card.h"
#include "ulite/model.h"
#include "ulite/rtstruct.h"

#include <string.h>

ul_status choose_open(const char *const *paths, size_t path_count, int threads,
    ul_catalog **catalog, ul_error *error) {
    const ul_catalog_options options = {
        .whole_paths = console_settings.debug, .threads = threads, .progress = console_progress()};
    return ul_catalog_open_all(paths, path_count, &options, catalog, error);
}

void choose_note_faults(const ul_catalog *catalog) {
    size_t count = 0;
    for (const ul_catalog_fault *fault; (fault = ul_catalog_fault_at(catalog, count)); count++)
        if (count < CHOOSE_LISTED_FAULTS)
            console_say("note: %s: %s", fault->path, fault->text);
    if (count > CHOOSE_LISTED_FAULTS)
        console_say("note: ... and %zu more unreadable (`ulite info --json` lists them all)",
            count - CHOOSE_LISTED_FAULTS);
}

/* Of the volumes that are meant; a catalog has those of a study one after the other. */
static size_t count_studies(const ul_catalog *catalog, const char *series) {
    const char *study = NULL;
    size_t count = 0;
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        const char *own = ul_series_get_info(ul_catalog_at(catalog, i))->study_uid;
        if (!ul_catalog_matches(catalog, i, series))
            continue;
        count += !study || strcmp(study, own) != 0;
        study = own;
    }
    return count;
}

size_t choose_list(const ul_catalog *catalog, const char *series, const ul_card *card) {
    size_t studies = count_studies(catalog, series), number = 0, fits = 0;
    const char *study = NULL;
    for (size_t i = 0; i < ul_catalog_size(catalog); i++) {
        if (!ul_catalog_matches(catalog, i, series))
            continue;
        const ul_series *volume = ul_catalog_at(catalog, i);
        const ul_series_info *info = ul_series_get_info(volume);
        const size_t *size = ul_series_grid(volume)->size;
        char name[UL_SERIES_NAME_BYTES], of[64] = "";
        ul_catalog_name(catalog, i, name);
        number += !study || strcmp(study, info->study_uid) != 0;
        study = info->study_uid;
        if (studies > 1)
            snprintf(of, sizeof of, "study %zu of %zu, ", number, studies);
        ul_error why = {0};
        if (card)
            fits += ul_card_fit_series(card, volume, true, &why) == UL_OK;
        console_line(stderr, "  --series %-8s %s%-3s %zux%zux%zu %s%s%s%s%s", name, of,
            info->modality, size[0], size[1], size[2], info->description, *info->split ? ", " : "",
            info->split, *why.text ? ": " : "", why.text);
    }
    return fits;
}

ul_status choose_series(
    const ul_catalog *catalog, const char *series, const ul_series **chosen, ul_error *error) {
    if (ul_catalog_find(catalog, series, chosen, error) == UL_OK)
        return UL_OK;
    choose_list(catalog, choose_count(catalog, series) ? series : NULL, NULL);
    ul_error_suffix(error, "; take --series from the list");
    return error->status;
}

size_t choose_count(const ul_catalog *catalog, const char *series) {
    size_t count = 0;
    for (size_t i = 0; i < ul_catalog_size(catalog); i++)
        count += ul_catalog_matches(catalog, i, series);
    return count;
}

static ul_status choose_by_card(const ul_card *card, const ul_catalog *catalog,
    const ul_series *const *series, size_t count, const ul_series **chosen, char *choice,
    size_t choice_bytes, ul_error *error) {
    if (count == 1) { /* what does not fit is refused when it is segmented */
        *chosen = series[0];
        snprintf(choice, choice_bytes, "the only volume of its study");
        return UL_OK;
    }
    ul_status status = ul_card_choose_among(card, catalog, series, count, chosen, error);
    if (status == UL_OK)
        snprintf(
            choice, choice_bytes, "the only one of %zu volumes that the model was made for", count);
    return status;
}

ul_status choose_in_study(const ul_series_rules *rules, const ul_card *card,
    const ul_catalog *catalog, const ul_series *const *series, size_t count,
    const ul_series **chosen, char *choice, size_t choice_bytes, ul_error *error) {
    size_t index;
    if (!rules)
        return choose_by_card(card, catalog, series, count, chosen, choice, choice_bytes, error);
    ul_status status =
        ul_series_rules_choose(rules, series, count, &index, choice, choice_bytes, error);
    if (status == UL_OK)
        *chosen = series[index];
    return status;
}

input_kind input_kind_of(const char *path) {
    if (files_is_folder(path))
        return INPUT_SERIES;
    switch (image_file_kind(path)) {
    case IMAGE_NIFTI:
        return INPUT_NIFTI;
    case IMAGE_NRRD:
        return INPUT_NRRD;
    case IMAGE_PNG:
        return INPUT_PNG;
    case IMAGE_NONE:
        break;
    }
    return ul_seg_probe(path) ? INPUT_SEG : ul_rtstruct_probe(path) ? INPUT_RTSTRUCT : INPUT_SERIES;
}

ul_status segments_given_read(const char *given, ul_segments *segments, ul_error *error) {
    if (ends_in(given, ".json"))
        return ul_segments_read(given, segments, error);
    char path[MODEL_PATH_BYTES];
    ul_model *model = NULL;
    ul_card card = {0};
    ul_status status = model_path_find(given, path, error);
    if (status == UL_OK)
        status = ul_model_open(path, &model, error);
    if (status == UL_OK)
        status = ul_card_read(model, &card, error);
    if (status == UL_OK)
        status = ul_segments_copy(&card.classes, segments, error);
    ul_card_free(&card);
    ul_model_close(model);
    return status;
}
