#include "ulite/segment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Whether the slices are as wide and as high as the card wants them. */
static ul_status fit_extent(const ul_card *card, const ul_grid *grid, ul_error *error) {
    for (int axis = 0; axis < 2; axis++) {
        double extent = grid->spacing_mm[axis] * (double)grid->size[axis];
        if (extent == 0.0)
            return ul_error_set(error, UL_ERROR_MODEL,
                "the model was made for fields of view of %g to %g mm, and the pixel spacing is "
                "not known",
                card->fov_mm[0], card->fov_mm[1]);
        if (extent < card->fov_mm[0] || extent > card->fov_mm[1])
            return ul_error_set(error, UL_ERROR_MODEL,
                "the field of view is %.0f mm along the %s, the model was made for %g to %g mm",
                extent, axis ? "rows" : "columns", card->fov_mm[0], card->fov_mm[1]);
    }
    return UL_OK;
}

ul_status ul_card_fit(const ul_card *card, const ul_volume *volume, ul_error *error) {
    if (*card->modality && *volume->modality && strcasecmp(card->modality, volume->modality) != 0)
        return ul_error_set(error, UL_ERROR_MODEL, "the modality is %s, the model was made for %s",
            volume->modality, card->modality);
    if (*card->body_part && *volume->body_part &&
        strcasecmp(card->body_part, volume->body_part) != 0)
        return ul_error_set(error, UL_ERROR_MODEL, "the body part is %s, the model was made for %s",
            volume->body_part, card->body_part);
    if (card->spacing_mm[0] > 0.0 && card->size[0] == 0 && volume->grid.spacing_mm[0] == 0.0)
        return ul_error_set(error, UL_ERROR_MODEL,
            "the model works at a spacing of %g x %g mm, and the pixel spacing is not known",
            card->spacing_mm[0], card->spacing_mm[1]);
    return card->fov_mm[1] > 0.0 ? fit_extent(card, &volume->grid, error) : UL_OK;
}

ul_status ul_card_fit_series(
    const ul_card *card, const ul_series *series, bool colour_may_be_grey, ul_error *error) {
    const ul_series_info *info = ul_series_get_info(series);
    ul_volume headers = {.grid = *ul_series_grid(series), .channels = ul_series_channels(series)};
    snprintf(headers.modality, sizeof headers.modality, "%s", info->modality);
    snprintf(headers.body_part, sizeof headers.body_part, "%s", info->body_part);
    bool colour = headers.channels == 3;
    if ((card->channels == UL_CHANNELS_RGB) != colour && !(colour && colour_may_be_grey))
        return ul_error_set(error, UL_ERROR_MODEL, "it is %s, the model was made for %s",
            colour ? "in colour" : "grey", colour ? "grey" : "colour");
    ul_card own = *card;        /* borrows what it holds */
    if (*card->localiser.model) /* finds its part of what is larger */
        own.fov_mm[1] = INFINITY;
    return ul_card_fit(&own, &headers, error);
}

/* How many of the volumes fit, and the first of them. */
static size_t count_fitting(const ul_card *card, const ul_series *const *among, size_t count,
    bool colour_may_be_grey, const ul_series **first) {
    size_t fits = 0;
    for (size_t i = 0; i < count; i++)
        if (ul_card_fit_series(card, among[i], colour_may_be_grey, NULL) == UL_OK && fits++ == 0)
            *first = among[i];
    return fits;
}

/* The name of a volume of the catalog. */
static void name_of(
    const ul_catalog *catalog, const ul_series *series, char name[UL_SERIES_NAME_BYTES]) {
    size_t i = 0;
    while (ul_catalog_at(catalog, i) != series)
        i++;
    ul_catalog_name(catalog, i, name);
}

/* Says why each of the volumes does not fit. */
static ul_status fail_unfit(const ul_card *card, const ul_catalog *catalog,
    const ul_series *const *among, size_t count, ul_error *error) {
    char reasons[UL_ERROR_TEXT_BYTES / 2] = "";
    for (size_t i = 0, used = 0; i < count && used < sizeof reasons; i++) {
        ul_error why = {0};
        char name[UL_SERIES_NAME_BYTES];
        name_of(catalog, among[i], name);
        ul_card_fit_series(card, among[i], true, &why);
        used += (size_t)snprintf(reasons + used, sizeof reasons - used, "%sseries %s: %s",
            used ? "; " : "", name, why.text);
    }
    return ul_error_set(error, UL_ERROR_CHOICE,
        "the model was made for none of the %zu volumes (%s)", count, reasons);
}

ul_status ul_card_choose_among(const ul_card *card, const ul_catalog *catalog,
    const ul_series *const *among, size_t count, const ul_series **series, ul_error *error) {
    *series = NULL;
    size_t fits = count_fitting(card, among, count, false, series);
    if (fits == 0)
        fits = count_fitting(card, among, count, true, series);
    if (fits == 1)
        return UL_OK;
    *series = NULL;
    if (fits == 0)
        return fail_unfit(card, catalog, among, count, error);
    return ul_error_set(error, UL_ERROR_CHOICE,
        "%zu of %zu volumes fit the model and nothing was chosen", fits, count);
}

ul_status ul_card_choose(const ul_card *card, const ul_catalog *catalog, const char *name,
    const ul_series **series, ul_error *error) {
    size_t volumes = ul_catalog_size(catalog), meant = 0;
    const ul_series **among = malloc((volumes + 1) * sizeof *among);
    *series = NULL;
    if (!among)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu volumes", volumes);
    for (size_t i = 0; i < volumes; i++)
        if (ul_catalog_matches(catalog, i, name))
            among[meant++] = ul_catalog_at(catalog, i);
    ul_status status = meant < 2 ? ul_catalog_find(catalog, name, series, error)
                                 : ul_card_choose_among(card, catalog, among, meant, series, error);
    free(among);
    return status;
}

ul_status ul_catalog_choose(
    const ul_catalog *catalog, const ul_model *model, const ul_series **series, ul_error *error) {
    ul_card card;
    *series = NULL;
    ul_status status = ul_card_read(model, &card, error);
    if (status == UL_OK)
        status = ul_card_choose(&card, catalog, NULL, series, error);
    ul_card_free(&card);
    return status;
}
