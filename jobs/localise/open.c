#include "jobs/base/model_path.h"
#include "ulite/segment.h"

#include <string.h>

void ul_localiser_close(ul_localiser_model *localiser) {
    ul_card_free(&localiser->localised);
    ul_card_free(&localiser->card);
    ul_model_close(localiser->model);
    memset(localiser, 0, sizeof *localiser);
}

static ul_status open_path(const char *path, ul_localiser_model *localiser, ul_error *error) {
    ul_status status = ul_model_open(path, &localiser->model, error);
    if (status == UL_OK && ul_card_read(localiser->model, &localiser->card, error) != UL_OK) {
        ul_error_prefix(error, "%s", path);
        status = error->status;
    }
    if (status == UL_OK)
        ul_model_hash(localiser->model, localiser->hash);
    return status;
}

ul_status ul_localiser_open(
    const ul_model *model, const ul_card *card, ul_localiser_model *localiser, ul_error *error) {
    const char *name = card->localiser.model, *beside = ul_model_path(model);
    char path[MODEL_PATH_BYTES];
    ul_error missing = {0}, fault = {0};
    memset(localiser, 0, sizeof *localiser);
    if (!*name)
        return UL_OK;
    if ((beside ? model_path_find_beside(beside, name, path, &missing)
                : model_path_find(name, path, &missing)) != UL_OK) {
        memcpy(localiser->missing, missing.text, sizeof localiser->missing);
        return UL_OK;
    }
    ul_status status = open_path(path, localiser, &fault);
    localiser->models = (ul_localised){model, localiser->model, card, &localiser->card};
    if (status == UL_OK)
        status = ul_card_localised(&localiser->models, &localiser->localised, &fault);
    return status == UL_OK ? UL_OK : ul_error_set(error, status, "%s", fault.text);
}

ul_status ul_localiser_fit(const ul_card *card, const ul_localiser_model *localiser,
    const ul_volume *volume, bool *needed, ul_error *error) {
    ul_error why = {0};
    ul_card any_size = *card; /* borrows what it holds */
    any_size.fov_mm[0] = any_size.fov_mm[1] = 0.0;
    const bool larger = ul_card_needs_localiser(card, volume);
    *needed = larger && localiser->model;
    if (!*needed) {
        ul_card_fit(card, volume, &why);
        if (larger)
            ul_error_prefix(&why, "its localiser is not there: %s", localiser->missing);
    } else if (ul_card_fit(&any_size, volume, &why) == UL_OK &&
               ul_card_fit(&localiser->card, volume, &why) != UL_OK) {
        ul_error_prefix(&why, "larger than the model's %g mm, and for its localiser %s",
            card->fov_mm[1], localiser->card.name);
    }
    return why.status == UL_OK ? UL_OK : ul_error_set(error, why.status, "%s", why.text);
}
