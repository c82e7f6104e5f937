#include "ulite/segment.h"

#include <stdlib.h>

/* Reads the series as the card's model takes it. */
static ul_status read_for(const ul_card *card, const ul_series *series,
    const ul_segment_options *options, ul_volume *volume, ul_error *error) {
    ul_status status = ul_series_read(series, options->threads, options->progress, volume, error);
    if (status == UL_OK && card->channels != UL_CHANNELS_RGB && volume->channels == 3) {
        if (!ul_volume_is_grey(volume))
            return ul_error_set(
                error, UL_ERROR_MODEL, "the series is in colour, the model takes grey images");
        ul_volume_make_grey(volume);
    }
    return status == UL_OK ? ul_card_fit(card, volume, error) : status;
}

ul_status ul_segment_series(const ul_model *model, const ul_series *series,
    const ul_segment_options *options, ul_labels *labels, ul_error *error) {
    ul_segment_options own = options ? *options : (ul_segment_options){0};
    ul_segment_quality *quality = NULL;
    ul_volume volume = {0};
    ul_card card;
    *labels = (ul_labels){0};
    own.slices = NULL;
    ul_status status = ul_card_read(model, &card, error);
    if (status == UL_OK && !own.quality) {
        own.quality = quality = calloc(card.classes.count + 1, sizeof *quality);
        own.quality_count = card.classes.count;
        if (!quality)
            status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the quality");
    }
    if (status == UL_OK)
        status = read_for(&card, series, &own, &volume, error);
    if (status == UL_OK)
        status = ul_segment_volume(model, &card, &volume, &own, labels, error);
    if (status == UL_OK)
        ul_quality_describe(own.quality, own.quality_count, labels);
    ul_volume_free(&volume);
    ul_card_free(&card);
    free(quality);
    return status;
}
