/* A cohort: the cases that some inputs hold, and the log of what was run on them. */
#ifndef ULITE_COHORT_H
#define ULITE_COHORT_H

#include "ulite/dicom.h"

UL_BEGIN_C

struct cJSON;

#define UL_CASE_KEY_BYTES 33

/* A study of DICOM images, or one NIfTI or PNG file, or a line of a list, which is one case
 * whatever it holds, or an archive, which is one until it is unpacked. */
typedef struct ul_case {
    size_t number;               /* from 1, in the order of the inputs */
    char key[UL_CASE_KEY_BYTES]; /* hash of its StudyInstanceUID, or of its real path: what it is
                                    known by between runs */
    char *path;                  /* its file, or the folder of its first file; owned */
    char *name;               /* the path below its input, without the ending of an image; owned */
    const char *input;        /* the input that it was found in */
    const ul_series **series; /* [series_count], owned; none: path is yet to be read */
    size_t series_count;
    const ul_catalog *catalog;       /* which holds the series; NULL: none */
    bool bids;                       /* a file of a BIDS data set, which is its input */
    char archive[UL_CASE_KEY_BYTES]; /* of one of several cases in an archive its key, else "" */
    size_t part, parts;              /* which one of how many, from 1; 0 of 0: it is none such */
    ul_error fault;                  /* why nothing of it can be read; UL_OK: it can */
} ul_case;

typedef struct ul_cohort {
    ul_case *cases; /* [count], owned */
    size_t count;
    ul_catalog **catalogs; /* [catalog_count], owned */
    size_t catalog_count;
} ul_cohort;

/* Zero-initialise. */
typedef struct ul_cohort_options {
    const char *without; /* a folder that is left out; NULL: none */
    const char *include; /* a pattern (*, ?, [...]) of the paths below a folder which NIfTI and PNG
                            files and archives must match; NULL: any, or, of a BIDS data set, those
                            in folders "anat" */
    bool whole_paths;    /* in messages, as ul_catalog_open has it */
    int threads;
} ul_cohort_options;

/* Finds the cases of files, folders of any depth and lists (.txt: a path a line, from the folder
 * of the list; empty lines and those that begin with # are left out). The images in a folder are
 * grouped by StudyInstanceUID, wherever they lie; a folder of unreadable files alone is a case with
 * a fault. NIfTI and PNG files, and zip and tar archives, are a case each. Of a folder with a
 * dataset_description.json (BIDS) only NIfTI files in its folders sub-* are taken. Only headers are
 * read, and of archives and the lines of a list nothing. Inputs must outlive the cohort. Errors:
 * UL_ERROR_INPUT names an input that holds no case; UL_ERROR_USAGE (a case in two inputs);
 * UL_ERROR_INTERRUPTED; UL_ERROR_LIMIT. *cohort: ul_cohort_close. */
UL_API ul_status ul_cohort_open(const char *const *inputs, size_t input_count,
    const ul_cohort_options *options, const ul_progress *progress, ul_cohort *cohort,
    ul_error *error);
UL_API void ul_cohort_close(ul_cohort *cohort);

/* The cases in an archive that was unpacked: its studies, and folders of unreadable files. All have
 * its number, path and name. One alone has its key, too; several have keys of their own, that stay
 * the same wherever it is unpacked. catalog: of what was unpacked, must outlive the cases. Errors:
 * UL_ERROR_LIMIT. *cases: ul_cohort_close. */
UL_API ul_status ul_case_open_archive(
    const ul_case *archive, const ul_catalog *catalog, ul_cohort *cases, ul_error *error);

/* Rules which choose one series of a study (docs/cohorts.md). */
typedef struct ul_series_rules ul_series_rules;

/* Reads a JSON file of rules. Errors: UL_ERROR_INPUT (cannot be read), UL_ERROR_USAGE names what in
 * it is wrong; UL_ERROR_LIMIT. */
UL_API ul_status ul_series_rules_read(const char *path, ul_series_rules **rules, ul_error *error);
UL_API void ul_series_rules_free(ul_series_rules *rules); /* NULL is fine */

/* The series that the first rule matches which matches any. *chosen: an index; reason
 * [reason_bytes]: which rule it was. Errors: UL_ERROR_CHOICE where no rule matches any, or the rule
 * matches several. */
UL_API ul_status ul_series_rules_choose(const ul_series_rules *rules,
    const ul_series *const *series, size_t series_count, size_t *chosen, char *reason,
    size_t reason_bytes, ul_error *error);

/* The log of a cohort in a folder: runs.jsonl, a JSON object a line and case (docs/cohorts.md), and
 * volumes.csv, a row per segment of it. The log is what counts: the table is made of it. */
typedef struct ul_runs ul_runs;

/* Opens the log of a shard ("2-of-4": runs.2-of-4.jsonl) or, where that is empty, the one log;
 * creates the folder. A line that a killed run left unfinished is cut off, and the table is made
 * anew where it is not that of the log. A shard also knows what the one log holds. Errors:
 * UL_ERROR_OUTPUT (cannot be written; another run holds it), UL_ERROR_INPUT (a line of the log is
 * damaged), UL_ERROR_LIMIT. */
UL_API ul_status ul_runs_open(
    const char *folder, const char *shard, ul_runs **runs, ul_error *error);

/* Puts log and table in the order of the cases, the last line of each, and closes. NULL is fine.
 * Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT; both files are then as complete as before. */
UL_API ul_status ul_runs_close(ul_runs *runs, ul_error *error);

/* Whether a case was run under a plan (a hash of the model and the options), and the exit code of
 * the last time. */
UL_API bool ul_runs_find(const ul_runs *runs, const char *plan, const char *key, int *exit_code);

/* How many cases of an archive were done, and failed, the last time that they were run under a
 * plan; false where not all of them were run, or it was one case then. */
UL_API bool ul_runs_find_parts(
    const ul_runs *runs, const char *plan, const char *key, size_t *done, size_t *failed);

/* Another plan of the same model in this log; NULL: none. */
UL_API const char *ul_runs_other_plan(
    const ul_runs *runs, const char *plan, const char *model_hash);

/* Whether an output was written for another case, or under another plan. */
UL_API bool ul_runs_taken(
    const ul_runs *runs, const char *output, const char *plan, const char *key);

/* Appends a run, in one write that reaches the disk, then the rows of its "volumes". Needed are
 * plan, case, number, exit_code, output and model_sha256; of one of several cases in an archive
 * also archive, part and parts. Errors: UL_ERROR_OUTPUT (the log is then as before),
 * UL_ERROR_LIMIT. */
UL_API ul_status ul_runs_add(ul_runs *runs, const struct cJSON *run, ul_error *error);

/* Joins the logs of all shards in a folder to its one log, which may exist, and makes the table of
 * it. Shards stay. Errors: as above, and UL_ERROR_INPUT where there is no shard. */
UL_API ul_status ul_runs_merge(const char *folder, size_t *shards, size_t *runs, ul_error *error);

UL_END_C
#endif
