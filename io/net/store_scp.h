/* A storage SCP (PS3.4 annex B) with verification, for one connection at a time: who listens has a
 * process for each. */
#pragma once

#include "io/net/net.h"

#include <signal.h>

UL_BEGIN_C

/* What is known of an object that was received. */
typedef struct net_object {
    char study_uid[NET_UID_BYTES], series_uid[NET_UID_BYTES], instance_uid[NET_UID_BYTES];
    uint64_t bytes;
} net_object;

typedef struct net_server {
    const char *ae_title; /* by which it is to be called */
    const net_tls *tls;   /* NULL: plain */
    bool full;            /* an association is refused: local limit exceeded */
    uint64_t max_object_bytes;
    size_t max_objects; /* of an association */
    int idle_seconds;   /* a peer may be silent so long; objects come at 64 KiB/s at least */
    const volatile sig_atomic_t *stop; /* set: the association is aborted after the object */

    /* Whether an AE may call. */
    bool (*knows)(void *context, const char *calling_ae);
    /* Where the next object is to be written. Errors: UL_ERROR_LIMIT, UL_ERROR_OUTPUT: the object
     * is refused as out of resources. */
    ul_status (*incoming)(void *context, char *path, size_t path_bytes, ul_error *error);
    /* Takes over an object that is complete and on the disk. UL_OK: it is acknowledged, so it must
     * be on stable storage. Errors: likewise. */
    ul_status (*received)(
        void *context, const char *path, const net_object *object, ul_error *error);
    void *context;
} net_server;

/* What came of a connection. */
typedef struct net_session {
    char calling_ae[NET_AE_BYTES];
    size_t received, refused; /* objects */
    uint64_t bytes;
} net_session;

/* Serves a connected socket, which it closes, until the peer releases. An object is one file of
 * PS3.10, in the bytes that came. A file that was not taken over is deleted. The process must serve
 * one connection at a time. A peer that is silent within a message ends the process by SIGALRM.
 * Errors: UL_ERROR_USAGE (refused: its AE title, or ours, is another), UL_ERROR_LIMIT (full, too
 * many objects, too slow), UL_ERROR_INPUT (broken connection, wrong protocol), UL_ERROR_INTERRUPTED
 * (stop). *session is filled in any case. */
ul_status net_serve(int socket, const net_server *server, net_session *session, ul_error *error);

UL_END_C
