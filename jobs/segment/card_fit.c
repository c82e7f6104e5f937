#include "ulite/segment.h"

#include <math.h>
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
