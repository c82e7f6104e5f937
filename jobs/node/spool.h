/* The spool of a node: folders and renames are all the state there is.
 *
 *     incoming/       objects that are being received; nobody was told that they are there
 *     new/STUDY/      objects that were acknowledged, until their study is complete
 *     work/STUDY/     a complete study that is to be segmented
 *     done/STUDY/     one that was, kept for what may come late
 *     making/RESULT/  a result before it is complete
 *     outbox/RESULT/  result.seg.dcm, record.json, and to-PEER for each peer that it is to go to
 *     results/        RESULT.json: the record of a result that is where it should be, or has failed
 *     crashes/        STUDY: a byte for each process that died of it
 *
 * A study has folders SERIES with files INSTANCE; all these names are hashes of UIDs
 * (STUDY is the key that `ulite batch` has for a case). An object
 * moves into new/ by one rename after it reached the disk; a study moves by one rename; a result
 * appears in outbox/ by one rename. So whatever is killed when: what was acknowledged is in new/,
 * work/ or done/, and what is in work/ is done again to the same result. */
#pragma once

#include "jobs/base/paths.h"
#include "ulite/error.h"

#include <stdint.h>

#define SPOOL_KEY_BYTES 33
#define SPOOL_PATH_BYTES 4096

typedef struct node_spool {
    char root[SPOOL_PATH_BYTES - 256];
    int owner;                    /* locked while a node runs */
    char synced[SPOOL_KEY_BYTES]; /* the series whose folders this process has sent to the disk */
} node_spool;

/* Makes the folders that are missing and takes the spool for this process and its children; deletes
 * what a killed node left half made. Errors: UL_ERROR_OUTPUT (cannot be made; another node has
 * it). */
ul_status spool_open(const char *folder, node_spool *spool, ul_error *error);
void spool_close(node_spool *spool);

/* The key of a study. */
void spool_study_key(const char *study_uid, char study[SPOOL_KEY_BYTES]);

/* "root/folder/name/more"; name and more may be NULL. */
void spool_path(const node_spool *spool, const char *folder, const char *name, const char *more,
    char path[SPOOL_PATH_BYTES]);

/* Bytes that are free on the spool's disk; 0 where that cannot be told. */
uint64_t spool_free_bytes(const node_spool *spool);

/* Moves an object that is on the disk into new/, in the place of an older one. When this returns
 * UL_OK it stays there whatever happens. Errors: UL_ERROR_OUTPUT. */
ul_status spool_put(node_spool *spool, const char *path, const char *study_uid,
    const char *series_uid, const char *instance_uid, ul_error *error);

/* Deletes what in incoming/ has a name that begins so. */
void spool_drop(const node_spool *spool, const char *start);

/* Whether a study is still being received. */
typedef bool spool_busy(void *context, const char *study);

/* Moves the study that has been complete for longest from new/ to work/: nothing came for so many
 * seconds, and nobody is busy with it. What done/ still holds of it comes along. False: there is
 * none. */
bool spool_take(const node_spool *spool, double quiet_seconds, spool_busy *busy, void *context,
    char study[SPOOL_KEY_BYTES]);

/* The first study in work/; false: none. */
bool spool_work(const node_spool *spool, char study[SPOOL_KEY_BYTES]);

/* Moves a study from work/ to done/. Errors: UL_ERROR_OUTPUT. */
ul_status spool_finish(const node_spool *spool, const char *study, ul_error *error);

/* Deletes what done/ and results/ have held for longer. */
void spool_expire(const node_spool *spool, double keep_seconds, double remember_seconds);

/* Counts a process that died of a study; how many have. */
size_t spool_crashed(const node_spool *spool, const char *study);

/* How many studies and results wait. */
typedef struct spool_counts {
    size_t receiving, waiting, sending; /* in new/, work/, outbox/ */
} spool_counts;
void spool_count(const node_spool *spool, spool_counts *counts);
