#include "jobs/base/digits.h"
#include "jobs/base/paths.h"
#include "jobs/train/model_file.h"
#include "jobs/train/random.h"
#include "libulite/base/output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A cross-validation. */
typedef struct cross_validation {
    const ul_dataset *dataset;
    const ul_fit_options *options;
    const ul_fit_listener *listener;
    const ul_progress *progress;
    size_t folds;
    size_t *fold_of;        /* [dataset->count] from 1; 0: a test case */
    ul_dataset_case *cases; /* the data set's, as a run splits them */
    ul_plan plan;           /* of the next run */
    bool chosen_epochs;     /* the time decides on their number */
    double best_epochs;     /* sum over the folds */
    ul_fit_score *scores;   /* of the folds so far */
    size_t count;
} cross_validation;

static ul_status no_memory(const cross_validation *v, ul_error *error) {
    return ul_error_set(
        error, UL_ERROR_LIMIT, "%s: out of memory for the cross-validation", v->options->output);
}

/* Training cases that stay together. */
typedef struct case_group {
    uint64_t rank; /* by seed and name of its first case */
    size_t first;  /* index of that */
    size_t cases;
} case_group;

static int compare_ranks(const void *a, const void *b) {
    const case_group *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static bool same_group(const ul_dataset_case *a, const ul_dataset_case *b) {
    return a == b || (a->group != 0 && a->group == b->group);
}

/* The groups of the training cases, [*count] of room for every case. */
static void find_groups(
    const ul_dataset *dataset, uint64_t seed, case_group *groups, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < dataset->count; i++) {
        const ul_dataset_case *c = &dataset->cases[i];
        if (c->split != UL_SPLIT_TRAIN)
            continue;
        size_t g = c->group ? 0 : *count;
        while (g < *count && !same_group(c, &dataset->cases[groups[g].first]))
            g++;
        if (g == *count)
            groups[(*count)++] = (case_group){random_of_name(seed, c->name), i, 0};
        groups[g].cases++;
    }
}

static ul_status open_groups(const ul_dataset *dataset, size_t folds, uint64_t seed,
    case_group **groups, size_t *count, ul_error *error) {
    *groups = calloc(dataset->count + 1, sizeof **groups);
    if (!*groups)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", dataset->folder);
    find_groups(dataset, seed, *groups, count);
    if (folds >= 2 && folds <= *count)
        return UL_OK;
    free(*groups);
    *groups = NULL;
    return ul_error_set(error, UL_ERROR_USAGE,
        "%s: its training cases are %zu, groups of the splits file counted once: they cannot be "
        "dealt into %zu folds; take from 2 to as many",
        dataset->folder, *count, folds);
}

ul_status ul_folds_check(const ul_dataset *dataset, size_t folds, ul_error *error) {
    case_group *groups;
    size_t count;
    ul_status status = open_groups(dataset, folds, 0, &groups, &count, error);
    free(groups);
    return status;
}

/* Each group, in the order of their ranks, to the fold with the fewest cases. */
static ul_status deal(cross_validation *v, ul_error *error) {
    const ul_dataset *dataset = v->dataset;
    case_group *groups;
    size_t count;
    ul_status status =
        open_groups(dataset, v->folds, v->plan.training.seed, &groups, &count, error);
    if (status != UL_OK)
        return status;
    size_t *filled = calloc(v->folds + 1, sizeof *filled); /* [fold] cases */
    if (!filled)
        status = no_memory(v, error);
    qsort(groups, count, sizeof *groups, compare_ranks);
    for (size_t g = 0; status == UL_OK && g < count; g++) {
        size_t least = 1;
        for (size_t fold = 2; fold <= v->folds; fold++)
            least = filled[fold] < filled[least] ? fold : least;
        filled[least] += groups[g].cases;
        for (size_t i = 0; i < dataset->count; i++)
            if (dataset->cases[i].split == UL_SPLIT_TRAIN &&
                same_group(&dataset->cases[i], &dataset->cases[groups[g].first]))
                v->fold_of[i] = least;
    }
    free(filled);
    free(groups);
    return status;
}

/* The data set with a fold as val; 0: with none. The cases are those of v. */
static ul_dataset split_for(cross_validation *v, size_t fold) {
    ul_dataset dataset = *v->dataset;
    memcpy(v->cases, dataset.cases, dataset.count * sizeof *v->cases);
    dataset.cases = v->cases;
    for (size_t i = 0; fold > 0 && i < dataset.count; i++) {
        if (v->fold_of[i] != fold)
            continue;
        dataset.cases[i].split = UL_SPLIT_VAL;
        dataset.in_split[UL_SPLIT_TRAIN]--;
        dataset.in_split[UL_SPLIT_VAL]++;
    }
    return dataset;
}

/* Segments the held-out cases of a fold with its model and adds their scores. */
static ul_status judge(cross_validation *v, const ul_fold *fold, ul_error *error) {
    ul_model *model;
    ul_card card = {0};
    ul_fit_score *scores = NULL;
    size_t count = 0;
    ul_status status = ul_model_open(fold->output, &model, error);
    if (status == UL_OK)
        status = ul_card_read(model, &card, error);
    if (status == UL_OK)
        status = ul_fit_evaluate(fold->dataset, UL_SPLIT_VAL, &fold->plan->training, model, &card,
            v->options->threads, v->progress, &scores, &count, error);
    ul_fit_score *grown =
        status == UL_OK ? realloc(v->scores, (v->count + count) * sizeof *grown) : NULL;
    if (status == UL_OK && !grown)
        status = no_memory(v, error);
    if (grown) {
        v->scores = grown;
        for (size_t i = 0; i < count; i++) {
            scores[i].fold = fold->number;
            v->scores[v->count++] = scores[i];
        }
    }
    free(scores);
    ul_card_free(&card);
    ul_model_close(model);
    return status;
}

static void print_scores(const cross_validation *v, FILE *file) {
    const ul_segments *classes = &v->plan.card.classes;
    fputs("case,fold,class,dice,iou\n", file);
    for (size_t i = 0; i < v->count; i++) {
        const ul_fit_score *score = &v->scores[i];
        csv_put_text(file, score->name);
        fprintf(file, ",%zu,", score->fold);
        csv_put_text(file, classes->items[i % classes->count].label);
        fprintf(file, ",%.12g,%.12g\n", digits_share(score->metrics.dice),
            digits_share(score->metrics.iou));
    }
}

/* The scores of the folds so far as a file. */
static ul_status write_scores(const cross_validation *v, ul_error *error) {
    char *path = ul_fit_path(v->options->output, UL_FIT_FOLDS), *text = NULL;
    size_t size;
    FILE *memory = path ? open_memstream(&text, &size) : NULL;
    if (memory)
        print_scores(v, memory);
    ul_status status = memory && fclose(memory) == 0 ? ul_output_write(path, text, size, error)
                                                     : no_memory(v, error);
    free(text);
    free(path);
    return status;
}

/* Whether a run is to go on: the first one of a resumed cross-validation, and of its others those
 * that have begun. */
static ul_status look_for_checkpoint(
    const cross_validation *v, const ul_fold *fold, bool *resume, ul_error *error) {
    char *checkpoint = ul_fit_path(fold->output, UL_FIT_CHECKPOINT);
    if (!checkpoint)
        return no_memory(v, error);
    *resume = v->options->resume && (fold->number == 1 || files_exists(checkpoint));
    free(checkpoint);
    return UL_OK;
}

static ul_status train_fold(
    cross_validation *v, const ul_fold *fold, ul_fit_result *result, ul_error *error) {
    ul_fit_options options = *v->options;
    options.output = fold->output;
    options.minutes /= (double)(v->folds + 1);
    if (v->chosen_epochs && fold->number != 1) /* as ul_fit gives the first */
        options.minutes *= 1.1;
    ul_status status = look_for_checkpoint(v, fold, &options.resume, error);
    if (status != UL_OK)
        return status;
    if (v->listener->begun)
        v->listener->begun(v->listener->context, fold);
    ul_fit_listener listener = *v->listener;
    if (fold->number != 1)
        listener.ready = NULL;
    status = ul_fit(fold->dataset, fold->plan, &options, &listener, v->progress, result, error);
    if (status == UL_OK && v->listener->ended)
        v->listener->ended(v->listener->context, fold, result);
    if (status == UL_OK && fold->number > 0)
        status = judge(v, fold, error);
    return status;
}

/* Trains on all folds but one, or, fold 0, on all. */
static ul_status run_fold(
    cross_validation *v, size_t number, ul_fit_result *result, ul_error *error) {
    char *output = ul_fold_path(v->options->output, number);
    if (!output)
        return no_memory(v, error);
    const ul_dataset dataset = split_for(v, number);
    const ul_fold fold = {number, v->folds, output, &dataset, &v->plan};
    ul_status status = train_fold(v, &fold, result, error);
    if (status == UL_OK && number > 0) {
        v->plan.training = result->training; /* what was left open is so for all */
        v->best_epochs += (double)result->best_epoch;
        status = write_scores(v, error);
    }
    free(output);
    if (status != UL_OK && number > 0)
        ul_error_prefix(error, "fold %zu of %zu", number, v->folds);
    else if (status != UL_OK)
        ul_error_prefix(error, "the run on all cases");
    return status;
}

/* A new cross-validation ends an earlier one, whose checkpoints would be gone on with. */
static ul_status drop_checkpoints(const cross_validation *v, ul_error *error) {
    for (size_t number = 0; number <= v->folds; number++) {
        char *model = ul_fold_path(v->options->output, number);
        char *checkpoint = model ? ul_fit_path(model, UL_FIT_CHECKPOINT) : NULL;
        if (checkpoint)
            unlink(checkpoint);
        free(model);
        if (!checkpoint)
            return no_memory(v, error);
        free(checkpoint);
    }
    return UL_OK;
}

static ul_status run_all(cross_validation *v, ul_fit_result *result, ul_error *error) {
    ul_status status = deal(v, error);
    if (status == UL_OK && !v->options->resume)
        status = drop_checkpoints(v, error);
    for (size_t number = 1; status == UL_OK && number <= v->folds; number++) {
        ul_fit_result of_fold;
        status = run_fold(v, number, &of_fold, error);
    }
    if (status != UL_OK)
        return status;
    if (v->listener->judged)
        v->listener->judged(v->listener->context, &v->plan.card, v->scores, v->count);
    v->plan.training.epochs = (size_t)fmax(1.0, floor(v->best_epochs / (double)v->folds + 0.5));
    status = run_fold(v, 0, result, error);
    return status == UL_OK
               ? model_file_add_dice(v->options->output, "out-of-fold", v->scores, v->count, error)
               : status;
}

ul_status ul_fit_folds(const ul_dataset *dataset, const ul_plan *plan,
    const ul_fit_options *options, size_t folds, const ul_fit_listener *listener,
    const ul_progress *progress, ul_fit_result *result, ul_error *error) {
    cross_validation v = {.dataset = dataset,
        .options = options,
        .listener = listener,
        .progress = progress,
        .folds = folds,
        .fold_of = calloc(dataset->count + 1, sizeof *v.fold_of),
        .cases = calloc(dataset->count + 1, sizeof *v.cases),
        .plan = *plan,
        .chosen_epochs = plan->training.epochs == 0 && options->minutes > 0.0};
    *result = (ul_fit_result){0};
    ul_status status = UL_OK;
    if (!v.fold_of || !v.cases)
        status = no_memory(&v, error);
    else if (plan->training.schedule == UL_SCHEDULE_PLATEAU)
        status = ul_error_set(error, UL_ERROR_USAGE,
            "the schedule \"plateau\" follows the validation Dice, which the last run of a "
            "cross-validation, on all cases, has not: take \"poly\", \"cosine\" or \"constant\"");
    if (status == UL_OK)
        status = run_all(&v, result, error);
    free(v.fold_of);
    free(v.cases);
    free(v.scores);
    return status;
}
