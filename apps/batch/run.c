#include "apps/base/console.h"
#include "apps/base/event.h"
#include "apps/batch/batch.h"
#include "jobs/base/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ul_status segment_turn(const batch *b, batch_turn *turn, batch_outcome *outcome) {
    const batch_arguments *a = b->arguments;
    bool json = console_settings.json;
    if (a->html &&
        snprintf(turn->page, sizeof turn->page, "%s.html", turn->output) >= (int)sizeof turn->page)
        return ul_error_set(&outcome->error, UL_ERROR_OUTPUT, "%s: too long a name", turn->output);
    segment_arguments arguments = {
        .inputs = {turn->item->series_count > 0 ? turn->item->input : turn->source},
        .input_count = 1,
        .outputs = {turn->output},
        .output_count = 1,
        .model = b->model.path,
        .only = a->only,
        .threads = a->threads,
        .type = a->type,
        .rle = a->rle,
        .regular = a->regular,
        .flips = a->flips,
        .force = a->force,
        .html = *turn->page ? turn->page : NULL,
        .measured = true,
        .catalog = turn->catalog ? turn->catalog : turn->item->catalog,
        .chosen = turn->series};
    batch_make_folders(turn->output);
    console_settings.json = false; /* a case is one event */
    console_listen(segment_keep_note, outcome->flags);
    segment_case(&arguments, &b->model, &outcome->result, &outcome->error);
    console_listen(NULL, NULL);
    console_settings.json = json;
    return outcome->error.status;
}

/* What was unpacked is gone when somebody reads the message. */
static void name_archive(const batch *b, const ul_case *item, ul_error *error) {
    char text[UL_ERROR_TEXT_BYTES];
    if (error->status == UL_OK || !files_archive_stem(item->path))
        return;
    console_replace(error->text, b->scratch, item->path, text, sizeof text);
    memcpy(error->text, text, sizeof text);
}

static void run_turn(batch *b, const ul_case *item, batch_turn *turn, batch_outcome *outcome) {
    double start = console_seconds();
    outcome->flags = cJSON_CreateArray();
    batch_memory_start();
    ul_status status = batch_prepare(b, item, turn, &outcome->error);
    if (status == UL_OK &&
        ul_runs_taken(b->runs, files_below(b->arguments->folder, turn->output), b->plan, item->key))
        ul_error_set(&outcome->error, UL_ERROR_OUTPUT,
            "%s: another case's output has this name: --name with %%n or %%c tells them apart",
            turn->output);
    else if (status == UL_OK && segment_turn(b, turn, outcome) == UL_OK && batch_is_bids(b, item))
        batch_bids_write(b, turn, &outcome->result, &outcome->error);
    name_archive(b, item, &outcome->error);
    outcome->seconds = console_seconds() - start;
    outcome->peak_mib = batch_memory_peak();
}

/* One line for people, by number and key: folders below INPUT are often named after patients.
 * runs.jsonl has the path. */
static void say_failed(const batch_turn *turn, const ul_error *error) {
    char hidden[2 * UL_ERROR_TEXT_BYTES];
    const char *text = error->text, *path = turn->item->path;
    size_t length = strlen(path);
    if (!console_settings.debug && strchr(path, '/')) {
        if (strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0)
            text += length + 2;
        console_replace(text, path, "its input", hidden, sizeof hidden);
        text = hidden;
    }
    console_line(stderr, "case %zu (%.8s): exit %d: %s", turn->item->number, turn->item->key,
        (int)error->status, text);
}

static ul_status log_turn(
    batch *b, const batch_turn *turn, batch_outcome *outcome, ul_error *error) {
    cJSON *run = batch_record(b, turn, outcome);
    outcome->flags = NULL;
    ul_status status = ul_runs_add(b->runs, run, error);
    if (status == UL_OK && console_settings.json) {
        cJSON_AddStringToObject(run, "event", "case");
        event_print(run);
    } else {
        cJSON_Delete(run);
    }
    return status;
}

/* Which cases are another shard's, or done: false. *exit_code: of what was run before. */
static bool is_due(const batch *b, const ul_case *item, bool *mine, int *exit_code) {
    const batch_arguments *a = b->arguments;
    *mine = a->shards == 0 || (item->number - 1) % a->shards == a->shard - 1;
    *exit_code = -1;
    if (!*mine || a->overwrite || !ul_runs_find(b->runs, b->plan, item->key, exit_code))
        return *mine;
    return a->retry && *exit_code != UL_OK;
}

static void count_due(const batch *b, batch_progress *p) {
    for (size_t i = 0; i < b->cohort.count; i++) {
        bool mine;
        int exit_code;
        if (is_due(b, &b->cohort.cases[i], &mine, &exit_code))
            p->left++;
        else if (mine && exit_code == UL_OK)
            p->done++;
        else if (mine)
            p->failed++;
    }
}

static ul_status run_due(batch *b, const ul_case *item, batch_progress *p, ul_error *error) {
    batch_turn turn = {0};
    batch_outcome outcome = {0};
    run_turn(b, item, &turn, &outcome);
    ul_status status = outcome.error.status;
    if (status == UL_ERROR_INTERRUPTED) {
        cJSON_Delete(outcome.flags);
        ul_error_set(error, status, "interrupted: the same command goes on with what is left");
    } else {
        batch_progress_clear(p);
        if (status != UL_OK)
            say_failed(&turn, &outcome.error);
        *(status == UL_OK ? &p->done : &p->failed) += 1;
        status = log_turn(b, &turn, &outcome, error);
        p->left--;
        p->run++;
    }
    segment_result_free(&outcome.result);
    batch_turn_end(b, &turn);
    return status;
}

static void say_summary(const batch *b, const batch_progress *p) {
    unsigned long seconds = (unsigned long)(console_seconds() - p->start + 0.5);
    console_say("%zu of %zu cases done, %zu failed, %zu left, in %lu:%02lu:%02lu; %s/runs.jsonl "
                "and volumes.csv hold each",
        p->done, p->done + p->failed + p->left, p->failed, p->left, seconds / 3600,
        seconds / 60 % 60, seconds % 60, b->arguments->folder);
    if (!console_settings.json)
        return;
    cJSON *event = event_begin("done");
    cJSON_AddNumberToObject(event, "done", (double)p->done);
    cJSON_AddNumberToObject(event, "failed", (double)p->failed);
    cJSON_AddNumberToObject(event, "left", (double)p->left);
    event_print(event);
}

/* The first case from an index on that is to be run; the number of cases: none. */
static size_t next_due(const batch *b, size_t index) {
    bool mine;
    int exit_code;
    while (index < b->cohort.count && !is_due(b, &b->cohort.cases[index], &mine, &exit_code))
        index++;
    return index;
}

ul_status batch_run_cases(batch *b, ul_error *error) {
    batch_progress p = {.start = console_seconds()};
    ul_status status = UL_OK;
    count_due(b, &p);
    if (p.done + p.failed > 0)
        console_say("%zu cases were run before: %zu done, %zu failed%s", p.done + p.failed, p.done,
            p.failed, p.failed ? " (--retry failed runs these again)" : "");
    for (size_t i = next_due(b, 0), next; i < b->cohort.count && status == UL_OK; i = next) {
        next = next_due(b, i + 1);
        if (next < b->cohort.count)
            batch_read_ahead(b, &b->cohort.cases[next]);
        batch_progress_draw(&p);
        status = run_due(b, &b->cohort.cases[i], &p, error);
    }
    batch_progress_clear(&p);
    say_summary(b, &p);
    return status == UL_OK && p.failed > 0 ? UL_ERROR_PARTIAL : status;
}
