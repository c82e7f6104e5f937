#include "ulite/resources.h"

#include "libulite/base/resources.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* What a thread waits for before it sleeps: on an idle machine most waits are shorter, on a busy
 * one the processor goes to others soon (docs/benchmarks.md). */
#define SPIN_ROUNDS 3000

/* Of a worker, whatever limit the process has: what libraries beneath io expect of any thread. */
#define STACK_BYTES ((size_t)8 << 20)

/* Threads that sleep until a condition holds. */
typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    atomic_int sleepers;
} gate;

typedef struct worker {
    ul_team *team;
    int thread;
    pthread_t id;
} worker;

/* A piece of work is open to workers that have not been in it. ul_team_for closes it as soon as no
 * item is left, so that nobody waits for a worker that the system let sleep; ul_team_run when all
 * have been there. The state has, in one number so that it changes at once: workers that are in it,
 * workers that have come, whether it is open, and a number of its own. */
#define IN ((uint64_t)1)
#define COME ((uint64_t)1 << 16)
#define OPEN ((uint64_t)1 << 32)
#define NEXT ((uint64_t)1 << 33)

struct ul_team {
    int threads, spin_rounds;
    pid_t process; /* that has the workers */
    atomic_bool taken, closing;
    gate begun, ended, passed;
    ul_team_item *item; /* one of both */
    ul_team_part *part;
    void *context;
    size_t count;
    fenv_t environment; /* the caller's: rounding, subnormal numbers */
    char apart[3][64];  /* what many threads write lies in cache lines of its own */
    _Atomic uint64_t state;
    char apart_next[64];
    atomic_size_t next;
    char apart_barrier[64];
    atomic_int arrived;
    _Atomic uint64_t barriers;
    worker workers[]; /* [threads - 1] */
};

/* --- Waiting --------------------------------------------------------------------------------- */

typedef bool condition(const ul_team *team, uint64_t seen);

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* a yield takes no time there */
#endif
}

static void wait_until(ul_team *team, gate *g, condition *holds, uint64_t seen) {
    for (int round = 0; round < team->spin_rounds; round++) {
        if (holds(team, seen))
            return;
        relax();
    }
    pthread_mutex_lock(&g->mutex);
    atomic_fetch_add(&g->sleepers, 1); /* before the condition is looked at, see wake() */
    while (!holds(team, seen))
        pthread_cond_wait(&g->changed, &g->mutex);
    atomic_fetch_sub(&g->sleepers, 1);
    pthread_mutex_unlock(&g->mutex);
}

/* Wakes up to `most` sleepers; the condition holds before, so whoever is not counted yet sees it.
 */
static void wake(gate *g, size_t most) {
    if (atomic_load(&g->sleepers) == 0)
        return;
    pthread_mutex_lock(&g->mutex);
    if (most >= (size_t)atomic_load(&g->sleepers))
        pthread_cond_broadcast(&g->changed);
    else
        for (size_t n = 0; n < most; n++)
            pthread_cond_signal(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

/* seen: the number of the piece of work that the worker was in last. */
static bool has_begun(const ul_team *team, uint64_t seen) {
    uint64_t state = atomic_load(&team->state);
    return atomic_load(&team->closing) || ((state & OPEN) && state / NEXT != seen);
}

static bool has_ended(const ul_team *team, uint64_t seen) {
    (void)seen;
    uint64_t state = atomic_load(&team->state);
    bool all = team->item || state % OPEN / COME == (uint64_t)team->threads - 1;
    return all && state % COME == 0;
}

static bool has_passed(const ul_team *team, uint64_t seen) {
    return atomic_load(&team->barriers) != seen;
}

/* --- Working --------------------------------------------------------------------------------- */

static void take_part(ul_team *team, int thread) {
    if (team->part)
        team->part(team->context, thread, team->threads);
    else
        for (size_t i; (i = atomic_fetch_add(&team->next, 1)) < team->count;)
            team->item(team->context, i, thread);
}

static void *work(void *argument) {
    const worker *w = argument;
    ul_team *team = w->team;
    for (uint64_t last = 0;;) {
        wait_until(team, &team->begun, has_begun, last);
        uint64_t state = atomic_load(&team->state);
        if (atomic_load(&team->closing))
            return NULL;
        if (!(state & OPEN) ||
            !atomic_compare_exchange_weak(&team->state, &state, state + COME + IN))
            continue;
        last = state / NEXT;
        fesetenv(&team->environment);
        take_part(team, w->thread);
        if ((atomic_fetch_sub(&team->state, IN) - IN) % COME == 0)
            wake(&team->ended, 1);
    }
}

/* Whether the caller may give the team work now. */
static bool take(ul_team *team) {
    return team && team->process == getpid() && !atomic_exchange(&team->taken, true);
}

/* Does what the team was given; wanted: workers at most. */
static void share(ul_team *team, size_t wanted) {
    uint64_t number = atomic_load(&team->state) / NEXT + 1;
    fegetenv(&team->environment);
    atomic_store(&team->next, 0);
    atomic_store(&team->state, number * NEXT + OPEN);
    wake(&team->begun, wanted);
    take_part(team, 0);
    if (team->item)
        atomic_fetch_and(&team->state, ~OPEN);
    wait_until(team, &team->ended, has_ended, 0);
    atomic_fetch_and(&team->state, ~OPEN);
    atomic_store(&team->taken, false);
}

/* The calling thread's own number, where it is a worker. */
static int own_thread(const ul_team *team) {
    for (int i = 0; team && team->process == getpid() && i + 1 < team->threads; i++)
        if (pthread_equal(team->workers[i].id, pthread_self()))
            return team->workers[i].thread;
    return 0;
}

void ul_team_for(ul_team *team, size_t count, ul_team_item *function, void *context) {
    if (count > 1 && take(team)) {
        team->item = function;
        team->part = NULL;
        team->context = context;
        team->count = count;
        share(team, count - 1);
        return;
    }
    int thread = count > 0 ? own_thread(team) : 0;
    for (size_t i = 0; i < count; i++)
        function(context, i, thread);
}

void ul_team_run(ul_team *team, ul_team_part *function, void *context) {
    if (!take(team)) {
        function(context, 0, 1);
        return;
    }
    team->item = NULL;
    team->part = function;
    team->context = context;
    share(team, (size_t)team->threads);
}

void ul_team_barrier(ul_team *team) {
    if (!team)
        return;
    uint64_t now = atomic_load(&team->barriers);
    if (atomic_fetch_add(&team->arrived, 1) + 1 < team->threads) {
        wait_until(team, &team->passed, has_passed, now);
        return;
    }
    atomic_store(&team->arrived, 0);
    atomic_store(&team->barriers, now + 1);
    wake(&team->passed, (size_t)team->threads);
}

/* --- Starting and ending --------------------------------------------------------------------- */

static void gate_open(gate *g) {
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->changed, NULL);
    atomic_init(&g->sleepers, 0);
}

static void gate_close(gate *g) {
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->mutex);
}

/* Signals are the calling program's, but for those that a thread raises by what it does. */
static void block_signals(sigset_t *before) {
    const int own[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigset_t others;
    sigfillset(&others);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(&others, own[i]);
    pthread_sigmask(SIG_SETMASK, &others, before);
}

/* Starts up to `wanted` workers; returns how many run. */
static int start_workers(ul_team *team, int wanted) {
    pthread_attr_t attributes;
    sigset_t before;
    int started = 0;
    if (pthread_attr_init(&attributes) != 0)
        return 0;
    block_signals(&before);
    bool able = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0;
    while (able && started < wanted) {
        worker *w = &team->workers[started];
        *w = (worker){.team = team, .thread = started + 1};
        able = pthread_create(&w->id, &attributes, work, w) == 0;
        started += able;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

ul_team *ul_team_create(int threads) {
    int most = threads > 0 ? threads : ul_default_threads();
    most = most < UL_MOST_THREADS ? most : UL_MOST_THREADS;
    ul_team *team = most > 1 ? calloc(1, sizeof *team + (size_t)(most - 1) * sizeof(worker)) : NULL;
    if (!team)
        return NULL;
    team->process = getpid();
    team->spin_rounds = most > ul_processors() ? 0 : SPIN_ROUNDS; /* they run in turn */
    gate_open(&team->begun);
    gate_open(&team->ended);
    gate_open(&team->passed);
    team->threads = 1 + start_workers(team, most - 1);
    if (team->threads > 1)
        return team;
    ul_team_close(team);
    return NULL;
}

ul_team *ul_team_create_for(size_t items, int threads) {
    int most = threads > 0 ? threads : ul_default_threads();
    return ul_team_create(items > 1 ? (items < (size_t)most ? (int)items : most) : 1);
}

void ul_team_close(ul_team *team) {
    if (!team)
        return;
    if (team->process == getpid()) { /* else there is nobody to be waited for */
        atomic_store(&team->closing, true);
        wake(&team->begun, (size_t)team->threads);
        for (int i = 0; i + 1 < team->threads; i++)
            pthread_join(team->workers[i].id, NULL);
        gate_close(&team->begun);
        gate_close(&team->ended);
        gate_close(&team->passed);
    }
    free(team);
}

int ul_team_threads(const ul_team *team) {
    return team ? team->threads : 1;
}
