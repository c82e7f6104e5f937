/* A storage SCU (PS3.4 annex B). */
#pragma once

#include "io/net/net.h"

UL_BEGIN_C

typedef struct net_peer {
    const char *ae_title, *host; /* whom to call */
    int port;
    const char *calling_ae;
    const net_tls *tls; /* NULL: plain */
    int seconds;        /* a peer may be silent so long */
} net_peer;

/* Sends files in one association. sent is called after each that the peer answered. Errors:
 * UL_ERROR_OUTPUT where the peer cannot be reached or the connection broke: what was not answered
 * is to be sent again; UL_ERROR_INPUT where a file is no DICOM file, or TLS files cannot be used.
 */
ul_status net_store(const net_peer *peer, const char *const *paths, size_t count, net_sent *sent,
    void *context, ul_error *error);

UL_END_C
