#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/batch/batch.h"
#include "jobs/base/paths.h"
#include "libulite/base/resources.h"

#include <stdio.h>
#include <string.h>

static ul_status segment_turn(const batch *b, batch_turn *turn, batch_outcome *outcome) {
    const batch_arguments *a = b->arguments;
    bool json = console_settings.json;
    if (a->html &&
        snprintf(turn->page, sizeof turn->page, "%s.html", turn->output) >= (int)sizeof turn->page)
        return ul_error_set(&outcome->error, UL_ERROR_OUTPUT, "%s: too long a name", turn->output);
    segment_arguments arguments = {
        .inputs = {turn->item->series_count > 0 && !files_archive_stem(turn->item->path)
                       ? turn->item->input
                       : turn->source},
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
        .sc = *turn->capture ? turn->capture : NULL,
        .measured = true,
        .catalog = turn->catalog ? turn->catalog : turn->item->catalog,
        .chosen = turn->series};
    for (size_t f = 0; f < BATCH_FORMATS && *turn->beside[f]; f++)
        arguments.outputs[arguments.output_count++] = turn->beside[f];
    batch_make_folders(turn->output);
    console_settings.json = false; /* a case is one event */
    console_listen(segment_keep_note, outcome->flags);
    segment_case(&arguments, &b->model, &outcome->result, &outcome->error);
    console_listen(NULL, NULL);
    console_settings.json = json;
    return outcome->error.status;
}

static void run_turn(
    batch *b, const ul_case *item, const char *source, batch_turn *turn, batch_outcome *outcome) {
    double start = ul_seconds();
    outcome->flags = cJSON_CreateArray();
    batch_memory_start();
    ul_status status = batch_prepare(b, item, source, turn, &outcome->error);
    if (status == UL_OK &&
        ul_runs_taken(b->runs, files_below(b->arguments->folder, turn->output), b->plan, item->key))
        ul_error_set(&outcome->error, UL_ERROR_OUTPUT,
            "%s: another case's output has this name: --name with %%n or %%c tells them apart",
            turn->output);
    else if (status == UL_OK && segment_turn(b, turn, outcome) == UL_OK && batch_is_bids(b, item))
        batch_bids_write(b, turn, &outcome->result, &outcome->error);
    batch_name_archive(b, item, &outcome->error);
    outcome->seconds = ul_seconds() - start;
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

/* Whether a case was run before, and what came of it: several cases of an archive. */
static bool was_run(const batch *b, const ul_case *item, size_t *done, size_t *failed) {
    int exit_code;
    if (files_archive_stem(item->path) && !*item->archive &&
        ul_runs_find_parts(b->runs, b->plan, item->key, done, failed))
        return true;
    if (!ul_runs_find(b->runs, b->plan, item->key, &exit_code))
        return false;
    *done = exit_code == UL_OK;
    *failed = exit_code != UL_OK;
    return true;
}

/* Which cases are another shard's, or were run: false, with how many were done and failed. */
static bool is_due(const batch *b, const ul_case *item, size_t *done, size_t *failed) {
    const batch_arguments *a = b->arguments;
    bool mine = a->shards == 0 || (item->number - 1) % a->shards == a->shard - 1;
    *done = *failed = 0;
    if (!mine || a->overwrite || !was_run(b, item, done, failed))
        return mine;
    return a->retry && *failed > 0;
}

static void count_due(const batch *b, const ul_cohort *cases, batch_progress *p) {
    size_t done, failed;
    for (size_t i = 0; i < cases->count; i++) {
        if (is_due(b, &cases->cases[i], &done, &failed)) {
            p->left++;
        } else {
            p->done += done;
            p->failed += failed;
        }
    }
}

/* Runs one case; source: as of batch_prepare. */
static ul_status run_case(
    batch *b, const ul_case *item, const char *source, batch_progress *p, ul_error *error) {
    batch_turn turn = {0};
    batch_outcome outcome = {0};
    run_turn(b, item, source, &turn, &outcome);
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
    batch_turn_end(&turn);
    return status;
}

/* Runs the cases in an archive that are not done. */
static ul_status run_archive(batch *b, const ul_case *item, batch_progress *p, ul_error *error) {
    batch_archive archive = {0};
    ul_case whole = *item;
    size_t done, failed;
    ul_status status = batch_archive_open(b, item, &archive, &whole.fault);
    if (status == UL_ERROR_INTERRUPTED) {
        ul_error_set(error, status, "interrupted: the same command goes on with what is left");
    } else if (archive.cases.count == 0) { /* an image, or what cannot be unpacked */
        status = run_case(b, &whole, archive.only, p, error);
    } else {
        p->left--;
        count_due(b, &archive.cases, p);
        for (size_t i = 0; i < archive.cases.count && status == UL_OK; i++)
            if (is_due(b, &archive.cases.cases[i], &done, &failed))
                status = run_case(b, &archive.cases.cases[i], NULL, p, error);
    }
    batch_archive_close(b, &archive);
    return status;
}

static ul_status run_due(batch *b, const ul_case *item, batch_progress *p, ul_error *error) {
    bool packed = item->series_count == 0 && item->fault.status == UL_OK &&
                  files_archive_stem(item->path) > 0;
    return packed ? run_archive(b, item, p, error) : run_case(b, item, NULL, p, error);
}

static void say_summary(const batch *b, const batch_progress *p) {
    unsigned long seconds = (unsigned long)(ul_seconds() - p->start + 0.5);
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
    size_t done, failed;
    while (index < b->cohort.count && !is_due(b, &b->cohort.cases[index], &done, &failed))
        index++;
    return index;
}

ul_status batch_run_cases(batch *b, ul_error *error) {
    batch_progress p = {.start = ul_seconds()};
    ul_status status = UL_OK;
    count_due(b, &b->cohort, &p);
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
