/* WADO-RS and QIDO-RS (PS3.18 10.4 and 10.6): series from DICOMweb servers. */
#pragma once

#include "ulite/error.h"

#include <stdint.h>

typedef struct wado_server {
    const char *url;           /* "https://pacs:8443/dicom-web" */
    const char *authorization; /* the value of that header, NULL: none */
    int seconds;               /* the server may be silent so long */
    uint64_t bytes;            /* at most, of a series */
} wado_server;

/* Looks for a series, and writes its instances into a folder, which is there and empty. Errors:
 * UL_ERROR_INPUT (no such series, another answer than DICOM's, the server cannot be reached),
 * UL_ERROR_LIMIT (too large, memory), UL_ERROR_OUTPUT. */
ul_status wado_fetch_series(
    const wado_server *server, const char *series_uid, const char *folder, ul_error *error);
