/* The header of an NRRD file: parsed and checked. Private to io/nrrd. Source: the definition of
 * NRRD at teem.sourceforge.net/nrrd/format.html. */
#pragma once

#include "ulite/nrrd.h"

enum { NRRD_MAX_HEADER_BYTES = 4 << 20, NRRD_NO_AXIS = -1 };

typedef struct nrrd_pair {
    const char *key, *value;
} nrrd_pair;

/* Zero-initialise; nrrd_header_free. */
typedef struct nrrd_header {
    int version;             /* 1 to 5 */
    ul_sample sample;        /* what samples are read as: 64-bit integers become F64 */
    bool wide;               /* they are 64-bit integers */
    bool is_unsigned;        /* of those */
    bool swapped;            /* the file has the other byte order */
    bool compressed;         /* gzip */
    size_t size[3];          /* of the axes in space */
    size_t others;           /* frames or colours of the further axis; 1 without */
    int other_axis;          /* 0 or 3: which it is; NRRD_NO_AXIS */
    bool colour;             /* it is of colours */
    bool placed;             /* directions are known */
    double ijk_to_lps[4][4]; /* where placed */
    long line_skip, byte_skip;
    char *data_file;   /* of a detached header, owned; NULL: the samples follow the header */
    size_t data_bytes; /* where they do */
    char *text;        /* what the pairs point into */
    nrrd_pair *pairs;  /* key/value pairs in their order, owned */
    size_t pair_count, pair_room;
} nrrd_header;

/* Reads and checks the header of path. Errors name path. */
ul_status nrrd_header_read(const char *path, nrrd_header *header, char **notes, ul_error *error);
void nrrd_header_free(nrrd_header *header);

/* The value of a key; NULL where there is none. */
const char *nrrd_header_value(const nrrd_header *header, const char *key);
