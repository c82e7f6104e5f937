/* The private "CSA image header" of Siemens MR files, which alone says how a mosaic is cut. */
#ifndef CSA_H
#define CSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct csa_mosaic {
    unsigned images; /* tiles that hold a slice; 0: no mosaic */
    bool has_normal;
    double normal[3]; /* the direction in which the tiles follow one another, LPS */
} csa_mosaic;

/* Reads either version of the header (CSA1, CSA2). Returns false where the bytes are no CSA header.
 */
bool csa_read_mosaic(const uint8_t *bytes, size_t size, csa_mosaic *mosaic);

#endif
