#include "jobs/serve/queue.h"

#include "jobs/base/folders.h"
#include "jobs/base/paths.h"
#include "libulite/base/resources.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct task {
    char id[TASK_ID_BYTES]; /* empty: a free place */
    task_info info;
    size_t number; /* in the order of being added */
    double added, started, ended;
    size_t waiters;
    bool cancelled; /* it is deleted at its end */
} task;

/* A thread with its worker. */
typedef struct feeder {
    queue *all;
    worker worker;
    pthread_t thread;
} feeder;

struct queue {
    queue_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopped;
    atomic_bool cancel[QUEUE_MOST_WORKERS]; /* what each worker is at */
    size_t at[QUEUE_MOST_WORKERS];          /* the place of that task */
    size_t last_number, threads;
    feeder feeders[QUEUE_MOST_WORKERS];
    task *tasks; /* [options.most_kept] */
};

static task *find(queue *q, const char *id) {
    for (size_t i = 0; *id && i < q->options.most_kept; i++)
        if (strcmp(q->tasks[i].id, id) == 0)
            return &q->tasks[i];
    return NULL;
}

static bool is_over(const task *t) {
    return t->info.state == TASK_DONE || t->info.state == TASK_FAILED;
}

static void clear(const queue *q, const char *id) {
    char *folder = files_join(q->options.folder, id);
    if (folder)
        files_clear(folder);
    free(folder);
}

/* Deletes a task that nobody runs or waits for. */
static void drop(queue *q, task *t) {
    clear(q, t->id);
    *t = (task){0};
}

static size_t count_in(const queue *q, task_state state) {
    size_t count = 0;
    for (size_t i = 0; i < q->options.most_kept; i++)
        count += *q->tasks[i].id && q->tasks[i].info.state == state;
    return count;
}

static void drop_old(queue *q) {
    double time = ul_seconds();
    for (size_t i = 0; i < q->options.most_kept; i++) {
        task *t = &q->tasks[i];
        if (*t->id && is_over(t) && t->waiters == 0 &&
            (t->cancelled || time - t->ended > q->options.keep_seconds))
            drop(q, t);
    }
}

/* The one that has waited longest; NULL: none. */
static task *next_waiting(queue *q) {
    task *next = NULL;
    for (size_t i = 0; i < q->options.most_kept; i++) {
        task *t = &q->tasks[i];
        if (*t->id && t->info.state == TASK_WAITING && (!next || t->number < next->number))
            next = t;
    }
    return next;
}

static void finish(queue *q, task *t, ul_status status, const ul_error *error) {
    t->info.state = status == UL_OK ? TASK_DONE : TASK_FAILED;
    t->info.error = *error;
    t->ended = ul_seconds();
    t->info.ran = t->started > 0.0 ? t->ended - t->started : 0.0;
    pthread_cond_broadcast(&q->changed);
}

static void run(queue *q, feeder *f, size_t index, task *t) {
    char *folder = files_join(q->options.folder, t->id);
    ul_error error = {0};
    t->info.state = TASK_RUNNING;
    t->started = ul_seconds();
    t->info.waited = t->started - t->added;
    q->cancel[index] = false;
    q->at[index] = (size_t)(t - q->tasks);
    pthread_mutex_unlock(&q->lock);
    ul_status status = folder ? worker_run(&f->worker, folder, &q->cancel[index], &error)
                              : ul_error_set(&error, UL_ERROR_LIMIT, "out of memory for a task");
    pthread_mutex_lock(&q->lock);
    finish(q, t, status, &error);
    free(folder);
}

/* Waits for something to do, and looks now and then whether a task has been kept for long enough.
 */
static void wait_for_change(queue *q) {
    enum { LOOK_SECONDS = 10 };
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec +=
        q->options.keep_seconds < LOOK_SECONDS ? q->options.keep_seconds + 1 : LOOK_SECONDS;
    pthread_cond_timedwait(&q->changed, &q->lock, &end);
}

static void *feed(void *context) {
    feeder *f = context;
    queue *q = f->all;
    size_t index = (size_t)(f - q->feeders);
    pthread_mutex_lock(&q->lock);
    while (!q->stopped) {
        drop_old(q);
        task *t = next_waiting(q);
        if (t)
            run(q, f, index, t);
        else
            wait_for_change(q);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

static ul_status start_feeders(queue *q, ul_error *error) {
    for (; q->threads < q->options.workers; q->threads++)
        if (pthread_create(&q->feeders[q->threads].thread, NULL, feed, &q->feeders[q->threads]) !=
            0)
            return ul_error_set(error, UL_ERROR_LIMIT, "no thread for a worker");
    return UL_OK;
}

ul_status queue_open(const queue_options *options, worker_task *run_task, void *context,
    queue **opened, ul_error *error) {
    *opened = NULL;
    if (options->workers < 1 || options->workers > QUEUE_MOST_WORKERS)
        return ul_error_set(error, UL_ERROR_USAGE, "%u workers: 1 to %d are allowed",
            options->workers, QUEUE_MOST_WORKERS);
    queue *q = calloc(1, sizeof *q);
    task *tasks = calloc(options->most_kept, sizeof *tasks);
    if (!q || !tasks) {
        free(q);
        free(tasks);
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the queue");
    }
    q->options = *options;
    q->tasks = tasks;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    ul_status status = UL_OK;
    for (unsigned w = 0; w < options->workers && status == UL_OK; w++) {
        q->feeders[w].all = q;
        status = worker_open(run_task, context, &options->limits, &q->feeders[w].worker, error);
    }
    if (status == UL_OK)
        status = start_feeders(q, error);
    if (status == UL_OK)
        *opened = q;
    else
        queue_close(q);
    return status;
}

void queue_stop(queue *q) {
    const ul_error stopped = {UL_ERROR_INTERRUPTED, "the server is stopping"};
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    for (unsigned w = 0; w < q->options.workers; w++)
        q->cancel[w] = true;
    for (size_t i = 0; i < q->options.most_kept; i++)
        if (*q->tasks[i].id && q->tasks[i].info.state == TASK_WAITING)
            finish(q, &q->tasks[i], stopped.status, &stopped);
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

void queue_close(queue *q) {
    if (!q)
        return;
    queue_stop(q);
    for (size_t i = 0; i < q->threads; i++)
        pthread_join(q->feeders[i].thread, NULL);
    for (unsigned w = 0; w < q->options.workers; w++)
        worker_close(&q->feeders[w].worker);
    for (size_t i = 0; i < q->options.most_kept; i++)
        if (*q->tasks[i].id)
            drop(q, &q->tasks[i]);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q->tasks);
    free(q);
}

ul_status queue_make(queue *q, char id[TASK_ID_BYTES], char **folder, ul_error *error) {
    return folder_make_secret(q->options.folder, id, folder, error);
}

ul_status queue_add(queue *q, const char *id, ul_error *error) {
    task *place = NULL;
    pthread_mutex_lock(&q->lock);
    drop_old(q);
    size_t waiting = count_in(q, TASK_WAITING);
    for (size_t i = 0; i < q->options.most_kept && !place; i++)
        if (!*q->tasks[i].id)
            place = &q->tasks[i];
    bool taken = place && waiting < q->options.most_waiting && !q->stopped;
    if (taken) {
        *place = (task){.number = ++q->last_number, .added = ul_seconds()};
        memcpy(place->id, id, TASK_ID_BYTES);
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    if (taken)
        return UL_OK;
    clear(q, id);
    return ul_error_set(error, UL_ERROR_LIMIT,
        "%zu requests wait and %zu results are kept, which is all that there is room for: try "
        "again later",
        waiting, q->options.most_kept);
}

static void tell(queue *q, const task *t, task_info *info) {
    *info = t->info;
    info->ahead = 0;
    for (size_t i = 0; i < q->options.most_kept; i++)
        info->ahead += *q->tasks[i].id && q->tasks[i].info.state == TASK_WAITING &&
                       q->tasks[i].number < t->number;
    if (t->info.state == TASK_WAITING)
        info->waited = ul_seconds() - t->added;
    if (t->info.state == TASK_RUNNING)
        info->ran = ul_seconds() - t->started;
}

bool queue_look(queue *q, const char *id, task_info *info) {
    pthread_mutex_lock(&q->lock);
    const task *t = find(q, id);
    if (t)
        tell(q, t, info);
    pthread_mutex_unlock(&q->lock);
    return t != NULL;
}

bool queue_wait(queue *q, const char *id, task_info *info) {
    pthread_mutex_lock(&q->lock);
    task *t = find(q, id);
    if (t) {
        t->waiters++; /* it is not dropped as long as somebody waits */
        while (!is_over(t))
            pthread_cond_wait(&q->changed, &q->lock);
        tell(q, t, info);
        t->waiters--;
    }
    pthread_mutex_unlock(&q->lock);
    return t != NULL;
}

char *queue_path(const queue *q, const char *id, const char *name) {
    char *folder = folder_is_secret(id) ? files_join(q->options.folder, id) : NULL;
    char *path = folder ? files_join(folder, name) : NULL;
    free(folder);
    return path;
}

bool queue_delete(queue *q, const char *id) {
    const ul_error cancelled = {UL_ERROR_INTERRUPTED, "cancelled"};
    pthread_mutex_lock(&q->lock);
    task *t = find(q, id);
    if (t) {
        t->cancelled = true;
        for (unsigned w = 0; w < q->options.workers; w++)
            if (t->info.state == TASK_RUNNING && q->at[w] == (size_t)(t - q->tasks))
                q->cancel[w] = true;
        if (t->info.state == TASK_WAITING)
            finish(q, t, cancelled.status, &cancelled);
        drop_old(q);
    }
    pthread_mutex_unlock(&q->lock);
    return t != NULL;
}

void queue_count(queue *q, size_t *waiting, size_t *running) {
    pthread_mutex_lock(&q->lock);
    *waiting = count_in(q, TASK_WAITING);
    *running = count_in(q, TASK_RUNNING);
    pthread_mutex_unlock(&q->lock);
}
