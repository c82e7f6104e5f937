/* STOW-RS (PS3.18 10.5): a sender to DICOMweb servers. */
#pragma once

#include "io/net/net.h"

UL_BEGIN_C

typedef struct net_web_peer {
    const char *url;           /* of the studies: "https://pacs:8443/dicom-web/studies" */
    const char *authorization; /* the value of that header, NULL: none */
    const net_tls *tls;        /* our certificate, and whom we trust; NULL: as the system does */
    int seconds;               /* a peer may be silent so long */
} net_web_peer;

/* Sends files, a request each. Errors: as of net_store. */
ul_status net_stow(const net_web_peer *peer, const char *const *paths, size_t count, net_sent *sent,
    void *context, ul_error *error);

UL_END_C
