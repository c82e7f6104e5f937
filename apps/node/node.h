/* The parts of `ulite node`. One process supervises: it listens, and has a process for each
 * association, one for the study that is segmented, one for each peer that results are sent to, and
 * one for metrics. They share the spool, and counters. So none of them needs threads of its own
 * making, a hostile object ends one connection at most, and memory does not grow. */
#pragma once

#include "apps/segment/segment.h"
#include "jobs/node/config.h"
#include "jobs/node/outbox.h"
#include "jobs/node/spool.h"
#include "ulite/cohort.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
    NODE_SLOTS = 256 + 16, /* associations at once; the last 16 for being told that it is full */
    NODE_HOST_BYTES = 64
};

typedef enum node_metric {
    METRIC_ASSOCIATIONS,
    METRIC_REFUSED_ASSOCIATIONS,
    METRIC_OBJECTS,
    METRIC_REFUSED_OBJECTS,
    METRIC_BYTES,
    METRIC_STUDIES,
    METRIC_DONE,
    METRIC_FAILED,
    METRIC_PASSED_OVER,
    METRIC_KNOWN,
    METRIC_MILLISECONDS,
    METRIC_CRASHES,
    METRIC_SENT,
    METRIC_REFUSED_RESULTS,
    METRIC_UNREACHABLE,
    METRICS
} node_metric;

/* In memory that all processes of a node share. */
typedef struct node_shared {
    atomic_ullong metrics[METRICS];    /* since the start */
    atomic_ullong studies[NODE_SLOTS]; /* which study an association last brought an object of:
                                          the start of its key; 0: none */
} node_shared;

typedef struct node {
    node_config config;
    node_spool spool;
    segment_model models[NODE_MOST];
    ul_series_rules *rules[NODE_MOST]; /* NULL: the card */
    ul_seg_type types[NODE_MOST];
    char plans[NODE_MOST][17];
    int threads;
    node_shared *shared;
} node;

void node_count(node *n, node_metric metric, unsigned long long more);

/* The number that stands for a study in node_shared. */
unsigned long long node_study_number(const char *study);

/* A line of the log: "event key=value ..." on stderr, or under --json the object on stdout, which
 * gets a time. Frees the event. No event holds a name, a UID or a date of a patient's. */
void node_log(cJSON *event);

/* Runs until SIGTERM or SIGINT. Errors: UL_ERROR_OUTPUT where the port cannot be listened at;
 * UL_ERROR_LIMIT. */
ul_status node_supervise(node *n, ul_error *error);

/* What the processes do; each returns what the process exits with. */
int node_receive(node *n, int socket, const char *host, size_t slot, bool full);
int node_segment(node *n, const char *study);
int node_send(node *n, size_t peer);
int node_serve_metrics(node *n);

/* Whether a process was asked to stop. node_receive and node_send heed it between two objects. */
extern volatile sig_atomic_t node_stopping;
