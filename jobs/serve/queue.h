/* Tasks that wait for a worker, run, and are kept until somebody has fetched what came of them. */
#pragma once

#include "jobs/serve/worker.h"

#include <stddef.h>

enum { TASK_ID_BYTES = 33, QUEUE_MOST_WORKERS = 64 };

typedef enum task_state { TASK_WAITING, TASK_RUNNING, TASK_DONE, TASK_FAILED } task_state;

/* What is known of a task. */
typedef struct task_info {
    task_state state;
    size_t ahead;       /* tasks that wait before it */
    ul_error error;     /* of one that failed */
    double waited, ran; /* seconds */
} task_info;

typedef struct queue_options {
    worker_limits limits;
    unsigned workers;      /* tasks at a time */
    size_t most_waiting;   /* tasks that wait at a time */
    size_t most_kept;      /* tasks in all, kept ones too */
    unsigned keep_seconds; /* how long one is kept after its end */
    const char *folder;    /* which holds the folders of the tasks; it must outlive the queue */
} queue_options;

typedef struct queue queue;

/* Forks the workers, which call run, and starts the threads that feed them: call it before the
 * program has a second thread. Errors: UL_ERROR_LIMIT, UL_ERROR_USAGE (too many workers). */
ul_status queue_open(
    const queue_options *options, worker_task *run, void *context, queue **opened, ul_error *error);

/* Ends all tasks, and wakes whoever waits for one; then nothing is added any more. */
void queue_stop(queue *q);

/* Stops it, and deletes the folders of its tasks. NULL: nothing. */
void queue_close(queue *q);

/* A new task's id, 32 hexadecimal digits that nobody can guess, and its folder, which is made,
 * below the queue's. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status queue_make(queue *q, char id[TASK_ID_BYTES], char **folder, ul_error *error);

/* Puts a task that was made into the queue. Errors: UL_ERROR_LIMIT (it is full, or stopped): its
 * folder is then deleted. */
ul_status queue_add(queue *q, const char *id, ul_error *error);

/* What is known of a task. False: there is none of that id, any more or ever. */
bool queue_look(queue *q, const char *id, task_info *info);

/* Waits for the end of a task. False: likewise. */
bool queue_wait(queue *q, const char *id, task_info *info);

/* The path of a file in a task's folder, the caller's; NULL: no such task, or memory ran out. */
char *queue_path(const queue *q, const char *id, const char *name);

/* Ends a task, and deletes all of it. False: likewise. */
bool queue_delete(queue *q, const char *id);

/* Tasks that wait and that run. */
void queue_count(queue *q, size_t *waiting, size_t *running);
