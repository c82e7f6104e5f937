/* What ulite takes of the machine: threads that share work, and memory. */
#ifndef ULITE_RESOURCES_H
#define ULITE_RESOURCES_H

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

/* Threads that share work. A session and a trainer own a team from their creation until they are
 * closed; other loops of ulite over many items have one for as long as they run. ulite keeps no
 * thread besides.
 *
 * A team is the thread that calls and the workers that were started for it, which sleep between
 * two pieces of work. One thread at a time gives a team work: a thread of a program that has
 * several takes a session, a trainer or a team of its own. A call from within a piece of work of
 * the same team, from another thread meanwhile, or in a child made by fork(), which has none of the
 * workers, is served by the calling thread alone. Workers take no signals, and compute in the
 * floating-point environment of the caller (fenv.h), so that results do not depend on who works. */

#define UL_MOST_THREADS 1024

/* What "threads = 0" stands for wherever ulite takes a number of threads: the first number in the
 * environment variable OMP_NUM_THREADS where it is 1 to 1024, else the processors that this
 * process may run on, or fewer where control groups limit its processor time (rounded up). */
UL_API int ul_default_threads(void);

/* NULL stands for the calling thread alone, in every function here. */
typedef struct ul_team ul_team;

/* A team of up to `threads` threads (0: ul_default_threads(); at most UL_MOST_THREADS), the calling
 * one among them. It has fewer where the system starts no more, NULL at worst: work is the same
 * with any number. ul_team_close frees it. */
UL_API ul_team *ul_team_create(int threads);
/* The same with no more threads than there are items to share. */
UL_API ul_team *ul_team_create_for(size_t items, int threads);
UL_API void ul_team_close(ul_team *team);
UL_API int ul_team_threads(const ul_team *team);

/* One item; thread, below ul_team_threads(), is that of the calling thread. */
typedef void ul_team_item(void *context, size_t item, int thread);

/* Calls the function once for each item 0 .. count - 1, in any order, and returns when all are
 * done. Threads take the next item when they have done one; those that come too late take none. */
UL_API void ul_team_for(ul_team *team, size_t count, ul_team_item *function, void *context);

/* What each of `threads` threads does, thread 0 being the calling one. */
typedef void ul_team_part(void *context, int thread, int threads);

/* Calls the function once on every thread of the team. */
UL_API void ul_team_run(ul_team *team, ul_team_part *function, void *context);

/* Within a function of ul_team_run whose threads are more than one: waits until each of them has
 * come here. */
UL_API void ul_team_barrier(ul_team *team);

/* How much memory the readers of files may use: a small file may declare a large volume. */

/* Sets the limit of the process in bytes; 0 brings the default back: ULITE_MAX_MEMORY, or where
 * that is not set (or no size) three quarters of the machine's memory or of the control group's
 * limit. Any thread may call it. */
UL_API void ul_memory_set_limit(uint64_t bytes);

/* The limit in bytes. */
UL_API uint64_t ul_memory_limit(void);

/* Reads a size such as "512M": a number above 0, then nothing (bytes), K, M, G or T (powers of
 * 1024). False for anything else. */
UL_API bool ul_memory_parse(const char *text, uint64_t *bytes);

UL_END_C
#endif
