#include "jobs/dataset/volume_range.h"

#include <math.h>
#include <stdlib.h>

void volume_range_add(volume_range *range, const double ml[UL_CARD_CLASSES]) {
    for (size_t c = 0; c < UL_CARD_CLASSES; c++) {
        double *own = range->ml[c];
        own[0] = range->cases ? fmin(own[0], ml[c]) : ml[c];
        own[1] = range->cases ? fmax(own[1], ml[c]) : ml[c];
    }
    range->cases++;
}

void volume_range_add_labels(volume_range *range, const ul_labels *labels) {
    const ul_grid *grid = &labels->grid;
    double ml[UL_CARD_CLASSES] = {0.0};
    bool flat = grid->stack == UL_STACK_UNPLACED || grid->size[2] == 1;
    for (size_t k = 0; !flat && k < grid->size[2]; k++) {
        size_t area = grid->size[0] * grid->size[1], voxels[UL_CARD_CLASSES] = {0};
        double mm3 = grid->spacing_mm[0] * grid->spacing_mm[1] * ul_grid_depth_mm(grid, k);
        for (size_t i = k * area; i < (k + 1) * area; i++)
            if (labels->map[i] < UL_CARD_CLASSES)
                voxels[labels->map[i]]++;
        for (size_t c = 0; c < UL_CARD_CLASSES; c++)
            ml[c] += 1e-3 * mm3 * (double)voxels[c];
        flat = !(mm3 > 0.0);
    }
    range->unknown = range->unknown || flat;
    volume_range_add(range, ml);
}

ul_status volume_range_store(const volume_range *range, ul_card *card, ul_error *error) {
    const ul_segments *classes = &card->classes;
    free(card->volumes_ml);
    card->volumes_ml = NULL;
    if (range->unknown || range->cases == 0)
        return UL_OK;
    card->volumes_ml = malloc(classes->count * sizeof *card->volumes_ml);
    if (!card->volumes_ml)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the model card");
    for (size_t n = 0; n < classes->count; n++) {
        unsigned own = classes->items[n].number, other = ul_segments_mirror(classes, own);
        bool counted = own < UL_CARD_CLASSES && other < UL_CARD_CLASSES;
        card->volumes_ml[n][0] =
            counted ? fmin(range->ml[own][0], range->ml[other][0]) : (double)NAN;
        card->volumes_ml[n][1] =
            counted ? fmax(range->ml[own][1], range->ml[other][1]) : (double)NAN;
    }
    return UL_OK;
}
