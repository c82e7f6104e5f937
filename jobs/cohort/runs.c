#include "jobs/cohort/log.h"
#include "jobs/cohort/table.h"
#include "libulite/base/output.h"
#include "ulite/cohort.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct ul_runs {
    char *path, *table_path;
    int file;      /* runs.jsonl, locked as long as it is open */
    log_runs own;  /* what stands in it */
    log_runs one;  /* of a shard: what stands in the one log */
    bool unsorted; /* a case stands in it twice, or after a later one */
};

static ul_status fail_file(const char *path, const char *what, ul_error *error) {
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: %s: %s", path, what, strerror(errno));
}

/* Opens and locks the file at path itself: another process may have replaced it in between. */
static ul_status open_locked(const char *path, int *file, ul_error *error) {
    for (;;) {
        struct stat opened, named;
        *file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (*file < 0)
            return fail_file(path, "cannot be written", error);
        if (flock(*file, LOCK_EX | LOCK_NB) != 0) {
            close(*file);
            *file = -1;
            return ul_error_set(error, UL_ERROR_OUTPUT,
                "%s: another run writes it: wait for it, or give each a --shard", path);
        }
        if (fstat(*file, &opened) == 0 && stat(path, &named) == 0 &&
            opened.st_ino == named.st_ino && opened.st_dev == named.st_dev)
            return UL_OK;
        close(*file);
    }
}

/* All of a text, or nothing, at the end of a file. */
static ul_status append(
    int file, const char *path, const char *text, size_t size, ul_error *error) {
    off_t before = lseek(file, 0, SEEK_END);
    ssize_t written = write(file, text, size);
    if (written == (ssize_t)size)
        return UL_OK;
    if (written >= 0)
        errno = ENOSPC;
    ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    if (before >= 0 && ftruncate(file, before) != 0)
        return UL_ERROR_OUTPUT; /* a line without an end is cut off when the log is opened next */
    return UL_ERROR_OUTPUT;
}

/* Makes the table of a log where it is not the one that stands there. */
static ul_status renew_table(const ul_runs *runs, ul_error *error) {
    char *text;
    size_t size;
    bool same;
    ul_status status = log_table(&runs->own, runs->path, &text, &size, error);
    if (status == UL_OK)
        status = log_same(runs->table_path, text, size, &same, error);
    if (status == UL_OK && !same)
        status = ul_output_write(runs->table_path, text, size, error);
    free(text);
    return status;
}

static bool in_order(const log_runs *runs) {
    for (size_t i = 1; i < runs->count; i++)
        if (strcmp(runs->items[i].plan, runs->items[i - 1].plan) == 0 &&
            runs->items[i].number <= runs->items[i - 1].number)
            return false;
    return true;
}

static ul_status open_log(ul_runs *runs, const char *folder, const char *shard, ul_error *error) {
    ul_status status = open_locked(runs->path, &runs->file, error);
    off_t end = 0;
    if (status == UL_OK)
        status = log_read(runs->path, &runs->own, &end, error);
    if (status == UL_OK && ftruncate(runs->file, end) != 0)
        status = fail_file(runs->path, "cannot be written", error);
    if (status != UL_OK)
        return status;
    runs->unsorted = !in_order(&runs->own);
    if (*shard) {
        char *one = log_path(folder, "runs", "", ".jsonl");
        status = one ? log_read(one, &runs->one, NULL, error)
                     : ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
        free(one);
    }
    return status == UL_OK ? renew_table(runs, error) : status;
}

static void free_runs(ul_runs *runs) {
    if (runs->file >= 0)
        close(runs->file);
    log_free(&runs->own);
    log_free(&runs->one);
    free(runs->path);
    free(runs->table_path);
    free(runs);
}

ul_status ul_runs_open(const char *folder, const char *shard, ul_runs **runs, ul_error *error) {
    ul_runs *r = *runs = calloc(1, sizeof *r);
    if (!r)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", folder);
    r->file = -1;
    r->path = log_path(folder, "runs", shard, ".jsonl");
    r->table_path = log_path(folder, "volumes", shard, ".csv");
    ul_status status = r->path && r->table_path
                           ? UL_OK
                           : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", folder);
    if (status == UL_OK && mkdir(folder, 0777) != 0 && errno != EEXIST)
        status = fail_file(folder, "cannot be created", error);
    if (status == UL_OK)
        status = open_log(r, folder, shard, error);
    if (status != UL_OK) {
        free_runs(r);
        *runs = NULL;
    }
    return status;
}

/* Replaces the log by the last line of each case, in order, and the table by that of it. */
static ul_status sort_log(ul_runs *runs, ul_error *error) {
    const char *paths[] = {runs->path};
    char *text;
    size_t size, count;
    ul_status status = log_join(paths, 1, &text, &size, &count, error);
    if (status == UL_OK)
        status = ul_output_write(runs->path, text, size, error);
    free(text);
    if (status != UL_OK)
        return status;
    log_free(&runs->own);
    status = log_read(runs->path, &runs->own, NULL, error);
    return status == UL_OK ? renew_table(runs, error) : status;
}

ul_status ul_runs_close(ul_runs *runs, ul_error *error) {
    if (!runs)
        return UL_OK;
    ul_status status = runs->unsorted ? sort_log(runs, error) : UL_OK;
    free_runs(runs);
    return status;
}

static const log_run *find(const log_runs *runs, const char *plan, const char *key) {
    for (size_t i = runs->count; i-- > 0;)
        if (strcmp(runs->items[i].key, key) == 0 && strcmp(runs->items[i].plan, plan) == 0)
            return &runs->items[i];
    return NULL;
}

bool ul_runs_find(const ul_runs *runs, const char *plan, const char *key, int *exit_code) {
    const log_run *run = find(&runs->own, plan, key);
    if (!run)
        run = find(&runs->one, plan, key);
    if (run)
        *exit_code = run->exit_code;
    return run;
}

bool ul_runs_find_parts(
    const ul_runs *runs, const char *plan, const char *key, size_t *done, size_t *failed) {
    const log_runs *const logs[] = {&runs->one, &runs->own}; /* what is own is later */
    size_t parts = 0;
    *done = *failed = 0;
    for (size_t n = 0; n < 2; n++)
        for (size_t i = 0; i < logs[n]->count; i++) {
            const log_run *run = &logs[n]->items[i];
            if (strcmp(run->plan, plan) != 0)
                continue;
            if (strcmp(run->key, key) == 0)
                parts = *done = *failed = 0;
            const log_run *last =
                strcmp(run->archive, key) == 0 ? find(&runs->own, plan, run->key) : NULL;
            if (strcmp(run->archive, key) != 0 ||
                (last ? last : find(&runs->one, plan, run->key)) != run)
                continue;
            parts = run->parts;
            *(run->exit_code == UL_OK ? done : failed) += 1;
        }
    return parts > 0 && *done + *failed >= parts; /* more: the archive was another one once */
}

const char *ul_runs_other_plan(const ul_runs *runs, const char *plan, const char *model_hash) {
    const log_runs *const logs[] = {&runs->own, &runs->one};
    for (size_t n = 0; n < 2; n++)
        for (size_t i = 0; i < logs[n]->count; i++)
            if (strcmp(logs[n]->items[i].model, model_hash) == 0 &&
                strcmp(logs[n]->items[i].plan, plan) != 0)
                return logs[n]->items[i].plan;
    return NULL;
}

bool ul_runs_taken(const ul_runs *runs, const char *output, const char *plan, const char *key) {
    const log_runs *const logs[] = {&runs->own, &runs->one};
    for (size_t n = 0; n < 2; n++)
        for (size_t i = 0; i < logs[n]->count; i++)
            if (strcmp(logs[n]->items[i].output, output) == 0 &&
                (strcmp(logs[n]->items[i].key, key) != 0 ||
                    strcmp(logs[n]->items[i].plan, plan) != 0))
                return true;
    return false;
}

static ul_status append_rows(ul_runs *runs, const cJSON *run, ul_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream)
        table_rows(stream, run);
    ul_status status = stream && fclose(stream) == 0 ? UL_OK
                                                     : ul_error_set(error, UL_ERROR_LIMIT,
                                                           "%s: out of memory", runs->table_path);
    if (status == UL_OK && size > 0) {
        int file = open(runs->table_path, O_WRONLY | O_APPEND | O_CLOEXEC);
        status = file < 0 ? fail_file(runs->table_path, "cannot be written", error)
                          : append(file, runs->table_path, text, size, error);
        if (file >= 0)
            close(file);
    }
    free(text);
    return status;
}

ul_status ul_runs_add(ul_runs *runs, const cJSON *run, ul_error *error) {
    log_run item;
    char *line = cJSON_PrintUnformatted(run);
    size_t length = line ? strlen(line) : 0;
    if (!line || !log_run_read(run, &item)) {
        free(line);
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", runs->path);
    }
    line[length] = '\n'; /* in place of the NUL, which no one reads any more */
    ul_status status = append(runs->file, runs->path, line, length + 1, error);
    free(line);
    if (status == UL_OK && fsync(runs->file) != 0)
        status = fail_file(runs->path, "cannot be written", error);
    if (status == UL_OK)
        status = log_add(&runs->own, &item, error);
    else
        log_run_free(&item);
    if (status != UL_OK)
        return status;
    size_t count = runs->own.count;
    if (count > 1 && strcmp(runs->own.items[count - 2].plan, item.plan) == 0 &&
        runs->own.items[count - 2].number >= item.number)
        runs->unsorted = true;
    return append_rows(runs, run, error);
}

ul_status ul_runs_merge(const char *folder, size_t *shards, size_t *count, ul_error *error) {
    ul_runs *one = NULL;
    log_names names = {0};
    char *text = NULL;
    size_t size;
    ul_status status = log_shards(folder, &names, error);
    *shards = names.count;
    if (status == UL_OK)
        status = ul_runs_open(folder, "", &one, error);
    if (status == UL_OK)
        status = log_names_add(&names, strdup(one->path), error);
    if (status == UL_OK)
        status =
            log_join((const char *const *)names.items, names.count, &text, &size, count, error);
    if (status == UL_OK)
        status = ul_output_write(one->path, text, size, error);
    free(text);
    if (status == UL_OK) {
        log_free(&one->own);
        status = log_read(one->path, &one->own, NULL, error);
    }
    if (status == UL_OK)
        status = renew_table(one, error);
    if (one)
        free_runs(one);
    log_names_free(&names);
    return status;
}
