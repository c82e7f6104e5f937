#include "ulite/segment.h"

#include <stdlib.h>
#include <string.h>

/* A model with what is read of it for one image. */
typedef struct image_job {
    ul_card card;
    ul_localiser_model localiser;
    bool localise;
    const ul_card *made; /* of what comes out */
    ul_segment_options options;
    ul_segment_quality *quality; /* owned, where the caller gives none */
} image_job;

static ul_status job_open(const ul_model *model, image_job *job, ul_error *error) {
    ul_status status = ul_card_read(model, &job->card, error);
    return status == UL_OK ? ul_localiser_open(model, &job->card, &job->localiser, error) : status;
}

static void job_close(image_job *job) {
    ul_localiser_close(&job->localiser);
    ul_card_free(&job->card);
    free(job->quality);
}

/* Gives a model of grey images greys where they are stored in colour, and checks what fits. */
static ul_status prepare(image_job *job, ul_volume *volume, ul_error *error) {
    if (job->card.channels != UL_CHANNELS_RGB && volume->channels == 3) {
        if (!ul_volume_is_grey(volume))
            return ul_error_set(
                error, UL_ERROR_MODEL, "the image is in colour, the model takes grey images");
        ul_volume_make_grey(volume);
    }
    ul_status status = ul_localiser_fit(&job->card, &job->localiser, volume, &job->localise, error);
    job->made = job->localise ? &job->localiser.localised : &job->card;
    if (status != UL_OK || job->options.quality)
        return status;
    job->options.quality_count = job->made->classes.count;
    job->options.quality = job->quality =
        calloc(job->made->classes.count + 1, sizeof *job->quality);
    if (!job->quality)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the quality");
    return UL_OK;
}

ul_status ul_segment_image(const ul_model *model, ul_volume *volume,
    const ul_segment_options *options, ul_labels *labels, ul_error *error) {
    image_job job = {.options = options ? *options : (ul_segment_options){0}};
    ul_located located[UL_LOCALISER_CLASSES];
    memset(labels, 0, sizeof *labels);
    ul_status status = job_open(model, &job, error);
    if (status == UL_OK)
        status = prepare(&job, volume, error);
    if (status == UL_OK && job.localise)
        status = ul_segment_localised(
            &job.localiser.models, job.made, volume, &job.options, located, labels, error);
    else if (status == UL_OK)
        status = ul_segment_volume(model, job.made, volume, &job.options, labels, error);
    if (status == UL_OK)
        ul_quality_describe(job.options.quality, job.options.quality_count, labels);
    job_close(&job);
    return status;
}

ul_status ul_segment_series(const ul_model *model, const ul_series *series,
    const ul_segment_options *options, ul_labels *labels, ul_error *error) {
    ul_volume volume;
    memset(labels, 0, sizeof *labels);
    ul_status status = ul_series_read(
        series, options ? options->threads : 0, options ? options->progress : NULL, &volume, error);
    if (status == UL_OK)
        status = ul_segment_image(model, &volume, options, labels, error);
    ul_volume_free(&volume);
    return status;
}
