#include "apps/base/console.h"
#include "apps/segment/segment.h"
#include "jobs/base/model_path.h"
#include "ulite/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names the input, and what would help. */
static void explain(const segment_arguments *a, const segment_input *input, ul_error *error) {
    ul_stack stack = input->volume.grid.stack;
    ul_error_prefix(error, "%s", a->inputs[0]);
    if (error->status == UL_ERROR_GEOMETRY &&
        (stack == UL_STACK_TILTED || stack == UL_STACK_UNEVEN))
        ul_error_suffix(error, "; --grid regular resamples them to an even grid");
}

void segment_keep_note(void *array, const char *line) {
    if (strncmp(line, "note: ", 6) == 0 || strncmp(line, "forced: ", 8) == 0)
        cJSON_AddItemToArray(array, cJSON_CreateString(line));
}

static void report_placed(const char *path) {
    console_say("wrote %s", path);
    segment_event("written", path, NULL);
}

/* Writes all that is asked for, or nothing. */
static ul_status write_all(const segment_arguments *a, const ul_card *card, segment_input *input,
    ul_labels *labels, segment_result *result, ul_error *error) {
    written_files written = {0};
    ul_segment_stats *stats;
    segment_warn(card, input, labels);
    ul_status status = segment_measure(a, input, labels, &stats, error);
    if (status == UL_OK)
        status = segment_write_outputs(a, input, labels, stats, &written, error);
    if (status == UL_OK)
        status = segment_write_figures(a, card, input, labels, stats, &written, error);
    if (status == UL_OK)
        status = segment_write_mask(a, input, labels, &written, error);
    status = written_end(&written, status, report_placed, error);
    if (status == UL_OK)
        segment_say(labels, stats);
    if (status == UL_OK && result) {
        result->segments = labels->segments;
        labels->segments = (ul_segments){0};
        result->stats = stats;
        stats = NULL;
        status = segment_describe(a, input, result, error);
    }
    free(stats);
    size_t doubtful = segment_count_doubtful(input);
    if (status == UL_OK && a->strict && doubtful > 0)
        status = ul_error_set(error, UL_ERROR_PARTIAL,
            "%s: %zu of %zu classes are doubtful (--strict); the outputs are written, --stats has "
            "the figures",
            a->inputs[0], doubtful, input->quality_count);
    return status;
}

/* Every user of the labels has to know it. */
static void note_forced(const char *why, ul_provenance *provenance) {
    size_t used = strlen(provenance->note);
    snprintf(provenance->note + used, sizeof provenance->note - used, "Forced: %s", why);
}

/* The labels of the model, or of the boxes that its localiser finds, on all of the input. card: of
 * what comes out. */
static ul_status run_model(const segment_arguments *a, const segment_model *model,
    const ul_card *card, segment_input *input, ul_labels *labels, ul_error *error) {
    const ul_segment_options options = {.threads = a->threads,
        .flips = a->flips,
        .fractions = a->type == UL_SEG_FRACTIONAL,
        .quality = input->quality,
        .quality_count = input->quality_count,
        .slices = input->resampled ? &input->slices : NULL,
        .progress = console_progress()};
    const ul_volume *volume = a->roi ? &input->crop : &input->volume;
    ul_status status;
    if (input->localiser)
        status = ul_segment_localised(
            &input->localiser->models, card, volume, &options, input->located, labels, error);
    else
        status = ul_segment_volume(model->model, card, volume, &options, labels, error);
    if (status == UL_OK && a->roi)
        status = ul_labels_uncrop(&input->region, &input->volume.grid, labels, error);
    for (int n = 0; a->roi && n < UL_LOCALISER_CLASSES; n++)
        for (int axis = 0; axis < 3; axis++)
            input->located[n].region.first[axis] += input->region.first[axis];
    if (status == UL_OK && input->localiser)
        segment_tell_located(input);
    return status;
}

/* The labels of the input, of the classes that are chosen. choice: NULL: all. */
static ul_status find_labels(const segment_arguments *a, const segment_model *model,
    const ul_card *card, const ul_class_choice *choice, segment_input *input, ul_labels *labels,
    ul_error *error) {
    input->quality_count = card->classes.count;
    input->quality = calloc(card->classes.count + 1, sizeof *input->quality);
    if (!input->quality)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the quality of the result");
    ul_status status = run_model(a, model, card, input, labels, error);
    if (status == UL_OK && *input->forced)
        note_forced(input->forced, &labels->provenance);
    for (size_t n = 0; *input->forced && n < input->quality_count; n++)
        input->quality[n].flags |= UL_QUALITY_FORCED;
    if (status == UL_OK && choice)
        status = ul_labels_choose(choice, labels, error);
    segment_choose_quality(choice, input);
    if (!a->measured && !a->stats && !a->report && !a->mask &&
        !segment_is_viewed(a)) { /* nothing looks at the image any more */
        free(input->volume.samples);
        input->volume.samples = NULL;
    }
    if (status != UL_OK)
        explain(a, input, error);
    return status;
}

/* Segments what was read, and writes it. card: as above. */
static ul_status segment_read(const segment_arguments *a, const segment_model *model,
    const ul_card *card, segment_input *input, segment_result *result, ul_error *error) {
    ul_class_choice choice = {0};
    ul_labels labels = {0};
    ul_status status = a->only ? ul_class_choice_parse(card, a->only, &choice, error) : UL_OK;
    if (status != UL_OK) {
        ul_error_prefix(error, "--only");
        return status;
    }
    if (!card->trained)
        console_say("note: %s is untrained, for tests only: its labels mean nothing", card->name);
    if (a->flips && !card->tta_flip_x && !card->tta_flip_y)
        console_say("note: %s allows no flips: --tta averages none of its slices", card->name);
    if (*input->forced)
        segment_event("forced", NULL, input->forced);
    status = find_labels(a, model, card, a->only ? &choice : NULL, input, &labels, error);
    if (status == UL_OK)
        status = write_all(a, card, input, &labels, result, error);
    ul_labels_free(&labels);
    ul_class_choice_free(&choice);
    return status;
}

static ul_status segment_with(const segment_arguments *a, const segment_model *model,
    segment_input *input, segment_result *result, ul_error *error) {
    input->model_name = model->card.name;
    input->model_hash = model->hash;
    input->model_card = &model->card;
    ul_status status = segment_input_read(a, model, input, error);
    if (status == UL_OK)
        status = segment_check_outputs(a, input, error);
    if (status != UL_OK)
        return status;
    const ul_card *card = input->localiser ? &input->localiser->localised : &model->card;
    return segment_read(a, model, card, input, result, error);
}

ul_status segment_model_open(const char *name, segment_model *model, ul_error *error) {
    *model = (segment_model){0};
    ul_status status = model_path_find(name, model->path, error);
    if (status == UL_OK)
        status = ul_model_open(model->path, &model->model, error);
    if (status == UL_OK && ul_card_read(model->model, &model->card, error) != UL_OK) {
        ul_error_prefix(error, "%s", model->path);
        status = error->status;
    }
    if (status == UL_OK)
        ul_model_hash(model->model, model->hash);
    if (status == UL_OK)
        status = ul_localiser_open(model->model, &model->card, &model->localiser, error);
    return status;
}

void segment_model_close(segment_model *model) {
    ul_localiser_close(&model->localiser);
    ul_card_free(&model->card);
    ul_model_close(model->model);
    *model = (segment_model){0};
}

ul_status segment_case(const segment_arguments *arguments, const segment_model *model,
    segment_result *result, ul_error *error) {
    segment_input input = {0};
    ul_status status = segment_with(arguments, model, &input, result, error);
    segment_input_free(&input);
    return status;
}

void segment_result_free(segment_result *result) {
    ul_segments_free(&result->segments);
    free(result->stats);
    cJSON_Delete(result->outputs);
    *result = (segment_result){0};
}
