#define _GNU_SOURCE /* pidfd_open, close_range */

#include "jobs/serve/worker.h"

#include "libulite/base/resources.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, CANCEL_MS = 200 };

/* What the process says of a task. */
typedef struct outcome {
    int status;    /* of waitpid */
    bool overtime; /* it was killed for that */
    bool cancelled;
} outcome;

static void limit(int resource, uint64_t most) {
    const struct rlimit both = {most, most};
    setrlimit(resource, &both);
}

/* Address space that the process has already. */
static uint64_t used_bytes(void) {
    long long pages;
    if (ul_kernel_numbers("/proc/self/statm", &pages, 1) == 1)
        return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

/* The process of a task. */
static void run_task(
    worker_task *run, void *context, const worker_limits *limits, const char *folder) {
    setpgid(0, 0);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, limits->file_bytes);
    if (limits->memory_bytes > 0)
        limit(RLIMIT_AS, used_bytes() + limits->memory_bytes);
    exit(run(context, folder));
}

/* Waits for the end of a task; kills it where its time is over, or word comes to cancel it. False:
 * the program is gone. */
static bool watch_task(pid_t task, int socket, unsigned seconds, outcome *result) {
    int watched = pidfd_open(task, 0);
    double end = ul_seconds() + seconds;
    bool there = true;
    for (bool ended = watched < 0; !ended;) {
        struct pollfd both[2] = {
            {.fd = watched, .events = POLLIN}, {.fd = socket, .events = POLLIN}};
        double left = end - ul_seconds();
        int ready = left > 0 ? poll(both, 2, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        char word;
        bool told = ready > 0 && both[1].revents != 0;
        if (told)
            there = recv(socket, &word, 1, 0) > 0;
        ended = ready > 0 && both[0].revents != 0;
        if (ended)
            break;
        result->overtime |= ready == 0;
        result->cancelled |= told;
        ended = ready <= 0 || told;
        if (ended)
            kill(-task, SIGKILL);
        if (ended)
            kill(task, SIGKILL); /* which may not have made its group yet */
    }
    if (watched >= 0)
        close(watched);
    while (waitpid(task, &result->status, 0) < 0 && errno == EINTR)
        ;
    kill(-task, SIGKILL); /* what it left behind */
    return there;
}

/* The process that forks tasks, until its socket is closed. */
static void serve_tasks(worker_task *run, void *context, const worker_limits *limits, int socket) {
    char folder[PATH_BYTES];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* the program may wait for signals by itself */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is for the program, which ends us */
    for (ssize_t got; (got = recv(socket, folder, sizeof folder - 1, 0)) > 0;) {
        folder[got] = '\0';
        outcome result = {0};
        if (got == 1) /* a word to cancel that came after the end */
            continue;
        pid_t task = fork();
        if (task == 0) {
            signal(SIGINT, SIG_DFL);
            run_task(run, context, limits, folder);
        }
        if (task < 0)
            result.status = UL_ERROR_LIMIT << 8; /* as if it had exited so */
        else if (!watch_task(task, socket, limits->seconds, &result))
            break;
        if (send(socket, &result, sizeof result, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

ul_status worker_open(
    worker_task *run, void *context, const worker_limits *limits, worker *made, ul_error *error) {
    int pair[2];
    *made = (worker){0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return ul_error_set(error, UL_ERROR_LIMIT, "no socket for a worker: %s", strerror(errno));
    pid_t process = fork();
    if (process == 0) {
        close(pair[0]);
        serve_tasks(run, context, limits, pair[1]);
    }
    close(pair[1]);
    if (process < 0) {
        close(pair[0]);
        return ul_error_set(error, UL_ERROR_LIMIT, "no process for a worker: %s", strerror(errno));
    }
    *made = (worker){process, pair[0]};
    return UL_OK;
}

void worker_close(worker *closed) {
    if (closed->process <= 0)
        return;
    shutdown(closed->socket, SHUT_RDWR); /* workers that were opened later have it too */
    close(closed->socket);
    while (waitpid(closed->process, NULL, 0) < 0 && errno == EINTR)
        ;
    *closed = (worker){0};
}

static ul_status judge(const outcome *result, ul_error *error) {
    if (result->overtime)
        return ul_error_set(error, UL_ERROR_LIMIT, "it took more time than a request may");
    if (result->cancelled)
        return ul_error_set(error, UL_ERROR_INTERRUPTED, "cancelled");
    if (WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0)
        return UL_OK;
    if (WIFEXITED(result->status))
        return ul_error_set(error, (ul_status)WEXITSTATUS(result->status), "it failed");
    return ul_error_set(
        error, UL_ERROR_INTERNAL, "its worker was ended by signal %d", WTERMSIG(result->status));
}

ul_status worker_run(worker *at, const char *folder, const atomic_bool *cancel, ul_error *error) {
    outcome result = {0};
    bool told = false;
    if (send(at->socket, folder, strlen(folder), MSG_NOSIGNAL) < 0)
        return ul_error_set(error, UL_ERROR_INTERNAL, "the workers are gone");
    for (;;) {
        struct pollfd answer = {.fd = at->socket, .events = POLLIN};
        int ready = poll(&answer, 1, CANCEL_MS);
        if (ready > 0)
            break;
        if (*cancel && !told)
            told = send(at->socket, "c", 1, MSG_NOSIGNAL) == 1;
    }
    if (recv(at->socket, &result, sizeof result, 0) != sizeof result)
        return ul_error_set(error, UL_ERROR_INTERNAL, "the workers are gone");
    return judge(&result, error);
}
