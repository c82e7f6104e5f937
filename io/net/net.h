/* DICOM over a network: what the storage SCP and SCU take alike. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

UL_BEGIN_C

#define NET_AE_BYTES 17
#define NET_UID_BYTES 65

/* Loads what processes that are forked then share. Errors: UL_ERROR_LIMIT. */
ul_status net_prepare(ul_error *error);

/* TLS by the BCP 195 profile (PS3.15 B.9), PEM files. Both sides show a certificate that the other
 * one trusts. Borrowed texts. */
typedef struct net_tls {
    const char *key, *certificate; /* our own */
    const char *trusted;           /* of the authorities, or of the peers themselves */
} net_tls;

/* What a peer said to a file that it was sent: UL_OK, or UL_ERROR_OUTPUT with why it refused it.
 * False ends. */
typedef bool net_sent(void *context, size_t index, ul_status status, const char *why);

/* Whether the files can be used. Errors: UL_ERROR_INPUT names the file. */
ul_status net_tls_check(const net_tls *tls, ul_error *error);

UL_END_C
