#define _DEFAULT_SOURCE /* prctl */

#include "apps/node/children.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void on_stop(int number) {
    (void)number;
    node_stopping = 1;
}

/* What a process of a node has of its own. It never outlives the node. */
static void settle(child_kind kind, pid_t parent, int listening) {
    struct sigaction action = {.sa_handler = on_stop};
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(UL_ERROR_INTERRUPTED);
    close(listening);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGINT, SIG_IGN); /* of a terminal: the node says when to stop */
    if (kind == CHILD_STUDY)
        signal(SIGTERM, SIG_DFL); /* which console_progress takes */
    else
        sigaction(SIGTERM, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Forks; true in the new process. */
static bool begin(node_child *child, int listening) {
    pid_t parent = getpid();
    fflush(stdout);
    fflush(stderr);
    child->pid = fork();
    if (child->pid != 0) {
        child->pid = child->pid > 0 ? child->pid : 0;
        return false;
    }
    settle(child->kind, parent, listening);
    return true;
}

static void end(int exit_code) {
    fflush(stdout);
    _exit(exit_code);
}

bool children_start(node_children *children, node *n, child_kind kind, size_t index,
    const char *study, int listening) {
    node_child *child = children->items + NODE_SLOTS;
    node_child *last = children->items + sizeof children->items / sizeof *children->items;
    while (child < last && child->pid)
        child++;
    if (child == last)
        return false;
    *child = (node_child){.kind = kind, .index = index};
    if (study)
        snprintf(child->study, sizeof child->study, "%s", study);
    if (begin(child, listening))
        end(kind == CHILD_STUDY    ? node_segment(n, study)
            : kind == CHILD_SENDER ? node_send(n, index)
                                   : node_serve_metrics(n));
    return child->pid > 0;
}

bool children_receive(
    node_children *children, node *n, int connection, const char *host, bool full, int listening) {
    size_t slot = 0;
    while (slot < NODE_SLOTS && children->items[slot].pid)
        slot++;
    if (slot == NODE_SLOTS)
        return false;
    node_child *child = &children->items[slot];
    *child = (node_child){.kind = CHILD_RECEIVER, .index = slot};
    snprintf(child->host, sizeof child->host, "%s", host);
    if (begin(child, listening))
        end(node_receive(n, connection, host, slot, full));
    return child->pid > 0;
}

#define EACH_CHILD(child, children)                                                                \
    for (const node_child *child = (children)->items,                                              \
                          *last_##child = child + sizeof(children)->items / sizeof *child;         \
         child < last_##child; child++)                                                            \
        if (child->pid)

size_t children_count(const node_children *children, child_kind kind) {
    size_t count = 0;
    EACH_CHILD(child, children)
    count += kind == CHILD_ANY || child->kind == kind;
    return count;
}

size_t children_of_host(const node_children *children, const char *host) {
    size_t count = 0;
    EACH_CHILD(child, children)
    count += child->kind == CHILD_RECEIVER && strcmp(child->host, host) == 0;
    return count;
}

bool children_find(const node_children *children, child_kind kind, size_t index) {
    EACH_CHILD(child, children)
    if (child->kind == kind && child->index == index)
        return true;
    return false;
}

void children_signal(const node_children *children, int number) {
    EACH_CHILD(child, children)
    kill(child->pid, number);
}

bool children_ended(node_children *children, node_child *child, int *status) {
    for (pid_t pid; (pid = waitpid(-1, status, WNOHANG)) > 0;)
        EACH_CHILD(one, children)
    if (one->pid == pid) {
        *child = *one;
        children->items[one - children->items].pid = 0;
        return true;
    }
    return false;
}
