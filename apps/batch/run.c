#include "apps/base/console.h"
#include "apps/base/event.h"
#include "apps/base/input_kind.h"
#include "apps/batch/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many series of a case fit the model, and the first of them; reasons [UL_ERROR_TEXT_BYTES /
 * 2]: why the others do not. */
static size_t count_fitting(const batch *b, const ul_case *item, bool colour_may_be_grey,
    const ul_series **first, char *reasons) {
    size_t fits = 0, room = UL_ERROR_TEXT_BYTES / 2;
    *reasons = '\0';
    for (size_t i = 0, used = 0; i < item->series_count; i++) {
        const ul_series *series = item->series[i];
        ul_error why = {0};
        if (b->arguments->force ||
            ul_card_fit_series(&b->model.card, series, colour_may_be_grey, &why) == UL_OK) {
            if (++fits == 1)
                *first = series;
        } else if (used < room) {
            used += (size_t)snprintf(reasons + used, room - used, "%sseries %d: %s",
                used ? "; " : "", ul_series_get_info(series)->series_number, why.text);
        }
    }
    return fits;
}

/* The series that the model was made for: the only one of its study, or the only one that fits, as
 * `ulite segment` chooses. */
static ul_status choose_by_card(const batch *b, batch_turn *turn, ul_error *error) {
    const ul_case *item = turn->item;
    char reasons[UL_ERROR_TEXT_BYTES / 2];
    size_t fits = count_fitting(b, item, false, &turn->series, reasons);
    if (fits == 0)
        fits = count_fitting(b, item, true, &turn->series, reasons);
    if (item->series_count == 1) { /* what does not fit is refused when it is segmented */
        turn->series = item->series[0];
        snprintf(turn->choice, sizeof turn->choice, "the only volume of its study");
        return UL_OK;
    }
    snprintf(turn->choice, sizeof turn->choice,
        "the only one of %zu volumes that the model was made for", item->series_count);
    if (fits == 1)
        return UL_OK;
    turn->series = NULL;
    *turn->choice = '\0';
    if (fits == 0)
        return ul_error_set(error, UL_ERROR_CHOICE,
            "the model was made for none of the %zu volumes (%s)", item->series_count, reasons);
    return ul_error_set(error, UL_ERROR_CHOICE,
        "%zu of %zu volumes fit the model and nothing was chosen; --rules says which is meant",
        fits, item->series_count);
}

ul_status batch_prepare(const batch *b, const ul_case *item, batch_turn *turn, ul_error *error) {
    ul_status status = UL_OK;
    size_t chosen;
    turn->item = item;
    turn->series = NULL;
    *turn->choice = *turn->output = '\0';
    if (item->fault.status != UL_OK)
        return ul_error_set(error, item->fault.status, "%s", item->fault.text);
    if (item->series_count > 0 && b->rules) {
        status = ul_series_rules_choose(b->rules, item->series, item->series_count, &chosen,
            turn->choice, sizeof turn->choice, error);
        if (status == UL_OK)
            turn->series = item->series[chosen];
    } else if (item->series_count > 0) {
        status = choose_by_card(b, turn, error);
    }
    return status == UL_OK ? batch_name(b, turn, error) : status;
}

/* What is kept of a case's messages. */
typedef struct kept_messages {
    cJSON *flags;
    char *choice; /* [choice_bytes] */
    size_t choice_bytes;
} kept_messages;

static void keep_message(void *context, const char *line) {
    kept_messages *kept = context;
    static const char taken[] = "taken: ";
    if (strncmp(line, "note: ", 6) == 0 || strncmp(line, "forced: ", 8) == 0)
        cJSON_AddItemToArray(kept->flags, cJSON_CreateString(line));
    else if (strncmp(line, taken, strlen(taken)) == 0)
        snprintf(kept->choice, kept->choice_bytes, "%s", line + strlen(taken));
}

static ul_status segment_turn(const batch *b, batch_turn *turn, batch_outcome *outcome) {
    const batch_arguments *a = b->arguments;
    bool json = console_settings.json;
    segment_arguments arguments = {.inputs = {turn->series ? turn->item->input : turn->item->path},
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
        .measured = true,
        .catalog = turn->item->catalog,
        .chosen = turn->series};
    kept_messages kept = {outcome->flags, turn->choice, sizeof turn->choice};
    batch_make_folders(turn->output);
    console_settings.json = false; /* a case is one event */
    console_listen(keep_message, &kept);
    segment_case(&arguments, &b->model, &outcome->result, &outcome->error);
    console_listen(NULL, NULL);
    console_settings.json = json;
    return outcome->error.status;
}

static void run_turn(batch *b, const ul_case *item, batch_turn *turn, batch_outcome *outcome) {
    double start = console_seconds();
    outcome->flags = cJSON_CreateArray();
    batch_memory_start();
    ul_status status = batch_prepare(b, item, turn, &outcome->error);
    const char *below = turn->output + strlen(b->arguments->folder);
    if (status == UL_OK && ul_runs_taken(b->runs, below + strspn(below, "/"), b->plan, item->key))
        ul_error_set(&outcome->error, UL_ERROR_OUTPUT,
            "%s: another case's output has this name: --name with %%n or %%c tells them apart",
            turn->output);
    else if (status == UL_OK)
        segment_turn(b, turn, outcome);
    outcome->seconds = console_seconds() - start;
    outcome->peak_mib = batch_memory_peak();
}

/* A text without the path of its case: folders are often named after patients. */
static void hide_path(const char *text, const char *path, char *hidden, size_t bytes) {
    size_t length = strlen(path), used = 0;
    for (const char *found; used < bytes && (found = strstr(text, path)); text = found + length) {
        bool prefix = found[length] == ':' && found[length + 1] == ' ';
        used += (size_t)snprintf(hidden + used, bytes - used, "%.*s%s", (int)(found - text), text,
            prefix ? "" : "its input");
        found += prefix ? 2 : 0;
    }
    if (used < bytes)
        snprintf(hidden + used, bytes - used, "%s", text);
}

/* One line for people, by number and key; runs.jsonl has the path. */
static void say_failed(const batch_turn *turn, const ul_error *error) {
    char text[2 * UL_ERROR_TEXT_BYTES];
    hide_path(error->text, turn->item->path, text, sizeof text);
    console_line(stderr, "case %zu (%.8s): exit %d: %s", turn->item->number, turn->item->key,
        (int)error->status, console_settings.debug ? error->text : text);
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
    batch_turn turn;
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

ul_status batch_run_cases(batch *b, ul_error *error) {
    batch_progress p = {.start = console_seconds()};
    ul_status status = UL_OK;
    count_due(b, &p);
    if (p.done + p.failed > 0)
        console_say("%zu cases were run before: %zu done, %zu failed%s", p.done + p.failed, p.done,
            p.failed, p.failed ? " (--retry failed runs these again)" : "");
    for (size_t i = 0; i < b->cohort.count && status == UL_OK; i++) {
        bool mine;
        int exit_code;
        if (!is_due(b, &b->cohort.cases[i], &mine, &exit_code))
            continue;
        batch_progress_draw(&p);
        status = run_due(b, &b->cohort.cases[i], &p, error);
    }
    batch_progress_clear(&p);
    say_summary(b, &p);
    return status == UL_OK && p.failed > 0 ? UL_ERROR_PARTIAL : status;
}
