/* node.json: what a DICOM node is called, who may call it, which models it runs, where results
 * go. */
#pragma once

#include "io/net/net.h"

#include <stdint.h>

#define NODE_MOST 16 /* models, peers, and callers at most */

/* Who may send. */
typedef struct node_caller {
    const char *ae_title; /* "*": any */
    const char *host;     /* NULL: any */
} node_caller;

/* Where results are sent to. */
typedef struct node_peer_config {
    const char *name;            /* letters, digits, - and _ */
    const char *ae_title, *host; /* by C-STORE */
    int port;
    const char *stow;    /* or by STOW-RS: the URL of its studies */
    char *authorization; /* a path of a file with the value of that header, owned; NULL: none */
    bool tls;            /* of STOW-RS: our certificate is shown, and "trusted" counts */
} node_peer_config;

typedef struct node_model_config {
    const char *model; /* a file, or the name of a bundled one */
    char *rules;       /* a path, owned; NULL: the model's card chooses */
    const char *only;  /* NULL: all classes */
    const char *type;  /* of a SEG; NULL: auto */
    bool rle, flips, force;
    bool report;    /* a Structured Report of the volumes goes with the SEG */
    bool capture;   /* a Secondary Capture goes with it */
    uint32_t peers; /* bit p: results are sent to peers[p] */
} node_model_config;

typedef struct node_config {
    struct cJSON *json; /* owned: the texts belong to it */
    const char *ae_title, *address;
    char *folder;           /* of the file, owned */
    char *spool;            /* owned */
    int port, metrics_port; /* 0: no metrics */
    double quiet_seconds, keep_seconds, remember_seconds;
    int associations, host_associations, idle_seconds;
    uint64_t max_object_bytes, min_free_bytes;
    size_t max_objects;
    bool has_tls;
    net_tls tls;
    char *tls_paths[3]; /* owned */
    node_caller callers[NODE_MOST];
    node_peer_config peers[NODE_MOST];
    node_model_config models[NODE_MOST];
    size_t caller_count, peer_count, model_count;
} node_config;

/* Reads the file; paths in it are seen from its folder. docs/pacs.md has the keys. Errors:
 * UL_ERROR_INPUT (cannot be read), UL_ERROR_USAGE names the key and what it takes;
 * UL_ERROR_LIMIT. Free it in any case. */
ul_status node_config_read(const char *path, node_config *config, ul_error *error);
void node_config_free(node_config *config);
