/* Uploads that a client comes back to. */
#pragma once

#include "jobs/base/folders.h"

#include <stdint.h>

typedef struct sessions sessions;

/* Sessions in a folder, which must outlive them: at most that many at a time, and of so many bytes
 * in all; each is kept for that time after its last use, and longer where there is room. Errors:
 * UL_ERROR_LIMIT. */
ul_status sessions_open(const char *folder, size_t most, uint64_t most_bytes, unsigned keep_seconds,
    sessions **opened, ul_error *error);
void sessions_close(sessions *all); /* NULL: nothing */

/* Makes a session with a folder for an upload of so many bytes, which its caller fills; *path: the
 * caller's. Errors: UL_ERROR_LIMIT (there is no room, and no session is old enough to go),
 * UL_ERROR_OUTPUT. */
ul_status sessions_make(
    sessions *all, uint64_t bytes, char id[SECRET_BYTES], char **path, ul_error *error);

/* Says what is the session's file, when it is complete. The session owns path from then on. */
void sessions_fill(sessions *all, const char *id, char *path);

/* The file of a session, the caller's, whose time begins anew; NULL: there is none, any more or
 * ever, or memory ran out. */
char *sessions_use(sessions *all, const char *id);

void sessions_drop(sessions *all, const char *id);
