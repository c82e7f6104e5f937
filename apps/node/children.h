/* The processes of a node. */
#pragma once

#include "apps/node/node.h"

#include <sys/wait.h>

typedef enum child_kind {
    CHILD_RECEIVER,
    CHILD_STUDY,
    CHILD_SENDER,
    CHILD_METRICS,
    CHILD_ANY
} child_kind;

typedef struct node_child {
    pid_t pid; /* 0: none */
    child_kind kind;
    size_t index; /* the slot of a receiver, the peer of a sender */
    char study[SPOOL_KEY_BYTES], host[NODE_HOST_BYTES];
} node_child;

/* Zero-initialise. The first NODE_SLOTS are receivers, each at its slot. */
typedef struct node_children {
    node_child items[NODE_SLOTS + NODE_MOST + 2];
} node_children;

/* Starts a process; listening: a socket that is not its. False where there is no room, or no more
 * processes can be. */
bool children_start(node_children *children, node *n, child_kind kind, size_t index,
    const char *study, int listening);

/* The same for a connection, which the caller closes. */
bool children_receive(
    node_children *children, node *n, int connection, const char *host, bool full, int listening);

size_t children_count(const node_children *children, child_kind kind);
size_t children_of_host(const node_children *children, const char *host);
bool children_find(const node_children *children, child_kind kind, size_t index);
void children_signal(const node_children *children, int number);

/* Takes one that has ended, with its status of wait(2); false: none has. */
bool children_ended(node_children *children, node_child *child, int *status);
