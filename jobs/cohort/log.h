/* The lines of runs.jsonl, read: what is kept of each in memory, and logs joined. */
#pragma once

#include "ulite/cohort.h"

#include <cJSON.h>
#include <sys/types.h>

typedef struct log_run {
    char plan[17], key[UL_CASE_KEY_BYTES], model[65];
    char archive[UL_CASE_KEY_BYTES]; /* of one of several cases in an archive, else "" */
    char *output;                    /* owned */
    size_t number, part, parts;
    int exit_code;
} log_run;

typedef struct log_runs {
    log_run *items; /* owned, in the order of the lines */
    size_t count, room;
} log_runs;

/* False where a key is missing or memory ran out; *run: log_run_free. */
bool log_run_read(const cJSON *object, log_run *run);
void log_run_free(log_run *run);

/* Takes the run over, also where it fails. */
ul_status log_add(log_runs *runs, log_run *run, ul_error *error);
void log_free(log_runs *runs);

/* Reads a log, which may be absent. *end (may be NULL): where its last whole line ends. Errors:
 * UL_ERROR_INPUT names a damaged line; UL_ERROR_LIMIT. Free the runs in any case. */
ul_status log_read(const char *path, log_runs *runs, off_t *end, ul_error *error);

/* The lines of several logs, the last one of each case, sorted by plan (as they come) and number.
 * Where logs differ on a case, one that is done goes first, then the later log. *text: free. */
ul_status log_join(const char *const *paths, size_t path_count, char **text, size_t *size,
    size_t *count, ul_error *error);

/* The table of the last line of each case of a log. *text: free; NULL on failure. */
ul_status log_table(
    const log_runs *runs, const char *path, char **text, size_t *size, ul_error *error);

/* Whether a file is there and holds this text. */
ul_status log_same(const char *path, const char *text, size_t size, bool *same, ul_error *error);

/* "folder/stem.jsonl" or, of a shard, "folder/stem.2-of-4.jsonl"; NULL where memory ran out. */
char *log_path(const char *folder, const char *stem, const char *shard, const char *ending);

typedef struct log_names {
    char **items; /* owned */
    size_t count;
} log_names;

/* The logs of the shards in a folder, sorted. Errors: UL_ERROR_INPUT where there is none. */
ul_status log_shards(const char *folder, log_names *names, ul_error *error);

/* Takes name over, also where it fails; NULL fails. */
ul_status log_names_add(log_names *names, char *name, ul_error *error);
void log_names_free(log_names *names);
