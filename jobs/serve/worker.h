/* A process of its own for each task: what a hostile input does to it, it does to it alone. */
#pragma once

#include "ulite/error.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/* What a task may take. */
typedef struct worker_limits {
    uint64_t
        memory_bytes;    /* address space beside that of the process that it is forked from; 0: any
                          */
    uint64_t file_bytes; /* of each file that it writes */
    unsigned seconds;    /* of time; then it is killed */
} worker_limits;

/* Carries out a task in its process, and returns the exit code. */
typedef int worker_task(void *context, const char *folder);

/* A place for one task at a time: a process that forks one for each, from what the program had
 * read when it was opened. */
typedef struct worker {
    pid_t process;
    int socket;
} worker;

/* Forks the process: before the program has a second thread. Errors: UL_ERROR_LIMIT. */
ul_status worker_open(
    worker_task *run, void *context, const worker_limits *limits, worker *made, ul_error *error);

/* Ends it, and the task that it may be at. One that is zeroed is none. */
void worker_close(worker *closed);

/* Runs a task, which is a folder's path, and waits for its end, which *cancel, where it is set by
 * another thread, brings on. Returns what the task returned; UL_ERROR_LIMIT: it ran out of time;
 * UL_ERROR_INTERRUPTED: it was cancelled; UL_ERROR_INTERNAL: it was ended by a signal. */
ul_status worker_run(worker *at, const char *folder, const atomic_bool *cancel, ul_error *error);
