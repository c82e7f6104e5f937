/* The process that listens, starts the others, and looks what became of them. */
#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/node/children.h"
#include "apps/node/node.h"
#include "io/net/net.h"
#include "libulite/base/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const double EXPIRE_SECONDS = 60.0, LOOK_SECONDS = 0.2, STOP_SECONDS = 20.0;
static const double FIRST_DELAY_SECONDS = 1.0, LAST_DELAY_SECONDS = 300.0;
enum { MOST_CRASHES = 3 };
static const char MAPPED[] = "::ffff:"; /* before an address of IPv4 at a socket of IPv6 */

volatile sig_atomic_t node_stopping;

/* When something that failed is tried again. */
typedef struct retry {
    double delay, due; /* seconds, on the console's clock */
} retry;

typedef struct supervisor {
    node *node;
    node_children children;
    int listening;
    double start, next_look, next_expiry;
    retry study, metrics, peers[NODE_MOST];
} supervisor;

static void put_off(retry *r) {
    r->delay = r->delay > 0.0 ? r->delay * 2.0 : FIRST_DELAY_SECONDS;
    r->delay = r->delay < LAST_DELAY_SECONDS ? r->delay : LAST_DELAY_SECONDS;
    r->due = ul_seconds() + r->delay;
}

static ul_status listen_at(const node_config *config, int *listening, ul_error *error) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    char port[16];
    const int on = 1;
    snprintf(port, sizeof port, "%d", config->port);
    int found = getaddrinfo(config->address, port, &hints, &list);
    if (found != 0)
        return ul_error_set(error, UL_ERROR_OUTPUT, "\"address\" is \"%s\": %s", config->address,
            gai_strerror(found));
    int one = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = one >= 0 && setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                bind(one, list->ai_addr, list->ai_addrlen) == 0 && listen(one, 128) == 0;
    freeaddrinfo(list);
    if (!good) {
        ul_error_set(error, UL_ERROR_OUTPUT, "%s port %d cannot be listened at: %s",
            config->address, config->port, strerror(errno));
        if (one >= 0)
            close(one);
        return error->status;
    }
    *listening = one;
    return UL_OK;
}

static void refuse(int connection, const char *host) {
    cJSON *event = event_begin("refused");
    cJSON_AddStringToObject(event, "host", host);
    cJSON_AddStringToObject(event, "text", "too many connections");
    node_log(event);
    close(connection);
}

/* Has a process for a connection. A host that has too many open is told so, as is everybody while
 * the node is full; beyond that connections are just closed. */
static void accept_one(supervisor *s) {
    const node_config *config = &s->node->config;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[NODE_HOST_BYTES] = "";
    int connection = accept(s->listening, (struct sockaddr *)&address, &size);
    if (connection < 0)
        return;
    fcntl(connection, F_SETFD, FD_CLOEXEC);
    getnameinfo((struct sockaddr *)&address, size, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    if (strncmp(host, MAPPED, strlen(MAPPED)) == 0)
        memmove(host, host + strlen(MAPPED), strlen(host + strlen(MAPPED)) + 1);
    size_t open = children_count(&s->children, CHILD_RECEIVER),
           own = children_of_host(&s->children, host);
    bool full = open >= (size_t)config->associations || own >= (size_t)config->host_associations;
    if (own >= (size_t)config->host_associations + 4 ||
        !children_receive(&s->children, s->node, connection, host, full, s->listening)) {
        node_count(s->node, METRIC_REFUSED_ASSOCIATIONS, 1);
        refuse(connection, host);
        return;
    }
    close(connection);
}

/* A study of which one process after another died is given up: it is the study's fault. */
static void study_ended(supervisor *s, const node_child *child, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == UL_OK) {
        s->study = (retry){0};
        return;
    }
    put_off(&s->study);
    if (WIFEXITED(status) || node_stopping)
        return;
    ul_error error = {0};
    size_t crashes = spool_crashed(&s->node->spool, child->study);
    node_count(s->node, METRIC_CRASHES, 1);
    cJSON *event = event_begin("crash");
    cJSON_AddStringToObject(event, "study", child->study);
    cJSON_AddNumberToObject(event, "signal", WTERMSIG(status));
    cJSON_AddNumberToObject(event, "times", (double)crashes);
    cJSON_AddBoolToObject(event, "given_up", crashes >= MOST_CRASHES);
    node_log(event);
    if (crashes < MOST_CRASHES)
        return;
    node_count(s->node, METRIC_FAILED, 1);
    if (spool_finish(&s->node->spool, child->study, &error) == UL_OK)
        s->study = (retry){0};
}

static void receiver_ended(supervisor *s, const node_child *child, int status) {
    atomic_store(&s->node->shared->studies[child->index], 0);
    if (!WIFSIGNALED(status))
        return;
    char start[32];
    snprintf(start, sizeof start, "%ld-", (long)child->pid);
    spool_drop(&s->node->spool, start); /* what it was receiving */
    node_count(s->node, METRIC_ASSOCIATIONS, 1);
    cJSON *event = event_begin("association");
    cJSON_AddStringToObject(event, "host", child->host);
    cJSON_AddStringToObject(event, "text",
        WTERMSIG(status) == SIGALRM ? "ended: the peer is silent within a message"
        : node_stopping             ? "ended: the node stops"
                                    : "ended: the process died of it");
    cJSON_AddNumberToObject(event, "signal", WTERMSIG(status));
    node_log(event);
}

static void reap(supervisor *s) {
    node_child child;
    for (int status; children_ended(&s->children, &child, &status);)
        switch (child.kind) {
        case CHILD_RECEIVER:
            receiver_ended(s, &child, status);
            break;
        case CHILD_STUDY:
            study_ended(s, &child, status);
            break;
        case CHILD_SENDER:
            if (WIFEXITED(status) && WEXITSTATUS(status) == UL_OK)
                s->peers[child.index] = (retry){0};
            else
                put_off(&s->peers[child.index]);
            break;
        default:
            put_off(&s->metrics);
            break;
        }
}

static bool is_received(void *context, const char *study) {
    const node *n = context;
    unsigned long long number = node_study_number(study);
    for (size_t slot = 0; slot < NODE_SLOTS; slot++)
        if (atomic_load(&n->shared->studies[slot]) == number)
            return true;
    return false;
}

/* What is in work/ comes first: a killed node left it. Whoever was cut off by the end of an earlier
 * node has the quiet time to send the rest. */
static void start_study(supervisor *s, double now) {
    node *n = s->node;
    char study[SPOOL_KEY_BYTES];
    if (children_count(&s->children, CHILD_STUDY) > 0 || now < s->study.due)
        return;
    bool any = spool_work(&n->spool, study) ||
               (now - s->start >= n->config.quiet_seconds &&
                   spool_take(&n->spool, n->config.quiet_seconds, is_received, n, study));
    if (any)
        children_start(&s->children, n, CHILD_STUDY, 0, study, s->listening);
}

static void start_senders(supervisor *s, double now) {
    const node_config *config = &s->node->config;
    for (size_t p = 0; p < config->peer_count; p++)
        if (now >= s->peers[p].due && !children_find(&s->children, CHILD_SENDER, p) &&
            outbox_any(&s->node->spool, config->peers[p].name))
            children_start(&s->children, s->node, CHILD_SENDER, p, NULL, s->listening);
}

static void expire(supervisor *s) {
    const node_config *config = &s->node->config;
    bool full = spool_free_bytes(&s->node->spool) <= config->min_free_bytes;
    spool_expire(&s->node->spool, full ? 0.0 : config->keep_seconds, config->remember_seconds);
}

static void look_around(supervisor *s) {
    double now = ul_seconds();
    if (now < s->next_look)
        return;
    s->next_look = now + LOOK_SECONDS;
    start_study(s, now);
    start_senders(s, now);
    if (s->node->config.metrics_port && now >= s->metrics.due &&
        !children_find(&s->children, CHILD_METRICS, 0))
        children_start(&s->children, s->node, CHILD_METRICS, 0, NULL, s->listening);
    if (now >= s->next_expiry) {
        s->next_expiry = now + EXPIRE_SECONDS;
        expire(s);
    }
}

static void on_stop(int number) {
    (void)number;
    node_stopping = 1;
}

static void on_child(int number) {
    (void)number;
}

/* Signals come while we wait and at no other time. waiting: the mask to wait with. */
static void take_signals(sigset_t *waiting) {
    struct sigaction action = {.sa_handler = on_stop};
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, waiting);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_child;
    sigaction(SIGCHLD, &action, NULL);
    sigdelset(waiting, SIGTERM);
    sigdelset(waiting, SIGINT);
    sigdelset(waiting, SIGCHLD);
}

static void wait_for_something(supervisor *s, const sigset_t *waiting) {
    const struct timespec most = {0, (long)(LOOK_SECONDS * 1e9)};
    fd_set sockets;
    FD_ZERO(&sockets);
    if (s->listening >= 0)
        FD_SET(s->listening, &sockets);
    if (pselect(s->listening + 1, &sockets, NULL, NULL, &most, waiting) > 0)
        accept_one(s);
}

/* Whoever is being served has its object acknowledged; what is segmented is begun anew by the next
 * node. */
static void stop(supervisor *s, const sigset_t *waiting) {
    double end = ul_seconds() + STOP_SECONDS;
    close(s->listening);
    s->listening = -1;
    node_log(event_begin("stopping"));
    children_signal(&s->children, SIGTERM);
    while (children_count(&s->children, CHILD_ANY) > 0 && ul_seconds() < end) {
        wait_for_something(s, waiting);
        reap(s);
    }
    children_signal(&s->children, SIGKILL);
    while (children_count(&s->children, CHILD_ANY) > 0) {
        wait_for_something(s, waiting);
        reap(s);
    }
    node_log(event_begin("stopped"));
}

ul_status node_supervise(node *n, ul_error *error) {
    supervisor s = {.node = n, .listening = -1, .start = ul_seconds()};
    sigset_t waiting;
    ul_status status = net_prepare(error);
    if (status == UL_OK)
        status = listen_at(&n->config, &s.listening, error);
    if (status != UL_OK)
        return status;
    outbox_recover(&n->spool);
    take_signals(&waiting);
    cJSON *event = event_begin("listening");
    cJSON_AddStringToObject(event, "ae_title", n->config.ae_title);
    cJSON_AddNumberToObject(event, "port", n->config.port);
    node_log(event);
    while (!node_stopping) {
        look_around(&s);
        wait_for_something(&s, &waiting);
        reap(&s);
    }
    stop(&s, &waiting);
    return UL_OK;
}
