#include "apps/base/inputs.h"
#include "apps/batch/batch.h"
#include "jobs/base/image_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ul_status choose(const batch *b, const ul_catalog *catalog, const ul_series *const *series,
    size_t count, batch_turn *turn, ul_error *error) {
    ul_status status = choose_in_study(b->rules, &b->model.card, catalog, series, count,
        &turn->series, turn->choice, sizeof turn->choice, error);
    if (status != UL_OK && !b->rules)
        ul_error_suffix(error, "; --rules says which is meant");
    return status;
}

/* Reads the headers of a case that is a path, and chooses. */
static ul_status choose_in_source(const batch *b, batch_turn *turn, ul_error *error) {
    ul_status status = choose_open(&turn->source, 1, b->arguments->threads, &turn->catalog, error);
    size_t count = status == UL_OK ? ul_catalog_size(turn->catalog) : 0;
    const ul_series **series = malloc((count + 1) * sizeof *series);
    if (!series)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu series", count);
    for (size_t i = 0; i < count && status == UL_OK; i++) {
        series[i] = ul_catalog_at(turn->catalog, i);
        if (strcmp(ul_series_get_info(series[0])->study_uid,
                ul_series_get_info(series[i])->study_uid) != 0)
            status = ul_error_set(error, UL_ERROR_CHOICE,
                "%s: holds several studies, of which each is a case: give a folder of them as "
                "INPUT",
                turn->source);
    }
    if (status == UL_OK)
        status = choose(b, turn->catalog, series, count, turn, error);
    free(series);
    return status;
}

ul_status batch_prepare(
    const batch *b, const ul_case *item, const char *source, batch_turn *turn, ul_error *error) {
    ul_status status = UL_OK;
    turn->item = item;
    turn->source = source ? source : item->path;
    if (item->fault.status != UL_OK)
        return ul_error_set(error, item->fault.status, "%s", item->fault.text);
    if (item->series_count > 0)
        status = choose(b, item->catalog, item->series, item->series_count, turn, error);
    else if (image_file_kind(turn->source) == IMAGE_NONE)
        status = choose_in_source(b, turn, error);
    return status == UL_OK ? batch_name(b, turn, error) : status;
}

/* Has the system read a file into its cache while something else is computed. */
static void read_ahead(const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return; /* that it cannot be read shows in its turn */
    posix_fadvise(file, 0, 0, POSIX_FADV_WILLNEED);
    close(file);
}

void batch_read_ahead(const batch *b, const ul_case *item) {
    batch_turn turn = {0};
    ul_error error = {0};
    const ul_instance *instance;
    if (item->fault.status != UL_OK)
        return;
    if (item->series_count == 0)
        read_ahead(item->path);
    else if (choose(b, item->catalog, item->series, item->series_count, &turn, &error) == UL_OK)
        for (size_t k = 0; (instance = ul_series_instance(turn.series, k)); k++)
            read_ahead(instance->path);
}

void batch_turn_end(batch_turn *turn) {
    ul_catalog_close(turn->catalog);
    *turn = (batch_turn){0};
}
