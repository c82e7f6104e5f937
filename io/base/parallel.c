#include "io/base/parallel.h"

#include "ulite/resources.h"

#include <pthread.h>

typedef struct parallel_work {
    parallel_task task;
    void *context;
    const char *what;
    const ul_progress *progress;
    size_t count;
    pthread_mutex_t mutex; /* over what follows */
    size_t done;
    ul_error first;
} parallel_work;

/* Whether the item is still to be done. */
static bool goes_on(parallel_work *work) {
    pthread_mutex_lock(&work->mutex);
    bool failed = work->first.status != UL_OK;
    pthread_mutex_unlock(&work->mutex);
    return !failed;
}

/* Counts an item that came to *own; returns how many there are. */
static size_t count_done(parallel_work *work, const ul_error *own) {
    pthread_mutex_lock(&work->mutex);
    size_t done = ++work->done;
    if (own->status != UL_OK && work->first.status == UL_OK)
        work->first = *own;
    pthread_mutex_unlock(&work->mutex);
    return done;
}

static void do_item(void *context, size_t item, int thread) {
    parallel_work *work = context;
    if (!goes_on(work))
        return;
    ul_error own = {0};
    work->task(work->context, item, &own);
    size_t done = count_done(work, &own);
    if (thread != 0 || ul_progress_report(work->progress, work->what, done, work->count))
        return;
    pthread_mutex_lock(&work->mutex);
    if (work->first.status == UL_OK)
        ul_error_set(&work->first, UL_ERROR_INTERRUPTED, "interrupted while %s", work->what);
    pthread_mutex_unlock(&work->mutex);
}

ul_status parallel_each(size_t count, int threads, const char *what, const ul_progress *progress,
    parallel_task task, void *context, ul_error *error) {
    parallel_work work = {.task = task,
        .context = context,
        .what = what,
        .progress = progress,
        .count = count,
        .mutex = PTHREAD_MUTEX_INITIALIZER};
    ul_team *team = ul_team_create_for(count, threads);
    ul_team_for(team, count, do_item, &work);
    ul_team_close(team);
    pthread_mutex_destroy(&work.mutex);
    const ul_error *first = &work.first;
    return first->status == UL_OK ? UL_OK : ul_error_set(error, first->status, "%s", first->text);
}
