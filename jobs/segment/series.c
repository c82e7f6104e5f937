#include "ulite/segment.h"

#include <stdlib.h>

/* Gives a model of grey images greys where they are stored in colour, and checks that the card
 * fits.
 */
static ul_status prepare(const ul_card *card, ul_volume *volume, ul_error *error) {
    if (card->channels != UL_CHANNELS_RGB && volume->channels == 3) {
        if (!ul_volume_is_grey(volume))
            return ul_error_set(
                error, UL_ERROR_MODEL, "the image is in colour, the model takes grey images");
        ul_volume_make_grey(volume);
    }
    return ul_card_fit(card, volume, error);
}

ul_status ul_segment_image(const ul_model *model, ul_volume *volume,
    const ul_segment_options *options, ul_labels *labels, ul_error *error) {
    ul_segment_options own = options ? *options : (ul_segment_options){0};
    ul_segment_quality *quality = NULL;
    ul_card card;
    *labels = (ul_labels){0};
    ul_status status = ul_card_read(model, &card, error);
    if (status == UL_OK)
        status = prepare(&card, volume, error);
    if (status == UL_OK && !own.quality) {
        own.quality = quality = calloc(card.classes.count + 1, sizeof *quality);
        own.quality_count = card.classes.count;
        if (!quality)
            status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the quality");
    }
    if (status == UL_OK)
        status = ul_segment_volume(model, &card, volume, &own, labels, error);
    if (status == UL_OK)
        ul_quality_describe(own.quality, own.quality_count, labels);
    ul_card_free(&card);
    free(quality);
    return status;
}

ul_status ul_segment_series(const ul_model *model, const ul_series *series,
    const ul_segment_options *options, ul_labels *labels, ul_error *error) {
    ul_volume volume;
    *labels = (ul_labels){0};
    ul_status status = ul_series_read(
        series, options ? options->threads : 0, options ? options->progress : NULL, &volume, error);
    if (status == UL_OK)
        status = ul_segment_image(model, &volume, options, labels, error);
    ul_volume_free(&volume);
    return status;
}
