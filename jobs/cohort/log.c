#include "jobs/cohort/log.h"

#include "io/base/json.h"
#include "jobs/base/paths.h"
#include "jobs/cohort/table.h"
#include "libulite/base/resources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool copy_text(const cJSON *object, const char *key, char *text, size_t bytes) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(value) && (size_t)snprintf(text, bytes, "%s", value->valuestring) < bytes;
}

bool log_run_read(const cJSON *object, log_run *run) {
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, "number"),
                *exit_code = cJSON_GetObjectItemCaseSensitive(object, "exit_code"),
                *output = cJSON_GetObjectItemCaseSensitive(object, "output");
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(object, "part"),
                *parts = cJSON_GetObjectItemCaseSensitive(object, "parts");
    *run = (log_run){0};
    if (!copy_text(object, "plan", run->plan, sizeof run->plan) ||
        !copy_text(object, "case", run->key, sizeof run->key) ||
        !copy_text(object, "model_sha256", run->model, sizeof run->model) ||
        !cJSON_IsNumber(number) || !(number->valuedouble >= 0.0) || number->valuedouble > 1e15 ||
        !cJSON_IsNumber(exit_code))
        return false;
    run->number = (size_t)number->valuedouble;
    run->exit_code = exit_code->valueint;
    if (cJSON_IsNumber(part) && cJSON_IsNumber(parts) && part->valuedouble >= 1.0 &&
        part->valuedouble <= parts->valuedouble && parts->valuedouble < 1e9 &&
        copy_text(object, "archive", run->archive, sizeof run->archive)) {
        run->part = (size_t)part->valuedouble;
        run->parts = (size_t)parts->valuedouble;
    }
    run->output = strdup(cJSON_IsString(output) ? output->valuestring : "");
    return run->output;
}

void log_run_free(log_run *run) {
    free(run->output);
}

ul_status log_add(log_runs *runs, log_run *run, ul_error *error) {
    log_run *items = ul_grow(runs->items, runs->count, &runs->room, sizeof *items);
    if (!items) {
        log_run_free(run);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory after %zu runs", runs->count);
    }
    runs->items = items;
    runs->items[runs->count++] = *run;
    return UL_OK;
}

void log_free(log_runs *runs) {
    for (size_t i = 0; i < runs->count; i++)
        log_run_free(&runs->items[i]);
    free(runs->items);
    *runs = (log_runs){0};
}

/* What is done with a line, of the number-th line of a log: it belongs to the reader. */
typedef ul_status line_visit(
    void *context, const cJSON *object, const char *line, size_t length, ul_error *error);

/* Calls visit with every whole line of a log. */
static ul_status each_line(
    const char *path, line_visit *visit, void *context, off_t *end, ul_error *error) {
    char *line = NULL;
    size_t room = 0, number = 0;
    ul_status status = UL_OK;
    off_t at = 0;
    FILE *stream = fopen(path, "re");
    if (!stream && errno != ENOENT)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    for (ssize_t length; stream && status == UL_OK && (length = getline(&line, &room, stream)) > 0;
         at += length) {
        cJSON *object = NULL;
        if (line[length - 1] != '\n')
            break; /* of a run that was killed while it wrote */
        number++;
        status = ul_json_parse(line, UL_ERROR_INPUT, &object, error);
        if (status != UL_OK)
            ul_error_prefix(error, "%s, line %zu", path, number);
        else
            status = visit(context, object, line, (size_t)length, error);
        cJSON_Delete(object);
        if (status != UL_OK)
            break;
    }
    if (stream && status == UL_OK && ferror(stream))
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be read", path);
    if (stream)
        fclose(stream);
    free(line);
    if (end)
        *end = at;
    return status;
}

static ul_status take_run(
    void *context, const cJSON *object, const char *line, size_t length, ul_error *error) {
    log_run run;
    (void)line;
    (void)length;
    if (log_run_read(object, &run))
        return log_add(context, &run, error);
    return ul_error_set(error, UL_ERROR_INPUT,
        "a line of the log lacks plan, case, number, exit_code or model_sha256: it is damaged");
}

ul_status log_read(const char *path, log_runs *runs, off_t *end, ul_error *error) {
    ul_status status = each_line(path, take_run, runs, end, error);
    if (status == UL_ERROR_INPUT && !strstr(error->text, path))
        ul_error_prefix(error, "%s", path);
    return status;
}

/* A line on its way into a joined log. */
typedef struct joined_line {
    char *text; /* owned */
    log_run run;
    size_t plan;  /* its number, in the order of first lines */
    size_t order; /* in which it was read */
    bool dropped;
} joined_line;

typedef struct joining {
    joined_line *items;
    size_t count, room, plans;
} joining;

static size_t plan_of(joining *j, const char *plan) {
    for (size_t i = j->count; i-- > 0;)
        if (strcmp(j->items[i].run.plan, plan) == 0)
            return j->items[i].plan;
    return j->plans++;
}

static ul_status take_line(
    void *context, const cJSON *object, const char *line, size_t length, ul_error *error) {
    joining *j = context;
    joined_line *items = ul_grow(j->items, j->count, &j->room, sizeof *items);
    if (!items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory after %zu runs", j->count);
    j->items = items;
    joined_line item = {.text = malloc(length + 1)};
    if (!item.text || !log_run_read(object, &item.run)) {
        free(item.text);
        log_run_free(&item.run);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a line");
    }
    memcpy(item.text, line, length + 1);
    item.plan = plan_of(j, item.run.plan);
    item.order = j->count;
    j->items[j->count++] = item;
    return UL_OK;
}

/* By plan and case; of one case what counts comes last. */
static int by_case(const void *left, const void *right) {
    const joined_line *a = left, *b = right;
    if (a->plan != b->plan)
        return a->plan < b->plan ? -1 : 1;
    int order = strcmp(a->run.key, b->run.key);
    if (order == 0)
        order = (a->run.exit_code == 0) - (b->run.exit_code == 0);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static int by_number(const void *left, const void *right) {
    const joined_line *a = left, *b = right;
    if (a->plan != b->plan)
        return a->plan < b->plan ? -1 : 1;
    if (a->run.number != b->run.number)
        return a->run.number < b->run.number ? -1 : 1;
    if (a->run.part != b->run.part)
        return a->run.part < b->run.part ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* Whether the i-th of the lines in order is one of an archive that was one case then and is several
 * now, or the other way round. */
static bool is_other_archive(const joining *j, size_t i) {
    const joined_line *line = &j->items[i];
    size_t first = i;
    while (first > 0 && j->items[first - 1].plan == line->plan &&
           j->items[first - 1].run.number == line->run.number)
        first--;
    for (size_t k = first; k < j->count && j->items[k].plan == line->plan &&
                           j->items[k].run.number == line->run.number;
         k++) {
        const joined_line *other = &j->items[k];
        if (other->order > line->order &&
            (strcmp(other->run.archive, line->run.key) == 0 ||
                (*line->run.archive && strcmp(other->run.key, line->run.archive) == 0)))
            return true;
    }
    return false;
}

static void free_line(joined_line *line) {
    free(line->text);
    log_run_free(&line->run);
}

/* Leaves what counts of each case. */
static void drop_superseded(joining *j) {
    size_t kept = 0;
    qsort(j->items, j->count, sizeof *j->items, by_case);
    for (size_t i = 0; i < j->count; i++) {
        bool last = i + 1 == j->count || j->items[i + 1].plan != j->items[i].plan ||
                    strcmp(j->items[i + 1].run.key, j->items[i].run.key) != 0;
        if (last)
            j->items[kept++] = j->items[i];
        else
            free_line(&j->items[i]);
    }
    j->count = kept;
    qsort(j->items, j->count, sizeof *j->items, by_number);
    for (size_t i = 0; i < kept; i++) /* all first: each is judged by all of the others */
        j->items[i].dropped = is_other_archive(j, i);
    size_t left = 0;
    for (size_t i = 0; i < kept; i++) {
        if (j->items[i].dropped)
            free_line(&j->items[i]);
        else
            j->items[left++] = j->items[i];
    }
    j->count = left;
}

ul_status log_join(const char *const *paths, size_t path_count, char **text, size_t *size,
    size_t *count, ul_error *error) {
    joining j = {0};
    ul_status status = UL_OK;
    *text = NULL;
    *size = 0;
    for (size_t i = 0; i < path_count && status == UL_OK; i++)
        status = each_line(paths[i], take_line, &j, NULL, error);
    if (status == UL_OK && j.count > 0)
        drop_superseded(&j);
    FILE *stream = status == UL_OK ? open_memstream(text, size) : NULL;
    for (size_t i = 0; i < j.count; i++) {
        if (stream)
            fputs(j.items[i].text, stream);
        free_line(&j.items[i]);
    }
    if (status == UL_OK && (!stream || fclose(stream) != 0))
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu runs", j.count);
    *count = j.count;
    free(j.items);
    return status;
}

/* A table being made: of the lines that count. */
typedef struct table_making {
    FILE *stream;
    const bool *counts; /* [lines] */
    size_t line;
} table_making;

static ul_status take_rows(
    void *context, const cJSON *object, const char *line, size_t length, ul_error *error) {
    table_making *making = context;
    (void)line;
    (void)length;
    (void)error;
    if (making->counts[making->line++])
        table_rows(making->stream, object);
    return UL_OK;
}

static int by_identity(const void *left, const void *right) {
    const log_run *a = *(const log_run *const *)left, *b = *(const log_run *const *)right;
    int order = strcmp(a->plan, b->plan);
    if (order == 0)
        order = strcmp(a->key, b->key);
    return order ? order : (a > b) - (a < b);
}

/* Which lines are the last of their case. *counts: free. */
static ul_status find_last(const log_runs *runs, bool **counts, ul_error *error) {
    const log_run **sorted = malloc((runs->count + 1) * sizeof *sorted);
    *counts = calloc(runs->count + 1, sizeof **counts);
    if (!sorted || !*counts) {
        free(sorted);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu runs", runs->count);
    }
    for (size_t i = 0; i < runs->count; i++)
        sorted[i] = &runs->items[i];
    if (runs->count > 0)
        qsort(sorted, runs->count, sizeof *sorted, by_identity);
    for (size_t i = 0; i < runs->count; i++)
        (*counts)[sorted[i] - runs->items] = i + 1 == runs->count ||
                                             strcmp(sorted[i]->key, sorted[i + 1]->key) != 0 ||
                                             strcmp(sorted[i]->plan, sorted[i + 1]->plan) != 0;
    free(sorted);
    return UL_OK;
}

ul_status log_table(
    const log_runs *runs, const char *path, char **text, size_t *size, ul_error *error) {
    bool *counts = NULL;
    *text = NULL;
    ul_status status = find_last(runs, &counts, error);
    FILE *stream = status == UL_OK ? open_memstream(text, size) : NULL;
    if (stream) {
        table_making making = {stream, counts, 0};
        table_head(stream);
        status = each_line(path, take_rows, &making, NULL, error);
    }
    if ((!stream || fclose(stream) != 0) && status == UL_OK)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory for its table", path);
    if (status != UL_OK) {
        free(*text);
        *text = NULL;
    }
    free(counts);
    return status;
}

ul_status log_same(const char *path, const char *text, size_t size, bool *same, ul_error *error) {
    FILE *stream = fopen(path, "re");
    char *held = malloc(size + 1);
    *same =
        stream && held && fread(held, 1, size + 1, stream) == size && memcmp(held, text, size) == 0;
    if (stream)
        fclose(stream);
    free(held);
    return held ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
}

char *log_path(const char *folder, const char *stem, const char *shard, const char *ending) {
    size_t bytes = strlen(folder) + strlen(stem) + strlen(shard) + strlen(ending) + 3;
    char *path = malloc(bytes);
    if (path)
        snprintf(path, bytes, "%s/%s%s%s%s", folder, stem, *shard ? "." : "", shard, ending);
    return path;
}

ul_status log_names_add(log_names *names, char *name, ul_error *error) {
    char **items = name ? realloc(names->items, (names->count + 1) * sizeof *items) : NULL;
    if (!items) {
        free(name);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for names");
    }
    names->items = items;
    names->items[names->count++] = name;
    return UL_OK;
}

void log_names_free(log_names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (log_names){0};
}

ul_status log_shards(const char *folder, log_names *names, ul_error *error) {
    name_list list;
    ul_status status = files_list(folder, &list, error);
    for (size_t i = 0; i < list.count && status == UL_OK; i++) {
        unsigned shard, of;
        int length = 0;
        if (sscanf(list.names[i], "runs.%u-of-%u.jsonl%n", &shard, &of, &length) == 2 &&
            length > 0 && list.names[i][length] == '\0')
            status = log_names_add(names, files_join(folder, list.names[i]), error);
    }
    files_free(&list);
    if (status == UL_OK && names->count == 0)
        status = ul_error_set(
            error, UL_ERROR_INPUT, "%s: no log of a shard (runs.1-of-4.jsonl) to merge", folder);
    return status;
}
