/* The private "CSA image header" of Siemens MR files, which alone says how a mosaic is cut, and
 * when its slices were taken. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CSA_MAX_TIMES = 512 };

typedef struct csa_header {
    unsigned images; /* tiles that hold a slice; 0: no mosaic */
    bool has_normal;
    double normal[3]; /* the direction in which the tiles follow one another, LPS */
    bool has_phase_sign;
    bool phase_positive;           /* phase is encoded towards higher rows or columns */
    size_t time_count;             /* of the tiles, in their order; 0: unknown */
    double time_ms[CSA_MAX_TIMES]; /* from the start of the volume */
} csa_header;

/* Reads either version of the header (CSA1, CSA2). Returns false where the bytes are no CSA header.
 */
bool csa_read(const uint8_t *bytes, size_t size, csa_header *header);
