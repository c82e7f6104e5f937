/* The parts of `ulite batch`: which series of a case, its name, its record, running them. */
#pragma once

#include "apps/segment/segment.h"
#include "ulite/cohort.h"

#include <cJSON.h>

enum { BATCH_FORMATS = 8 };

typedef struct batch_arguments {
    const char *inputs[SEGMENT_MAX_PATHS];
    size_t input_count;
    const char *folder, *model, *name, *include, *rules, *only, *merge;
    const char *formats[BATCH_FORMATS]; /* endings: of the output, then of those beside it */
    size_t format_count;                /* 0: the input's own kind */
    int threads;
    ul_seg_type type;
    bool rle, regular, flips, force, retry, overwrite, html, sc;
    unsigned shard, shards; /* from 1; 0 of 0: all */
} batch_arguments;

/* What one run over a cohort works with. */
typedef struct batch {
    const batch_arguments *arguments;
    segment_model model;
    ul_series_rules *rules; /* NULL: the model's card chooses */
    ul_cohort cohort;
    ul_runs *runs;
    char scratch[TARGET_PATH_BYTES]; /* the folder that archives are unpacked into, one at a time */
    char plan[17]; /* hash of the model and of the options that a result depends on */
} batch;

/* What is known of a case before it is segmented. Zero-initialise; batch_turn_end. */
typedef struct batch_turn {
    const ul_case *item;
    const char *source;      /* what is read: the path of the case, or what was unpacked of it */
    ul_catalog *catalog;     /* of a source that was read for this turn, owned */
    const ul_series *series; /* NULL: no DICOM */
    char choice[256];        /* why this series */
    char output[TARGET_PATH_BYTES], page[TARGET_PATH_BYTES]; /* page: empty without --html */
    char capture[TARGET_PATH_BYTES];                         /* empty without --sc */
    char beside[BATCH_FORMATS][TARGET_PATH_BYTES]; /* the further formats, up to an empty one */
    size_t stem;                                   /* bytes of output without its ending */
} batch_turn;

/* Chooses the series of a case, and names its output. source: of an archive the image in it, else
 * NULL. Errors: UL_ERROR_CHOICE, UL_ERROR_USAGE, or the fault of the case. */
ul_status batch_prepare(
    const batch *b, const ul_case *item, const char *source, batch_turn *turn, ul_error *error);
void batch_turn_end(batch_turn *turn);

/* What is in an archive, for as long as its cases run. Zero-initialise; batch_archive_close. */
typedef struct batch_archive {
    char *only;          /* the one file that was in it, owned; NULL: several */
    ul_catalog *catalog; /* owned */
    ul_cohort cases;     /* none: only is an image, the archive is the case */
} batch_archive;

/* Unpacks an archive and finds the cases in it. Errors: as of archive_unpack and ul_catalog_open,
 * which name the archive. */
ul_status batch_archive_open(
    const batch *b, const ul_case *item, batch_archive *archive, ul_error *error);
void batch_archive_close(const batch *b, batch_archive *archive);

/* Has an error call what was unpacked by the archive's path: it is gone when somebody reads it. */
void batch_name_archive(const batch *b, const ul_case *item, ul_error *error);

/* Has the files of a case read while another one is segmented. */
void batch_read_ahead(const batch *b, const ul_case *item);

/* The path of a case's output. Errors: UL_ERROR_USAGE (a wrong pattern), UL_ERROR_OUTPUT (too
 * long). */
ul_status batch_name(const batch *b, batch_turn *turn, ul_error *error);

/* UL_OK, or what is wrong with a pattern whatever the case. */
ul_status batch_name_check(const char *pattern, ul_error *error);

/* Whether a case's output is that of a BIDS derivative, named by its source. */
bool batch_is_bids(const batch *b, const ul_case *item);

/* The path of such an output below OUT, without ending. */
ul_status batch_bids_name(
    const batch *b, const ul_case *item, char name[TARGET_PATH_BYTES], ul_error *error);

/* Makes OUT a BIDS derivative where there are such cases, which must be of one data set. Errors:
 * UL_ERROR_USAGE, UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status batch_bids_begin(const batch *b, ul_error *error);

/* Writes the table of the labels (.tsv) and the sidecar (.json) of an output. Errors:
 * UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status batch_bids_write(
    const batch *b, const batch_turn *turn, const segment_result *result, ul_error *error);

/* Makes the folders of a file. */
void batch_make_folders(const char *path);

/* What a case came to. */
typedef struct batch_outcome {
    ul_error error; /* UL_OK: done */
    segment_result result;
    cJSON *flags; /* its notes, owned by the record from then on */
    double seconds, peak_mib;
} batch_outcome;

/* The line of the log; NULL where memory ran out. */
cJSON *batch_record(const batch *b, const batch_turn *turn, const batch_outcome *outcome);

/* The most memory of the process, in MiB, since the last start. */
void batch_memory_start(void);
double batch_memory_peak(void);

/* How many cases are done. */
typedef struct batch_progress {
    size_t done, failed, left, run; /* run: of done and failed, in this process */
    double start, last_drawn;
    bool open; /* a line on the terminal is not ended */
} batch_progress;

void batch_progress_draw(batch_progress *p);
void batch_progress_clear(batch_progress *p);

/* Runs all cases of the shard that are not done, and says what came of it. Returns UL_OK,
 * UL_ERROR_PARTIAL (some failed), or what ended the run. */
ul_status batch_run_cases(batch *b, ul_error *error);
