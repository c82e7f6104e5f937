/* Results on their way to the peers: what a result is called, made, sent, and remembered. */
#pragma once

#include "jobs/node/spool.h"
#include "ulite/dicom.h"

struct cJSON;

/* The name of what a model makes of a series: a hash of the series, of the images that it holds and
 * of the plan (the model and its options). The same images sent again have the same. */
void result_name(const ul_series *series, size_t slices, const char *plan,
    char name[SPOOL_KEY_BYTES], ul_error *error);

/* Whether a result was made before, or failed: it is not made again. */
bool result_known(const node_spool *spool, const char *name);

/* Makes an empty folder for a result; path: of the SEG to be written in it, beside which other .dcm
 * files may be put that go with it. Errors: UL_ERROR_OUTPUT. */
ul_status result_begin(
    const node_spool *spool, const char *name, char path[SPOOL_PATH_BYTES], ul_error *error);

/* Puts a complete result into the outbox, for these peers (one at least). Errors: UL_ERROR_OUTPUT,
 * UL_ERROR_LIMIT. */
ul_status result_post(const node_spool *spool, const char *name, const char *const *peers,
    size_t peer_count, const struct cJSON *record, ul_error *error);

/* Remembers a result that failed. Errors: likewise. */
ul_status result_fail(
    const node_spool *spool, const char *name, const struct cJSON *record, ul_error *error);

/* The results that are to go to a peer, at most `most` of them. *names: files_free. */
ul_status outbox_list(
    const node_spool *spool, const char *peer, size_t most, name_list *names, ul_error *error);

/* Appends the paths of a result's files to a list. Errors: UL_ERROR_LIMIT; UL_ERROR_INPUT. */
ul_status outbox_files(
    const node_spool *spool, const char *name, name_list *paths, ul_error *error);

/* Whether there is any. */
bool outbox_any(const node_spool *spool, const char *peer);

/* Notes that a peer has a result; the last one ends it. */
void outbox_sent(const node_spool *spool, const char *name, const char *peer);

/* Notes that a peer refused a result. After `most` times it is set aside (refused-PEER) until the
 * node is started again; then true. */
bool outbox_refused(const node_spool *spool, const char *name, const char *peer, size_t most);

/* At a start: what was set aside is tried again, and what a killed node had sent to all is ended.
 */
void outbox_recover(const node_spool *spool);
