#include "io/http/deadlines.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

typedef struct deadline {
    int socket; /* -1: a free place */
    time_t at;
} deadline;

struct deadlines {
    pthread_mutex_t lock;
    pthread_cond_t closing;
    pthread_t thread;
    bool closed;
    size_t count;
    deadline places[];
};

static struct timespec now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

static void *watch(void *context) {
    deadlines *all = context;
    pthread_mutex_lock(&all->lock);
    while (!all->closed) {
        struct timespec next = now();
        for (size_t i = 0; i < all->count; i++)
            if (all->places[i].socket >= 0 && all->places[i].at <= next.tv_sec) {
                shutdown(all->places[i].socket, SHUT_RDWR);
                all->places[i].socket = -1;
            }
        next.tv_sec++;
        pthread_cond_timedwait(&all->closing, &all->lock, &next);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

ul_status deadlines_open(size_t most, deadlines **all, ul_error *error) {
    deadlines *made = calloc(1, sizeof *made + most * sizeof made->places[0]);
    *all = NULL;
    if (!made)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu connections", most);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&made->closing, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&made->lock, NULL);
    made->count = most;
    for (size_t i = 0; i < most; i++)
        made->places[i].socket = -1;
    if (pthread_create(&made->thread, NULL, watch, made) != 0) {
        pthread_cond_destroy(&made->closing);
        pthread_mutex_destroy(&made->lock);
        free(made);
        return ul_error_set(error, UL_ERROR_LIMIT, "no thread for the deadlines of connections");
    }
    *all = made;
    return UL_OK;
}

void deadlines_close(deadlines *all) {
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->closed = true;
    pthread_cond_signal(&all->closing);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->thread, NULL);
    pthread_cond_destroy(&all->closing);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

/* The place of a socket, or a free one; NULL: none. */
static deadline *place_of(deadlines *all, int socket) {
    deadline *free_place = NULL;
    for (size_t i = 0; i < all->count; i++) {
        if (all->places[i].socket == socket)
            return &all->places[i];
        if (all->places[i].socket < 0)
            free_place = &all->places[i];
    }
    return free_place;
}

void deadlines_set(deadlines *all, int socket, unsigned seconds) {
    pthread_mutex_lock(&all->lock);
    deadline *place = place_of(all, socket);
    if (place)
        *place = (deadline){socket, now().tv_sec + (time_t)seconds};
    pthread_mutex_unlock(&all->lock);
}

void deadlines_forget(deadlines *all, int socket) {
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count; i++)
        if (all->places[i].socket == socket)
            all->places[i].socket = -1;
    pthread_mutex_unlock(&all->lock);
}
