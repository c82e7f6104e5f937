#include "jobs/generate/volume.h"
#include "jobs/train/model_file.h"
#include "ulite/segment.h"

#include <stdlib.h>
#include <string.h>

/* The image of a case, or the draw of it. */
static ul_status read_case(const ul_dataset *dataset, size_t index, const ul_training *training,
    size_t draw, const ul_card *card, int threads, ul_volume *image, ul_labels *labels,
    ul_error *error) {
    if (dataset->cases[index].image)
        return ul_dataset_read_as(dataset, index, card->channels, image, labels, error);
    return generate_volume(
        dataset, index, &training->generate, draw, threads, image, labels, error);
}

static ul_status score_case(const ul_dataset *dataset, size_t index, const ul_training *training,
    size_t draw, const ul_model *model, const ul_card *card, int threads, ul_fit_score *scores,
    ul_error *error) {
    const ul_segment_options options = {.threads = threads};
    ul_volume image;
    ul_labels truth, predicted = {0};
    ul_status status =
        read_case(dataset, index, training, draw, card, threads, &image, &truth, error);
    if (status != UL_OK)
        return status;
    status = ul_segment_volume(model, card, &image, &options, &predicted, error);
    for (size_t c = 0; status == UL_OK && c < card->classes.count; c++) {
        scores[c] = (ul_fit_score){.name = dataset->cases[index].name};
        status = ul_metrics_overlap(
            &predicted, &truth, card->classes.items[c].number, &scores[c].metrics, error);
    }
    if (status != UL_OK)
        ul_error_prefix(error, "case %s", dataset->cases[index].name);
    ul_labels_free(&predicted);
    ul_labels_free(&truth);
    ul_volume_free(&image);
    return status;
}

/* A case's image, or so many draws. */
static size_t images_of(const ul_dataset_case *c, const ul_training *training) {
    return c->image ? 1 : training->generate.draws;
}

ul_status ul_fit_evaluate(const ul_dataset *dataset, ul_split split, const ul_training *training,
    const ul_model *model, const ul_card *card, int threads, const ul_progress *progress,
    ul_fit_score **scores, size_t *count, ul_error *error) {
    size_t classes = card->classes.count, done = 0, total = 0;
    for (size_t i = 0; i < dataset->count; i++)
        if (dataset->cases[i].split == split)
            total += images_of(&dataset->cases[i], training);
    const char *stage = split == UL_SPLIT_TEST ? "testing" : "validating";
    ul_status status = UL_OK;
    *count = 0;
    *scores = calloc(total * classes + 1, sizeof **scores);
    if (!*scores)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the scores");
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++) {
        if (dataset->cases[i].split != split)
            continue;
        size_t images = images_of(&dataset->cases[i], training);
        for (size_t draw = 0; status == UL_OK && draw < images; draw++) {
            status = score_case(
                dataset, i, training, draw, model, card, threads, *scores + done * classes, error);
            if (status == UL_OK && !ul_progress_report(progress, stage, ++done, total))
                status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted while %s", stage);
        }
    }
    if (status == UL_OK) {
        *count = total * classes;
    } else {
        free(*scores);
        *scores = NULL;
    }
    return status;
}

ul_status ul_fit_test(const ul_dataset *dataset, const ul_training *training, const char *path,
    int threads, const ul_progress *progress, ul_card *card, ul_fit_score **scores, size_t *count,
    ul_error *error) {
    ul_model *model;
    *card = (ul_card){0};
    *scores = NULL;
    *count = 0;
    ul_status status = ul_model_open(path, &model, error);
    if (status != UL_OK)
        return status;
    status = ul_card_read(model, card, error);
    if (status == UL_OK)
        status = ul_fit_evaluate(
            dataset, UL_SPLIT_TEST, training, model, card, threads, progress, scores, count, error);
    if (status == UL_OK)
        status = model_file_set_dice(card, "test", *scores, *count, error);
    if (status == UL_OK)
        status = model_file_save(model, path, card, ul_model_metadata(model, "ulite.plan"), error);
    ul_model_close(model);
    if (status != UL_OK) {
        ul_card_free(card);
        free(*scores);
        *scores = NULL;
        *count = 0;
    }
    return status;
}
