#include "jobs/serve/sessions.h"

#include "jobs/base/paths.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct session {
    char id[SECRET_BYTES]; /* empty: a free place */
    char *path;            /* NULL: it is being filled */
    uint64_t bytes;
    time_t used;
} session;

struct sessions {
    const char *folder;
    pthread_mutex_t lock;
    size_t most;
    uint64_t most_bytes, bytes;
    unsigned keep_seconds;
    session places[];
};

static time_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static session *find(sessions *all, const char *id) {
    for (size_t i = 0; *id && i < all->most; i++)
        if (strcmp(all->places[i].id, id) == 0)
            return &all->places[i];
    return NULL;
}

static void drop(sessions *all, session *s) {
    char *folder = files_join(all->folder, s->id);
    if (folder)
        files_clear(folder);
    free(folder);
    free(s->path);
    all->bytes -= s->bytes;
    *s = (session){0};
}

/* The one that was used longest ago and may go; NULL: none. */
static session *oldest(sessions *all) {
    session *old = NULL;
    for (size_t i = 0; i < all->most; i++) {
        session *s = &all->places[i];
        if (*s->id && s->path && now() - s->used > (time_t)all->keep_seconds &&
            (!old || s->used < old->used))
            old = s;
    }
    return old;
}

static session *free_place(sessions *all) {
    for (size_t i = 0; i < all->most; i++)
        if (!*all->places[i].id)
            return &all->places[i];
    return NULL;
}

ul_status sessions_open(const char *folder, size_t most, uint64_t most_bytes, unsigned keep_seconds,
    sessions **opened, ul_error *error) {
    sessions *all = calloc(1, sizeof *all + most * sizeof all->places[0]);
    *opened = all;
    if (!all)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu sessions", most);
    all->folder = folder;
    all->most = most;
    all->most_bytes = most_bytes;
    all->keep_seconds = keep_seconds;
    pthread_mutex_init(&all->lock, NULL);
    return UL_OK;
}

void sessions_close(sessions *all) {
    if (!all)
        return;
    for (size_t i = 0; i < all->most; i++)
        if (*all->places[i].id)
            drop(all, &all->places[i]);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

ul_status sessions_make(
    sessions *all, uint64_t bytes, char id[SECRET_BYTES], char **path, ul_error *error) {
    session *place = NULL, *old;
    ul_status status = UL_OK;
    *path = NULL;
    pthread_mutex_lock(&all->lock);
    while ((!(place = free_place(all)) || all->bytes + bytes > all->most_bytes) &&
           (old = oldest(all)) != NULL)
        drop(all, old);
    if (!place || all->bytes + bytes > all->most_bytes)
        status = ul_error_set(error, UL_ERROR_LIMIT,
            "all room for sessions is taken by ones in use: try again later");
    else
        status = folder_make_secret(all->folder, id, path, error);
    if (status == UL_OK) {
        memcpy(place->id, id, SECRET_BYTES);
        place->bytes = bytes;
        place->used = now();
        all->bytes += bytes;
    }
    pthread_mutex_unlock(&all->lock);
    return status;
}

void sessions_fill(sessions *all, const char *id, char *path) {
    pthread_mutex_lock(&all->lock);
    session *s = find(all, id);
    if (s)
        s->path = path;
    else
        free(path);
    pthread_mutex_unlock(&all->lock);
}

char *sessions_use(sessions *all, const char *id) {
    pthread_mutex_lock(&all->lock);
    session *s = find(all, id);
    char *path = s && s->path ? strdup(s->path) : NULL;
    if (path)
        s->used = now();
    pthread_mutex_unlock(&all->lock);
    return path;
}

void sessions_drop(sessions *all, const char *id) {
    pthread_mutex_lock(&all->lock);
    session *s = find(all, id);
    if (s)
        drop(all, s);
    pthread_mutex_unlock(&all->lock);
}
